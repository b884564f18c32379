"""Which spaces there are, and which row of a space's vector file belongs to which photo."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable
from dataclasses import dataclass

from sqlite_utils import Database as Tables


@dataclass(frozen=True, slots=True)
class SpaceRecord:
    id: str
    model: str
    width: int
    active: bool


def active_space(connection: sqlite3.Connection) -> SpaceRecord | None:
    row = connection.execute("SELECT id, model, width, active FROM spaces WHERE active").fetchone()
    return SpaceRecord(row[0], row[1], row[2], bool(row[3])) if row else None


def use_space(db: Tables, space: str, model: str, width: int) -> None:
    """Make this the space that searches use; the others stay until they are dropped."""
    db.conn.execute("UPDATE spaces SET active = 0")
    db.conn.execute(
        "INSERT INTO spaces (id, model, width, active) VALUES (?, ?, ?, 1)"
        " ON CONFLICT (id) DO UPDATE SET active = 1, model = excluded.model",
        (space, model, width),
    )


def rows_of_space(connection: sqlite3.Connection, space: str) -> list[tuple[int, int]]:
    """(row, photo) of every vector, by row."""
    return connection.execute(
        "SELECT row, photo FROM vectors WHERE space = ? ORDER BY row", (space,)
    ).fetchall()


def set_rows(db: Tables, space: str, rows: Iterable[tuple[int, int]]) -> None:
    """(photo, row): a photo whose vector was made again moves to its new row."""
    db.conn.executemany(
        "INSERT INTO vectors (space, photo, row) VALUES (?, ?, ?) ON CONFLICT (space, photo) DO UPDATE SET row = excluded.row",
        [(space, photo, row) for photo, row in rows],
    )


def forget_rows_from(db: Tables, space: str, row: int) -> int:
    """Drop rows that the vector file does not hold any more; how many. Their photos are encoded again."""
    return db.conn.execute("DELETE FROM vectors WHERE space = ? AND row >= ?", (space, row)).rowcount


def has_vector(connection: sqlite3.Connection, space: str, photo: int) -> bool:
    return (
        connection.execute("SELECT 1 FROM vectors WHERE space = ? AND photo = ?", (space, photo)).fetchone()
        is not None
    )
