"""The tables of names: made by a migration, and every round of examples has its way back."""

from __future__ import annotations

import importlib
import sqlite3

from sqlite_utils import Database

from core.library import names as records
from core.library.names import Name

BEFORE = ("001_first", "002_spaces_being_built", "003_albums", "004_sidecars")


def library_before() -> Database:
    """A library of the form before, with three photos and a keyword."""
    db = Database(sqlite3.connect(":memory:"))
    for name in BEFORE:
        importlib.import_module(f"core.library.migrations.{name}").apply(db)
    for photo in (1, 2, 3):
        db.execute(
            "INSERT INTO photos (id, picture_hash, width, height, here) VALUES (?, ?, 4, 3, 1)",
            (photo, bytes([photo])),
        )
    db.execute("INSERT INTO keywords (photo, word) VALUES (1, '豆豆')")
    return db


def test_a_library_without_names_gets_their_tables_and_keeps_what_was_said() -> None:
    db = library_before()
    importlib.import_module("core.library.migrations.005_names").apply(db)
    assert records.names(db.conn) == []
    assert db.execute("SELECT word FROM keywords").fetchall() == [("豆豆",)]
    db.conn.close()


def test_a_name_comes_back_as_it_was_stored_and_each_round_can_be_taken_back() -> None:
    db = library_before()
    importlib.import_module("core.library.migrations.005_names").apply(db)
    number = records.add_name(db, Name(0, "豆豆", ("狗", "dog"), ("Doudou", "小豆")))
    assert records.names(db.conn) == [Name(number, "豆豆", ("狗", "dog"), ("Doudou", "小豆"))]

    records.mark_examples(db, number, {1: True, 2: True})
    records.mark_examples(db, number, {2: False, 3: True, 1: None})
    assert records.examples(db.conn, number) == {2: False, 3: True}
    assert records.example_counts(db.conn) == {number: (1, 1)}
    assert records.names_of_photo(db.conn, 3) == ["豆豆"]
    assert records.names_of_photo(db.conn, 2) == []

    for expected in ({1: True, 2: True}, {}):
        last = records.last_name_round(db.conn, number)
        assert last is not None
        records.undo_name_round(db, last)
        assert records.examples(db.conn, number) == expected
    assert records.last_name_round(db.conn, number) is None
    db.conn.close()
