"""Names that the owner gave to somebody or something, and the photos that show whom they mean.

Writing functions run inside `Database.write`; reading ones take a reader's connection.
"""

from __future__ import annotations

import json
import sqlite3
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from sqlite_utils import Database as Tables


@dataclass(frozen=True, slots=True)
class Name:
    """A word that the owner made.

    classes  what kind of thing it is ("dog", "狗"), the first of each language before others; may be empty
    aliases  other words for the same
    """

    id: int
    name: str
    classes: tuple[str, ...] = ()
    aliases: tuple[str, ...] = ()

    @property
    def words(self) -> tuple[str, ...]:
        return (self.name, *self.aliases)


@dataclass(frozen=True, slots=True)
class NameRound:
    """One round of examples: photos and what each was before (True: shows it, False: does not, None: nothing)."""

    id: int
    name: int
    before: Mapping[int, bool | None] = field(default_factory=dict)


# ---- writing


def add_name(db: Tables, name: Name) -> int:
    """Store a new name (its id is given out here); the id."""
    row = db.conn.execute(
        "INSERT INTO given_names (name, classes, created_at) VALUES (?, ?, ?)",
        (name.name, _classes(name), time.time()),
    ).lastrowid
    number = int(row or 0)
    _set_aliases(db, number, name.aliases)
    return number


def change_name(db: Tables, name: Name) -> None:
    """Replace name, aliases and classes; examples stay."""
    db.conn.execute(
        "UPDATE given_names SET name = ?, classes = ? WHERE id = ?", (name.name, _classes(name), name.id)
    )
    _set_aliases(db, name.id, name.aliases)


def drop_name(db: Tables, name: int) -> None:
    """Forget a name with its examples."""
    db.conn.execute(
        "DELETE FROM given_name_round_marks WHERE round IN (SELECT id FROM given_name_rounds WHERE given = ?)",
        (name,),
    )
    for table in ("given_name_rounds", "given_name_examples", "given_name_aliases"):
        db.conn.execute(f"DELETE FROM {table} WHERE given = ?", (name,))
    db.conn.execute("DELETE FROM given_names WHERE id = ?", (name,))


def mark_examples(db: Tables, name: int, marks: Mapping[int, bool | None]) -> int:
    """One round: photo -> shows it, does not, or nothing is said of it again (None). The round's id."""
    now = time.time()
    known = examples(db.conn, name)
    found = db.conn.execute("INSERT INTO given_name_rounds (given, decided_at) VALUES (?, ?)", (name, now))
    number = int(found.lastrowid or 0)
    db.conn.executemany(
        "INSERT INTO given_name_round_marks (round, photo, before) VALUES (?, ?, ?)",
        [(number, photo, known.get(photo)) for photo in marks],
    )
    _decide(db, name, marks, now)
    return number


def undo_name_round(db: Tables, last: NameRound) -> None:
    """Put back what each photo was before a round, and forget the round."""
    _decide(db, last.name, last.before, time.time())
    db.conn.execute("DELETE FROM given_name_round_marks WHERE round = ?", (last.id,))
    db.conn.execute("DELETE FROM given_name_rounds WHERE id = ?", (last.id,))


def _decide(db: Tables, name: int, marks: Mapping[int, bool | None], now: float) -> None:
    db.conn.executemany(
        "DELETE FROM given_name_examples WHERE given = ? AND photo = ?",
        [(name, photo) for photo, shows in marks.items() if shows is None],
    )
    db.conn.executemany(
        "INSERT INTO given_name_examples (given, photo, shows, decided_at) VALUES (?, ?, ?, ?)"
        " ON CONFLICT (given, photo) DO UPDATE SET shows = excluded.shows, decided_at = excluded.decided_at",
        [(name, photo, int(shows), now) for photo, shows in marks.items() if shows is not None],
    )


def _set_aliases(db: Tables, number: int, aliases: Iterable[str]) -> None:
    db.conn.execute("DELETE FROM given_name_aliases WHERE given = ?", (number,))
    db.conn.executemany(
        "INSERT OR IGNORE INTO given_name_aliases (given, alias) VALUES (?, ?)",
        [(number, alias) for alias in aliases],
    )


def _classes(name: Name) -> str:
    return json.dumps(name.classes, ensure_ascii=False)


# ---- reading


def names(connection: sqlite3.Connection) -> list[Name]:
    """Every name, in alphabetical order."""
    aliases: dict[int, list[str]] = {}
    for number, alias in connection.execute(
        "SELECT given, alias FROM given_name_aliases ORDER BY given, rowid"
    ):
        aliases.setdefault(number, []).append(alias)
    rows = connection.execute("SELECT id, name, classes FROM given_names ORDER BY name COLLATE NOCASE")
    return [
        Name(number, name, tuple(json.loads(classes)), tuple(aliases.get(number, ())))
        for number, name, classes in rows
    ]


def examples(connection: sqlite3.Connection, name: int) -> dict[int, bool]:
    """photo -> whether it shows the name, in the order decided; photos that are hidden now are among them."""
    rows = connection.execute(
        "SELECT photo, shows FROM given_name_examples WHERE given = ? ORDER BY decided_at, photo", (name,)
    )
    return {photo: bool(shows) for photo, shows in rows}


def example_counts(connection: sqlite3.Connection) -> dict[int, tuple[int, int]]:
    """name -> (photos that show it, photos that do not); names without any are left out."""
    rows = connection.execute(
        "SELECT given, sum(shows), sum(1 - shows) FROM given_name_examples GROUP BY given"
    )
    return {name: (yes, no) for name, yes, no in rows}


def last_name_round(connection: sqlite3.Connection, name: int) -> NameRound | None:
    row = connection.execute(
        "SELECT id FROM given_name_rounds WHERE given = ? ORDER BY id DESC LIMIT 1", (name,)
    ).fetchone()
    if row is None:
        return None
    marks = connection.execute("SELECT photo, before FROM given_name_round_marks WHERE round = ?", (row[0],))
    return NameRound(row[0], name, {photo: None if was is None else bool(was) for photo, was in marks})


def names_of_photo(connection: sqlite3.Connection, photo: int) -> list[str]:
    """The names that this photo was shown for."""
    rows = connection.execute(
        "SELECT name FROM given_names JOIN given_name_examples ON given = given_names.id"
        " WHERE photo = ? AND shows ORDER BY name COLLATE NOCASE",
        (photo,),
    )
    return [row[0] for row in rows]
