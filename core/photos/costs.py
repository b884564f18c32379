"""What a picture will cost to decode, told from its header: so that few big ones do not fill the memory together."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

# Bytes a pixel at the peak of decoding, decoder and Pillow together: measured on pictures of 24 megapixels with
# Pillow 13, libheif 1.23, libjxl by pillow-jxl-plugin 1.3.8, rounded up (JPEG XL to what its conformance files need).
_BYTES_A_PIXEL = {
    "BMP": 5,
    "PNG": 5,
    "GIF": 6,
    "TIFF": 5,
    "WEBP": 17,
    "HEIF": 8,
    "AVIF": 12,
    "JPEG2000": 20,
    "JXL": 24,
    "RAW": 10,
}
# Modes that Pillow holds in less than four bytes.
_BYTES_OF_MODE = {"1": 1, "L": 1, "P": 1, "I;16": 2, "I;16B": 2}
# A progressive JPEG keeps all coefficients (two bytes each, chroma at a quarter or in full) whatever scale it is
# read at.
_PROGRESSIVE_BYTES = 6


@dataclass(frozen=True, slots=True)
class Cost:
    """memory_bytes at the peak; `alone` where the picture is a giant, to be decoded with nothing else in flight."""

    memory_bytes: int
    alone: bool = False


class TooCostly(Exception):
    """Raised by an `Afford` that cannot afford this now. Not an error: the picture is decoded later."""

    def __init__(self, cost: Cost) -> None:
        super().__init__(cost)
        self.cost = cost


# Asked before the decoding; returns or raises TooCostly.
Afford = Callable[[Cost], None]


def afford_all(cost: Cost) -> None:
    """For callers that decode one picture at a time."""


def cost_of(picture_format: str, mode: str, pixels: int, giant_pixels: int) -> Cost:
    """The cost of a picture that is decoded whole."""
    a_pixel = _BYTES_A_PIXEL.get(picture_format, 12)
    if picture_format in ("PNG", "TIFF", "BMP"):
        a_pixel = min(a_pixel, 1 + _BYTES_OF_MODE.get(mode, a_pixel))
    return Cost(pixels * a_pixel, alone=pixels > giant_pixels)


def cost_of_jpeg(pixels: int, read_pixels: int, progressive: bool) -> Cost:
    """The cost of a JPEG of `pixels` that is read at a scale which gives `read_pixels`."""
    return Cost(read_pixels * 4 + (pixels * _PROGRESSIVE_BYTES if progressive else 0))
