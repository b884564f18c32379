"""An XMP packet: dates, words, rating, place (ISO 16684-1). Read here; written by no one in this room."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from xml.etree import ElementTree

# Words of a photo fit; a packet of more is an attack or carries pictures that we do not want.
_MOST_BYTES = 8 << 20
_RDF = "{http://www.w3.org/1999/02/22-rdf-syntax-ns#}"
_LANGUAGE = "{http://www.w3.org/XML/1998/namespace}lang"
_PREFIXES = {
    "http://ns.adobe.com/exif/1.0/": "exif",
    "http://ns.adobe.com/exif/1.0/aux/": "aux",
    "http://cipa.jp/exif/1.0/": "exifEX",
    "http://ns.adobe.com/tiff/1.0/": "tiff",
    "http://ns.adobe.com/xap/1.0/": "xmp",
    "http://ns.adobe.com/photoshop/1.0/": "photoshop",
    "http://purl.org/dc/elements/1.1/": "dc",
    "http://ns.microsoft.com/photo/1.0/": "MicrosoftPhoto",
}
_PLACE = re.compile(
    r"\s*(\d{1,3})[,\s]+(\d{1,2}(?:\.\d+)?)(?:[,\s]+(\d{1,2}(?:\.\d+)?))?\s*([NSEW])\s*", re.IGNORECASE
)


@dataclass(frozen=True, slots=True)
class Xmp:
    """Properties by `prefix:name`; a list property has all its items, the default language first."""

    values: dict[str, tuple[str, ...]]

    def first(self, *names: str) -> str | None:
        """The first item of the first of these properties that has one."""
        return next((self.values[name][0] for name in names if self.values.get(name)), None)

    @property
    def keywords(self) -> tuple[str, ...]:
        return self.values.get("dc:subject", ())

    @property
    def rating(self) -> int | None:
        """0..5 stars; None where there is none. Rejected (-1) counts as none."""
        text = self.first("xmp:Rating")
        try:
            rating = round(float(text or ""))
        except (ValueError, OverflowError):
            return None
        return rating if 0 <= rating <= 5 else None

    @property
    def place(self) -> tuple[float, float] | None:
        latitude = _degrees(self.first("exif:GPSLatitude"), 90)
        longitude = _degrees(self.first("exif:GPSLongitude"), 180)
        if latitude is None or longitude is None or (latitude == 0 and longitude == 0):
            return None
        return latitude, longitude


def read_xmp(packet: bytes | None) -> Xmp:
    """The properties of a packet; none for None, for what is no XML, and for XML with entities of its own."""
    if not packet or len(packet) > _MOST_BYTES or b"<!DOCTYPE" in packet or b"<!ENTITY" in packet:
        return Xmp({})
    begin, end = packet.find(b"<"), packet.rfind(b">")
    try:
        root = ElementTree.fromstring(packet[begin : end + 1])
    except (ElementTree.ParseError, ValueError, LookupError):
        return Xmp({})
    values: dict[str, tuple[str, ...]] = {}
    for name, items in _properties(root):
        kept = tuple(item.strip() for item in items if item.strip())
        if kept:
            values.setdefault(name, kept)
    return Xmp(values)


def _properties(root: ElementTree.Element) -> Iterator[tuple[str, list[str]]]:
    for description in root.iter(_RDF + "Description"):
        for key, value in description.attrib.items():
            name = _name(key)
            if name:
                yield name, [value]
        for child in description:
            name = _name(child.tag)
            if name:
                yield name, _items(child)


def _name(tag: str) -> str | None:
    space, _, local = tag.removeprefix("{").rpartition("}")
    prefix = _PREFIXES.get(space)
    return f"{prefix}:{local}" if prefix else None


def _items(element: ElementTree.Element) -> list[str]:
    items = list(element.iter(_RDF + "li"))
    if not items:
        return [element.text or ""]
    items.sort(key=lambda item: item.get(_LANGUAGE) != "x-default")
    return [item.text or "" for item in items]


def _degrees(text: str | None, limit: int) -> float | None:
    match = _PLACE.fullmatch(text or "")
    if match is None:
        return None
    degrees = int(match[1]) + float(match[2]) / 60 + float(match[3] or 0) / 3600
    if degrees > limit:
        return None
    return round(-degrees if match[4].upper() in "SW" else degrees, 7)
