"""Boxes of the ISO base media file format (ISO/IEC 14496-12): what HEIF, AVIF, JPEG XL and CR3 are made of."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from core.photos.containers.parts import Buffer

# A file with more boxes in one place is not a picture but an attack on our patience.
_MOST = 10_000


@dataclass(frozen=True, slots=True)
class Box:
    """One box: its four letters, and where its body lies in the file."""

    kind: bytes
    start: int
    body: int
    end: int


class BrokenBoxes(ValueError):
    """The boxes do not fit together."""


def boxes(data: Buffer, begin: int, end: int) -> Iterator[Box]:
    """The boxes of data[begin:end] in order. Raises BrokenBoxes where one does not fit."""
    for _ in range(_MOST):
        if begin >= end:
            return
        if begin + 8 > end:
            raise BrokenBoxes("a box without a header")
        size, body = int.from_bytes(data[begin : begin + 4], "big"), begin + 8
        if size == 1:
            size, body = int.from_bytes(data[begin + 8 : begin + 16], "big"), begin + 16
        elif size == 0:  # up to the end of the file
            size = end - begin
        if begin + size > end or begin + size < body:
            raise BrokenBoxes("a box that reaches beyond its place")
        yield Box(bytes(data[begin + 4 : begin + 8]), begin, body, begin + size)
        begin += size
    raise BrokenBoxes("too many boxes")


class Fields:
    """Reads numbers of given widths one after the other. Raises BrokenBoxes beyond the end."""

    def __init__(self, data: Buffer, at: int, end: int) -> None:
        self._data = data
        self.at = at
        self._end = end

    def number(self, width: int) -> int:
        """The next `width` bytes as an unsigned number; width 0 gives 0."""
        if self.at + width > self._end:
            raise BrokenBoxes("a field beyond its box")
        self.at += width
        return int.from_bytes(self._data[self.at - width : self.at], "big")

    def take(self, width: int) -> bytes:
        if self.at + width > self._end:
            raise BrokenBoxes("a field beyond its box")
        self.at += width
        return bytes(self._data[self.at - width : self.at])
