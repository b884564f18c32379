"""Raw files of cameras by LibRaw: their own preview where it is good enough, else developed."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
from PIL import Image

from core.photos.containers.parts import Buffer
from core.photos.costs import Afford, cost_of
from core.photos.faults import fault
from core.photos.orientation import upright, upright_size

# LibRaw's `flip` as EXIF orientation.
_TURNS = {0: 1, 3: 3, 5: 8, 6: 6}


def open_raw(
    data: Buffer, needed: tuple[int, int], max_pixels: int, giant_pixels: int, afford: Afford
) -> tuple[Image.Image, int, int]:
    """An upright picture of a raw file, and the width and height of the real one.

    needed  (short, long) sides in pixels that the picture must at least have, where the file has them
    Raises PhotoFault, TooCostly, and whatever LibRaw and Pillow raise on damaged files.
    """
    import rawpy  # with its decoder 20 MB, needed by few libraries of photos

    with rawpy.imread(io.BytesIO(data)) as raw:
        sizes = raw.sizes
        turn = _TURNS.get(sizes.flip, 1)
        width, height = upright_size(sizes.width, sizes.height, turn)
        if width <= 0 or height <= 0:
            raise fault("damaged", "The raw file says that its picture has no size.")
        if width * height > max_pixels:
            raise fault("too-large", f"The picture has {width} x {height} pixels, more than can be decoded.")
        preview = _preview(raw, turn, (width, height), needed)
        if preview is not None:
            return preview, width, height
        afford(cost_of("RAW", "RGB", width * height, giant_pixels))
        return _developed(raw, min(width, height) >= 2 * needed[0]), width, height


def _preview(raw: Any, turn: int, size: tuple[int, int], needed: tuple[int, int]) -> Image.Image | None:
    """The embedded preview, upright; None where there is none, it is too small, broken, or of another shape."""
    import rawpy

    try:
        thumb = raw.extract_thumb()
        if thumb.format == rawpy.ThumbFormat.BITMAP:
            image = Image.fromarray(np.ascontiguousarray(thumb.data))
        else:
            image = Image.open(io.BytesIO(thumb.data), formats=("JPEG",))
            image.draft(image.mode, (max(needed), max(needed)))
        if min(image.size) < needed[0] or max(image.size) < needed[1]:
            return None
        image.load()
    except (rawpy.LibRawError, rawpy.NotSupportedError, OSError, ValueError, SyntaxError):
        return None
    # Most cameras store the preview as the sensor saw it, some already upright: the shape tells for quarter turns.
    if turn >= 5 and (image.width > image.height) == (size[0] > size[1]):
        turn = 1
    image = upright(image, turn)
    same_shape = abs(image.width * size[1] - image.height * size[0]) <= 0.1 * image.width * size[1]
    return image if same_shape else None


def _developed(raw: Any, at_half_size: bool) -> Image.Image:
    """Developed with the camera's white balance; LibRaw turns it upright itself."""
    import rawpy

    if raw.raw_type == rawpy.RawType.Flat:
        values = raw.raw_image_visible
        # LibRaw 0.22 gives a black picture for a file cut to its header, without an error. No sensor is that even.
        if values.size == 0 or values.min() == values.max():
            raise fault("truncated", "The raw file holds no picture data.")
    pixels = raw.postprocess(half_size=at_half_size, use_camera_wb=True, output_bps=8)
    if pixels.ndim == 3 and pixels.shape[2] == 1:  # a monochrome sensor
        pixels = pixels[:, :, 0]
    return Image.fromarray(np.ascontiguousarray(pixels))
