"""Sidecars as tests write, read and change them."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from core.albums.read_sidecars import Read
from core.albums.sidecar import Known, Sidecar, Words
from core.albums.write_sidecars import Written
from core.app import Shiguang
from core.library import albums as records
from core.library.albums import Album
from core.progress import CancelToken, silent
from tests.promises.conftest import photo_at


def make_album(library: Shiguang, name: str) -> int:
    """An album that no model looks into: what is decided in it is what matters here."""
    return library.database.write(lambda db: records.add_album(db, Album(0, name, automatic=False)))


def decide(library: Shiguang, album: int, photo: int, said: bool | None) -> None:
    library.database.write(lambda db: records.mark(db, album, {photo: said}))


def known(library: Shiguang, path: bytes | Path) -> int:
    photo = photo_at(library, path)
    assert photo is not None
    return photo


def write(library: Shiguang, **more: Any) -> Written:
    return library.carrying.write_sidecars(silent, CancelToken(), **more)


def read(library: Shiguang, **more: Any) -> Read:
    return library.carrying.read_sidecars(silent, CancelToken(), **more)


def beside(photo: Path) -> Path:
    return photo.with_name(photo.name + ".xmp")


def words(photo: Path) -> Words:
    return Sidecar(beside(photo).read_bytes()).words


def another_program_writes(sidecar: Path, said: Words) -> None:
    """Put words into a sidecar as a program does that knows nothing of ours."""
    before = sidecar.read_bytes() if sidecar.exists() else None
    content, _ = Sidecar(before).merged(said, Known())
    assert content is not None
    sidecar.write_bytes(content)
    # A second later, also where the clock of the file system is coarse.
    later = sidecar.stat().st_mtime_ns + 1_000_000_000
    os.utime(sidecar, ns=(later, later))
