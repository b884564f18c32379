"""A library and a folder of small real pictures, driven as the program drives them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from core.app import Shiguang, open_library
from core.ingest import Counts
from core.library import albums as records
from core.library.albums import Album
from core.progress import CancelToken, silent
from core.search.query import Query


class Photos:
    """A folder of pictures that differ by their seed: coloured blotches, 64 x 48, some 3 kB each."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)

    def picture(self, seed: int, size: tuple[int, int] = (64, 48)) -> Image.Image:
        blotches = np.random.default_rng(seed).integers(0, 256, (4, 5, 3), np.uint8)
        return Image.fromarray(blotches).resize(size, Image.Resampling.BICUBIC)

    def add(self, name: str | bytes, seed: int, **save: Any) -> bytes:
        """Write a picture; its path as bytes."""
        path = os.path.join(os.fsencode(self.folder), os.fsencode(name))
        os.makedirs(os.path.dirname(path), exist_ok=True)
        suffix = os.path.splitext(os.fsdecode(path))[1].lower()
        form = {".png": "PNG", ".tif": "TIFF", ".webp": "WEBP"}.get(suffix, "JPEG")
        with open(path, "wb") as file:
            self.picture(seed).save(file, form, **save)
        return path


@pytest.fixture
def photos(tmp_path: Path) -> Photos:
    return Photos(tmp_path / "photos 照片")


@pytest.fixture
def library(tmp_path: Path) -> Iterator[Shiguang]:
    opened = open_library(tmp_path / "library", writable=True)
    yield opened
    opened.close()


def index(library: Shiguang, *folders: Path, **more: Any) -> Counts:
    """Watch these folders and index everything known."""
    for folder in folders:
        library.watch_folder(folder)
    library.look_at_roots()
    return library.index(silent, CancelToken(), **more)


def nearest(library: Shiguang, words: str) -> list[int]:
    return [hit.photo for hit in library.search(Query(words, everything=True)).hits]


def photo_at(library: Shiguang, path: bytes | Path) -> int | None:
    from core.library.photos import photo_of_path

    return photo_of_path(library.database.reader(), os.fsencode(path))


def shiguang(library: Path, *arguments: str, code: int | None = 0, **more: Any) -> list[dict[str, Any]]:
    """Run the command in a process of its own; its JSON lines."""
    command = [sys.executable, "-m", "core.cli", "--library", str(library), "--json", *arguments]
    done = subprocess.run(command, capture_output=True, check=False, **more)
    if code is not None:
        assert done.returncode == code, done.stderr.decode(errors="replace")
    return [
        json.loads(line)
        for line in done.stdout.decode("utf-8", "surrogateescape").splitlines()
        if line.strip()
    ]


@pytest.fixture
def sea(library: Shiguang, photos: Photos) -> Path:
    """A photo with something said about it, beside one with nothing, and an album that it was accepted in."""
    path = photos.add("sea.jpg", 1)
    photos.add("other.jpg", 2)
    index(library, photos.folder)
    photo = photo_at(library, path)
    assert photo is not None
    library.set_rating(photo, 4)
    library.set_caption(photo, "zh", "外婆在海边")
    library.set_keywords(photo, ["sea"])
    # An album that no model looks into: what is decided in it is what matters here.
    album = library.database.write(lambda db: records.add_album(db, Album(0, "海", automatic=False)))
    library.database.write(lambda db: records.mark(db, album, {photo: True}))
    return Path(os.fsdecode(path))
