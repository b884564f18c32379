"""Photos: contents, each with one or more files, and what the owner said about them.

Writing functions run inside `Database.write`; reading ones take a reader's connection.
"""

from __future__ import annotations

import json
import os
import sqlite3
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlite_utils import Database as Tables

from core.library.files import IDS_A_STATEMENT, recount_photos
from core.library.roots import below_root

# The order in which the sources of a date are believed.
DATE_SOURCES = ("exif", "xmp", "sidecar", "name", "file")


@dataclass(frozen=True, slots=True)
class Picture:
    """What decoding found out about a photo. `signature` is 16 x 16 x 3 uint8 of the upright picture."""

    picture_hash: bytes
    signature: bytes
    format: str
    frames: int
    width: int
    height: int
    colour: int


@dataclass(frozen=True, slots=True)
class FileFacts:
    """What one file says: its size and date as it was read, its hash, its own metadata as a JSON-able dict."""

    size_bytes: int
    mtime_ns: int
    file_hash: bytes
    kind: str
    metadata: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Card:
    """What a grid cell needs. `colour` is 0xRRGGBB; `state` is here or offline."""

    photo: int
    name: str
    taken: str
    colour: int
    width: int
    height: int
    state: str
    favourite: bool = False
    rating: int | None = None


@dataclass(frozen=True, slots=True)
class FileDetails:
    path: str
    volume: str
    state: str
    width: int
    height: int
    kind: str
    metadata: dict[str, Any]


@dataclass(frozen=True, slots=True)
class PhotoDetails:
    """A photo with all its files (best first) and the owner's words."""

    photo: int
    width: int
    height: int
    format: str
    files: tuple[FileDetails, ...]
    captions: dict[str, str] = field(default_factory=dict)
    rating: int | None = None
    favourite: bool = False
    keywords: tuple[str, ...] = ()


# ---- writing


def add_photo(db: Tables, picture: Picture, photo: int) -> None:
    db.conn.execute(
        "INSERT INTO photos (id, picture_hash, signature, format, frames, width, height, colour, added_at)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (photo, *_values(picture), time.time()),
    )


def replace_picture(db: Tables, photo: int, picture: Picture) -> None:
    """The same photo, edited in place: turned, or saved anew with the same picture."""
    db.conn.execute(
        "UPDATE photos SET picture_hash = ?, signature = ?, format = ?, frames = ?, width = ?, height = ?, colour = ? WHERE id = ?",
        (*_values(picture), photo),
    )


def _values(picture: Picture) -> tuple[bytes, bytes, str, int, int, int, int]:
    p = picture
    return p.picture_hash, p.signature, p.format, p.frames, p.width, p.height, p.colour


def attach_file(db: Tables, file: int, photo: int, facts: FileFacts) -> None:
    """This file shows this photo. A photo that it showed before keeps its decisions, without this file."""
    before = db.conn.execute("SELECT photo FROM files WHERE id = ?", (file,)).fetchone()
    width, height = db.conn.execute("SELECT width, height FROM photos WHERE id = ?", (photo,)).fetchone()
    db.conn.execute(
        "UPDATE files SET photo = ?, was_photo = NULL, kind = ?,"
        # A folder may have been taken off the list while its files were being read.
        " state = (SELECT CASE WHEN watched THEN 'here' ELSE 'missing' END FROM roots WHERE roots.id = files.root), file_hash = ?, metadata = ?, width = ?, height = ?,"
        " size_bytes = ?, mtime_ns = ?, fault_stage = NULL, fault_code = NULL, fault_reason = NULL WHERE id = ?",
        (
            photo,
            facts.kind,
            facts.file_hash,
            json.dumps(facts.metadata, ensure_ascii=True),
            width,
            height,
            facts.size_bytes,
            facts.mtime_ns,
            file,
        ),
    )
    touched = {photo} | ({before[0]} if before and before[0] else set())
    recount_photos(db, touched)
    for each in touched:
        _refresh_date(db, each)


def _refresh_date(db: Tables, photo: int) -> None:
    rows = db.conn.execute(
        "SELECT metadata FROM files WHERE photo = ? AND state != 'missing'", (photo,)
    ).fetchall()
    dates = [_dated(json.loads(row[0] or "{}")) for row in rows]
    best = min(dates, default=(len(DATE_SOURCES), ""))
    db.conn.execute("UPDATE photos SET taken = ? WHERE id = ?", (best[1], photo))


def _dated(metadata: dict[str, Any]) -> tuple[int, str]:
    source = metadata.get("taken_from")
    rank = DATE_SOURCES.index(source) if source in DATE_SOURCES else len(DATE_SOURCES)
    return rank, metadata.get("taken") or ""


