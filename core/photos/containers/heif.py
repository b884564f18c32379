"""HEIF and AVIF: items, where their bytes lie, and how the main one is turned (ISO/IEC 23008-12)."""

from __future__ import annotations

from dataclasses import dataclass, field

from core.photos.containers.boxes import Box, BrokenBoxes, Fields, boxes
from core.photos.containers.parts import Buffer, Parts, Span, SpanList, tiff_part
from core.photos.orientation import compose

_METADATA = frozenset((b"Exif", b"mime", b"uri "))
_MOST_ITEMS = 20_000  # a 200-megapixel grid has 1,000 tiles
_MOST_SPANS = 100_000  # which may take no byte each in the file


@dataclass(slots=True)
class _Meta:
    kinds: dict[int, bytes] = field(default_factory=dict)
    xmp_items: set[int] = field(default_factory=set)
    places: dict[int, list[Span]] = field(default_factory=dict)
    primary: int = 0
    properties: Box | None = None
    idat: int = 0


def read_heif(data: Buffer) -> Parts:
    """The parts of a still HEIF or AVIF. Not `clean`, with no picture, where it is a sequence or does not fit together."""
    try:
        return _read(data)
    except (BrokenBoxes, IndexError):
        return Parts()


def _read(data: Buffer) -> Parts:
    outer = list(boxes(data, 0, len(data)))
    by_kind = {box.kind: box for box in reversed(outer)}
    if b"meta" not in by_kind:
        return Parts()
    meta = _read_meta(data, by_kind[b"meta"])
    turn = _turn(data, meta)
    exif = xmp = None
    picture = SpanList()
    if meta.properties is not None:
        picture.add(meta.properties.start, meta.properties.end)
    extra = bytearray()
    for item, kind in sorted(meta.kinds.items()):
        spans = meta.places.get(item, [])
        if any(begin > end or end > len(data) for begin, end in spans):
            return Parts(exif=exif, xmp=xmp, turn=turn)
        if kind not in _METADATA:
            extra += item.to_bytes(4, "big") + kind + len(spans).to_bytes(4, "big")
            for begin, end in spans:
                picture.add(begin, end)
        elif kind == b"Exif" and exif is None:
            exif = tiff_part(_bytes(data, spans))
        elif item in meta.xmp_items and xmp is None:
            xmp = _bytes(data, spans)
    # A moving sequence keeps its pictures in tracks: those are not looked into, all bytes are the picture.
    clean = b"moov" not in by_kind and meta.primary in meta.kinds
    return Parts(picture.all() if clean else (), bytes(extra), exif, xmp, None, turn, clean)


def _read_meta(data: Buffer, box: Box) -> _Meta:
    meta = _Meta()
    for part in boxes(data, box.body + 4, box.end):
        if part.kind == b"idat":
            meta.idat = part.body
    for part in boxes(data, box.body + 4, box.end):
        if part.kind == b"pitm":
            fields = Fields(data, part.body, part.end)
            meta.primary = fields.number(2 if fields.number(4) >> 24 == 0 else 4)
        elif part.kind == b"iinf":
            _read_kinds(data, part, meta)
        elif part.kind == b"iloc":
            _read_places(data, part, meta)
        elif part.kind == b"iprp":
            meta.properties = part
    return meta


def _read_kinds(data: Buffer, box: Box, meta: _Meta) -> None:
    fields = Fields(data, box.body, box.end)
    fields.number(2 if fields.number(4) >> 24 == 0 else 4)
    for entry in boxes(data, fields.at, box.end):
        inner = Fields(data, entry.body, entry.end)
        version = inner.number(4) >> 24
        if entry.kind != b"infe" or version < 2:
            raise BrokenBoxes("an item without a kind")
        item = inner.number(2 if version == 2 else 4)
        inner.number(2)
        meta.kinds[item] = inner.take(4)
        if meta.kinds[item] == b"mime" and b"\0application/rdf+xml\0" in bytes(data[inner.at : entry.end]):
            meta.xmp_items.add(item)
        if len(meta.kinds) > _MOST_ITEMS:
            raise BrokenBoxes("too many items")


def _read_places(data: Buffer, box: Box, meta: _Meta) -> None:
    fields = Fields(data, box.body, box.end)
    version = fields.number(4) >> 24
    widths = fields.number(2)
    offset_width, length_width = widths >> 12, widths >> 8 & 15
    base_width, index_width = widths >> 4 & 15, widths & 15 if version else 0
    count = 0
    for _ in range(min(fields.number(4 if version == 2 else 2), _MOST_ITEMS)):
        item = fields.number(4 if version == 2 else 2)
        way = fields.number(2) & 15 if version else 0
        fields.number(2)
        base = fields.number(base_width)
        spans: list[Span] = []
        for _ in range(fields.number(2)):
            fields.number(index_width)
            begin, length = base + fields.number(offset_width), fields.number(length_width)
            begin += meta.idat if way == 1 else 0
            count += 1
            if count > _MOST_SPANS:
                raise BrokenBoxes("too many stretches")
            spans.append((begin, begin + length if length else len(data)))
        if way > 1 or (way == 1 and not meta.idat):
            raise BrokenBoxes("an item made of other items")
        meta.places[item] = spans


def _bytes(data: Buffer, spans: list[Span]) -> bytes:
    return b"".join(bytes(data[begin:end]) for begin, end in spans)


def _turn(data: Buffer, meta: _Meta) -> int:
    """The EXIF orientation that the main item's rotation and mirror properties amount to, in their order."""
    turn = 1
    if meta.properties is None:
        return turn
    kept = list(boxes(data, meta.properties.body, meta.properties.end))
    known = [box for part in kept if part.kind == b"ipco" for box in boxes(data, part.body, part.end)]
    for part in kept:
        if part.kind != b"ipma":
            continue
        for index in _associated(data, part, meta.primary):
            if not 0 < index <= len(known):
                continue
            box = known[index - 1]
            if box.kind == b"irot":
                turn = compose(turn, (1, 8, 3, 6)[data[box.body] & 3])
            elif box.kind == b"imir":
                turn = compose(turn, 2 if data[box.body] & 1 else 4)
    return turn


def _associated(data: Buffer, box: Box, wanted: int) -> list[int]:
    fields = Fields(data, box.body, box.end)
    head = fields.number(4)
    version, wide = head >> 24, head & 1
    found: list[int] = []
    for _ in range(min(fields.number(4), _MOST_ITEMS)):
        item = fields.number(2 if version < 1 else 4)
        indexes = [
            fields.number(2) & 0x7FFF if wide else fields.number(1) & 0x7F for _ in range(fields.number(1))
        ]
        if item == wanted:
            found += indexes
    return found
