"""JPEG: marker segments up to the end of image (ITU-T T.81, annex B)."""

from __future__ import annotations

import re

from core.photos.containers.parts import Buffer, Parts, SpanList

_SOI, _EOI, _SOS, _COM = 0xD8, 0xD9, 0xDA, 0xFE
_APP0, _APP1, _APP2, _APP13, _APP14, _APP15 = 0xE0, 0xE1, 0xE2, 0xED, 0xEE, 0xEF
_FRAMES = frozenset((*range(0xC0, 0xC4), *range(0xC5, 0xC8), *range(0xC9, 0xCC), *range(0xCD, 0xD0)))
_ALONE = frozenset((0x01, *range(0xD0, 0xD8)))  # markers without a length

# The end of entropy-coded data: a marker that is neither a stuffed zero nor a restart nor a fill byte.
_END_OF_SCAN = re.compile(rb"\xff[^\x00\xd0-\xd7\xff]")
# Progressive pictures have some dozens, metadata some hundreds; a file of nothing but markers must not take minutes.
_MOST_MARKERS = 100_000
# Photoshop's resource block 0x0404 holds the IPTC records.
_PHOTOSHOP = b"Photoshop 3.0\0"


def read_jpeg(data: Buffer, *, whole: bool = True) -> Parts:
    """The parts of a JPEG; with `whole=False` only what stands before the first scan, never `clean`.

    What follows the end of image (a phone's clip, the second picture of an MPO) is not part of the picture:
    no decoder shows it.
    """
    reader = _Reader(data)
    clean = reader.read(whole)
    return Parts(
        picture=reader.picture.all(),
        extra=reader.colour_rule(),
        exif=reader.exif,
        xmp=reader.xmp,
        iptc=_iptc(reader.photoshop),
        clean=clean,
    )


class _Reader:
    def __init__(self, data: Buffer) -> None:
        self._data = data
        self._jfif = False
        self._letters = False  # components named R, G, B
        self.picture = SpanList()
        self.exif: bytes | None = None
        self.xmp: bytes | None = None
        self.photoshop = b""

    def read(self, whole: bool) -> bool:
        """Walk the markers; true when the end of image was reached in order."""
        data, size, at = self._data, len(self._data), 2
        self.picture.add(0, 2)
        for _ in range(_MOST_MARKERS):
            if at + 2 > size or data[at] != 0xFF:
                break
            marker = data[at + 1]
            if marker == 0xFF:  # a fill byte
                at += 1
                continue
            if marker == _EOI:
                self.picture.add(at, at + 2)
                return True
            if marker in _ALONE:
                self.picture.add(at, at + 2)
                at += 2
                continue
            end = at + 2 + int.from_bytes(data[at + 2 : at + 4], "big")
            if marker in (0, _SOI) or end < at + 4 or end > size:
                return False
            self._segment(marker, at, end)
            if marker == _SOS:
                after = _END_OF_SCAN.search(data, end) if whole else None
                if after is None:
                    return False
                end = after.start()
                self.picture.add(at, end)
            at = end
        return False

    def _segment(self, marker: int, at: int, end: int) -> None:
        data = self._data
        if marker == _APP1:
            body = data[at + 4 : end]
            if body[:5] == b"Exif\0" and self.exif is None:
                self.exif = body[6:]
            elif body.startswith(b"http://ns.adobe.com/xap/1.0/\0") and self.xmp is None:
                self.xmp = body[29:]
        elif marker == _APP13 and data[at + 4 : at + 18] == _PHOTOSHOP:
            self.photoshop += data[at + 18 : end]
        elif marker == _APP0 and data[at + 4 : at + 9] == b"JFIF\0":
            self._jfif = True
        if marker in _FRAMES and data[at + 9] == 3:
            self._letters = data[at + 10 : end : 3][:3] == b"RGB"
        if marker != _SOS and self._changes_the_look(marker, at):
            self.picture.add(at, end)

    def _changes_the_look(self, marker: int, at: int) -> bool:
        if marker == _APP2:
            return self._data[at + 4 : at + 16] == b"ICC_PROFILE\0"
        if marker == _APP14:
            return True
        return marker != _COM and not _APP0 <= marker <= _APP15

    def colour_rule(self) -> bytes:
        """Components named R, G, B are taken as such only where no JFIF segment says otherwise (libjpeg)."""
        return b"rgb" if self._letters and not self._jfif else b""


def _iptc(resources: bytes) -> bytes | None:
    at = 0
    while resources[at : at + 4] == b"8BIM" and at + 12 <= len(resources):
        name = (resources[at + 6] | 1) + 1  # a counted name, padded to even with its count
        body = at + 6 + name + 4
        size = int.from_bytes(resources[body - 4 : body], "big")
        if resources[at + 4 : at + 6] == b"\x04\x04":
            return resources[body : body + size]
        at = body + size + (size & 1)
    return None
