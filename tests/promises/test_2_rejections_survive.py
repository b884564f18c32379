"""A photo that was rejected from an album stays out of it, whatever happens to the photo, the model or the library."""

from __future__ import annotations

import os
import shutil
import sqlite3
import time
from pathlib import Path

import pytest
from PIL import Image

from core.app import Shiguang, open_library
from core.library import albums as records
from core.library import database as library_database
from core.library.database import latest_version
from core.progress import CancelToken, silent
from core.search.open_model import MODELS
from tests.made_models import make_model
from tests.promises.conftest import Photos, index, photo_at

TINY = "local:tiny"
ALBUM = "红"


@pytest.fixture
def rejected(library: Shiguang, photos: Photos) -> bytes:
    """Three red photos in an album of red ones by a small model; one of them rejected."""
    make_model(library.folder / MODELS / "local%3Atiny", TINY)
    for name in ("a.jpg", "b.jpg", "c.jpg"):
        red(photos, name)
    index(library, photos.folder)
    library.switch_model(TINY, silent, CancelToken())
    path = os.path.join(os.fsencode(photos.folder), b"a.jpg")
    photo = photo_at(library, path)
    assert photo is not None
    album = library.albums.create(ALBUM, ["red"])
    library.albums.mark(album, [photo], False)
    stays_out(library, path)
    return path


def red(photos: Photos, name: str) -> None:
    shade = sum(name.encode()) % 20
    Image.new("RGB", (64, 48), (235 + shade, shade, shade)).save(photos.folder / name, "JPEG", quality=90)


def stays_out(library: Shiguang, path: bytes) -> None:
    photo = photo_at(library, path)
    assert photo is not None, "the photo is not known at this path"
    album = library.albums.find(ALBUM)
    said = {one.photo: (one.decision, one.band) for one in library.albums.show(album, everything=True)}
    assert said[photo] == (False, "out")
    sure, maybe = records.members(library.database.reader(), library.space.id, album.id)
    assert photo not in {*sure, *maybe}
    assert records.decisions(library.database.reader(), album.id) == {photo: False}


def test_it_survives_indexing_everything_again(library: Shiguang, rejected: bytes) -> None:
    index(library, everything=True)
    library.albums.rescore()
    stays_out(library, rejected)


def test_it_survives_a_switch_of_the_model_and_back(library: Shiguang, rejected: bytes) -> None:
    make_model(library.folder / MODELS / "local%3Aother", "local:other", width=32, seed=7)
    for model in ("local:other", TINY):
        assert library.switch_model(model, silent, CancelToken()).in_use
        assert library.use_model().id == model
        stays_out(library, rejected)


def test_it_survives_the_file_moving(library: Shiguang, photos: Photos, rejected: bytes) -> None:
    moved = photos.folder / "elsewhere" / "new name.jpg"
    moved.parent.mkdir()
    os.rename(rejected, moved)
    assert index(library).moved == 1
    stays_out(library, os.fsencode(moved))


def test_it_survives_an_edit_of_the_metadata(library: Shiguang, rejected: bytes) -> None:
    path = Path(os.fsdecode(rejected))
    exif = Image.Exif()
    exif[0x010E] = "another program was here"
    block = b"Exif\0\0" + exif.tobytes().removeprefix(b"Exif\0\0")
    data = path.read_bytes()
    path.write_bytes(data[:2] + b"\xff\xe1" + (len(block) + 2).to_bytes(2, "big") + block + data[2:])
    assert index(library).encoded == 0
    photo = photo_at(library, rejected)
    details = library.details(photo or 0)
    assert details is not None and details.files[0].metadata["caption"] == "another program was here"
    stays_out(library, rejected)


def test_it_survives_every_migration_from_the_first_with_albums(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    every = library_database._migrations()
    # What is faked is the age of the program: it knows no later migration.
    monkeypatch.setattr(library_database, "_migrations", lambda: every[:3])
    folder = tmp_path / "old"
    old = library_database.open_for_writing(folder)

    def write(db: object) -> None:
        connection = db.conn  # type: ignore[attr-defined]
        connection.execute(
            "INSERT INTO photos (id, picture_hash, width, height, here) VALUES (5, x'ab', 4, 3, 1)"
        )
        connection.execute(
            "INSERT INTO albums (id, name, rule, one_of, shift, automatic, created_at) VALUES (2, '红', '[]', 0, 0, 1, 1)"
        )
        connection.execute(
            "INSERT INTO album_decisions (album, photo, accepted, decided_at) VALUES (2, 5, 0, ?)",
            (time.time(),),
        )

    old.write(write)
    old.close()
    monkeypatch.undo()
    new = open_library(folder, writable=True)
    try:
        version = new.database.reader().execute("PRAGMA user_version").fetchone()[0]
        assert version == latest_version() > 3
        assert records.decisions(new.database.reader(), new.albums.find(ALBUM).id) == {5: False}
    finally:
        new.close()
    [backup] = (folder / "backups").glob("library-v003-*.db")
    with sqlite3.connect(backup) as kept:
        assert kept.execute("SELECT accepted FROM album_decisions").fetchall() == [(0,)]
    kept.close()


@pytest.mark.parametrize("first", ["restored, then indexed", "indexed, then restored"])
def test_it_survives_backup_and_restore_into_another_library_with_other_paths(
    library: Shiguang, photos: Photos, rejected: bytes, tmp_path: Path, first: str
) -> None:
    file = tmp_path / "backup.zip"
    assert library.carrying.backup(file, silent, CancelToken(), models=True).models == 1
    library.close()
    elsewhere = tmp_path / "elsewhere" / "pictures"
    shutil.copytree(photos.folder, elsewhere)
    new = open_library(tmp_path / "new", writable=True)
    try:
        if first == "indexed, then restored":
            index(new, elsewhere)
        done = new.carrying.restore(file, silent, CancelToken())
        assert done.merged.came["album_decisions"] == 1
        if first == "restored, then indexed":
            assert (done.merged.waiting, new.photo_ids()) == (1, [])
            index(new, elsewhere)
        path = os.fsencode(elsewhere / "a.jpg")
        stays_out(new, path)
        assert new.switch_model(TINY, silent, CancelToken()).in_use
        stays_out(new, path)
        assert new.counts()["photos"] == 3
    finally:
        new.close()
