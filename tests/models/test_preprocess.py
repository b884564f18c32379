"""Pictures become squares as the spec says, and squares the numbers the tower was trained on."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from core.models.preprocess import normalise, square
from core.models.spec import Preprocessing

PLAIN = Preprocessing("squash", 32, "bicubic", (0.5, 0.4, 0.3), (0.2, 0.25, 0.5))


def striped(width: int, height: int) -> Image.Image:
    """Left third red, middle green, right blue."""
    colours = np.array([[255, 0, 0], [0, 255, 0], [0, 0, 255]], np.uint8)
    row = colours[np.arange(width) * 3 // width]
    return Image.fromarray(np.broadcast_to(row, (height, width, 3)).copy())


def test_squash_keeps_the_whole_picture() -> None:
    pixels = square(striped(300, 100), PLAIN)

    assert pixels.shape == (32, 32, 3)
    assert pixels.dtype == np.uint8
    assert pixels[16, 1].argmax() == 0
    assert pixels[16, 16].argmax() == 1
    assert pixels[16, -2].argmax() == 2


@pytest.mark.parametrize("size", [(300, 100), (100, 300)])
def test_crop_keeps_the_middle(size: tuple[int, int]) -> None:
    picture = (
        striped(300, 100) if size == (300, 100) else striped(300, 100).transpose(Image.Transpose.ROTATE_90)
    )

    pixels = square(picture, replace(PLAIN, mode="crop"))

    assert (pixels.argmax(axis=2) == 1).mean() > 0.95


def test_a_square_of_the_right_size_is_left_as_it_is() -> None:
    picture = striped(32, 32)

    np.testing.assert_array_equal(square(picture, PLAIN), np.asarray(picture))


def test_the_fast_way_down_from_a_large_picture_is_the_slow_one_within_a_grey_level() -> None:
    noise = np.random.default_rng(3).integers(0, 256, (40, 60, 3), np.uint8)
    picture = Image.fromarray(noise).resize((1200, 800), Image.Resampling.BICUBIC)

    slow = np.asarray(picture.resize((32, 32), Image.Resampling.BICUBIC), np.float32)

    assert np.abs(square(picture, PLAIN) - slow).mean() < 1


def test_a_one_pixel_wide_picture_is_squared() -> None:
    for mode in ("crop", "squash"):
        assert square(Image.new("RGB", (1, 900)), replace(PLAIN, mode=mode)).shape == (32, 32, 3)


def test_normalise_is_the_formula() -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (2, 4, 4, 3), np.uint8)

    formula = (pixels / 255 - np.array(PLAIN.mean)) / np.array(PLAIN.std)

    np.testing.assert_allclose(normalise(pixels, PLAIN), formula.transpose(0, 3, 1, 2), atol=1e-5)
