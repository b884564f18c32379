"""Only one program writes a library at a time: an operating-system lock on the file `lock`.

The lock belongs to the open file and goes with the process, so a `kill -9` never leaves one behind.
The file's text names the holder, for the message that a second program shows.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import IO

from core.errors import LibraryLocked


class Lock:
    """Holds the library for this process from `take` to `release`. Raises LibraryLocked when another holds it."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file: IO[bytes] | None = None

    def take(self) -> None:
        file = self._path.open("a+b")
        try:
            _lock(file)
        except OSError as error:
            holder = _holder(self._path)
            file.close()
            raise LibraryLocked(f"This library is in use by {holder}.") from error
        # The name stands behind the locked first byte, so that Windows lets others read it.
        file.seek(0)
        file.truncate()
        file.write(f" {Path(sys.argv[0]).name or 'shiguang'} (process {os.getpid()})".encode())
        file.flush()
        self._file = file

    def release(self) -> None:
        if self._file is not None:
            self._file.close()
            self._file = None


def _holder(path: Path) -> str:
    try:
        with path.open("rb") as file:
            file.seek(1)
            return file.read(200).decode(errors="replace") or "another program"
    except OSError:
        return "another program"


if sys.platform == "win32":
    import msvcrt

    def _lock(file: IO[bytes]) -> None:
        file.seek(0)
        msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)

else:
    import fcntl

    def _lock(file: IO[bytes]) -> None:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
