"""Libraries in which everything is said that can be said, and their backups."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from core.backup import BackedUp, Restored, backup, restore
from core.library import albums as records
from core.library import photos
from core.library.albums import Album
from core.library.database import FILE, Database, open_for_writing
from core.library.opinions import set_opinion
from core.library.photos import Picture, add_photo
from core.progress import CancelToken, silent

HASHES = [bytes([number]) * 16 for number in range(4)]


@pytest.fixture
def libraries(tmp_path: Path) -> Iterator[Callable[[str], Database]]:
    """A library of that name, made when it is not there; closed at the end."""
    opened: dict[str, Database] = {}

    def one(name: str) -> Database:
        if name not in opened:
            opened[name] = open_for_writing(tmp_path / name)
        return opened[name]

    yield one
    for database in opened.values():
        database.close()


def add_photos(database: Database, *hashes: bytes) -> list[int]:
    """Photos of these pictures, ids as they come."""
    begin = photos.last_photo(database.reader())

    def write(db: Any) -> None:
        for number, picture_hash in enumerate(hashes, begin + 1):
            add_photo(db, Picture(picture_hash, b"", "JPEG", 1, 4, 3, 0), number)

    database.write(write)
    return list(range(begin + 1, begin + 1 + len(hashes)))


@pytest.fixture
def said(libraries: Callable[[str], Database]) -> Database:
    """A library in which everything is said that can be said."""
    database = libraries("first")
    one, two, _, _ = add_photos(database, *HASHES)

    def write(db: Any) -> None:
        set_opinion(db, one, rating=4, favourite=True)
        photos.set_caption(db, one, "zh", "外婆在海边")
        photos.set_keywords(db, one, ["海", "sea"])
        animals = records.add_album(db, Album(0, "动物", ("animals",), key="animals"))
        cats = records.add_album(
            db, Album(0, "猫", ("猫", "a cat"), ("a dog",), aliases=("Cats",), parent=animals)
        )
        records.mark(db, cats, {one: True, two: False})
        for statement in (
            "INSERT INTO given_names (id, name, classes, created_at) VALUES (9, '豆豆', '[\"狗\", \"dog\"]', 1)",
            "INSERT INTO given_name_aliases (given, alias) VALUES (9, 'Doudou')",
            f"INSERT INTO given_name_examples (given, photo, shows, decided_at) VALUES (9, {one}, 1, 2), (9, {two}, 0, 2)",
            f"INSERT INTO judgements (question, unlike, photo, is_it, decided_at) VALUES ('a dog', '[]', {two}, 0, 3)",
        ):
            db.execute(statement)

    database.write(write)
    return database


def save(database: Database, path: Path, **more: Any) -> BackedUp:
    return backup(database, database.path.parent, path, silent, CancelToken(), **more)


def load(database: Database, path: Path, cancel: CancelToken | None = None) -> Restored:
    return restore(database, database.path.parent, path, silent, cancel or CancelToken())


def dump(database: Database) -> list[str]:
    """All that a library holds, as SQL."""
    connection = sqlite3.connect(database.path.parent / FILE)
    try:
        return list(connection.iterdump())
    finally:
        connection.close()


def everything(database: Database) -> dict[str, list[Any]]:
    """What was said, without the ids and dates of this library."""
    reader = database.reader()
    names = {album.id: album.name for album in records.albums(reader)}
    hashes = dict(reader.execute("SELECT id, picture_hash FROM photos"))
    return {
        "opinions": [
            (hashes[row[0]], *row[1:]) for row in reader.execute("SELECT photo, rating, favourite FROM opinions")
        ],
        "captions": [(hashes[row[0]], *row[1:]) for row in reader.execute("SELECT photo, lang, text FROM captions")],
        "keywords": sorted((hashes[row[0]], row[1]) for row in reader.execute("SELECT photo, word FROM keywords")),
        "albums": [
            (album.name, album.prompts, album.unlike, album.aliases, album.key, names.get(album.parent or 0))
            for album in records.albums(reader)
        ],
        "decisions": sorted(
            (names[album], hashes[photo], accepted)
            for album in names
            for photo, accepted in records.decisions(reader, album).items()
        ),
    }  # fmt: skip
