"""Pictures -> the image tower's input. Pillow and numpy alone, as it runs inside the decoding processes.

Two modes. `square` is the program's own: it is given an upright RGB picture in sRGB, made by `photos/decode.py`
with orientation, transparency, 16 bits and colour profiles treated right, and it may come from draft scaling.
`reference_square` is what openai/CLIP's and Chinese-CLIP's own code makes of a file, for comparing with them.
They differ where the references go wrong (sideways photos, black or hidden colours under transparency, white
16-bit pictures) and by rounding elsewhere.
"""

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
    scaled = _short_side_scaled(image.size, size)
    return np.array(_middle(image.resize(scaled, scaling, reducing_gap=gap), size))


def reference_square(image: Image.Image, preprocessing: Preprocessing) -> Pixels:
    """`image`, as Pillow opened it, as [s, s, 3] uint8: bit for bit what the references' code makes of it.

    It is scaled in the mode it is stored in and turned into RGB last: palettes by the nearest pixel, 16 bits
    clipped to white, transparency dropped with whatever colour lies under it; orientation tags are ignored.
    Sources: clip/clip.py of openai/CLIP, cn_clip/clip/utils.py of Chinese-CLIP, torchvision's Resize, CenterCrop.
    """
    size = preprocessing.size_px
    scaling = _FILTERS[preprocessing.interpolation]
    if preprocessing.mode == "squash":
        return np.array(image.resize((size, size), scaling).convert("RGB"))
    scaled = image.resize(_short_side_scaled(image.size, size), scaling)
    return np.array(_middle(scaled, size).convert("RGB"))


def _short_side_scaled(size: tuple[int, int], short_px: int) -> tuple[int, int]:
    width, height = size
    if width <= height:
        return short_px, max(short_px, int(short_px * height / width))
    return max(short_px, int(short_px * width / height)), short_px


def _middle(image: Image.Image, size: int) -> Image.Image:
    left, top = round((image.width - size) / 2), round((image.height - size) / 2)
    return image.crop((left, top, left + size, top + size))


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
