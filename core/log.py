"""The rotating log file `log/shiguang.log` of a library: what a bug report needs, never a photo's content."""

from __future__ import annotations

import logging
import logging.handlers
import sys
from pathlib import Path

# Three old files of 2 MB beside the current one: weeks of use, small enough to send by mail.
FILE_BYTES = 2_000_000
OLD_FILES = 3


def start_log(folder: Path, *, verbose: bool = False) -> None:
    """Send the program's log to `folder`/shiguang.log (made when missing), with -v to stderr as well.

    Calling it again moves the log to the new folder. A folder that cannot be written costs the file, not the run.
    """
    root = logging.getLogger("shiguang")
    root.setLevel(logging.DEBUG if verbose else logging.INFO)
    root.propagate = False
    for handler in list(root.handlers):
        root.removeHandler(handler)
        handler.close()
    if verbose:
        root.addHandler(logging.StreamHandler(sys.stderr))
    try:
        folder.mkdir(parents=True, exist_ok=True)
        file = logging.handlers.RotatingFileHandler(
            folder / "shiguang.log",
            maxBytes=FILE_BYTES,
            backupCount=OLD_FILES,
            encoding="utf-8",
            errors="backslashreplace",
        )
    except OSError:
        root.addHandler(logging.NullHandler())
        return
    file.setFormatter(logging.Formatter("%(asctime)s %(process)d %(levelname)s %(name)s: %(message)s"))
    root.addHandler(file)


def stop_log() -> None:
    """Close the log file (a library on a drive must be unpluggable afterwards)."""
    root = logging.getLogger("shiguang")
    for handler in list(root.handlers):
        root.removeHandler(handler)
        handler.close()


def logger(name: str) -> logging.Logger:
    """The logger of one module: `log = logger(__name__)`."""
    return logging.getLogger(f"shiguang.{name.removeprefix('core.')}")
