"""Whether two decodings show the same picture, also when one is turned or mirrored.

A signature is the upright picture squashed to 16 x 16 x 3 bytes. It survives saving anew and a lossless
turn; it does not survive a crop, a filter, or another moment of a burst. Pages of text all look alike in it, so where
it says the same the thumbnails have the last word.
"""

from __future__ import annotations

import io

import numpy as np
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError

SIDE = 16
# Mean difference of a level in 255. Saving a JPEG anew moves it by less than 1; two photos of a burst
# differ by 4 and more, pages of text by 1 to 2, two black frames by nothing.
SAME_BELOW = 2.0
# Correlation of grey thumbnails of this side: two pages of text have .4 to .7, a photo saved anew at half the quality
# and turned .97 and more.
LOOK_SIDE, SAME_ABOVE = 64, 0.9
# Spread of grey levels below which there is nothing to compare.
FLAT = 1.0


def shows_the_same(a: bytes, b: bytes) -> bool:
    """True when b is a's picture in one of its eight orientations. Wrong lengths are never the same."""
    if len(a) != SIDE * SIDE * 3 or len(b) != len(a):
        return False
    one = np.frombuffer(a, np.uint8).reshape(SIDE, SIDE, 3).astype(np.float32)
    other = np.frombuffer(b, np.uint8).reshape(SIDE, SIDE, 3).astype(np.float32)
    return any(float(np.abs(one - way).mean()) < SAME_BELOW for way in _turned(other))


def looks_the_same(a: bytes, b: bytes) -> bool:
    """The same of two thumbnails, JPEG bytes. What cannot be read or shows one even colour is never the same."""
    try:
        one, other = _grey(a), _grey(b)
    except (UnidentifiedImageError, OSError):
        return False
    if min(one.std(), other.std()) < FLAT:
        return False
    one, other = ((each - each.mean()) / each.std() for each in (one, other))
    return any(float((one * way).mean()) > SAME_ABOVE for way in _turned(other))


def _grey(jpeg: bytes) -> NDArray[np.float32]:
    with Image.open(io.BytesIO(jpeg)) as image:
        small = image.convert("L").resize((LOOK_SIDE, LOOK_SIDE), Image.Resampling.BOX)
    return np.asarray(small, np.float32)


def _turned(picture: NDArray[np.float32]) -> list[NDArray[np.float32]]:
    """In its eight orientations."""
    return [np.rot90(side, turns) for side in (picture, picture[:, ::-1]) for turns in range(4)]
