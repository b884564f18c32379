"""Files: the places where photos lie, and everything else that was seen beside them.

A row's `kind` is "new" until the file was looked into; then what its content is. A file that shows a
picture has a `photo`; one that failed has a fault; a video, sidecar or junk file is only counted.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from sqlite_utils import Database as Tables

# Stock SQLite takes 32,766 bound values a statement.
IDS_A_STATEMENT = 10_000
# Faults that pass by themselves: a permission is given, a cable is plugged in, memory is free again.
OF_THE_WORLD = ("no-permission", "read-error", "no-memory")
# What may have come over the decoder from outside; of bytes that showed a photo before it has.
OF_THE_DECODER = ("timeout", "crashed")


@dataclass(frozen=True, slots=True)
class KnownFile:
    """What a scan compares with: one row of a root, without what only people read."""

    id: int
    size_bytes: int
    mtime_ns: int
    inode: int
    state: str
    kind: str
    photo: int | None


@dataclass(frozen=True, slots=True)
class SeenFile:
    """One file as the walk saw it. `path` is relative to its root."""

    path: bytes
    size_bytes: int
    mtime_ns: int
    inode: int


@dataclass(frozen=True, slots=True)
class FileToIndex:
    """A file that has to be looked into. `photo` is what it showed before it changed."""

    id: int
    path: bytes
    photo: int | None


@dataclass(frozen=True, slots=True)
class Fault:
    path: str
    stage: str
    code: str
    reason: str


def display_name(path: bytes) -> str:
    """A path for people and for searching: odd bytes replaced, never raises."""
    return path.decode("utf-8", "replace")


def known_files(connection: sqlite3.Connection, root: int) -> dict[bytes, KnownFile]:
    rows = connection.execute(
        "SELECT path, id, size_bytes, mtime_ns, inode, state, kind, coalesce(photo, was_photo) FROM files WHERE root = ?",
        (root,),
    )
    return {row[0]: KnownFile(*row[1:]) for row in rows}


def add_files(db: Tables, root: int, seen: Iterable[SeenFile], kind: str = "new") -> None:
    db.conn.executemany(
        "INSERT OR IGNORE INTO files (root, path, name, kind, size_bytes, mtime_ns, inode) VALUES (?, ?, ?, ?, ?, ?, ?)",
        [(root, s.path, display_name(s.path), kind, s.size_bytes, s.mtime_ns, s.inode) for s in seen],
    )


def set_state(db: Tables, ids: Sequence[int], state: str) -> None:
    """Files that are here again, or missing; their photos are counted again."""
    db.conn.executemany("UPDATE files SET state = ? WHERE id = ?", [(state, file) for file in ids])
    recount_photos(db, photos_of_files(db.conn, ids))


def move_files(db: Tables, moves: Iterable[tuple[int, int, SeenFile]]) -> None:
    """Files found again elsewhere: (file id, new root, where)."""
    moves = list(moves)
    for file, root, seen in moves:
        # The place itself may hold a row from before: a photo that once lay there is missing there now.
        db.conn.execute("DELETE FROM files WHERE root = ? AND path = ? AND id != ?", (root, seen.path, file))
        db.conn.execute(
            "UPDATE files SET root = ?, path = ?, name = ?, inode = ?, state = 'here' WHERE id = ?",
            (root, seen.path, display_name(seen.path), seen.inode, file),
        )
    recount_photos(db, photos_of_files(db.conn, [file for file, _, _ in moves]))


def files_like(connection: sqlite3.Connection, seen: SeenFile, volume: str) -> list[tuple[int, bytes, bytes]]:
    """(id, root's path, path) of files of that inode, size and date on that disk: where a renamed file was."""
    rows = connection.execute(
        "SELECT files.id, roots.path, files.path FROM files JOIN roots ON roots.id = files.root"
        " WHERE inode = ? AND size_bytes = ? AND mtime_ns = ? AND volume = ? AND inode != 0 AND kind != 'new'",
        (seen.inode, seen.size_bytes, seen.mtime_ns, volume),
    )
    return rows.fetchall()


def pass_over(db: Tables, file: int, kind: str) -> None:
    """A file that is no picture; a photo that it showed before is without it."""
    lost = photos_of_files(db.conn, [file])
    db.conn.execute(
        "UPDATE files SET kind = ?, was_photo = coalesce(photo, was_photo), photo = NULL, fault_stage = NULL,"
        " fault_code = NULL, fault_reason = NULL WHERE id = ?",
        (kind, file),
    )
    recount_photos(db, lost)


def record_fault(
    db: Tables, file: int, stage: str, code: str, reason: str, file_hash: bytes | None = None
) -> None:
    """A file that failed. It is tried again when its size or date change (`note_change`).

    What the world did (OF_THE_WORLD) says nothing about the file: it keeps its photo and is tried at every run. So
    does one whose bytes, of `file_hash`, were decoded before.
    """
    was_decoded = code in OF_THE_DECODER and _shows_with(db.conn, file, file_hash)
    if code in OF_THE_WORLD or was_decoded:
        db.conn.execute(
            "UPDATE files SET kind = 'new', fault_stage = ?, fault_code = ?, fault_reason = ? WHERE id = ?",
            (stage, code, reason, file),
        )
        return
    lost = photos_of_files(db.conn, [file])
    db.conn.execute(
        "UPDATE files SET kind = 'photo', was_photo = coalesce(photo, was_photo), photo = NULL, fault_stage = ?,"
        " fault_code = ?, fault_reason = ? WHERE id = ?",
        (stage, code, reason, file),
    )
    recount_photos(db, lost)


def _shows_with(connection: sqlite3.Connection, file: int, file_hash: bytes | None) -> bool:
    """Whether it shows a photo by just these bytes."""
    row = connection.execute("SELECT photo, file_hash FROM files WHERE id = ?", (file,)).fetchone()
    return row is not None and bool(row[0]) and file_hash is not None and row[1] == file_hash


def faults(connection: sqlite3.Connection) -> list[Fault]:
    rows = connection.execute(
        "SELECT roots.path, files.path, fault_stage, fault_code, fault_reason FROM files"
        " JOIN roots ON roots.id = files.root WHERE fault_code IS NOT NULL AND files.state != 'missing' AND watched"
        " ORDER BY roots.path, files.path"
    )
    return [
        Fault(os.fsdecode(os.path.join(root, path)) if path else os.fsdecode(root), *rest)
        for root, path, *rest in rows
    ]


def photos_of_files(connection: sqlite3.Connection, ids: Sequence[int]) -> list[int]:
    found: set[int] = set()
    for begin in range(0, len(ids), IDS_A_STATEMENT):
        part = ids[begin : begin + IDS_A_STATEMENT]
        marks = ",".join("?" * len(part))
        found.update(
            row[0]
            for row in connection.execute(f"SELECT photo FROM files WHERE id IN ({marks}) AND photo", part)
        )
    return sorted(found)


def recount_photos(db: Tables, photos: Iterable[int]) -> None:
    """How many files of each photo are not missing, and the earliest-named date among them."""
    db.conn.executemany(
        "UPDATE photos SET here = (SELECT count(*) FROM files WHERE photo = photos.id AND state != 'missing') WHERE id = ?",
        [(photo,) for photo in photos],
    )


def files_below(connection: sqlite3.Connection, root: int, folder: bytes) -> dict[bytes, KnownFile]:
    """The same as `known_files`, for one folder (b"" for all) or one file."""
    if not folder:
        return known_files(connection, root)
    rows = connection.execute(
        "SELECT path, id, size_bytes, mtime_ns, inode, state, kind, coalesce(photo, was_photo) FROM files"
        " WHERE root = ? AND (path = ? OR (path > ? AND path < ?))",
        # "0" follows "/" in ASCII: everything that begins with the folder and a separator.
        (root, folder, folder + b"/", folder + b"0")
        if os.sep == "/"
        else (root, folder, folder + b"\\", folder + b"]"),
    )
    return {row[0]: KnownFile(*row[1:]) for row in rows}


def record_unreadable(db: Tables, root: int, below: bytes, folders: Iterable[tuple[bytes, str]]) -> None:
    """Folders that could not be listed now, in place of those noted before."""
    for path, known in files_below(db.conn, root, below).items():
        if known.kind == "folder":
            db.conn.execute("DELETE FROM files WHERE root = ? AND path = ?", (root, path))
    db.conn.executemany(
        # A known file whose folder may not be entered keeps its own row.
        "INSERT OR IGNORE INTO files (root, path, name, kind, size_bytes, mtime_ns, inode, fault_stage, fault_code, fault_reason)"
        " VALUES (?, ?, ?, 'folder', 0, 0, 0, 'scan', 'no-permission', ?)",
        [(root, path, display_name(path), reason) for path, reason in folders],
    )


def note_inode(db: Tables, file: int, seen: SeenFile) -> None:
    """The inode of an unchanged file (it changes when a drive is mounted again)."""
    db.conn.execute("UPDATE files SET inode = ? WHERE id = ?", (seen.inode, file))


def note_change(db: Tables, file: int, seen: SeenFile) -> None:
    """A changed file is new again until it was looked into; what it showed before is still known."""
    db.conn.execute(
        "UPDATE files SET kind = 'new', size_bytes = ?, mtime_ns = ?, inode = ? WHERE id = ?",
        (seen.size_bytes, seen.mtime_ns, seen.inode, file),
    )


def files_of_photos_without_vector(
    connection: sqlite3.Connection, space: str, root: int
) -> list[FileToIndex]:
    """One readable file of each photo that this space has no vector of."""
    rows = connection.execute(
        "SELECT min(files.id), path, photo FROM files WHERE root = ? AND state = 'here' AND photo AND NOT EXISTS"
        " (SELECT 1 FROM vectors WHERE space = ? AND vectors.photo = files.photo) GROUP BY photo",
        (root, space),
    )
    return [FileToIndex(*row) for row in rows]


def files_of_photos(connection: sqlite3.Connection, root: int, photos: Sequence[int]) -> list[FileToIndex]:
    """One readable file below this root of each of these photos that has one."""
    found: list[FileToIndex] = []
    for begin in range(0, len(photos), IDS_A_STATEMENT):
        part = photos[begin : begin + IDS_A_STATEMENT]
        marks = ",".join("?" * len(part))
        rows = connection.execute(
            f"SELECT min(id), path, photo FROM files WHERE root = ? AND state = 'here' AND photo IN ({marks}) GROUP BY photo",
            (root, *part),
        )
        found += [FileToIndex(*row) for row in rows]
    return found


def has_bytes(connection: sqlite3.Connection, photo: int, file_hash: bytes) -> bool:
    """Whether a file of exactly these bytes is known to show this photo."""
    row = connection.execute(
        "SELECT 1 FROM files WHERE file_hash = ? AND photo = ?", (file_hash, photo)
    ).fetchone()
    return row is not None
