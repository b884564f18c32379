"""PNG: chunks with checksums, up to IEND (ISO/IEC 15948)."""

from __future__ import annotations

import zlib

from core.photos.containers.parts import Buffer, Parts, SpanList

# Chunks that never change how the picture looks. Unknown ones count as part of it: better decoded once too often.
_METADATA = frozenset(
    (b"tEXt", b"zTXt", b"iTXt", b"eXIf", b"tIME", b"pHYs", b"dSIG", b"caBX", b"hIST", b"sPLT")
)
# A text that unpacks to more is no description of a photo but a bomb.
_TEXT_BYTES = 4 << 20
# A gigabyte in the usual pieces of 8 kB; a file of empty chunks must not take minutes.
_MOST_CHUNKS = 130_000
_XMP_KEYWORD = b"XML:com.adobe.xmp"
_EXIF_KEYWORDS = (b"Raw profile type exif", b"Raw profile type APP1")


def read_png(data: Buffer, *, whole: bool = True) -> Parts:
    """The parts of a PNG or APNG; `whole=False` leaves the checksums out and is never `clean`."""
    picture = SpanList()
    exif: bytes | None = None
    xmp: bytes | None = None
    clean = False
    at, size = 8, len(data)
    view = memoryview(data)
    try:
        picture.add(0, 8)
        for _ in range(_MOST_CHUNKS):
            if at + 12 > size:
                break
            kind = bytes(view[at + 4 : at + 8])
            end = at + 12 + int.from_bytes(view[at : at + 4], "big")
            if end > size or (
                whole and zlib.crc32(view[at + 4 : end - 4]) != int.from_bytes(view[end - 4 : end], "big")
            ):
                break
            if kind not in _METADATA:
                picture.add(at, end)
            elif kind == b"eXIf":
                exif = bytes(view[at + 8 : end - 4])
            elif kind in (b"iTXt", b"zTXt", b"tEXt"):
                keyword, text = _text(kind, bytes(view[at + 8 : end - 4]))
                if keyword == _XMP_KEYWORD:
                    xmp = text
                elif keyword in _EXIF_KEYWORDS and exif is None:
                    exif = _exif_from_hex(text)
            if kind == b"IEND":
                clean = whole
                break
            at = end
    finally:
        view.release()
    return Parts(picture=picture.all(), exif=exif, xmp=xmp, clean=clean)


def _text(kind: bytes, body: bytes) -> tuple[bytes, bytes]:
    """Keyword and text of a text chunk; the text is empty where it cannot be read or is too long."""
    keyword, _, rest = body.partition(b"\0")
    if keyword != _XMP_KEYWORD and keyword not in _EXIF_KEYWORDS:
        return keyword, b""
    if kind == b"tEXt":
        return keyword, rest
    if kind == b"zTXt":
        return keyword, _unpacked(rest[1:])
    packed = rest[:1] == b"\1"
    text = rest[2:].partition(b"\0")[2].partition(b"\0")[2]  # after language and translated keyword
    return keyword, _unpacked(text) if packed else text


def _unpacked(packed: bytes) -> bytes:
    try:
        return zlib.decompressobj().decompress(packed, _TEXT_BYTES)
    except zlib.error:
        return b""


def _exif_from_hex(text: bytes) -> bytes | None:
    """ImageMagick's way to keep EXIF in a PNG: "\\nexif\\n<length>\\n<hexadecimal>"."""
    try:
        block = bytes.fromhex(b"".join(text.split()[2:]).decode("ascii"))
    except ValueError:
        return None
    return block.removeprefix(b"Exif\0\0") or None
