"""Colours as the screen and the model want them: sRGB, 8 bits, no alpha, whatever the file holds."""

from __future__ import annotations

import io
from functools import lru_cache

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageCms

# Whole pictures in these modes can be made smaller before they are turned into RGB; the others would lose
# what they mean: a palette's numbers, a transparent pixel's hidden colour, 16 bits.
_REDUCED_FIRST = frozenset(("L", "RGB", "CMYK", "YCbCr"))
# Rows are converted in bands of about this many pixels, so that a big palette picture never stands in memory
# four times over.
_BAND_PIXELS = 1 << 20
# The largest value that a number of this size probably means: 1 for shares, then 8, 15 and 16 bits.
_NATURAL_TOPS = (1.0, 255.0, 32767.0, 65535.0)


def to_rgb(image: Image.Image, factor: int, profile: bytes | None) -> tuple[Image.Image, bytes | None]:
    """The loaded picture as RGB with both sides divided by `factor` (a whole number, 1 and more; averages).

    Alpha is laid over white. Returns besides the colour profile that is still to be applied: an RGB one can
    wait until the picture is small, others have been applied or do not fit.
    """
    if image.mode in _REDUCED_FIRST and not image.has_transparency_data:
        small = image.reduce(factor) if factor > 1 else image
        if small.mode == "RGB":
            return small, profile
        return _by_profile(small, profile) or small.convert("RGB"), None
    return _in_bands(image, factor), profile if image.mode in ("RGBA", "P", "RGB") else None


def to_srgb(image: Image.Image, profile: bytes | None) -> Image.Image:
    """An RGB picture of this colour profile as sRGB; unchanged where the profile is broken or not for RGB."""
    return _by_profile(image, profile) or image


def _by_profile(image: Image.Image, profile: bytes | None) -> Image.Image | None:
    transform = _transform(profile, image.mode) if profile else None
    if transform is None:
        return None
    try:
        return ImageCms.applyTransform(image, transform)
    except (ImageCms.PyCMSError, ValueError, OSError):
        return None


# A folder mostly comes from a few cameras: making a transform costs more than applying it to a thumbnail.
@lru_cache(maxsize=16)
def _transform(profile: bytes, mode: str) -> ImageCms.ImageCmsTransform | None:
    """From this profile to sRGB; None for a profile that is sRGB itself, broken, or of another kind of colour."""
    try:
        source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        if mode == "RGB" and "srgb" in ImageCms.getProfileDescription(source).lower():
            return None
        target = ImageCms.createProfile("sRGB")
        return ImageCms.buildTransform(source, target, mode, "RGB", ImageCms.Intent.PERCEPTUAL)
    except (ImageCms.PyCMSError, OSError, ValueError, TypeError):
        return None


def _in_bands(image: Image.Image, factor: int) -> Image.Image:
    width, height = image.size
    top_value = _top_value(image)
    out = Image.new("RGB", (-(-width // factor), -(-height // factor)))
    rows = max(1, _BAND_PIXELS // width // factor) * factor
    for top in range(0, height, rows):
        band = _flat(image.crop((0, top, width, min(height, top + rows))), top_value)
        out.paste(band.reduce(factor) if factor > 1 else band, (0, top // factor))
    return out


def _flat(band: Image.Image, top_value: float) -> Image.Image:
    """Any mode as RGB, alpha over white."""
    if band.mode.startswith("I;16"):
        return _grey(np.asarray(band).astype(np.float32), 65535.0)
    if band.mode in ("I", "F"):
        return _grey(np.asarray(band, np.float32), top_value)
    if band.mode == "LAB":
        lab = ImageCms.buildTransform(
            ImageCms.createProfile("LAB"), ImageCms.createProfile("sRGB"), "LAB", "RGB"
        )
        return ImageCms.applyTransform(band, lab) or band.convert("RGB")
    if not band.has_transparency_data:
        return band.convert("RGB")
    if band.mode == "La":  # some TIFFs; Pillow turns it into LA alone
        band = band.convert("LA")
    with_alpha = band.convert("RGBA")
    white = Image.new("RGB", band.size, (255, 255, 255))
    white.paste(with_alpha, mask=with_alpha.getchannel("A"))
    return white


def _grey(values: npt.NDArray[np.float32], top_value: float) -> Image.Image:
    levels = np.nan_to_num(values, nan=0.0, posinf=top_value, neginf=0.0) * np.float32(255 / top_value)
    return Image.fromarray(np.clip(levels + 0.5, 0, 255).astype(np.uint8)).convert("RGB")


def _top_value(image: Image.Image) -> float:
    """What white is in a picture of whole or floating numbers, which do not say it themselves."""
    if image.mode not in ("I", "F"):
        return 255.0
    values = np.asarray(image, np.float32)
    finite = values[np.isfinite(values)]
    highest = float(finite.max()) if finite.size else 1.0
    return next((top for top in _NATURAL_TOPS if highest <= top), highest)
