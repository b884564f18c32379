"""Pictures to compare two forms of a tower on where the library has none yet: drawn, seeded, all different."""

from __future__ import annotations

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

from core.models.preprocess import Pixels

_SEED = 10
# Every so many pictures is noise: what a tower sees least of, and where its forms differ most.
_NOISE_EVERY = 8


def probe_pictures(count: int, size_px: int) -> Pixels:
    """[count, size, size, 3] uint8: shapes over shaded grounds, some soft, some grainy, every eighth noise.

    The same count gives the same pictures; a larger one begins with those of a smaller one.
    """
    squares = [_picture(np.random.default_rng([_SEED, i]), size_px, i) for i in range(count)]
    return np.stack(squares) if squares else np.zeros((0, size_px, size_px, 3), np.uint8)


def _picture(random: np.random.Generator, size_px: int, place: int) -> Pixels:
    if place % _NOISE_EVERY == _NOISE_EVERY - 1:
        # Coarse to fine, so that noise too comes in kinds.
        side = max(2, size_px >> int(random.integers(0, 6)))
        blocks = Image.fromarray(random.integers(0, 256, (side, side, 3), np.uint8))
        return np.asarray(blocks.resize((size_px, size_px), Image.Resampling.BICUBIC))
    corners = Image.fromarray(random.integers(0, 256, (2, 2, 3), np.uint8))
    picture = corners.resize((size_px, size_px), Image.Resampling.BICUBIC)
    draw = ImageDraw.Draw(picture)
    for _ in range(int(random.integers(1, 12))):
        _shape(draw, random, size_px)
    if random.random() < 0.4:
        picture = picture.filter(ImageFilter.GaussianBlur(size_px * float(random.uniform(0.003, 0.03))))
    grain = random.normal(0, random.choice([0, 4, 16]), (size_px, size_px, 1))
    return np.clip(np.asarray(picture) + grain, 0, 255).astype(np.uint8)


def _shape(draw: ImageDraw.ImageDraw, random: np.random.Generator, size_px: int) -> None:
    x, y = random.uniform(-0.2, 1.0, 2) * size_px
    width, height = random.uniform(0.05, 0.7, 2) * size_px
    colour = tuple(int(value) for value in random.integers(0, 256, 3))
    box = (float(x), float(y), float(x + width), float(y + height))
    match int(random.integers(0, 4)):
        case 0:
            draw.ellipse(box, fill=colour)
        case 1:
            draw.rectangle(box, fill=colour)
        case 2:
            draw.polygon([(box[0], box[3]), (box[2], box[3]), (box[0] + width / 2, box[1])], fill=colour)
        case _:
            draw.line(box, fill=colour, width=max(1, size_px // 40))
