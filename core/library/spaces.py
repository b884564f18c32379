"""Which spaces there are, how far each is, and which row of a space's vector file belongs to which photo.

A space is `building` until it holds every photo that can be encoded, then `in use` (one at most), and `kept`
when another took its place; `dropped` ones are being taken away. Writing functions run inside `Database.write`.
"""

from __future__ import annotations

import os
import sqlite3
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from sqlite_utils import Database as Tables

BUILDING, IN_USE, KEPT, DROPPED = "building", "in use", "kept", "dropped"
# Rows deleted in one transaction: 20 ms, so that a decision made meanwhile does not wait.
ROWS_A_DELETION = 20_000
# A photo's row in `vectors` with its two indexes: 121 bytes measured at 100,000 photos, added newest first.
RECORD_BYTES = 121


@dataclass(frozen=True, slots=True)
class SpaceRecord:
    """One model's vectors of this library.

    reason      why its build stopped the last time, "" where nothing is wrong
    began_at    and finished_at: unix seconds of its last build, None where it had none
    left_out    photos that could not be encoded when it was finished
    vectors     photos that have one; only `every_space` counts them
    """

    id: str
    model: str
    width: int
    state: str
    reason: str = ""
    began_at: float | None = None
    finished_at: float | None = None
    left_out: int = 0
    vectors: int = 0


@dataclass(frozen=True, slots=True)
class PhotoFile:
    """A file that shows a photo now. `path` is absolute; `picture_hash` is the photo's."""

    photo: int
    picture_hash: bytes
    file: int
    path: bytes


_COLUMNS = "id, model, width, state, reason, began_at, finished_at, left_out"


def bytes_of(photos: int, width: int) -> int:
    """What the vectors of so many photos take on the disk: float16 rows, and their records."""
    return photos * (2 * width + RECORD_BYTES)


# ---- spaces


def active_space(connection: sqlite3.Connection) -> SpaceRecord | None:
    """The space that searches use."""
    return _one(connection, "state = ?", IN_USE)


def space_of_id(connection: sqlite3.Connection, space: str) -> SpaceRecord | None:
    return _one(connection, "id = ?", space)


def space_being_built(connection: sqlite3.Connection) -> SpaceRecord | None:
    """The build that is under way or was interrupted, the newest where there are several."""
    return _one(connection, "state = ? ORDER BY began_at DESC LIMIT 1", BUILDING)


def every_space(connection: sqlite3.Connection) -> list[SpaceRecord]:
    """All of them with their vectors counted, the one in use first."""
    rows = connection.execute(
        f"SELECT {_COLUMNS}, (SELECT count(*) FROM vectors WHERE space = spaces.id) FROM spaces"
        " ORDER BY state != 'in use', model, began_at"
    )
    return [SpaceRecord(*row) for row in rows]


def _one(connection: sqlite3.Connection, where: str, value: str) -> SpaceRecord | None:
    row = connection.execute(f"SELECT {_COLUMNS} FROM spaces WHERE {where}", (value,)).fetchone()
    return SpaceRecord(*row) if row else None


def begin_space(db: Tables, space: str, model: str, width: int) -> None:
    """Build this space from now on, or go on building it. Another one that was being built is given up and kept."""
    db.conn.execute("UPDATE spaces SET state = ? WHERE state = ? AND id != ?", (KEPT, BUILDING, space))
    db.conn.execute(
        "INSERT INTO spaces (id, model, width, state, began_at) VALUES (?, ?, ?, ?, ?) ON CONFLICT (id) DO UPDATE"
        " SET state = excluded.state, model = excluded.model, reason = '',"
        # An interrupted build began when it first began.
        " began_at = CASE WHEN state = excluded.state THEN began_at ELSE excluded.began_at END",
        (space, model, width, BUILDING, time.time()),
    )


def fill_beside(db: Tables, space: str, model: str, width: int) -> None:
    """Keep this space beside the one in use, where it is not known yet; one that is stays what it is."""
    db.conn.execute(
        "INSERT INTO spaces (id, model, width, state, began_at) VALUES (?, ?, ?, ?, ?) ON CONFLICT (id) DO NOTHING",
        (space, model, width, KEPT, time.time()),
    )


def note_stop(db: Tables, space: str, reason: str) -> None:
    """Why a build did not come to its end."""
    db.conn.execute("UPDATE spaces SET reason = ? WHERE id = ?", (reason, space))


def use_space(db: Tables, space: str, model: str, width: int) -> None:
    """Make this the space that searches use; the others stay until they are dropped."""
    db.conn.execute("UPDATE spaces SET state = ? WHERE state = ?", (KEPT, IN_USE))
    db.conn.execute(
        "INSERT INTO spaces (id, model, width, state) VALUES (?, ?, ?, ?)"
        " ON CONFLICT (id) DO UPDATE SET state = excluded.state, model = excluded.model, reason = ''",
        (space, model, width, IN_USE),
    )


