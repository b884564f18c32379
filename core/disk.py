"""Writing to a disk that may be full, or lose its power in the middle."""

from __future__ import annotations

import contextlib
import errno
import glob
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from core.errors import DiskFull

# What nobody has written to for as long was left by a kill; settings and the like are written in a moment.
ABANDONED_S = 3600.0


def is_full(error: BaseException) -> bool:
    """Whether it says that there is no room left, or that one's share of it is used up.

    torch, safetensors and ONNX's exporter wrap the system's error in their own: what an error came of counts, too.
    """
    seen: BaseException | None = error
    while seen is not None:
        if isinstance(seen, OSError) and seen.errno in (errno.ENOSPC, errno.EDQUOT):
            return True
        if "No space left on device" in str(seen):
            return True
        seen = seen.__cause__ or seen.__context__
    return False


@contextmanager
def full_disk_said(path: Path) -> Iterator[None]:
    """What is written at `path` within it raises DiskFull where the disk is full, and its own errors else."""
    try:
        yield
    except Exception as error:
        if is_full(error) and not isinstance(error, DiskFull):
            raise DiskFull(
                f"The disk is full: {path} cannot be written.",
                what_to_do="Free some space there and start again; nothing is lost.",
            ) from error
        raise


@contextmanager
def written_whole(path: Path, *, shared: bool = False) -> Iterator[BinaryIO]:
    """What is written into it takes the place of `path` at the end, in one rename; its folder is made.

    A power cut or a failure leaves the file before or the new one, never half of one.

    shared  other processes may write the same file at the same time: each does it in an unfinished file of its own,
            and the last one counts; what a kill has left of one goes an hour later, with the next writing
    Raises DiskFull, or OSError as the system says it.
    """
    partial = path.with_name(f"{path.name}.{os.getpid()}.partial" if shared else f"{path.name}.partial")
    with full_disk_said(path):
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            if shared:
                _sweep_abandoned(path)
            with partial.open("wb") as file:
                yield file
                file.flush()
                os.fsync(file.fileno())
            partial.replace(path)
            sync_folder(path.parent)
        finally:
            partial.unlink(missing_ok=True)


def _sweep_abandoned(path: Path) -> None:
    """Take away the unfinished files that killed processes have left beside `path`."""
    for left in path.parent.glob(f"{glob.escape(path.name)}.*.partial"):
        with contextlib.suppress(OSError):
            if time.time() - left.stat().st_mtime > ABANDONED_S:
                left.unlink()


def sync_folder(folder: str | bytes | Path) -> None:
    """See to it that what was renamed in it outlives a power cut; Windows and some shares have no such call."""
    if os.name != "posix":
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    except OSError as error:
        if error.errno != errno.EINVAL:
            raise
    finally:
        os.close(handle)
