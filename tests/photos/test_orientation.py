"""Turning a picture upright."""

from __future__ import annotations

from itertools import product

import pytest

from core.photos.orientation import compose, upright, upright_size
from tests.photos.made_pictures import corners


@pytest.mark.parametrize(("first", "second"), list(product(range(1, 9), range(1, 9))))
def test_two_turns_are_one(first: int, second: int) -> None:
    image = corners(8, 6)
    assert (
        upright(image, compose(first, second)).tobytes() == upright(upright(image, first), second).tobytes()
    )


@pytest.mark.parametrize("turn", range(1, 9))
def test_the_size_is_that_of_the_turned_picture(turn: int) -> None:
    assert upright(corners(8, 6), turn).size == upright_size(8, 6, turn)
