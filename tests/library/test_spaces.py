"""The records of spaces: one in use, builds that go on, and libraries from before they had states."""

from __future__ import annotations

import importlib
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlite_utils import Database as Tables

from core.library import spaces
from core.library.database import FILE, Database, open_for_writing


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    opened = open_for_writing(tmp_path)
    yield opened
    opened.close()


def states(database: Database) -> dict[str, str]:
    return {record.id: record.state for record in spaces.every_space(database.reader())}


def test_one_space_is_in_use_at_most(database: Database) -> None:
    database.write(lambda db: spaces.use_space(db, "a", "one", 8))
    database.write(lambda db: spaces.use_space(db, "b", "two", 16))
    assert states(database) == {"b": "in use", "a": "kept"}
    with pytest.raises(sqlite3.IntegrityError):
        database.write(lambda db: db.execute("UPDATE spaces SET state = 'in use'"))
    active = spaces.active_space(database.reader())
    assert active is not None
    assert (active.id, active.model, active.width) == ("b", "two", 16)


def test_an_interrupted_build_goes_on_and_another_one_gives_it_up(database: Database) -> None:
    database.write(lambda db: spaces.begin_space(db, "a", "one", 8))
    first = spaces.space_being_built(database.reader())
    assert first is not None
    database.write(lambda db: spaces.note_stop(db, "a", "no room"))
    database.write(lambda db: spaces.begin_space(db, "a", "one", 8))
    again = spaces.space_being_built(database.reader())
    assert again == first, "it began when it first began, and nothing is wrong with it now"
    database.write(lambda db: spaces.begin_space(db, "b", "two", 8))
    assert states(database) == {"a": "kept", "b": "building"}


def test_a_library_from_before_keeps_its_space_in_use(tmp_path: Path) -> None:
    connection = sqlite3.connect(tmp_path / FILE)
    tables = Tables(connection)
    importlib.import_module("core.library.migrations.001_first").apply(tables)
    tables["spaces"].insert_all(
        [
            {"id": "old", "model": "one", "width": 8, "active": 0},
            {"id": "now", "model": "two", "width": 16, "active": 1},
        ]
    )
    tables["photos"].insert({"id": 1, "picture_hash": b"1", "width": 1, "height": 1, "here": 1})
    tables["vectors"].insert({"space": "now", "photo": 1, "row": 0})
    connection.execute("PRAGMA user_version = 1")
    connection.commit()
    connection.close()
    database = open_for_writing(tmp_path)
    assert states(database) == {"now": "in use", "old": "kept"}
    assert spaces.rows_of_space(database.reader(), "now") == [(0, 1)]
    database.close()


def test_a_vector_is_kept_for_the_picture_it_was_made_of_only(database: Database) -> None:
    def fill(db: Tables) -> None:
        spaces.use_space(db, "a", "one", 8)
        spaces.begin_space(db, "b", "two", 8)
        db["photos"].insert({"id": 1, "picture_hash": b"new", "width": 1, "height": 1, "here": 1})
        spaces.set_rows_of_pictures(db, "b", [(1, 0, b"old")])

    database.write(fill)
    assert spaces.rows_of_space(database.reader(), "b") == []
    database.write(lambda db: spaces.set_rows_of_pictures(db, "b", [(1, 1, b"new")]))
    assert spaces.rows_of_space(database.reader(), "b") == [(1, 1)]
    database.write(lambda db: spaces.forget_vectors_elsewhere(db, 1, "a", b"new"))
    assert spaces.has_vector(database.reader(), "b", 1), "the same picture keeps its vectors"
    database.write(lambda db: spaces.forget_vectors_elsewhere(db, 1, "a", b"newer"))
    assert not spaces.has_vector(database.reader(), "b", 1)


def test_a_dropped_space_goes_row_by_row(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(spaces, "ROWS_A_DELETION", 2)

    def fill(db: Tables) -> None:
        spaces.use_space(db, "a", "one", 8)
        for photo in range(1, 6):
            db["photos"].insert(
                {"id": photo, "picture_hash": b"%d" % photo, "width": 1, "height": 1, "here": 1}
            )
        spaces.set_rows(db, "a", [(photo, photo) for photo in range(1, 6)])
        spaces.mark_dropped(db, "a")

    database.write(fill)
    assert [database.write(lambda db: spaces.delete_some_rows(db, "a")) for _ in range(4)] == [2, 2, 1, 0]
    database.write(lambda db: spaces.forget_space(db, "a"))
    assert states(database) == {}
