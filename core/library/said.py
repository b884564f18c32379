"""Every table of what people said, and how its rows are carried to another library and merged there.

A row leaves with nothing in it that holds for this library alone: photos are named by the hash of their picture
data, albums by their names. So it fits a library with other paths and other ids, also before its photos are there:
they are then expected (a photo without files), and the import that meets the picture gives them their files.

A new table of what people said is declared here; a test knows every table of the library and asks for it.
"""

from __future__ import annotations

import json
import sqlite3
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from sqlite_utils import Database as Tables

Row = dict[str, Any]
PHOTOS = "photos"


def _string(value: object) -> bool:
    # Half surrogates are text to JSON and none to SQLite.
    return isinstance(value, str) and not any("\ud800" <= letter <= "\udfff" for letter in value)


def _text(value: object) -> bool:
    return _string(value) and bool(str(value).strip())


def _number(value: object) -> bool:
    # Dates and sizes; what is beyond fits no column.
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < 1e15


def _whole(least: int, most: int) -> Callable[[object], bool]:
    return lambda value: type(value) is int and least <= value <= most


def _maybe(check: Callable[[object], bool]) -> Callable[[object], bool]:
    return lambda value: value is None or check(value)


def _listed(value: object) -> list[Any] | None:
    """A list in JSON, None for anything else."""
    try:
        found = json.loads(value) if isinstance(value, str) else None
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, list) else None


def _words(value: object) -> bool:
    words = _listed(value)
    return words is not None and all(_string(word) for word in words)


def _rule(value: object) -> bool:
    parts = _listed(value)
    return parts is not None and all(
        isinstance(part, list) and len(part) == 3 and all(_string(word) for word in part) for part in parts
    )


_TRUTH = _whole(0, 1)


@dataclass(frozen=True, slots=True)
class SaidTable:
    """How one table is carried.

    columns   the values that are carried, and what each may be
    refers    column -> table whose row it names
    key       columns by which a row is known again; `known_by` the same for a table with ids of its own: the first
              column that has a value on both sides
    later     column of unix seconds: of two rows the later one holds. Without it what is here was said later than the
              backup and holds; what is open in it (null) is filled
    part_of   column of `refers`: these rows come only with a parent that is new here, as parts of its definition
    """

    name: str
    columns: Mapping[str, Callable[[object], bool]]
    refers: Mapping[str, str] = field(default_factory=dict)
    key: tuple[str, ...] = ()
    known_by: tuple[str, ...] = ()
    later: str | None = None
    part_of: str | None = None


# Parents before those that name them.
SAID: tuple[SaidTable, ...] = (
    SaidTable("opinions", {"rating": _maybe(_whole(0, 5)), "favourite": _maybe(_TRUTH)}, {"photo": PHOTOS}, ("photo",)),
    SaidTable("captions", {"lang": _text, "text": _text}, {"photo": PHOTOS}, ("photo", "lang")),
    SaidTable("keywords", {"word": _text}, {"photo": PHOTOS}, ("photo", "word")),
    SaidTable(
        "albums",
        {
            "name": _text,
            "key": _maybe(_text),
            "rule": _rule,
            "one_of": _TRUTH,
            "shift": _number,
            "automatic": _TRUTH,
            "created_at": _number,
        },
        {"parent": "albums"},
        known_by=("key", "name"),
    ),
    SaidTable("album_aliases", {"name": _text}, {"album": "albums"}, ("album", "name"), part_of="album"),
    SaidTable(
        "album_prompts",
        {"position": _whole(0, 1 << 31), "text": _text, "positive": _TRUTH},
        {"album": "albums"},
        ("album", "position"),
        part_of="album",
    ),
    SaidTable(
        "album_decisions",
        {"accepted": _TRUTH, "decided_at": _number},
        {"album": "albums", "photo": PHOTOS},
        ("album", "photo"),
        later="decided_at",
    ),
    SaidTable("given_names", {"name": _text, "classes": _words, "created_at": _number}, known_by=("name",)),
    SaidTable("given_name_aliases", {"alias": _text}, {"given": "given_names"}, ("given", "alias")),
    SaidTable(
        "given_name_examples",
        {"shows": _TRUTH, "decided_at": _number},
        {"given": "given_names", "photo": PHOTOS},
        ("given", "photo"),
        later="decided_at",
    ),
    SaidTable(
        "judgements",
        {"question": _string, "unlike": _words, "is_it": _TRUTH, "decided_at": _number},
        {"photo": PHOTOS},
        ("question", "unlike", "photo"),
        later="decided_at",
    ),
)  # fmt: skip