def set_caption(db: Tables, photo: int, lang: str, text: str) -> None:
    if text:
        db.conn.execute(
            "INSERT OR REPLACE INTO captions (photo, lang, text) VALUES (?, ?, ?)", (photo, lang, text)
        )
    else:
        db.conn.execute("DELETE FROM captions WHERE photo = ? AND lang = ?", (photo, lang))


def set_keywords(db: Tables, photo: int, words: Sequence[str]) -> None:
    db.conn.execute("DELETE FROM keywords WHERE photo = ?", (photo,))
    db.conn.executemany(
        "INSERT OR IGNORE INTO keywords (photo, word) VALUES (?, ?)", [(photo, word) for word in words]
    )


# ---- reading


def last_photo(connection: sqlite3.Connection) -> int:
    """The highest id given out, 0 in an empty library."""
    return int(connection.execute("SELECT coalesce(max(id), 0) FROM photos").fetchone()[0])


def photo_of_picture(
    connection: sqlite3.Connection, picture_hash: bytes, file_hash: bytes | None = None
) -> int | None:
    """The photo of that picture data, one that is seen now before one that is not.

    file_hash  where no photo has that picture any more, the photo of a file of these bytes, here or gone: another copy
               was edited since
    """
    row = connection.execute(
        "SELECT id FROM photos WHERE picture_hash = ? ORDER BY here > 0 DESC, id LIMIT 1", (picture_hash,)
    ).fetchone()
    if row is None and file_hash is not None:
        row = connection.execute(
            "SELECT photo FROM files WHERE file_hash = ? AND photo ORDER BY state = 'missing', id LIMIT 1",
            (file_hash,),
        ).fetchone()
    return int(row[0]) if row else None


def signature_of(connection: sqlite3.Connection, photo: int) -> bytes:
    row = connection.execute("SELECT signature FROM photos WHERE id = ?", (photo,)).fetchone()
    return bytes(row[0] or b"") if row else b""


def photo_ids_by_date(connection: sqlite3.Connection) -> list[int]:
    """Every photo that is to be seen, newest first."""
    rows = connection.execute("SELECT id FROM photos WHERE here > 0 ORDER BY taken DESC, id DESC")
    return [row[0] for row in rows]


def timeline(connection: sqlite3.Connection) -> list[tuple[int, str]]:
    """(photo, date taken or "") in the order of `photo_ids_by_date`."""
    return connection.execute(
        "SELECT id, coalesce(taken, '') FROM photos WHERE here > 0 ORDER BY taken DESC, id DESC"
    ).fetchall()


def hidden_photos(connection: sqlite3.Connection) -> set[int]:
    """Photos with no file left to be seen: their vectors stay, searches pass them over."""
    return {row[0] for row in connection.execute("SELECT id FROM photos WHERE here = 0")}


def cards(connection: sqlite3.Connection, ids: Sequence[int]) -> dict[int, Card]:
    found: dict[int, Card] = {}
    for begin in range(0, len(ids), IDS_A_STATEMENT):
        part = ids[begin : begin + IDS_A_STATEMENT]
        marks = ",".join("?" * len(part))
        for row in connection.execute(
            "SELECT photos.id, name, coalesce(taken, ''), coalesce(colour, 0), photos.width, photos.height, min(state),"
            " coalesce(favourite, 0), rating FROM photos JOIN files ON files.photo = photos.id"
            " LEFT JOIN opinions ON opinions.photo = photos.id"
            f" WHERE photos.id IN ({marks}) AND state != 'missing' GROUP BY photos.id",
            part,
        ):
            photo, name, taken, colour, width, height, state, favourite, rating = row
            name = name.rpartition("/")[2]
            found[photo] = Card(photo, name, taken, colour, width, height, state, bool(favourite), rating)
    return found


def photo_of_path(connection: sqlite3.Connection, path: bytes) -> int | None:
    """The photo that the file at this absolute path shows."""
    for root, root_path in connection.execute("SELECT id, path FROM roots").fetchall():
        below = below_root(path, root_path)
        row = (
            below
            and connection.execute(
                "SELECT photo FROM files WHERE root = ? AND path = ?", (root, below)
            ).fetchone()
        )
        if row and row[0]:
            return int(row[0])
    return None


