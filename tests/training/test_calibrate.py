"""The calibration finds the line between yes and no."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("torch", reason="needs the train extra (torch)")

from core.models.calibration import Calibration
from core.training.calibrate import Judged, carried_over, fit, short_queries


def test_fitted_relevance_is_the_share_of_yes() -> None:
    random = np.random.default_rng(0)
    cosines = random.uniform(-0.2, 0.6, 20_000).astype(np.float32)
    chance = 1 / (1 + np.exp(-(0.7 * (20 * cosines - 5) - 1)))
    true = random.uniform(size=len(cosines)) < chance
    neutral = np.full(len(cosines), 5, np.float32)

    found = fit(Judged(cosines, neutral, true, np.ones_like(cosines)), scale=20)

    np.testing.assert_allclose(found.relevance(cosines, neutral), chance, atol=0.03)


def test_neutral_captions_that_say_nothing_are_not_asked() -> None:
    random = np.random.default_rng(3)
    cosines = random.uniform(-0.2, 0.6, 20_000).astype(np.float32)
    chance = 1 / (1 + np.exp(-(12 * cosines - 3)))
    true = random.uniform(size=len(cosines)) < chance
    neutral = random.normal(5, 2, len(cosines)).astype(np.float32)

    found = fit(Judged(cosines, neutral, true, np.ones_like(cosines)), scale=20)

    assert not found.asks_neutrals
    np.testing.assert_allclose(found.relevance(cosines, neutral), chance, atol=0.03)


def test_short_queries_match_whole_english_words_alone() -> None:
    dog = short_queries()["en"][0]

    assert dog.text == "a dog"
    assert dog.pattern.search("Two Dogs run .")
    assert not dog.pattern.search("a hotdog stand")


def test_a_calibration_carried_over_says_the_same_of_the_same_photos() -> None:
    random = np.random.default_rng(1)
    before = random.uniform(-0.2, 0.6, 1_000).astype(np.float32)
    after = np.float32(0.8) * before + np.float32(0.1)
    fitted = Calibration(scale=20, slope=0, cosine=12, offset=-4)

    carried = carried_over(fitted, 25, before, after)

    assert carried.scale == 25
    np.testing.assert_allclose(carried.relevance(after, 0), fitted.relevance(before, 0), atol=1e-5)
