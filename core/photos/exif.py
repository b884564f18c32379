"""EXIF tags out of a TIFF structure, read so that no damage in it can raise or cost time (CIPA DC-008).

Pillow's reader raises in many ways on what cameras and editors leave behind; a photo must not be lost for that.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass, field

from core.photos.containers.parts import Buffer
from core.photos.text_bytes import readable

# A text (bytes), whole numbers, or rationals as (numerator, denominator).
Value = bytes | tuple[int, ...] | tuple[tuple[int, int], ...]
Directory = dict[int, Value]

ORIENTATION = 0x0112
EXIF_DIRECTORY, GPS_DIRECTORY = 0x8769, 0x8825

_FORMATS = {1: "B", 3: "H", 4: "I", 6: "b", 8: "h", 9: "i"}
_TEXTS = (2, 7, 129)
_RATIONALS = {5: "I", 10: "i"}
_WIDTHS = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 129: 1}
# Real directories hold some dozens of entries and descriptions of a few kB; damaged ones claim millions.
_MOST_ENTRIES = 500
_MOST_BYTES = 1 << 16


@dataclass(frozen=True, slots=True)
class Exif:
    """The three directories that matter; a tag that cannot be read is simply not there."""

    image: Directory = field(default_factory=dict)
    exif: Directory = field(default_factory=dict)
    gps: Directory = field(default_factory=dict)

    def text(self, directory: Directory, tag: int) -> str | None:
        value = directory.get(tag)
        return readable(value) if isinstance(value, bytes) else None

    def number(self, directory: Directory, tag: int) -> int | None:
        value = directory.get(tag)
        return value[0] if isinstance(value, tuple) and value and isinstance(value[0], int) else None

    @property
    def turn(self) -> int:
        """The orientation 1..8; 1 where there is none or it is none of these."""
        turn = self.number(self.image, ORIENTATION)
        return turn if turn is not None and 1 <= turn <= 8 else 1


def read_exif(block: Buffer | None) -> Exif:
    """The tags of a TIFF structure that begins at the first byte of `block`; empty for None and for nonsense."""
    if block is None:
        return Exif()
    order = {b"II": "<", b"MM": ">"}.get(bytes(block[:2]))
    if order is None or len(block) < 8:
        return Exif()
    image = _directory(block, order, _offset(block, order, 4))
    inner = image.get(EXIF_DIRECTORY)
    place = image.get(GPS_DIRECTORY)
    return Exif(image, _pointed(block, order, inner), _pointed(block, order, place))


def _offset(block: Buffer, order: str, at: int) -> int:
    return int(struct.unpack_from(order + "I", block, at)[0])


def _pointed(block: Buffer, order: str, pointer: Value | None) -> Directory:
    if isinstance(pointer, tuple) and pointer and isinstance(pointer[0], int):
        return _directory(block, order, pointer[0])
    return {}


def _directory(block: Buffer, order: str, at: int) -> Directory:
    found: Directory = {}
    if not 8 <= at <= len(block) - 2:
        return found
    count = min(
        int(struct.unpack_from(order + "H", block, at)[0]), _MOST_ENTRIES, (len(block) - at - 2) // 12
    )
    for entry in range(at + 2, at + 2 + 12 * count, 12):
        tag, kind, number = struct.unpack_from(order + "HHI", block, entry)
        size = _WIDTHS.get(kind, 0) * number
        if not 0 < size <= _MOST_BYTES:
            continue
        start = entry + 8 if size <= 4 else _offset(block, order, entry + 8)
        if start + size <= len(block):
            found.setdefault(tag, _value(block, order, kind, number, start))
    return found


def _value(block: Buffer, order: str, kind: int, number: int, start: int) -> Value:
    if kind in _TEXTS:
        return bytes(block[start : start + number])
    if kind in _RATIONALS:
        flat = struct.unpack_from(f"{order}{2 * number}{_RATIONALS[kind]}", block, start)
        return tuple(zip(flat[::2], flat[1::2], strict=True))
    return struct.unpack_from(f"{order}{number}{_FORMATS[kind]}", block, start)


def place(exif: Exif) -> tuple[float, float] | None:
    """Latitude and longitude in degrees, south and west negative; None without both, a hemisphere, or at 0,0."""
    latitude = _degrees(exif.gps.get(2), exif.gps.get(1), b"NS", 90)
    longitude = _degrees(exif.gps.get(4), exif.gps.get(3), b"EW", 180)
    if latitude is None or longitude is None or (latitude == 0 and longitude == 0):
        return None
    return latitude, longitude


def _degrees(value: Value | None, reference: Value | None, letters: bytes, limit: int) -> float | None:
    if not isinstance(value, tuple) or not isinstance(reference, bytes) or not value:
        return None
    sign = letters.find(reference[:1].upper()) if reference[:1] else -1
    degrees = 0.0
    for part, scale in zip(value, (1, 60, 3600), strict=False):
        if not isinstance(part, tuple) or part[1] == 0:
            # Some phones write 0/0 seconds after whole minutes; without degrees there is no place.
            if scale == 1:
                return None
            continue
        degrees += part[0] / part[1] / scale
    if sign < 0 or not 0 <= degrees <= limit:
        return None
    return round(-degrees if sign else degrees, 7)