def first_paths(connection: sqlite3.Connection, ids: Sequence[int]) -> dict[int, str]:
    """One path of each photo, a file that is here before one that is offline."""
    found: dict[int, str] = {}
    for begin in range(0, len(ids), IDS_A_STATEMENT):
        part = ids[begin : begin + IDS_A_STATEMENT]
        marks = ",".join("?" * len(part))
        for photo, root, path in connection.execute(
            "SELECT photo, roots.path, files.path FROM files JOIN roots ON roots.id = files.root"
            f" WHERE photo IN ({marks}) AND files.state != 'missing' ORDER BY files.state DESC, files.id DESC",
            part,
        ):
            found[photo] = os.fsdecode(os.path.join(root, path))
    return found


def details(connection: sqlite3.Connection, photo: int) -> PhotoDetails | None:
    return next(every_photo(connection, photo), None)


def every_photo(connection: sqlite3.Connection, only: int | None = None) -> Iterator[PhotoDetails]:
    """Every photo that is to be seen, with its files, by id."""
    where, values = ("photos.id = ?", (only,)) if only is not None else ("here > 0", ())
    said = _said(connection, only)
    rows = connection.execute(
        "SELECT photos.id, photos.width, photos.height, photos.format, roots.path, files.path, volume, files.state,"
        " files.width, files.height, files.kind, metadata FROM photos JOIN files ON files.photo = photos.id"
        f" JOIN roots ON roots.id = files.root WHERE {where} ORDER BY photos.id, files.state, files.id",
        values,
    )
    head: tuple[Any, ...] = ()
    files: list[FileDetails] = []
    for row in rows:
        if head and head[0] != row[0]:
            yield _photo(head, files, said)
            files = []
        head = row[:4]
        path = os.fsdecode(os.path.join(row[4], row[5]))
        files.append(FileDetails(path, row[6], row[7], row[8], row[9], row[10], json.loads(row[11] or "{}")))
    if head:
        yield _photo(head, files, said)


def _photo(head: tuple[Any, ...], files: list[FileDetails], said: dict[str, dict[int, Any]]) -> PhotoDetails:
    photo, width, height, form = head
    files.sort(key=lambda file: (file.state == "missing", _dated(file.metadata)))
    rating, favourite = said["opinions"].get(photo, (None, False))
    return PhotoDetails(
        photo,
        width,
        height,
        form,
        tuple(files),
        said["captions"].get(photo, {}),
        rating,
        favourite,
        tuple(said["keywords"].get(photo, ())),
    )


def _said(connection: sqlite3.Connection, only: int | None) -> dict[str, dict[int, Any]]:
    """What the owner said, by table and photo: few rows beside the photos, so they are read at once."""
    where, values = (" WHERE photo = ?", (only,)) if only is not None else ("", ())
    opinions = {
        row[0]: (row[1], bool(row[2]))
        for row in connection.execute(f"SELECT photo, rating, favourite FROM opinions{where}", values)
    }
    captions: dict[int, dict[str, str]] = {}
    for photo, lang, text in connection.execute(f"SELECT photo, lang, text FROM captions{where}", values):
        captions.setdefault(photo, {})[lang] = text
    keywords: dict[int, list[str]] = {}
    for photo, word in connection.execute(f"SELECT photo, word FROM keywords{where} ORDER BY word", values):
        keywords.setdefault(photo, []).append(word)
    return {"opinions": opinions, "captions": captions, "keywords": keywords}


def captions(connection: sqlite3.Connection) -> list[tuple[int, str]]:
    """(photo, text) of what the owner wrote about photos that are to be seen, by photo and language."""
    return connection.execute(
        "SELECT photo, text FROM captions JOIN photos ON photos.id = photo WHERE here > 0 ORDER BY photo, lang"
    ).fetchall()


def counts(connection: sqlite3.Connection) -> dict[str, int]:
    """Photos and files as `status` says them, and what was passed over by kind."""
    one = connection.execute(
        "SELECT (SELECT count(*) FROM photos WHERE here > 0),"
        " (SELECT count(*) FROM files WHERE photo AND state != 'missing'),"
        " (SELECT count(*) FROM files WHERE photo AND state = 'offline'),"
        " (SELECT count(*) FROM files JOIN roots ON roots.id = root WHERE fault_code IS NOT NULL AND files.state != 'missing' AND watched)"
    ).fetchone()
    return dict(zip(("photos", "files", "offline", "failed"), one, strict=True))


def passed_over(connection: sqlite3.Connection) -> dict[str, int]:
    kinds = {"video": 0, "sidecar": 0, "junk": 0, "other": 0}
    rows = connection.execute(
        "SELECT kind, count(*) FROM files WHERE kind IN ('video', 'sidecar', 'junk', 'other') AND state != 'missing' GROUP BY kind"
    )
    return kinds | dict(rows.fetchall())
