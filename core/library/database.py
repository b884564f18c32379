"""One SQLite file, one writer thread, any number of readers.

`Database.write(change)` runs `change(db)` on the writer thread inside one transaction and returns its
result; a change that raises is rolled back whole and raises in the caller. Readers have a connection
per thread and see the last committed state (WAL), so a search never waits for an import.

Opening takes the library's lock (for writing), refuses a newer database, and brings an older one up to
date: a backup by SQLite's own backup call first, then each numbered migration in one transaction with
its `user_version`.
"""

from __future__ import annotations

import contextlib
import importlib
import pkgutil
import queue
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from pathlib import Path
from typing import Any, TypeVar

from sqlite_utils import Database as Tables

from core.errors import DiskFull, LibraryDamaged, LibraryError, LibraryLocked, LibraryMissing, LibraryNewer
from core.library import migrations
from core.library.frozen import connect_frozen, is_frozen
from core.library.lock import Lock
from core.log import logger

log = logger(__name__)
T = TypeVar("T")
Change = Callable[[Tables], T]

FILE = "library.db"
# Old states kept in `backups`, one from before each migration.
BACKUPS_KEPT = 5
# How long a reader waits for a checkpoint that holds the file, in seconds.
BUSY_TIMEOUT_S = 10.0


class Database:
    """An open library database. Make it with `open_for_writing` or `open_for_reading`; close it."""

    def __init__(self, path: Path, lock: Lock | None) -> None:
        self.path = path
        self._lock = lock
        self._local = threading.local()
        self._readers: list[sqlite3.Connection] = []
        self._readers_guard = threading.Lock()
        self._changes: queue.SimpleQueue[tuple[Change[Any], Future[Any]] | None] = queue.SimpleQueue()
        self._writer: threading.Thread | None = None
        self._closed = False
        if lock is not None:
            self._writer = threading.Thread(target=self._write_changes, name="library writer", daemon=True)
            self._writer.start()

    @property
    def is_writable(self) -> bool:
        return self._lock is not None

    def reader(self) -> sqlite3.Connection:
        """This thread's reading connection. Rows are tuples; it must not be handed to another thread."""
        connection: sqlite3.Connection | None = getattr(self._local, "connection", None)
        if connection is None:
            connection = _connect(self.path)
            connection.execute("PRAGMA query_only = 1")
            self._local.connection = connection
            with self._readers_guard:
                self._readers.append(connection)
        return connection

    def close_reader(self) -> None:
        """Close this thread's reading connection; a thread that ends before the library does owes this."""
        connection: sqlite3.Connection | None = self._local.__dict__.pop("connection", None)
        if connection is not None:
            with self._readers_guard:
                self._readers.remove(connection)
            connection.close()

    def write(self, change: Change[T]) -> T:
        """Run `change(db)` in one transaction on the writer thread; its result, or what it raised."""
        return self.write_soon(change).result()

    def write_soon(self, change: Change[T]) -> Future[T]:
        """Like `write`, without waiting. Changes are run in the order they were handed in."""
        if self._writer is None or self._closed:
            raise LibraryLocked("This library was opened for reading only.")
        future: Future[T] = Future()
        self._changes.put((change, future))
        return future

    def close(self) -> None:
        """Finish what was handed in, then close every connection and give the lock back."""
        if self._closed:
            return
        self._closed = True
        if self._writer is not None:
            self._changes.put(None)
            self._writer.join()
        with self._readers_guard:
            for connection in self._readers:
                connection.close()
            self._readers.clear()
        if self._lock is not None:
            self._lock.release()

    def _write_changes(self) -> None:
        connection = _connect(self.path)
        tables = Tables(connection)
        try:
            while (entry := self._changes.get()) is not None:
                change, future = entry
                try:
                    with tables.atomic():
                        result = change(tables)
                except BaseException as error:  # noqa: BLE001 - it is raised again in the caller's thread
                    future.set_exception(_translated(error))
                else:
                    future.set_result(result)
        finally:
            connection.close()


