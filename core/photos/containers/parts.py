"""What every container of a picture is taken apart into."""

from __future__ import annotations

from dataclasses import dataclass
from mmap import mmap

Buffer = bytes | mmap
# A stretch of the file: [begin, end) in bytes.
Span = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Parts:
    """One file taken apart.

    picture  stretches of the file that decide how the decoded picture looks, in order, without metadata
    extra    bytes that belong to the picture beside them (facts that a reader takes from elsewhere)
    exif     the EXIF block from its TIFF header on, or None
    xmp      the XMP packet, or None
    iptc     the IPTC-IIM records, or None
    turn     the EXIF orientation (1..8) that the container itself demands, None where EXIF decides
    clean    the container was whole: every part in order, every checksum right, up to its end mark
    """

    picture: tuple[Span, ...] = ()
    extra: bytes = b""
    exif: bytes | None = None
    xmp: bytes | None = None
    iptc: bytes | None = None
    turn: int | None = None
    clean: bool = False


class SpanList:
    """Collects stretches, joining neighbours, so that hashing calls for few slices."""

    def __init__(self) -> None:
        self._spans: list[Span] = []

    def add(self, begin: int, end: int) -> None:
        if self._spans and self._spans[-1][1] == begin:
            self._spans[-1] = (self._spans[-1][0], end)
        else:
            self._spans.append((begin, end))

    def all(self) -> tuple[Span, ...]:
        return tuple(self._spans)


def tiff_part(block: bytes) -> bytes:
    """An EXIF block from its TIFF header on; writers put a distance, "Exif" and two zeros, both or nothing before it."""
    distance = 4 + int.from_bytes(block[:4], "big")
    for at in (distance, 0, 4, 6, 10):
        if block[at : at + 4] in (b"II*\0", b"MM\0*"):
            return block[at:]
    return b""
