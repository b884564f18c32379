"""A library of small coloured photos, indexed with one tiny model, and another model beside it."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from core.app import Shiguang, open_library
from core.progress import CancelToken, silent
from tests.made_models import COLOURS, make_model

FIRST, SECOND = "local:first", "local:second"
PHOTOS = 36


def folder_of(library: Path, model: str) -> Path:
    return library / "models" / model.replace(":", "%3A")


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """36 photos, six of each colour, the names saying which: "red 0.jpg"."""
    folder = tmp_path / "photos"
    folder.mkdir()
    for seed in range(PHOTOS):
        add_photo(folder, list(COLOURS)[seed % len(COLOURS)], seed)
    return folder


def add_photo(folder: Path, colour: str, seed: int) -> Path:
    shades = np.random.default_rng(seed).integers(0, 56, (4, 5, 3)) + 200 * np.array(COLOURS[colour])
    path = folder / f"{colour} {seed}.jpg"
    Image.fromarray(shades.clip(0, 255).astype(np.uint8)).resize((64, 48)).save(path)
    return path


@pytest.fixture
def opened(tmp_path: Path) -> Iterator[Callable[[], Shiguang]]:
    """Opens the library, again after it was closed; it uses FIRST, and SECOND is there."""
    home = tmp_path / "library"
    make_model(folder_of(home, FIRST), FIRST, width=32, side=32, seed=1)
    make_model(folder_of(home, SECOND), SECOND, width=48, side=16, seed=2)
    (home / "settings.json").write_text(json.dumps({"model": FIRST}))
    libraries: list[Shiguang] = []

    def open_it() -> Shiguang:
        libraries.append(open_library(home, writable=True))
        return libraries[-1]

    yield open_it
    for library in libraries:
        library.close()


@pytest.fixture
def library(opened: Callable[[], Shiguang], photos: Path) -> Shiguang:
    library = opened()
    library.watch_folder(photos)
    library.index(silent, CancelToken())
    return library
