"""The watched folders. A root is remembered by its path and by the disk it lies on."""

from __future__ import annotations

import os
import sqlite3
import time
from dataclasses import dataclass

from sqlite_utils import Database as Tables

from core.library.files import display_name, recount_photos


@dataclass(frozen=True, slots=True)
class Root:
    """`path` is absolute, as bytes; `state` is here, offline (its disk is away) or gone (the folder is away)."""

    id: int
    path: bytes
    volume: str
    in_volume: bytes
    state: str
    scanned_at: float | None

    @property
    def display(self) -> str:
        return os.fsdecode(self.path)


_COLUMNS = "id, path, volume, in_volume, state, scanned_at"


def watched_roots(connection: sqlite3.Connection) -> list[Root]:
    rows = connection.execute(f"SELECT {_COLUMNS} FROM roots WHERE watched ORDER BY path")
    return [Root(*row) for row in rows]


def root_by_path(connection: sqlite3.Connection, path: bytes) -> Root | None:
    row = connection.execute(f"SELECT {_COLUMNS} FROM roots WHERE path = ?", (path,)).fetchone()
    return Root(*row) if row else None


def watch_root(db: Tables, path: bytes, volume: str, in_volume: bytes) -> int:
    """Watch a folder; the id of the root that covers it.

    Inside a root that is already watched this changes nothing; a parent of watched roots takes them in
    with all their files, so that no file ever lies under two roots.
    """
    path = path.rstrip(os.sep.encode()) or path
    inside = [root for root in watched_roots(db.conn) if below_root(path, root.path) is not None]
    if inside:
        return inside[0].id
    twin = _same_folder(db.conn, volume, in_volume)
    if twin is not None and twin.path != path and root_by_path(db.conn, path) is None:
        # The same disk at another mount point: the same root, with all that is known of it.
        move_root(db, twin.id, path)
    existing = root_by_path(db.conn, path)
    if existing is not None:
        db.conn.execute(
            "UPDATE roots SET watched = 1, volume = ?, in_volume = ?, state = 'here' WHERE id = ?",
            (volume, in_volume, existing.id),
        )
        root_id = existing.id
    else:
        root_id = int(
            db.conn.execute(
                "INSERT INTO roots (path, volume, in_volume) VALUES (?, ?, ?)", (path, volume, in_volume)
            ).lastrowid
            or 0
        )
    for child_id, child_path in db.conn.execute(
        "SELECT id, path FROM roots WHERE id != ?", (root_id,)
    ).fetchall():
        below = below_root(child_path, path)
        if below:
            _take_in(db, child_id, root_id, below + os.sep.encode())
    return root_id


def watch_again(db: Tables, root_id: int) -> None:
    """Where it was given up while it is away. Looking through the folders finds its files again when it is back."""
    db.conn.execute("UPDATE roots SET watched = 1 WHERE id = ?", (root_id,))


def unwatch_root(db: Tables, root_id: int) -> None:
    """Stop watching. Its photos leave the view; what was said about them stays until it is purged."""
    db.conn.execute("UPDATE roots SET watched = 0 WHERE id = ?", (root_id,))
    set_files_state(db, root_id, "missing")


def mark_root(db: Tables, root_id: int, state: str) -> None:
    """Say that a root is here, offline or gone; its files follow. Nothing is deleted."""
    db.conn.execute("UPDATE roots SET state = ? WHERE id = ?", (state, root_id))
    if state == "here":
        db.conn.execute("UPDATE files SET state = 'here' WHERE root = ? AND state = 'offline'", (root_id,))
    else:
        # A folder that is away on a disk that is here may be on its way elsewhere: nothing is taken away for that.
        db.conn.execute("UPDATE files SET state = 'offline' WHERE root = ? AND state = 'here'", (root_id,))


def move_root(db: Tables, root_id: int, path: bytes) -> None:
    """The same disk came back at another mount point."""
    db.conn.execute("UPDATE roots SET path = ?, state = 'here' WHERE id = ?", (path, root_id))


_EMPTY = "state = 'gone' AND NOT EXISTS (SELECT 1 FROM files WHERE root = roots.id)"


def has_empty_roots(connection: sqlite3.Connection) -> bool:
    return connection.execute(f"SELECT 1 FROM roots WHERE {_EMPTY}").fetchone() is not None


def forget_empty_roots(db: Tables) -> None:
    """A folder that is gone, and whose files were all found again elsewhere, was renamed: it needs no memory."""
    db.conn.execute(f"DELETE FROM roots WHERE {_EMPTY}")


def mark_scanned(db: Tables, root_id: int) -> None:
    db.conn.execute("UPDATE roots SET scanned_at = ? WHERE id = ?", (time.time(), root_id))


def set_files_state(db: Tables, root_id: int, state: str) -> None:
    db.conn.execute("UPDATE files SET state = ? WHERE root = ?", (state, root_id))
    photos = [
        row[0]
        for row in db.conn.execute("SELECT DISTINCT photo FROM files WHERE root = ? AND photo", (root_id,))
    ]
    recount_photos(db, photos)


def below_root(path: bytes, root: bytes) -> bytes | None:
    """`path` relative to `root`, b"" when they are the same, None when it lies elsewhere."""
    if path == root:
        return b""
    prefix = root.rstrip(os.sep.encode()) + os.sep.encode()
    return path[len(prefix) :] if path.startswith(prefix) else None


def _same_folder(connection: sqlite3.Connection, volume: str, in_volume: bytes) -> Root | None:
    row = connection.execute(
        f"SELECT {_COLUMNS} FROM roots WHERE volume = ? AND in_volume = ?", (volume, in_volume)
    ).fetchone()
    return Root(*row) if row else None


def _take_in(db: Tables, child: int, parent: int, prefix: bytes) -> None:
    # Rows that the parent has already seen itself give way to the child's, which are newer.
    twice = "root = ? AND path IN (SELECT CAST(? || path AS BLOB) FROM files WHERE root = ?)"
    lost = db.conn.execute(
        f"SELECT photo FROM files WHERE photo AND {twice}", (parent, prefix, child)
    ).fetchall()
    db.conn.execute(f"DELETE FROM files WHERE {twice}", (parent, prefix, child))
    db.conn.execute(
        "UPDATE files SET root = ?, path = CAST(? || path AS BLOB), name = ? || name WHERE root = ?",
        (parent, prefix, display_name(prefix), child),
    )
    recount_photos(db, {row[0] for row in lost})
    db.conn.execute("DELETE FROM roots WHERE id = ?", (child,))
