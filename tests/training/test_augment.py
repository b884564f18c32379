"""Photos are varied within bounds, each by itself, and the same random numbers vary them the same way."""

from __future__ import annotations

import pytest

torch = pytest.importorskip("torch", reason="needs the train extra (torch)")

from core.training.augment import LEAST_AREA, varied  # noqa: E402

SIDE = 64


def slopes(count: int) -> torch.Tensor:
    """Photos whose first channel says how far to the right a pixel lies, the second how far down; -1..1."""
    line = (torch.arange(SIDE) + 0.5) / SIDE * 2 - 1
    return torch.stack([line.expand(SIDE, SIDE), line[:, None].expand(SIDE, SIDE), torch.zeros(SIDE, SIDE)])[
        None
    ].repeat(count, 1, 1, 1)


def test_each_photo_keeps_nine_tenths_and_half_are_mirrored() -> None:
    torch.manual_seed(0)
    found = varied(slopes(200))

    assert found.shape == (200, 3, SIDE, SIDE)
    middle = found[:, :, SIDE // 2 - 1 : SIDE // 2 + 1]
    # How far apart two points are that were a quarter of the side apart, measured away from the edges.
    across = (middle[:, 0, 0, 3 * SIDE // 4] - middle[:, 0, 0, SIDE // 4]) / 1.0
    mirrored = across < 0
    assert 70 < int(mirrored.sum()) < 130
    assert across.abs().min() >= LEAST_AREA**0.5 - 1e-3
    assert across.abs().max() <= 1 + 1e-3
    assert len(across.abs().unique()) > 150


def test_the_same_random_numbers_vary_photos_the_same_way() -> None:
    given = slopes(5)
    torch.manual_seed(1)
    first = varied(given)
    torch.manual_seed(1)

    assert torch.equal(varied(given), first)
    assert not torch.equal(varied(given), first)
