"""The calibration turns a cosine into how likely a person would say yes."""

from __future__ import annotations

import numpy as np

from core.models.calibration import Calibration

CALIBRATION = Calibration(scale=20, slope=0.8, cosine=3, offset=-1, sure=0.5, less_sure=0.2)


def test_the_formula_by_hand() -> None:
    photos = np.array([[1.0, 0.0], [0.6, 0.8]], np.float16)
    neutrals = np.array([[0.0, 1.0], [1.0, 0.0]], np.float32)
    query = np.array([0.8, 0.6], np.float32)

    neutral = CALIBRATION.neutral_term(photos, neutrals)
    relevance = CALIBRATION.relevance(photos.astype(np.float32) @ query, neutral)

    for photo, found in zip(photos.astype(np.float64), relevance, strict=True):
        cosine = photo @ query
        better = 20 * cosine - np.log(np.exp(20 * (neutrals @ photo)).sum())
        assert abs(found - 1 / (1 + np.exp(-(0.8 * better + 3 * cosine - 1)))) < 1e-3


def test_a_higher_cosine_is_never_less_relevant() -> None:
    relevance = CALIBRATION.relevance(np.linspace(-1, 1, 50), np.full(50, 5.0))

    assert (np.diff(relevance) >= 0).all()
    assert ((relevance >= 0) & (relevance <= 1)).all()


def test_bands_begin_at_their_bounds() -> None:
    assert [CALIBRATION.band(value) for value in (0.5, 0.49, 0.2, 0.19)] == [
        "sure",
        "less sure",
        "less sure",
        "no",
    ]
