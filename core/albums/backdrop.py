"""What scores look like in this library when nothing particular is asked for: the measure of every album.

A cosine says nothing by itself: each model has its own offset and spread, and each library its own mixture
of photos. The neutral captions (resources/prompts/neutral.toml) show both. Each photo fits a few of them and
not the others, so how far they spread is the unit of a score, and what the best five reach is the score of
words that fit. All of it is worked out from the vectors at hand, so it holds for any space as it is.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Embeddings = npt.NDArray[np.float32]

# So many photos tell a library's spread to a few percent; more would only take longer.
SAMPLE = 5_000
# The neutral captions' mean is taken off by half: mean average precision over the labelled train parts, their
# parent kinds and captioned photos is .407, against .401 without and .404 with all of it.
NEUTRAL_SHARE = 0.5
# Of 222 neutral captions about five are true of a photo: most things stand among them twice, once a language.
CAPTIONS_THAT_FIT = 5
# Part of the identity in the covariance (Ledoit and Wolf 2004). Of .05, .2 and 1 on the labelled train parts: .2
# gains nearly as much in 30 marks as 1 does, and three marks hardly ever make an album worse than its prompt.
SHRINKAGE = 0.2


@dataclass(frozen=True, slots=True)
class Backdrop:
    """neutral    [d] the neutral captions' mean embedding
    level      its mean cosine with the photos
    spread     of one photo's cosines with the neutral captions: the unit of scores
    fit        score that the captions fitting a photo reach, on average
    width      of the scores of words that are not about a photo, to the left of their peak
    mean       [d] of the photos; precision [d, d]: inverse of their shrunken covariance, of mean trace 1
    sample     [m, d] the photos that all this was worked out from
    """

    neutral: Embeddings
    level: float
    spread: float
    fit: float
    width: float
    mean: Embeddings
    precision: Embeddings
    sample: Embeddings

    @classmethod
    def of(cls, sample: Embeddings, neutrals: Embeddings) -> Backdrop:
        """From photos [m, d], m may be 0, and the neutral captions [k, d], all L2-normalised."""
        cosines = sample @ neutrals.T
        own = cosines.mean(axis=1)
        level = float(own.mean()) if len(sample) else 0.0
        spread = float(cosines.std(axis=1).mean()) if len(sample) else 1.0
        scores = (cosines - NEUTRAL_SHARE * own[:, None] - (1 - NEUTRAL_SHARE) * level) / max(spread, 1e-6)
        best = np.partition(scores, -CAPTIONS_THAT_FIT, axis=1)[:, -CAPTIONS_THAT_FIT:]
        widths = [left_width(one, peak(one)) for one in np.sort(scores, axis=0).T]
        mean = sample.mean(axis=0) if len(sample) else np.zeros(neutrals.shape[1], np.float32)
        return cls(
            neutral=neutrals.mean(axis=0),
            level=level,
            spread=max(spread, 1e-6),
            fit=float(best.mean()) if len(sample) else 1.0,
            width=float(np.median(widths)),
            mean=np.asarray(mean, np.float32),
            precision=_precision(sample - mean),
            sample=sample,
        )


def peak(ordered: npt.NDArray[np.floating]) -> float:
    """Where values [n], in ascending order, are densest: the middle of the narrowest half. 0 where there is none."""
    half = len(ordered) // 2
    if not half:
        return float(ordered[0]) if len(ordered) else 0.0
    begin = int(np.argmin(ordered[half:] - ordered[: len(ordered) - half]))
    return float(np.median(ordered[begin : begin + half + 1]))


def left_width(values: npt.NDArray[np.floating], middle: float) -> float:
    """Standard deviation of a normal distribution, by the values left of its middle; 0 where there are none.

    Only the left side: what an album is about stands on the right (the empirical null of Efron 2004).
    """
    below = middle - values[values < middle]
    return float(np.median(below)) / 0.6745 if len(below) else 0.0


def _precision(centred: Embeddings) -> Embeddings:
    """Inverse of the shrunken covariance of rows [m, d], so scaled that a row's mean squared length under it is 1."""
    count, width = centred.shape
    if count < 2:
        return np.eye(width, dtype=np.float32)
    covariance = (centred.T @ centred / count).astype(np.float64)
    size = max(float(np.trace(covariance)) / width, 1e-9)
    # With fewer photos than dimensions the covariance is mostly unknown.
    share = max(SHRINKAGE, width / (width + count))
    shrunken = (1 - share) * covariance + share * size * np.eye(width)
    inverse = np.linalg.inv(shrunken)
    length = float(np.einsum("ij,ji->", inverse, covariance))
    return np.asarray(inverse / max(length, 1e-9), np.float32)
