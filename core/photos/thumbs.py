"""Thumbnails: JPEG bytes by photo, in an SQLite file of their own (`thumbs.db`).

They can be made again, so this file is never backed up and a broken one is thrown away.
"""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterable, Sequence
from pathlib import Path

from core.errors import DiskFull, LibraryError
from core.library.frozen import connect_frozen, is_frozen
from core.log import logger

log = logger(__name__)

FILE = "thumbs.db"
IDS_A_STATEMENT = 10_000
BUSY_TIMEOUT_S = 10.0


class Thumbs:
    """Read from any thread, written by one. `get` never waits for a write (WAL)."""

    def __init__(self, folder: Path, *, writable: bool) -> None:
        self._path = folder / FILE
        self._writable = writable
        self._local = threading.local()
        self._all: list[sqlite3.Connection] = []
        self._guard = threading.Lock()
        if writable:
            self._check()

    def get(self, photos: Sequence[int]) -> dict[int, bytes]:
        """The thumbnails of these photos that there are."""
        found: dict[int, bytes] = {}
        for begin in range(0, len(photos), IDS_A_STATEMENT):
            part = list(photos[begin : begin + IDS_A_STATEMENT])
            marks = ",".join("?" * len(part))
            rows = self._connection().execute(
                f"SELECT photo, jpeg FROM thumbs WHERE photo IN ({marks})", part
            )
            found.update(rows.fetchall())
        return found

    def photos(self) -> frozenset[int]:
        """The photos that have one."""
        return frozenset(row[0] for row in self._connection().execute("SELECT photo FROM thumbs"))

    def put(self, thumbs: Iterable[tuple[int, bytes]]) -> None:
        """Add or replace, in one transaction. Raises DiskFull."""
        connection = self._connection()
        try:
            connection.execute("BEGIN IMMEDIATE")
            connection.executemany("INSERT OR REPLACE INTO thumbs (photo, jpeg) VALUES (?, ?)", thumbs)
            connection.execute("COMMIT")
        except sqlite3.Error as error:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
            if "full" in str(error):
                raise DiskFull("The disk that holds the library is full.") from error
            raise

    def close_thread(self) -> None:
        """Close this thread's connection; a thread that ends before the library does owes this."""
        connection: sqlite3.Connection | None = self._local.__dict__.pop("connection", None)
        if connection is not None:
            with self._guard:
                self._all.remove(connection)
            connection.close()

    def close(self) -> None:
        with self._guard:
            for connection in self._all:
                connection.close()
            self._all.clear()
        self._local = threading.local()

    def _connection(self) -> sqlite3.Connection:
        connection: sqlite3.Connection | None = getattr(self._local, "connection", None)
        if connection is None:
            connection = self._connect()
            self._local.connection = connection
            with self._guard:
                self._all.append(connection)
        return connection

    def _connect(self) -> sqlite3.Connection:
        if is_frozen(self._path):
            return connect_frozen(self._path, BUSY_TIMEOUT_S)
        connection = sqlite3.connect(
            self._path, timeout=BUSY_TIMEOUT_S, isolation_level=None, check_same_thread=False
        )
        connection.execute("PRAGMA journal_mode = WAL")
        # A thumbnail lost in a power cut is made again; waiting for the disk would slow every batch.
        connection.execute("PRAGMA synchronous = NORMAL")
        connection.execute(
            "CREATE TABLE IF NOT EXISTS thumbs (photo INTEGER PRIMARY KEY, jpeg BLOB NOT NULL)"
        )
        return connection

    def _check(self) -> None:
        try:
            self._connection().execute("SELECT photo FROM thumbs LIMIT 1").fetchone()
        except sqlite3.DatabaseError as error:
            if not getattr(error, "sqlite_errorname", "").startswith(("SQLITE_CORRUPT", "SQLITE_NOTADB")):
                raise LibraryError(f"The thumbnails cannot be opened: {error}.") from error
            log.warning("the thumbnails are made again: %s", error)
            self.close()
            for suffix in ("", "-wal", "-shm"):
                Path(f"{self._path}{suffix}").unlink(missing_ok=True)
            self._connection()
