"""The score of an album: the prompt where nothing was marked, what was marked where much was."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest

from core.albums.backdrop import Backdrop
from core.albums.probe import BORDER_VARIANCE, VARIANCE, Uncertainty, learn, prior_of

Embeddings = npt.NDArray[np.float32]
NOBODY = np.zeros(0, bool)


@pytest.fixture
def dice() -> np.random.Generator:
    return np.random.default_rng(0)


@pytest.fixture
def rows(dice: np.random.Generator) -> Embeddings:
    """[300, 24] made photos."""
    return _unit(dice.normal(size=(300, 24)) + np.linspace(0, 1, 24))


@pytest.fixture
def backdrop(rows: Embeddings, dice: np.random.Generator) -> Backdrop:
    return Backdrop.of(rows, _unit(dice.normal(size=(40, 24))))


def _unit(values: npt.NDArray[np.float64]) -> Embeddings:
    return np.asarray(values / np.linalg.norm(values, axis=1, keepdims=True), np.float32)


def test_without_marks_an_album_is_exactly_its_prompt(rows: Embeddings, backdrop: Backdrop) -> None:
    prior = prior_of(rows[0], None, backdrop)
    probe = learn(prior, backdrop, rows[:0], NOBODY)
    assert np.array_equal(probe.weights, prior.weights)
    assert probe.offset == prior.offset


def test_what_the_marks_teach_is_the_plain_maximum_of_the_posterior(
    rows: Embeddings, backdrop: Backdrop, dice: np.random.Generator
) -> None:
    """Newton's method in all d + 1 dimensions, on the formula as it is written, gives the same logits."""
    marked, accepted = rows[5:25], dice.random(20) < 0.4
    prior = prior_of(rows[0], None, backdrop)
    probe = learn(prior, backdrop, marked, accepted)
    # The prior of (change, border): covariance VARIANCE * precision matrix of the photos, and BORDER_VARIANCE.
    inputs = np.column_stack([marked - backdrop.mean, np.ones(20)]).astype(np.float64)
    inverse = np.zeros((25, 25))
    inverse[:24, :24] = np.linalg.inv(VARIANCE * backdrop.precision.astype(np.float64))
    inverse[24, 24] = 1 / BORDER_VARIANCE
    before = marked @ prior.weights + prior.offset
    found = np.zeros(25)
    for _ in range(100):
        said = 1 / (1 + np.exp(-(before + inputs @ found)))
        slope = inputs.T @ (said - accepted) + inverse @ found
        found -= np.linalg.solve((inputs.T * (said * (1 - said))) @ inputs + inverse, slope)
    expected = rows @ prior.weights + prior.offset + (rows - backdrop.mean) @ found[:24] + found[24]
    assert np.allclose(rows @ probe.weights + probe.offset, expected, atol=2e-3)


def test_uncertainty_is_that_of_the_plain_formula_and_shrinks_at_the_marks(
    rows: Embeddings, backdrop: Backdrop
) -> None:
    accepted = np.arange(20) % 3 == 0
    prior = prior_of(rows[0], None, backdrop)
    nothing = Uncertainty(learn(prior, backdrop, rows[:0], NOBODY), backdrop, rows)
    probe = learn(prior, backdrop, rows[:20], accepted)
    known = Uncertainty(probe, backdrop, rows)
    kernel = (
        VARIANCE * (rows - backdrop.mean) @ backdrop.precision @ (rows - backdrop.mean).T + BORDER_VARIANCE
    )
    logits = rows[:20] @ probe.weights + probe.offset
    said = 1 / (1 + np.exp(-logits.astype(np.float64)))
    plain = (
        kernel
        - kernel[:, :20] @ np.linalg.inv(kernel[:20, :20] + np.diag(1 / (said * (1 - said)))) @ kernel[:20]
    )
    assert np.allclose(known.variances, np.diag(plain), atol=2e-2)
    assert np.allclose(known.with_photo(30), plain[:, 30], atol=2e-2)
    assert (known.variances <= nothing.variances + 1e-4).all()
    assert known.variances[:20].mean() < known.variances[20:].mean()


def test_many_marks_teach_what_the_prompt_does_not_know(rows: Embeddings, backdrop: Backdrop) -> None:
    true = rows[:, 3] > np.quantile(rows[:, 3], 0.7)
    prior = prior_of(rows[0], None, backdrop)
    probe = learn(prior, backdrop, rows[:200], true[:200])
    right = (rows[200:] @ probe.weights + probe.offset > 0) == true[200:]
    assert right.mean() > 0.85


def test_contradicting_marks_end_in_finite_numbers(rows: Embeddings, backdrop: Backdrop) -> None:
    same = np.repeat(rows[:1], 40, axis=0)
    probe = learn(prior_of(rows[0], None, backdrop), backdrop, same, np.arange(40) % 2 == 0)
    assert np.isfinite(probe.weights).all()
    assert abs(float(rows[0] @ probe.weights + probe.offset)) < 1


def test_what_is_not_to_be_seen_goes_down(rows: Embeddings, backdrop: Backdrop) -> None:
    plain, without = prior_of(rows[0], None, backdrop), prior_of(rows[0], rows[1], backdrop)
    before = rows[1] @ plain.weights + plain.offset
    assert rows[1] @ without.weights + without.offset < before


@pytest.mark.parametrize("count", [0, 1, 2])
def test_a_library_of_hardly_any_photos_has_a_backdrop(
    count: int, rows: Embeddings, dice: np.random.Generator
) -> None:
    backdrop = Backdrop.of(rows[:count], _unit(dice.normal(size=(40, 24))))
    probe = learn(prior_of(rows[0], None, backdrop), backdrop, rows[:count], np.ones(count, bool))
    assert np.isfinite(rows @ probe.weights + probe.offset).all()


def test_the_slider_moves_the_border_by_that_much(rows: Embeddings, backdrop: Backdrop) -> None:
    assert prior_of(rows[0], None, backdrop, shift=0.5).border == pytest.approx(
        prior_of(rows[0], None, backdrop).border + 0.5
    )
