"""Pictures -> the image tower's input. Pillow and numpy alone, as it runs inside the decoding processes."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from PIL import Image

from core.models.spec import Preprocessing

Pixels = npt.NDArray[np.uint8]
_FILTERS = {
    "nearest": Image.Resampling.NEAREST,
    "box": Image.Resampling.BOX,
    "bilinear": Image.Resampling.BILINEAR,
    "hamming": Image.Resampling.HAMMING,
    "bicubic": Image.Resampling.BICUBIC,
    "lanczos": Image.Resampling.LANCZOS,
}


def square(image: Image.Image, preprocessing: Preprocessing) -> Pixels:
    """`image` as [s, s, 3] uint8, squashed or cut to the square as the model wants it.

    image  RGB, upright, sRGB; a picture of another mode is turned into RGB
    Large pictures are first reduced by whole pixels to at least twice the size (Pillow's reducing gap):
    the result differs by less than a grey level and is many times faster.
    """
    if image.mode != "RGB":
        image = image.convert("RGB")
    size = preprocessing.size_px
    scaling = _FILTERS[preprocessing.interpolation]
    if image.size == (size, size):
        return np.array(image)
    gap = None if scaling == Image.Resampling.NEAREST else 3.0
    if preprocessing.mode == "squash":
        return np.array(image.resize((size, size), scaling, reducing_gap=gap))
    width, height = image.size
    if width <= height:
        scaled = (size, max(size, int(size * height / width)))
    else:
        scaled = (max(size, int(size * width / height)), size)
    image = image.resize(scaled, scaling, reducing_gap=gap)
    left, top = round((scaled[0] - size) / 2), round((scaled[1] - size) / 2)
    return np.array(image.crop((left, top, left + size, top + size)))


def normalise(pixels: Pixels, preprocessing: Preprocessing) -> npt.NDArray[np.float32]:
    """[n, s, s, 3] uint8 -> [n, 3, s, s] float32, (value / 255 - mean) / std."""
    planes = np.ascontiguousarray(pixels.transpose(0, 3, 1, 2))
    std = np.array(preprocessing.std, np.float32).reshape(1, 3, 1, 1)
    mean = np.array(preprocessing.mean, np.float32).reshape(1, 3, 1, 1)
    # One multiplication and one addition a value, in place: half the time of the formula as written.
    floats = planes.astype(np.float32)
    floats *= 1 / (255 * std)
    floats -= mean / std
    return floats
