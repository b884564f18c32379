"""The albums' tables: made by a migration from the form before, and their decisions outlive every model."""

from __future__ import annotations

import importlib
import sqlite3

from sqlite_utils import Database

from core.library import albums as records
from core.library import spaces
from core.library.albums import Album
from core.library.filters import Filter


def library_before() -> Database:
    """A library of the first two forms with one photo."""
    db = Database(sqlite3.connect(":memory:"))
    for name in ("001_first", "002_spaces_being_built"):
        importlib.import_module(f"core.library.migrations.{name}").apply(db)
    db.execute("INSERT INTO photos (id, picture_hash, width, height, here) VALUES (1, x'ab', 4, 3, 1)")
    return db


def test_a_library_without_albums_gets_their_tables_and_keeps_its_photos() -> None:
    db = library_before()
    importlib.import_module("core.library.migrations.003_albums").apply(db)
    assert records.albums(db.conn) == []
    assert db.execute("SELECT count(*) FROM photos").fetchone() == (1,)
    db.conn.close()


def test_an_album_comes_back_as_it_was_stored_and_its_decisions_with_it() -> None:
    db = library_before()
    importlib.import_module("core.library.migrations.003_albums").apply(db)
    album = Album(
        0,
        "猫",
        ("猫", "a cat"),
        ("a dog",),
        (Filter("from", "2019", "2019"),),
        ("Cats", "猫咪"),
        None,
        "cats",
        True,
        0.5,
        False,
    )
    number = records.add_album(db, album)
    [stored] = records.albums(db.conn)
    assert (stored.name, stored.prompts, stored.unlike, stored.rule) == (
        album.name,
        album.prompts,
        album.unlike,
        album.rule,
    )
    assert (set(stored.aliases), stored.key, stored.one_of, stored.shift, stored.automatic) == (
        set(album.aliases), "cats", True, 0.5, False,
    )  # fmt: skip
    records.mark(db, number, {1: False})
    records.change_members(db, "space", [(number, 1, 1)], [])
    while spaces.delete_some_rows(db, "space"):
        pass
    assert records.members(db.conn, "space", number) == ([], [])
    assert records.decisions(db.conn, number) == {1: False}
    db.conn.close()
