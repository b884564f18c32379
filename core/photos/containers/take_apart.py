"""One way into all containers."""

from __future__ import annotations

from core.photos.containers.heif import read_heif
from core.photos.containers.jpeg import read_jpeg
from core.photos.containers.jxl import read_jxl
from core.photos.containers.parts import Buffer, Parts
from core.photos.containers.png import read_png
from core.photos.containers.webp import read_webp


def take_apart(data: Buffer, picture_format: str, *, whole: bool = True) -> Parts:
    """The parts of a file whose first bytes announce `picture_format` (`kinds.format_of`).

    `whole=False` is enough for the metadata: it spares walking through the picture data, and `clean` means nothing.
    A TIFF is its own EXIF. Formats that are not taken apart give no picture parts. Never raises for odd bytes.
    """
    if picture_format == "JPEG":
        return read_jpeg(data, whole=whole)
    if picture_format == "PNG":
        return read_png(data, whole=whole)
    if picture_format == "WEBP":
        return read_webp(data)
    if picture_format in ("HEIF", "AVIF"):
        return read_heif(data)
    if picture_format == "JXL":
        return read_jxl(data)
    return Parts()
