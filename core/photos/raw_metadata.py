"""Where raw files that are no plain TIFF keep their EXIF: Fujifilm, Canon CR3, Panasonic, Olympus."""

from __future__ import annotations

from core.photos.containers.boxes import BrokenBoxes, boxes
from core.photos.containers.jpeg import read_jpeg
from core.photos.containers.parts import Buffer
from core.photos.exif import Exif, read_exif

_CANON = bytes.fromhex("85c0b687820f11e08111f4ce462b6a48")
# The JPEG inside a RAF holds its EXIF in its first segments.
_FUJI_BYTES = 1 << 18


def read_raw_exif(data: Buffer) -> Exif:
    """The EXIF of a raw file of any of these kinds; empty where it has none that we find."""
    if bytes(data[:15]) == b"FUJIFILMCCD-RAW":
        begin = int.from_bytes(data[84:88], "big")
        return read_exif(read_jpeg(bytes(data[begin : begin + _FUJI_BYTES]), whole=False).exif)
    if bytes(data[4:12]) == b"ftypcrx ":
        return _canon(data)
    return read_exif(data)


def _canon(data: Buffer) -> Exif:
    """CR3 keeps the directories as TIFF structures of their own: CMT1 image, CMT2 EXIF, CMT4 GPS."""
    found: dict[bytes, Exif] = {}
    try:
        for outer in boxes(data, 0, len(data)):
            if outer.kind != b"moov":
                continue
            for inner in boxes(data, outer.body, outer.end):
                if inner.kind == b"uuid" and bytes(data[inner.body : inner.body + 16]) == _CANON:
                    for box in boxes(data, inner.body + 16, inner.end):
                        if box.kind.startswith(b"CMT"):
                            found[box.kind] = read_exif(bytes(data[box.body : box.end]))
    except BrokenBoxes:
        pass
    empty = Exif()
    return Exif(
        found.get(b"CMT1", empty).image, found.get(b"CMT2", empty).image, found.get(b"CMT4", empty).image
    )
