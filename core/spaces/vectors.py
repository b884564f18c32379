"""Vectors of a space: float16 rows, appended to one file, read through a memory map.

The file is only ever appended to. A row counts once the library's database names it; rows that a crash
left behind it are cut off at the next start. float16 halves the file and changes a cosine by less than
1e-3 (docs/design.md).
"""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from core.disk import is_full
from core.errors import DiskFull, LibraryDamaged

Rows = NDArray[np.float16]
Embeddings = NDArray[np.float32]


class VectorFile:
    """`width` numbers a row. One thread appends; any thread may call `rows`."""

    def __init__(self, path: Path, width: int) -> None:
        self.path = path
        self.width = width
        self._row_bytes = width * 2
        self._mapped: Rows = np.zeros((0, width), np.float16)

    def __len__(self) -> int:
        """Whole rows on the disk; a half-written last one does not count."""
        try:
            return self.path.stat().st_size // self._row_bytes
        except FileNotFoundError:
            return 0

    def rows(self, count: int) -> Rows:
        """The first `count` rows, [count, width] float16, read-only. The map is renewed only when it is too short."""
        if count > len(self._mapped):
            have = len(self)
            if have < count:
                raise LibraryDamaged(f"{self.path.name} holds {have} vectors, the library names {count}.")
            self._mapped = np.memmap(self.path, np.float16, "r", shape=(have, self.width))
        return self._mapped[:count]

    def append(self, embeddings: Embeddings) -> int:
        """Add rows [n, width] and return the number of the first; they are on the disk when this returns.

        Raises DiskFull, and then nothing was added.
        """
        first = len(self)
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with self.path.open("ab") as file:
            # A crash may have left part of a row.
            file.truncate(first * self._row_bytes)
            try:
                file.write(np.ascontiguousarray(embeddings, np.float16).tobytes())
                file.flush()
                os.fsync(file.fileno())
            except OSError as error:
                file.truncate(first * self._row_bytes)
                if is_full(error):
                    raise DiskFull("The disk that holds the library is full.") from error
                raise
        return first

    def cut(self, count: int) -> None:
        """Keep the first `count` rows: what a crash left behind them belongs to no photo."""
        if len(self) > count:
            self._mapped = np.zeros((0, self.width), np.float16)
            with self.path.open("r+b") as file:
                file.truncate(count * self._row_bytes)
