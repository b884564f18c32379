"""JPEG XL: the codestream's header, and the boxes around it (ISO/IEC 18181)."""

from __future__ import annotations

from dataclasses import dataclass

from core.photos.containers.boxes import BrokenBoxes, boxes
from core.photos.containers.parts import Buffer, Parts, SpanList, tiff_part

_SIGNATURE = b"\0\0\0\x0cJXL "
_PICTURE = frozenset((b"jxlc", b"jxlp", b"jbrd"))
# More than size and orientation take.
_HEADER_BYTES = 34
_RATIOS = ((1, 1), (12, 10), (4, 3), (3, 2), (16, 9), (5, 4), (2, 1))


@dataclass(frozen=True, slots=True)
class Header:
    """Size before turning, and the orientation that decoders apply by themselves."""

    width: int
    height: int
    orientation: int


def read_jxl(data: Buffer) -> Parts:
    """The parts of a JPEG XL file; a bare codestream is one part, whose end cannot be checked."""
    if bytes(data[:8]) != _SIGNATURE:
        return Parts()
    picture = SpanList()
    exif = xmp = None
    rebuilds_jpeg = clean = False
    try:
        for box in boxes(data, 0, len(data)):
            if box.kind in _PICTURE:
                picture.add(box.start, box.end)
                clean = True
            rebuilds_jpeg |= box.kind == b"jbrd"
            if box.kind == b"Exif":
                exif = tiff_part(bytes(data[box.body : box.end]))
            elif box.kind == b"xml ":
                xmp = bytes(data[box.body : box.end])
    except BrokenBoxes:
        clean = False
    header = read_header(data)
    # The decoder turns by the codestream's own mark, and EXIF then only repeats it; a rebuilt JPEG comes unturned.
    turned = header is not None and header.orientation != 1 and not rebuilds_jpeg
    return Parts(picture=picture.all(), exif=exif, xmp=xmp, turn=1 if turned else None, clean=clean)


def read_header(data: Buffer) -> Header | None:
    """Size and orientation from the first bits of the codestream; None where there is none."""
    start = _codestream_start(data)
    if start[:2] != b"\xff\x0a":
        return None
    bits = _Bits(start[2:])
    small = bits.take(1)
    height = (bits.take(5) + 1) * 8 if small else bits.size()
    ratio = bits.take(3)
    if ratio:
        across, down = _RATIOS[ratio - 1]
        width = height * across // down
    else:
        width = (bits.take(5) + 1) * 8 if small else bits.size()
    orientation = 1
    all_default = bits.take(1)
    if not all_default and bits.take(1):
        orientation = bits.take(3) + 1
    return Header(width, height, orientation)


def _codestream_start(data: Buffer) -> bytes:
    """The first bytes of the codestream, which may be split anywhere; empty where there is none."""
    start = bytes(data[:_HEADER_BYTES])
    if start[:2] == b"\xff\x0a":
        return start
    start = b""
    try:
        for box in boxes(data, 0, len(data)):
            body = box.body + 4 if box.kind == b"jxlp" else box.body  # a part begins with its number
            if box.kind in (b"jxlc", b"jxlp"):
                start += bytes(data[body : min(box.end, body + _HEADER_BYTES)])
            if len(start) >= _HEADER_BYTES:
                break
    except BrokenBoxes:
        pass
    return start


class _Bits:
    """Bits from the lowest of the first byte on; zeros beyond the end."""

    def __init__(self, data: bytes) -> None:
        self._value = int.from_bytes(data, "little")

    def take(self, count: int) -> int:
        taken = self._value & ((1 << count) - 1)
        self._value >>= count
        return taken

    def size(self) -> int:
        return 1 + self.take((9, 13, 18, 30)[self.take(2)])
