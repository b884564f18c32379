"""SQLite files on a medium that is read-only as a whole: a disk that the system has given up, a snapshot, a share.

SQLite cannot make there what readers and a writer share beside the file. As nobody can write, none is needed: the file
is opened as immutable (https://www.sqlite.org/uri.html). What the last writer did not take into it is lost to that
way of reading, so a file with such a rest beside it is refused.
"""

from __future__ import annotations

import os
import sqlite3
from pathlib import Path

from core.errors import LibraryError


def is_frozen(path: Path) -> bool:
    """Whether nobody can write there. Of a folder that this account alone may not write to nothing is said."""
    if not hasattr(os, "statvfs"):
        return False
    try:
        return bool(os.statvfs(path).f_flag & os.ST_RDONLY)
    except OSError:
        return False


def connect_frozen(path: Path, timeout_s: float) -> sqlite3.Connection:
    """Raises LibraryError where a rest lies beside the file."""
    rest = Path(f"{path}-wal")
    if rest.exists() and rest.stat().st_size:
        raise LibraryError(
            f"{path} lies on a disk that cannot be written to, and its last changes lie beside it.",
            what_to_do="Copy the library's folder to another disk and open it there: --library FOLDER.",
        )
    return sqlite3.connect(
        f"{path.absolute().as_uri()}?mode=ro&immutable=1",
        uri=True,
        timeout=timeout_s,
        isolation_level=None,
        check_same_thread=False,
    )
