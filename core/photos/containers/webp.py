"""WebP: RIFF chunks (RFC 9649)."""

from __future__ import annotations

from core.photos.containers.parts import Buffer, Parts, SpanList, tiff_part

_PICTURE = frozenset((b"VP8 ", b"VP8L", b"ALPH", b"ICCP", b"ANIM", b"ANMF"))


def read_webp(data: Buffer) -> Parts:
    """The parts of a WebP; `clean` when the chunks fill the length that RIFF declares.

    VP8X is left out of the picture but for an animation's canvas: it comes and goes with the metadata.
    """
    picture = SpanList()
    exif: bytes | None = None
    xmp: bytes | None = None
    canvas = extra = b""
    end = 8 + int.from_bytes(data[4:8], "little")
    at = 12
    while at + 8 <= min(end, len(data)):
        kind = bytes(data[at : at + 4])
        body, after = at + 8, at + 8 + int.from_bytes(data[at + 4 : at + 8], "little")
        if after > len(data):
            break
        if kind in _PICTURE:
            picture.add(at, after)
        if kind == b"VP8X":
            canvas = bytes(data[body + 4 : body + 10])
        elif kind == b"ANIM":
            extra = canvas
        elif kind == b"EXIF" and exif is None:
            exif = tiff_part(bytes(data[body:after]))
        elif kind == b"XMP " and xmp is None:
            xmp = bytes(data[body:after])
        at = after + (after & 1)
    clean = at in (end, end + 1) and len(data) >= end - 1 and bool(picture.all())
    return Parts(picture=picture.all(), extra=extra, exif=exif, xmp=xmp, clean=clean)
