"""Small real pictures, written by Pillow, for the tests of this room."""

from __future__ import annotations

import io
import struct
from typing import Any

from PIL import Image

from core.photos.jobs import DecodePlan

PLAN = DecodePlan(side_px=32, mode="squash", interpolation="bicubic", thumb_px=64)
# What each corner of `corners()` shows when it stands upright.
CORNERS = {"top left": (220, 30, 30), "top right": (30, 200, 30), "bottom left": (30, 30, 220)}


def corners(width: int = 96, height: int = 64, mode: str = "RGB") -> Image.Image:
    """A grey picture with a red top left, a green top right and a blue bottom left quarter."""
    image = Image.new("RGB", (width, height), (128, 128, 128))
    places = ((0, 0), (width // 2, 0), (0, height // 2))
    for colour, place in zip(CORNERS.values(), places, strict=True):
        image.paste(colour, (*place, place[0] + width // 2, place[1] + height // 2))
    return image.convert(mode)


def saved(image: Image.Image, picture_format: str, **more: Any) -> bytes:
    """The image in a format's bytes."""
    file = io.BytesIO()
    image.save(file, picture_format, **more)
    return file.getvalue()


def jpeg(width: int = 96, height: int = 64, **more: Any) -> bytes:
    return saved(corners(width, height), "JPEG", quality=95, subsampling=0, **more)


def exif_of(**tags: Any) -> bytes:
    """An EXIF block; tags by number as `t0112=6`, those of the Exif directory as `e9003="..."`, of GPS as `g0002=...`."""
    exif = Image.Exif()
    for name, value in tags.items():
        number = int(name[1:], 16)
        if name[0] == "t":
            exif[number] = value
        else:
            exif.get_ifd(0x8769 if name[0] == "e" else 0x8825)[number] = value
    return exif.tobytes()


def with_segment(data: bytes, marker: int, body: bytes) -> bytes:
    """A JPEG with one more segment right after its start."""
    return data[:2] + bytes((0xFF, marker)) + struct.pack(">H", len(body) + 2) + body + data[2:]


def with_chunk(data: bytes, kind: bytes, body: bytes) -> bytes:
    """A PNG with one more chunk after its header."""
    import zlib

    chunk = struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
    return data[:33] + chunk + data[33:]


def colours_of(pixels: bytes, side: int) -> dict[str, tuple[int, ...]]:
    """The colours in the middle of three quarters of a square of raw RGB bytes."""
    image = Image.frombytes("RGB", (side, side), pixels)
    near, far = side // 4, side * 3 // 4
    places = {"top left": (near, near), "top right": (far, near), "bottom left": (near, far)}
    return {name: image.getpixel(place) for name, place in places.items()}  # type: ignore[misc]


def assert_upright(pixels: bytes, side: int = PLAN.side_px, within: int = 12) -> None:
    for name, found in colours_of(pixels, side).items():
        off = max(abs(a - b) for a, b in zip(found, CORNERS[name], strict=True))
        assert off <= within, f"{name} is {found}, not {CORNERS[name]}"


def dng(
    raw: Image.Image, preview: bytes | None = None, preview_size: tuple[int, int] = (0, 0), turn: int = 1
) -> bytes:
    """A linear-mosaic DNG of 16 bits of the picture, uncompressed, with a JPEG preview before it where given."""
    red, green, blue = (channel.load() for channel in raw.split())
    width, height = raw.size
    mosaic = bytearray()
    for y in range(height):
        for x in range(width):
            plane = red if y % 2 == x % 2 == 0 else blue if y % 2 == x % 2 == 1 else green
            mosaic += struct.pack("<H", plane[x, y] * 257)
    block = preview or b""
    strips_at = 8 + len(block)
    main: list[tuple[int, int, list[int]]] = [
        (254, 4, [0]), (256, 4, [width]), (257, 4, [height]), (258, 3, [16]), (259, 3, [1]), (262, 3, [32803]),
        (273, 4, [strips_at]), (277, 3, [1]), (278, 4, [height]), (279, 4, [len(mosaic)]), (33421, 3, [2, 2]),
        (33422, 1, [0, 1, 1, 2]),
    ]  # fmt: skip
    facts = [
        (50706, 1, [1, 4, 0, 0]),
        (271, 2, list(b"Maker\0")),
        (272, 2, list(b"Model\0")),
        (274, 3, [turn]),
    ]
    after = strips_at + len(mosaic)
    if preview is None:
        return _tiff(block + bytes(mosaic), after, main + facts)
    first = [
        (254, 4, [1]), (256, 4, [preview_size[0]]), (257, 4, [preview_size[1]]), (258, 3, [8, 8, 8]), (259, 3, [7]),
        (262, 3, [6]), (273, 4, [8]), (277, 3, [3]), (278, 4, [preview_size[1]]), (279, 4, [len(preview)]),
    ]  # fmt: skip
    inner = _directory(after, main)
    return _tiff(block + bytes(mosaic) + inner, after + len(inner), [*first, *facts, (330, 4, [after])])


def _tiff(body: bytes, at: int, entries: list[tuple[int, int, list[int]]]) -> bytes:
    return b"II*\0" + struct.pack("<I", at) + body + _directory(at, entries)


def _directory(at: int, entries: list[tuple[int, int, list[int]]]) -> bytes:
    letters = {1: "B", 2: "B", 3: "H", 4: "I"}
    far_at = at + 2 + 12 * len(entries) + 4
    table, far = struct.pack("<H", len(entries)), b""
    for tag, kind, values in sorted(entries):
        packed = struct.pack(f"<{len(values)}{letters[kind]}", *values)
        table += struct.pack("<HHI", tag, kind, len(values))
        if len(packed) <= 4:
            table += packed.ljust(4, b"\0")
        else:
            table += struct.pack("<I", far_at + len(far))
            far += packed + bytes(len(packed) % 2)
    return table + bytes(4) + far
