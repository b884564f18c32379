"""What a photo file says about itself: when, with what, where, in which words. Trouble in it never costs the picture."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

from core.photos import dates
from core.photos.containers.parts import Buffer, Parts
from core.photos.containers.take_apart import take_apart
from core.photos.exif import Exif, place, read_exif
from core.photos.iptc import read_iptc
from core.photos.kinds import format_of
from core.photos.raw_metadata import read_raw_exif
from core.photos.xmp import Xmp, read_xmp

TakenFrom = Literal["exif", "xmp", "name", "file"]

# What cameras write into the caption by themselves.
_BOILERPLATE = re.compile(
    r"(olympus|sony|minolta|konica|samsung|kodak|casio|sanyo|pentax|maginon|medion|jenoptik|polaroid|vivitar|hp|dc)?"
    r"\W*(dsc|digital\s+(still\s+)?camera|camera)?\W*|default|untitled|<.*>|screenshot",
    re.IGNORECASE,
)
_COMPANY = re.compile(
    r"[,\s]+(co\b\.?|ltd\b\.?|inc\b\.?|corp\b\.?|corporation|company|gmbh|ag|optical|electric|computer|technologies"
    r"|imaging|corp\.?)(?=$|[\s,.])\.?",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Metadata:
    """One file's own words.

    taken        local time "YYYY-MM-DDTHH:MM:SS", with the offset from UTC only where the file gives one
    taken_from   where `taken` is read: "exif", "xmp", the file's "name", or the "file"'s change date
    camera       make and model, the make not repeated
    latitude, longitude  degrees, south and west negative; both or neither; never 0,0
    orientation  EXIF orientation 1..8 by which the stored picture is turned upright
    rating       0..5
    """

    taken: str | None = None
    taken_from: TakenFrom | None = None
    camera: str | None = None
    lens: str | None = None
    latitude: float | None = None
    longitude: float | None = None
    orientation: int = 1
    caption: str | None = None
    keywords: tuple[str, ...] = ()
    rating: int | None = None


def read_metadata(
    data: Buffer, name: str, *, mtime_ns: int | None = None, parts: Parts | None = None
) -> Metadata:
    """The metadata of a picture file.

    name      the file's name, for a date in it; mtime_ns its change date, the last resort
    parts     the file taken apart, where the caller has done that already
    """
    picture_format = format_of(bytes(data[:4096]))
    if parts is None:
        parts = take_apart(data, picture_format, whole=False) if picture_format else Parts()
    exif = _exif_of(data, picture_format, parts)
    xmp = read_xmp(_xmp_of(exif, parts))
    iptc = read_iptc(parts.iptc)
    taken, taken_from = _taken(exif, xmp, name, mtime_ns)
    where = place(exif) or xmp.place
    return Metadata(
        taken=taken,
        taken_from=taken_from,
        camera=_camera(exif, xmp),
        lens=exif.text(exif.exif, 0xA434) or xmp.first("exifEX:LensModel", "aux:Lens"),
        latitude=where[0] if where else None,
        longitude=where[1] if where else None,
        orientation=exif.turn if parts.turn is None else parts.turn,
        caption=_caption(exif, xmp) or iptc.caption,
        keywords=tuple(dict.fromkeys((*xmp.keywords, *iptc.keywords, *_windows_keywords(exif)))),
        rating=_rating(exif, xmp),
    )


def _exif_of(data: Buffer, picture_format: str | None, parts: Parts) -> Exif:
    if parts.exif is not None:
        return read_exif(parts.exif)
    return read_exif(data) if picture_format == "TIFF" else read_raw_exif(data)


def _xmp_of(exif: Exif, parts: Parts) -> bytes | None:
    inside = exif.image.get(0x02BC)  # a TIFF or DNG keeps the packet in a tag
    if parts.xmp is None and isinstance(inside, tuple):
        return bytes(part for part in inside if isinstance(part, int) and 0 <= part < 256)
    return parts.xmp if parts.xmp is not None else inside if isinstance(inside, bytes) else None


def _taken(exif: Exif, xmp: Xmp, name: str, mtime_ns: int | None) -> tuple[str | None, TakenFrom | None]:
    general = exif.text(exif.exif, 0x9010)
    for tag, offset_tag in ((0x9003, 0x9011), (0x9004, 0x9012)):
        offset = exif.text(exif.exif, offset_tag) or general
        for directory in (exif.exif, exif.image):  # DNG has the date in its first directory
            taken = dates.from_tag(exif.text(directory, tag), offset)
            if taken:
                return taken, "exif"
    for property_name in (
        "exif:DateTimeOriginal",
        "photoshop:DateCreated",
        "exif:DateTimeDigitized",
        "xmp:CreateDate",
    ):
        taken = dates.from_tag(xmp.first(property_name))
        if taken:
            return taken, "xmp"
    taken = dates.from_name(name)
    if taken:
        return taken, "name"
    # The change date that was written into the file outlives copying; the file system's does not.
    taken = dates.from_tag(exif.text(exif.image, 0x0132)) or (
        dates.from_mtime(mtime_ns) if mtime_ns else None
    )
    return taken, "file" if taken else None


def _camera(exif: Exif, xmp: Xmp) -> str | None:
    make = exif.text(exif.image, 0x010F) or xmp.first("tiff:Make")
    model = exif.text(exif.image, 0x0110) or xmp.first("tiff:Model")
    if not model or not make:
        return model or make
    short = _COMPANY.sub("", make).strip(" ,.") or make
    if model.lower().startswith(short.split()[0].lower()):
        return model
    return f"{short} {model}"


def _caption(exif: Exif, xmp: Xmp) -> str | None:
    written = (xmp.first("dc:description"), xmp.first("dc:title"))
    windows = (_windows_text(exif, 0x9C9C), _windows_text(exif, 0x9C9B))
    for candidate in (*written, *windows, exif.text(exif.image, 0x010E)):
        if candidate and not _BOILERPLATE.fullmatch(candidate):
            return candidate
    return None


def _windows_text(exif: Exif, tag: int) -> str | None:
    """Explorer's title, comment and keywords: UTF-16 in a list of bytes."""
    value = exif.image.get(tag)
    if not isinstance(value, tuple):
        return None
    raw = bytes(part for part in value if isinstance(part, int) and 0 <= part < 256)
    return raw.decode("utf-16-le", "ignore").split("\0", 1)[0].strip() or None


def _windows_keywords(exif: Exif) -> list[str]:
    return [word.strip() for word in (_windows_text(exif, 0x9C9E) or "").split(";") if word.strip()]


def _rating(exif: Exif, xmp: Xmp) -> int | None:
    if xmp.rating is not None:
        return xmp.rating
    rating = exif.number(exif.image, 0x4746)
    return rating if rating is not None and 0 <= rating <= 5 else None
