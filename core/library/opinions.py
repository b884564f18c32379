"""What the owner thinks of photos: a rating of 0 to 5 stars, None where none was given, and whether they are favourites.

Stored on the photo, so it survives every change of its files. Writing functions run inside `Database.write`.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sqlite_utils import Database as Tables

from core.library.files import IDS_A_STATEMENT


@dataclass(frozen=True, slots=True)
class Opinion:
    rating: int | None = None
    favourite: bool = False


def opinions_of(connection: sqlite3.Connection, photos: Sequence[int]) -> dict[int, Opinion]:
    """Of each of these photos; of most nothing was said yet."""
    found = dict.fromkeys(photos, Opinion())
    for begin in range(0, len(photos), IDS_A_STATEMENT):
        part = photos[begin : begin + IDS_A_STATEMENT]
        marks = ",".join("?" * len(part))
        rows = connection.execute(
            f"SELECT photo, rating, coalesce(favourite, 0) FROM opinions WHERE photo IN ({marks})", part
        )
        found |= {photo: Opinion(rating, bool(favourite)) for photo, rating, favourite in rows}
    return found


def set_opinion(db: Tables, photo: int, *, rating: int | None = None, favourite: bool | None = None) -> None:
    """None leaves what was said before."""
    db.conn.execute("INSERT OR IGNORE INTO opinions (photo) VALUES (?)", (photo,))
    if rating is not None:
        db.conn.execute("UPDATE opinions SET rating = ? WHERE photo = ?", (rating, photo))
    if favourite is not None:
        db.conn.execute("UPDATE opinions SET favourite = ? WHERE photo = ?", (int(favourite), photo))


def put_opinions(db: Tables, opinions: Mapping[int, Opinion]) -> None:
    """Exactly these, as `opinions_of` gave them."""
    db.conn.executemany(
        "INSERT OR REPLACE INTO opinions (photo, rating, favourite) VALUES (?, ?, ?)",
        [(photo, one.rating, int(one.favourite)) for photo, one in opinions.items()],
    )
