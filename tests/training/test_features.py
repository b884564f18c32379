"""The recipe looks at photos as they are, mirrored, and in parts; parts are the same each time."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

pytest.importorskip("torch", reason="needs the train extra (torch)")

from core.models.convert.starter.folder import PREPROCESSING
from core.training.features import AS_THEY_ARE, CUT_AREA, VIEWS, View

SIDE = 96


def slopes(count: int) -> list[Image.Image]:
    """Photos whose red says how far to the right a pixel lies, whose green says how far down."""
    line = np.linspace(0, 255, SIDE, dtype=np.uint8)
    across = np.broadcast_to(line, (SIDE, SIDE))
    return [Image.fromarray(np.dstack([across, across.T, across * 0]))] * count


def spans(squares: np.ndarray) -> np.ndarray:
    """[n, 2] which share of the whole side a photo shows across (below 0: mirrored) and down."""
    last = squares[:, -1, -1, :2].astype(float) - squares[:, 0, 0, :2]
    return last / 255


def test_photos_are_seen_whole_and_mirrored() -> None:
    plain = AS_THEY_ARE.of(slopes(1), PREPROCESSING)
    mirrored = View("mirrored", mirrored=True).of(slopes(1), PREPROCESSING)

    assert plain.shape == (1, PREPROCESSING.size_px, PREPROCESSING.size_px, 3)
    assert spans(plain)[0] == pytest.approx([1, 1], abs=0.02)
    assert np.array_equal(mirrored, plain[:, :, ::-1])


def test_each_cut_shows_another_part_of_a_photo_at_least_half_of_it() -> None:
    seen = spans(View("cut", cut_by=1).of(slopes(60), PREPROCESSING))

    assert 15 < int((seen[:, 0] < 0).sum()) < 45
    area = np.abs(seen).prod(axis=1)
    # A cut that would be wider than the photo is as wide as it: a little less of the area.
    assert area.min() > CUT_AREA[0] * 0.8
    assert area.max() <= 1.02
    assert len(np.unique(np.abs(seen[:, 0]).round(2))) > 20


def test_a_seed_cuts_the_same_each_time_and_another_one_otherwise() -> None:
    given = slopes(3)
    first, second = (View("cut", cut_by=seed).of(given, PREPROCESSING) for seed in (1, 2))

    assert np.array_equal(View("cut", cut_by=1).of(given, PREPROCESSING), first)
    assert not np.array_equal(first, second)


def test_every_view_has_a_name_of_its_own() -> None:
    assert VIEWS[0] == AS_THEY_ARE
    assert len({view.name for view in VIEWS}) == len(VIEWS)