def note_finished(db: Tables, space: str, left_out: int) -> None:
    """The build came to its end without these many photos."""
    db.conn.execute(
        "UPDATE spaces SET finished_at = ?, left_out = ? WHERE id = ?", (time.time(), left_out, space)
    )


def keep_space(db: Tables, space: str) -> None:
    """A space that is complete, or given up, and not in use."""
    db.conn.execute("UPDATE spaces SET state = ? WHERE id = ?", (KEPT, space))


def mark_dropped(db: Tables, space: str) -> None:
    """Nothing looks at this space any more; `delete_some_rows` and `forget_space` take it away."""
    db.conn.execute("UPDATE spaces SET state = ? WHERE id = ?", (DROPPED, space))


def delete_some_rows(db: Tables, space: str) -> int:
    """Delete up to ROWS_A_DELETION rows of vectors, or else of members, of a dropped space; how many."""
    for table, key in (("vectors", "space, photo"), ("album_members", "space, album, photo")):
        deleted = db.conn.execute(
            f"DELETE FROM {table} WHERE ({key}) IN (SELECT {key} FROM {table} WHERE space = ? LIMIT ?)",
            (space, ROWS_A_DELETION),
        ).rowcount
        if deleted:
            return deleted
    return 0


def forget_space(db: Tables, space: str) -> None:
    """Take the record of a dropped space away, with its prompts; `delete_some_rows` came before."""
    db.conn.execute("DELETE FROM text_embeddings WHERE space = ?", (space,))
    db.conn.execute("DELETE FROM spaces WHERE id = ? AND state = ?", (space, DROPPED))


# ---- vectors


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


def set_rows_of_pictures(db: Tables, space: str, rows: Iterable[tuple[int, int, bytes]]) -> None:
    """(photo, row, picture hash): as `set_rows`, but for photos that still show that picture."""
    db.conn.executemany(
        "INSERT INTO vectors (space, photo, row) SELECT ?, id, ? FROM photos WHERE id = ? AND picture_hash = ?"
        " ON CONFLICT (space, photo) DO UPDATE SET row = excluded.row",
        [(space, row, photo, picture_hash) for photo, row, picture_hash in rows],
    )


def forget_rows_from(db: Tables, space: str, row: int) -> int:
    """Drop rows that the vector file does not hold any more; how many. Their photos are encoded again."""
    return db.conn.execute("DELETE FROM vectors WHERE space = ? AND row >= ?", (space, row)).rowcount


def forget_vectors_elsewhere(db: Tables, photo: int, space: str, picture_hash: bytes) -> None:
    """Before a photo's picture is replaced: where it changes, the vectors in all other spaces are an old picture's."""
    db.conn.execute(
        "DELETE FROM vectors WHERE photo = ? AND space != ?"
        " AND EXISTS (SELECT 1 FROM photos WHERE id = vectors.photo AND picture_hash != ?)",
        (photo, space, picture_hash),
    )


def has_vector(connection: sqlite3.Connection, space: str, photo: int) -> bool:
    return (
        connection.execute("SELECT 1 FROM vectors WHERE space = ? AND photo = ?", (space, photo)).fetchone()
        is not None
    )


_WITHOUT_VECTOR = (
    "here > 0 AND NOT EXISTS (SELECT 1 FROM vectors WHERE space = ? AND vectors.photo = photos.id)"
)


def count_without_vector(connection: sqlite3.Connection, space: str) -> int:
    """Photos that are to be seen and have no vector in this space."""
    row = connection.execute(f"SELECT count(*) FROM photos WHERE {_WITHOUT_VECTOR}", (space,)).fetchone()
    return int(row[0])


def files_to_encode(
    connection: sqlite3.Connection, space: str, limit: int, among: Sequence[int] = ()
) -> list[PhotoFile]:
    """Up to `limit` readable files of photos without a vector in this space, the newest photos first.

    among  these photos alone, where there are any; a few hundred at most
    """
    chosen = f" AND photos.id IN ({','.join('?' * len(among))})" if among else ""
    rows = connection.execute(
        "SELECT photos.id, picture_hash, files.id, roots.path, files.path"
        " FROM photos JOIN files ON files.photo = photos.id JOIN roots ON roots.id = files.root"
        # A file of kind "new" has changed and was not looked into yet: what it shows now is not known.
        f" WHERE {_WITHOUT_VECTOR} AND files.state = 'here' AND files.kind != 'new' AND watched{chosen}"
        " ORDER BY taken DESC, photos.id DESC, files.id LIMIT ?",
        (space, *among, limit),
    )
    return [PhotoFile(photo, bytes(sum_), file, os.path.join(*path)) for photo, sum_, file, *path in rows]


def photos_in_both(connection: sqlite3.Connection, one: str, other: str) -> set[int]:
    """Photos that have a vector in each of two spaces."""
    rows = connection.execute(
        "SELECT photo FROM vectors WHERE space = ? INTERSECT SELECT photo FROM vectors WHERE space = ?",
        (one, other),
    )
    return {row[0] for row in rows}