# The others can be made again from the photos, the models, or by asking again; none holds a word of anybody.
NOT_SAID = frozenset(
    (
        "roots", "files", "names", "photos", "spaces", "vectors", "album_members", "text_embeddings",
        # The way back of marks, not the marks.
        "album_rounds", "album_round_marks", "given_name_rounds", "given_name_round_marks",
        "sidecars",
    )
)  # fmt: skip

# What a row of a table that others refer to is called outside.
_CALLED = {PHOTOS: "lower(hex(picture_hash))", "albums": "name", "given_names": "name"}


def table_of(name: str) -> SaidTable | None:
    return next((table for table in SAID if table.name == name), None)


def rows_of(connection: sqlite3.Connection, table: SaidTable) -> Iterator[Row]:
    """The rows of a table as they are carried, in a fixed order."""
    names = [*table.refers, *table.columns]
    values = [
        f"(SELECT {_CALLED[other]} FROM {other} WHERE {other}.id = t.{column})"
        for column, other in table.refers.items()
    ] + [f"t.{column}" for column in table.columns]
    order = ", ".join(f"t.{column}" for column in table.key or ("id",))
    for row in connection.execute(f"SELECT {', '.join(values)} FROM {table.name} t ORDER BY {order}"):
        yield dict(zip(names, row, strict=True))


def photos_said_of(connection: sqlite3.Connection) -> Iterator[Row]:
    """The photos that any row names, for people who read the file: hash, date, and where a file of it lay."""
    those = " UNION ".join(
        f"SELECT {column} AS photo FROM {table.name}"
        for table in SAID
        for column, other in table.refers.items()
        if other == PHOTOS
    )
    rows = connection.execute(
        "SELECT lower(hex(picture_hash)), coalesce(taken, ''), (SELECT min(name) FROM files WHERE photo = photos.id)"
        f" FROM photos WHERE id IN ({those}) ORDER BY id"
    )
    return (dict(zip(("photo", "taken", "file"), row, strict=True)) for row in rows)


def why_not(table: SaidTable, row: object, called: Mapping[str, set[str]]) -> str | None:
    """Why a row cannot be of this table, None when it can. `called`: table -> rows that can be referred to."""
    if not isinstance(row, dict) or set(row) != {*table.refers, *table.columns}:
        return "it has other columns"
    for column, other in table.refers.items():
        value = row[column]
        is_itself = other == table.name
        if other == PHOTOS and not _is_hash(value):
            return f"{column} is no hash"
        if other != PHOTOS and not is_itself and value not in called.get(other, ()):
            return f"{column} names none"
        if is_itself and not (value is None or _text(value)):
            return f"{column} is no name"
    return next(
        (f"{column} cannot be that" for column, good in table.columns.items() if not good(row[column])), None
    )


def _is_hash(value: object) -> bool:
    return isinstance(value, str) and len(value) == 32 and set(value) <= set("0123456789abcdef")


# ---- into a library; inside `Database.write`


@dataclass(slots=True)
class Merged:
    """What a merge did: rows that came, by table, and rows that were known here or gave way to what is here.

    waiting  photos that something was said of and that no file shows yet
    """

    came: dict[str, int] = field(default_factory=dict)
    known: int = 0
    waiting: int = 0


