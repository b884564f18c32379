"""Whether two decodings show the same picture, also when one is turned or mirrored.

A signature is the upright picture squashed to 16 x 16 x 3 bytes. It survives saving anew and a lossless
turn; it does not survive a crop, a filter, or another moment of a burst.
"""

from __future__ import annotations

import numpy as np

SIDE = 16
# Mean difference of a level in 255. Saving a JPEG anew moves it by less than 1; two photos of a burst
# differ by 4 and more, two black frames by nothing (and are told apart by their picture data).
SAME_BELOW = 2.0


def shows_the_same(a: bytes, b: bytes) -> bool:
    """True when b is a's picture in one of its eight orientations. Wrong lengths are never the same."""
    if len(a) != SIDE * SIDE * 3 or len(b) != len(a):
        return False
    one = np.frombuffer(a, np.uint8).reshape(SIDE, SIDE, 3).astype(np.float32)
    other = np.frombuffer(b, np.uint8).reshape(SIDE, SIDE, 3).astype(np.float32)
    ways = [np.rot90(side, turns) for side in (other, other[:, ::-1]) for turns in range(4)]
    return any(float(np.abs(one - way).mean()) < SAME_BELOW for way in ways)
