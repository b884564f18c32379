"""Which photos to ask about next: those that may well belong and are not yet sure, and unlike each other.

A photo's worth is its logit plus its standard deviation (an upper confidence bound, Srinivas et al. 2010): the
queue finds what belongs and is still open, and passes over what the album knows it does not hold. Within a
batch every choice is taken as if it had been answered, which makes those like it certain (Desautels et al.
2014): so the next one is another kind of photo.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from core.albums.backdrop import Backdrop
from core.albums.probe import Probe, Uncertainty

Embeddings = npt.NDArray[np.float32]
Ints = npt.NDArray[np.int64]

# How much uncertainty counts beside likelihood: .5 and 1 taught alike, and 1 is the more curious.
CURIOSITY = 1.0
# An answer is worth most where it was open: curvature of the log likelihood at even odds.
OPEN_QUESTION = 0.25
# More candidates than a person decides in an hour.
CANDIDATES = 2_000


def worth_asking(probe: Probe, backdrop: Backdrop, rows: Embeddings, batch: int) -> Ints:
    """Positions in `rows` [m, d] (undecided photos) of the `batch` photos to ask about, the first first."""
    logits = rows @ probe.weights + np.float32(probe.offset)
    doubts = Uncertainty(probe, backdrop, rows)
    unsure = doubts.variances
    chosen: list[int] = []
    reductions: list[npt.NDArray[np.float64]] = []
    left = np.ones(len(rows), bool)
    for _ in range(min(batch, len(rows))):
        worth = np.where(left, logits + CURIOSITY * np.sqrt(unsure), -np.inf)
        best = int(np.argmax(worth))
        chosen.append(best)
        left[best] = False
        with_best = doubts.with_photo(best)
        for known in reductions:
            with_best = with_best - known * known[best]
        reduction = with_best / np.sqrt(1 / OPEN_QUESTION + unsure[best])
        reductions.append(reduction)
        unsure = np.maximum(unsure - reduction**2, 1e-9)
    return np.array(chosen, np.int64)