class Merge:
    """One merge into an open transaction. Hand tables in by the order of SAID, rows as `why_not` lets them pass."""

    def __init__(self, db: Tables) -> None:
        self._connection = db.conn
        self._ids: dict[str, dict[str, int]] = {}
        self._new: dict[str, set[int]] = {}
        self._is_waiting: set[int] = set()
        self._merged = Merged({table.name: 0 for table in SAID})

    def take(self, table: SaidTable, rows: Iterator[Row]) -> None:
        if table.known_by:
            self._take_named(table, rows)
            return
        for row in rows:
            values = {column: self._id(other, row[column]) for column, other in table.refers.items()}
            values |= {column: row[column] for column in table.columns}
            if table.part_of and values[table.part_of] not in self._new.get(table.refers[table.part_of], ()):
                self._merged.known += 1
            else:
                self._count(table, self._put(table, values))

    def finish(self) -> Merged:
        self._merged.waiting = len(self._is_waiting)
        return self._merged

    def _count(self, table: SaidTable, has_come: bool) -> None:
        if has_come:
            self._merged.came[table.name] += 1
        else:
            self._merged.known += 1

    def _put(self, table: SaidTable, values: Mapping[str, Any]) -> bool:
        """Insert a row, or merge it with the one of its key; whether that changed anything."""
        columns = ", ".join(values)
        marks = ", ".join("?" * len(values))
        rest = [column for column in values if column not in table.key]
        then = "DO NOTHING"
        if rest and table.later:
            new = ", ".join(f"{column} = excluded.{column}" for column in rest)
            then = f"DO UPDATE SET {new} WHERE excluded.{table.later} > {table.name}.{table.later}"
        elif rest:
            new = ", ".join(
                f"{column} = coalesce({table.name}.{column}, excluded.{column})" for column in rest
            )
            gaps = " OR ".join(
                f"({table.name}.{column} IS NULL AND excluded.{column} IS NOT NULL)" for column in rest
            )
            then = f"DO UPDATE SET {new} WHERE {gaps}"
        done = self._connection.execute(
            f"INSERT INTO {table.name} ({columns}) VALUES ({marks}) ON CONFLICT ({', '.join(table.key)}) {then}",
            list(values.values()),
        )
        return done.rowcount > 0

    def _take_named(self, table: SaidTable, rows: Iterator[Row]) -> None:
        """Rows with ids of their own: one that is here keeps its definition, a new one gets an id."""
        ids = self._ids.setdefault(table.name, {})
        new = self._new.setdefault(table.name, set())
        named: list[tuple[int, str, str]] = []
        for row in rows:
            known = self._find(table, row)
            self._count(table, known is None)
            if known is None:
                values = [row[column] for column in table.columns]
                known = int(
                    self._connection.execute(
                        f"INSERT INTO {table.name} ({', '.join(table.columns)}) VALUES ({', '.join('?' * len(values))})",
                        values,
                    ).lastrowid
                    or 0
                )
                new.add(known)
                named += [(known, column, row[column]) for column in table.refers if row[column] is not None]
            ids[row["name"]] = known
        # Parents may stand behind their children.
        for number, column, name in named:
            self._connection.execute(
                f"UPDATE {table.name} SET {column} = ? WHERE id = ?", (ids.get(name), number)
            )

    def _find(self, table: SaidTable, row: Row) -> int | None:
        for column in table.known_by:
            found = self._connection.execute(
                f"SELECT id FROM {table.name} WHERE {column} = ? COLLATE NOCASE", (row[column],)
            ).fetchone()
            if found is not None:
                return int(found[0])
        return None

    def _id(self, table: str, called: str) -> int:
        ids = self._ids.setdefault(table, {})
        if called not in ids:
            # Only photos are asked for without having been handed in.
            ids[called] = self._photo(bytes.fromhex(called))
        return ids[called]

    def _photo(self, picture_hash: bytes) -> int:
        """The photo of a picture; one that is not here is expected: it has no files and is not to be seen."""
        row = self._connection.execute(
            "SELECT id, width FROM photos WHERE picture_hash = ? ORDER BY here > 0 DESC, id LIMIT 1",
            (picture_hash,),
        ).fetchone()
        if row is None:
            made = self._connection.execute(
                "INSERT INTO photos (picture_hash, width, height, added_at) VALUES (?, 0, 0, ?)",
                (picture_hash, time.time()),
            )
            row = int(made.lastrowid or 0), 0
        if not row[1]:
            self._is_waiting.add(row[0])
        return int(row[0])
