"""Files that a training needs to go on: whole on the disk, or as they were before."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from core.errors import DiskFull
from core.spaces.vectors import FULL


@contextmanager
def written_whole(path: Path) -> Iterator[BinaryIO]:
    """What is written into it takes the place of `path` at the end, in one rename.

    A power cut or a failure leaves the file before or the new one, never half of one. Raises DiskFull.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_suffix(".partial")
    try:
        with partial.open("wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        partial.replace(path)
    except OSError as error:
        partial.unlink(missing_ok=True)
        if error.errno in FULL:
            raise DiskFull("The disk is full; a training stops at its last checkpoint.") from error
        raise