def open_for_writing(folder: Path) -> Database:
    """Open the library in `folder`, making it when it is not there.

    Raises LibraryLocked, LibraryNewer, LibraryDamaged, or DiskFull.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock = Lock(folder / "lock")
        lock.take()
    except OSError as error:
        raise LibraryError(f"The library folder {folder} cannot be written: {error.strerror}.") from error
    path = folder / FILE
    try:
        with _opened(path) as connection:
            _migrate(connection, folder / "backups")
        return Database(path, lock)
    except BaseException:
        lock.release()
        raise


def open_for_reading(folder: Path) -> Database:
    """Open an existing library beside whoever writes it. Raises LibraryMissing, LibraryNewer, LibraryDamaged."""
    path = folder / FILE
    if not path.exists():
        raise LibraryMissing(f"There is no library in {folder}.")
    with _opened(path) as connection:
        version = _version(connection)
    if version < latest_version():
        # An older library must be brought up to date once, which needs the lock.
        open_for_writing(folder).close()
    return Database(path, None)


def latest_version() -> int:
    return max(number for number, _ in _migrations())


def backup_to(connection: sqlite3.Connection, target: Path) -> None:
    """A complete copy of a live database, written new and then renamed into place."""
    target.parent.mkdir(parents=True, exist_ok=True)
    partial = target.with_suffix(".partial")
    partial.unlink(missing_ok=True)
    copy = sqlite3.connect(partial)
    try:
        connection.backup(copy)
    finally:
        copy.close()
    partial.replace(target)


@contextlib.contextmanager
def _opened(path: Path) -> Iterator[sqlite3.Connection]:
    connection: sqlite3.Connection | None = None
    try:
        connection = _connect(path)
        _refuse_newer(connection, path)
        yield connection
    except sqlite3.Error as error:
        raise _translated(error) from error
    finally:
        if connection is not None:
            connection.close()


def _connect(path: Path) -> sqlite3.Connection:
    if is_frozen(path):
        return connect_frozen(path, BUSY_TIMEOUT_S)
    # Each connection is used by one thread only; it is closed from the thread that closes the library.
    connection = sqlite3.connect(path, timeout=BUSY_TIMEOUT_S, isolation_level=None, check_same_thread=False)
    connection.execute("PRAGMA journal_mode = WAL")
    # FULL: a decision that was confirmed is on the disk, also after a power cut.
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute("PRAGMA foreign_keys = ON")
    return connection


def _version(connection: sqlite3.Connection) -> int:
    return int(connection.execute("PRAGMA user_version").fetchone()[0])


def _refuse_newer(connection: sqlite3.Connection, path: Path) -> None:
    version = _version(connection)
    if version > latest_version():
        raise LibraryNewer(
            f"The library {path.parent} was written by a newer Shiguang (version {version}, this one knows {latest_version()})."
        )


def _migrations() -> list[tuple[int, str]]:
    """(number, module name) of every migration, in order."""
    names = sorted(m.name for m in pkgutil.iter_modules(migrations.__path__) if m.name[:3].isdigit())
    return [(int(name[:3]), f"{migrations.__name__}.{name}") for name in names]


def _migrate(connection: sqlite3.Connection, backups: Path) -> None:
    tables = Tables(connection)
    version = _version(connection)
    waiting = [(number, name) for number, name in _migrations() if number > version]
    if version > 0 and waiting:
        backup_to(connection, backups / f"library-v{version:03}-{time.strftime('%Y%m%d-%H%M%S')}.db")
        for old in sorted(backups.glob("library-v*.db"))[:-BACKUPS_KEPT]:
            old.unlink(missing_ok=True)
    for number, name in waiting:
        migration = importlib.import_module(name)
        log.info("migration %03d: %s", number, (migration.__doc__ or "").strip().splitlines()[0])
        with tables.atomic():
            migration.apply(tables)
            tables.conn.execute(f"PRAGMA user_version = {number}")


def _translated(error: BaseException) -> BaseException:
    """SQLite's complaints about the world in our own words; anything else as it is."""
    if not isinstance(error, sqlite3.Error):
        return error
    code = getattr(error, "sqlite_errorname", "") or ""
    known: LibraryError | None = None
    if code.startswith("SQLITE_FULL") or "disk is full" in str(error):
        known = DiskFull("The disk that holds the library is full.")
    elif code.startswith(("SQLITE_CORRUPT", "SQLITE_NOTADB")):
        known = LibraryDamaged(f"The library's database is damaged: {error}.")
    elif code.startswith(("SQLITE_BUSY", "SQLITE_LOCKED")):
        known = LibraryLocked("The library's database is busy.")
    elif code.startswith(("SQLITE_IOERR", "SQLITE_CANTOPEN", "SQLITE_READONLY")):
        known = LibraryError(f"The library's database cannot be used: {error}.")
    if known is None:
        return error
    known.__cause__ = error
    return known
