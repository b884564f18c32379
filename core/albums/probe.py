"""An album's score of a photo: logistic regression on frozen vectors, with the prompt as prior and the marks as evidence.

    logit(x) = STEEPNESS * (score(x) - border) + what the marks taught

The first term is the prompt alone. The second is a linear function of x with a Gaussian prior around zero, so
without marks the album is zero-shot, with many it is a learned classifier, and nothing jumps between. Its prior
covariance is the inverse covariance of the library's photos: directions in which everything differs count less,
as in linear discriminant analysis. Solved in the span of the marked photos: n x n, not d x d.

Source: Rasmussen and Williams 2006, algorithms 3.1 and 3.2, with a linear kernel and a prior mean.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from core.albums.backdrop import NEUTRAL_SHARE, Backdrop
from core.albums.cutoff import STEEPNESS, WITHOUT_WORDS, cutoff

Floats = npt.NDArray[np.float64]
Embeddings = npt.NDArray[np.float32]

# Prior variance, in squared logits, of what the marks may add to a typical photo, and of the border itself.
# Of 3, 5, 10, 20, 40 and 160 on the labelled train parts: 10 learned as much as any after 30 marks, and from 40
# on three marks made an album in ten worse than its prompt.
VARIANCE, BORDER_VARIANCE = 10.0, 1.0
# What is not to be seen takes off half of its own score: it wins over the prompt only where it fits better.
UNLIKE_SHARE = 0.5
# Newton's method has converged long before; a step above this many logits is shortened.
STEPS, LONGEST_STEP = 50, 5.0


@dataclass(frozen=True, slots=True)
class Prior:
    """The prompt's part: logit = weights . x + offset. `border` is the score at logit 0."""

    weights: Embeddings
    offset: float
    border: float


@dataclass(frozen=True, slots=True)
class Probe:
    """logit = weights . x + offset. Of the n marked photos: `taught` [d, n], and what uncertainty needs."""

    weights: Embeddings
    offset: float
    prior: Prior
    taught: Floats
    curvature: Floats


def prior_of(
    direction: Embeddings | None, unlike: Embeddings | None, backdrop: Backdrop, shift: float = 0.0
) -> Prior:
    """The zero-shot part of an album.

    direction  [d] of its prompts, None for an album known by its marks alone
    unlike     [d] of what is not to be seen
    shift      the owner's slider, added to the border, in units of score
    """
    width = len(backdrop.mean)
    if direction is None:
        border = WITHOUT_WORDS * backdrop.fit + shift
        return Prior(np.zeros(width, np.float32), -STEEPNESS * border, border)
    asked = direction - NEUTRAL_SHARE * backdrop.neutral
    rest = 1 - NEUTRAL_SHARE
    if unlike is not None:
        asked = asked - UNLIKE_SHARE * unlike
        rest -= UNLIKE_SHARE
    weights = asked / backdrop.spread
    offset = -rest * backdrop.level / backdrop.spread
    scores = np.asarray(backdrop.sample @ weights + offset, np.float32)
    border = cutoff(scores, backdrop).border + shift
    return Prior(np.asarray(STEEPNESS * weights, np.float32), STEEPNESS * (offset - border), border)


def learn(prior: Prior, backdrop: Backdrop, marked: Embeddings, accepted: npt.NDArray[np.bool_]) -> Probe:
    """The album after its marks.

    marked    [n, d] embeddings of the decided photos, n may be 0
    accepted  [n]
    """
    centred = (marked - backdrop.mean).astype(np.float64)
    spread = backdrop.precision.astype(np.float64) @ centred.T
    if not len(marked):
        return Probe(prior.weights, prior.offset, prior, spread, np.zeros((0, 0)))
    kernel = VARIANCE * centred @ spread + BORDER_VARIANCE
    expected = (marked @ prior.weights).astype(np.float64) + prior.offset
    push, bend = _posterior_mode(kernel, expected, accepted)
    change = VARIANCE * spread @ push
    weights = prior.weights + change
    offset = prior.offset + BORDER_VARIANCE * push.sum() - backdrop.mean @ change
    root = np.sqrt(bend)
    inverse = np.linalg.inv(np.eye(len(marked)) + root[:, None] * kernel * root)
    curvature = root[:, None] * inverse * root
    return Probe(np.asarray(weights, np.float32), float(offset), prior, spread, curvature)


def _posterior_mode(
    kernel: Floats, expected: Floats, accepted: npt.NDArray[np.bool_]
) -> tuple[Floats, Floats]:
    """(gradient, curvature) of the log likelihood, [n] each, at the most probable logits of the marked photos."""
    logits = expected.copy()
    target = accepted.astype(np.float64)
    identity = np.eye(len(logits))
    for _ in range(STEPS):
        said = 1 / (1 + np.exp(-np.clip(logits, -40, 40)))
        bend = np.maximum(said * (1 - said), 1e-10)
        root = np.sqrt(bend)
        pull = bend * (logits - expected) + target - said
        inner = identity + root[:, None] * kernel * root
        push = pull - root * np.linalg.solve(inner, root * (kernel @ pull))
        step = expected + kernel @ push - logits
        largest = float(np.abs(step).max())
        logits = logits + step * min(1.0, LONGEST_STEP / max(largest, 1e-12))
        if largest < 1e-8:
            break
    said = 1 / (1 + np.exp(-np.clip(logits, -40, 40)))
    return target - said, np.maximum(said * (1 - said), 1e-10)


class Uncertainty:
    """How unsure an album is of photos [m], and how that goes together. `variances` [m] in squared logits."""

    def __init__(self, probe: Probe, backdrop: Backdrop, rows: Embeddings) -> None:
        self._centred = rows - backdrop.mean
        self._spread = self._centred @ backdrop.precision
        self._known = VARIANCE * (self._centred @ probe.taught) + BORDER_VARIANCE
        self._explained = self._known @ probe.curvature
        before = VARIANCE * np.einsum("ij,ij->i", self._spread, self._centred) + BORDER_VARIANCE
        after = before - np.einsum("ij,ij->i", self._explained, self._known)
        self.variances: Floats = np.asarray(np.maximum(after, 1e-9), np.float64)

    def with_photo(self, i: int) -> Floats:
        """[m]: posterior covariance of each photo's logit with that of photo i."""
        before = VARIANCE * (self._spread @ self._centred[i]) + BORDER_VARIANCE
        return np.asarray(before - self._explained @ self._known[i], np.float64)
