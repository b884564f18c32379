"""What goes into sidecars, where they lie, and what is remembered of each.

Writing functions run inside `Database.write`; reading ones take a reader's connection.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from sqlite_utils import Database as Tables

from core.library.albums import Album, add_album, mark
from core.library.albums import albums as every_album
from core.library.files import SeenFile, display_name
from core.library.opinions import set_opinion
from core.library.photos import set_caption


@dataclass(frozen=True, slots=True)
class PhotoFile:
    """A file that is here and shows a photo. `path` is relative to its root, which is `root_path`."""

    id: int
    photo: int
    root: int
    root_path: bytes
    path: bytes

    @property
    def absolute(self) -> bytes:
        return os.path.join(self.root_path, self.path)


@dataclass(slots=True)
class Said:
    """What the owner said of one photo. `decided` is album -> accepted (else rejected)."""

    rating: int | None = None
    captions: dict[str, str] = field(default_factory=dict)
    keywords: set[str] = field(default_factory=set)
    decided: dict[int, bool] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Record:
    """One row: `known` is JSON, `seen` the look of the sidecar then, `waiting` why it is not written yet."""

    known: str = "{}"
    seen: str = ""
    waiting: str | None = None


@dataclass(frozen=True, slots=True)
class Taken:
    """What a sidecar brought for a photo. `accepted` are names of albums."""

    photo: int
    rating: int | None = None
    captions: Mapping[str, str] = field(default_factory=dict)
    keywords: tuple[str, ...] = ()
    accepted: tuple[str, ...] = ()


# ---- reading


def files_here(connection: sqlite3.Connection) -> Iterator[PhotoFile]:
    """Every file that is here and shows a photo, folder by folder."""
    rows = connection.execute(
        "SELECT files.id, photo, root, roots.path, files.path FROM files JOIN roots ON roots.id = files.root"
        " WHERE photo AND files.state = 'here' AND watched ORDER BY root, files.path"
    )
    return (PhotoFile(*row) for row in rows)


def offline_files(connection: sqlite3.Connection) -> list[tuple[int, int]]:
    """(file, photo) of the files whose drive is away."""
    return connection.execute("SELECT id, photo FROM files WHERE photo AND state = 'offline'").fetchall()


def everything_said(connection: sqlite3.Connection) -> dict[int, Said]:
    """photo -> what can stand in a sidecar, of those of which something was said."""
    said: dict[int, Said] = {}

    def of(photo: int) -> Said:
        return said.setdefault(photo, Said())

    for photo, rating in connection.execute("SELECT photo, rating FROM opinions WHERE rating IS NOT NULL"):
        of(photo).rating = rating
    for photo, lang, text in connection.execute("SELECT photo, lang, text FROM captions"):
        of(photo).captions[lang] = text
    for photo, word in connection.execute("SELECT photo, word FROM keywords"):
        of(photo).keywords.add(word)
    for photo, album, accepted in connection.execute("SELECT photo, album, accepted FROM album_decisions"):
        of(photo).decided[album] = bool(accepted)
    return said


def sure_members(connection: sqlite3.Connection, space: str) -> dict[int, list[int]]:
    """photo -> albums it surely is in by the vectors of a space."""
    found: dict[int, list[int]] = {}
    rows = connection.execute("SELECT photo, album FROM album_members WHERE space = ? AND sure", (space,))
    for photo, album in rows:
        found.setdefault(photo, []).append(album)
    return found


def album_names(connection: sqlite3.Connection) -> dict[int, str]:
    return {album.id: album.name for album in every_album(connection)}


def records(connection: sqlite3.Connection) -> dict[int, Record]:
    """file -> what is remembered of its sidecar."""
    rows = connection.execute("SELECT file, known, seen, waiting FROM sidecars")
    return {file: Record(*rest) for file, *rest in rows}


def counts(connection: sqlite3.Connection) -> dict[str, int]:
    """Sidecars that are `written`, and `waiting` ones that could not be written yet."""
    row = connection.execute(
        "SELECT sum(waiting IS NULL AND json_extract(known, '$.left') != ''), count(waiting)"
        " FROM sidecars JOIN files ON files.id = file WHERE state != 'missing'"
    ).fetchone()
    return {"written": row[0] or 0, "waiting": row[1]}


def states_of_photo(connection: sqlite3.Connection, photo: int) -> dict[str, str]:
    """path of a file -> "written", or why its sidecar is not written yet; files without a sidecar are left out."""
    rows = connection.execute(
        "SELECT roots.path, files.path, waiting FROM sidecars JOIN files ON files.id = file"
        " JOIN roots ON roots.id = files.root WHERE photo = ?",
        (photo,),
    )
    return {os.fsdecode(os.path.join(root, path)): waiting or "written" for root, path, waiting in rows}


# ---- writing


def remember(db: Tables, rows: Iterable[tuple[int, Record]]) -> None:
    """Set the rows of these files; a file that a scan forgot meanwhile has none."""
    db.conn.executemany(
        "INSERT OR REPLACE INTO sidecars (file, known, seen, waiting)"
        " SELECT ?1, ?2, ?3, ?4 WHERE EXISTS (SELECT 1 FROM files WHERE id = ?1)",
        [(file, record.known, record.seen, record.waiting) for file, record in rows],
    )


def note_own(db: Tables, written: Iterable[tuple[int, SeenFile]]) -> None:
    """(root, sidecar) that we wrote: a scan then meets what it knows already."""
    db.conn.executemany(
        "INSERT INTO files (root, path, name, kind, size_bytes, mtime_ns, inode) VALUES (?, ?, ?, 'sidecar', ?, ?, ?)"
        " ON CONFLICT (root, path) DO UPDATE SET kind = excluded.kind, size_bytes = excluded.size_bytes,"
        " mtime_ns = excluded.mtime_ns, inode = excluded.inode, state = 'here'",
        [
            (root, seen.path, display_name(seen.path), seen.size_bytes, seen.mtime_ns, seen.inode)
            for root, seen in written
        ],
    )


def take(db: Tables, taken: Sequence[Taken]) -> int:
    """Store what sidecars brought; how many albums were made for it.

    An album that is not here any more is made again without words: only what was accepted is in it. Each album's
    acceptances are one round, which can be undone.
    """
    for one in taken:
        if one.rating is not None:
            set_opinion(db, one.photo, rating=one.rating)
        for lang, text in one.captions.items():
            set_caption(db, one.photo, lang, text)
        db.conn.executemany(
            "INSERT OR IGNORE INTO keywords (photo, word) VALUES (?, ?)",
            [(one.photo, word) for word in one.keywords],
        )
    ids = {name.casefold(): album for album, name in album_names(db.conn).items()}
    wanted = {name.casefold(): name for one in taken for name in one.accepted}
    new = [name for key, name in wanted.items() if key not in ids]
    for name in new:
        ids[name.casefold()] = add_album(db, Album(0, name, automatic=False))
    for key in wanted:
        photos = [one.photo for one in taken if key in (name.casefold() for name in one.accepted)]
        mark(db, ids[key], dict.fromkeys(photos, True))
    return len(new)
