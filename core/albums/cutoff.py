"""Where an album begins: the score from which a photo is in it, without a threshold set by hand.

Scores are measured on the library's own backdrop. Most albums are about few photos: the peak of their scores
is then that of photos which have nothing to do with them, and a photo is in when it stands clearly above that
peak and near to what fitting words reach. In a library that is all of one kind the peak of that kind's album
is as high as words that fit: then nothing is left to stand above, and the height alone decides.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from core.albums.backdrop import Backdrop, left_width, peak

Floats = npt.NDArray[np.float32]

# All were chosen on the labelled train parts and captioned photos: dogs, cats and dishes alone, and all mixed.
# So far from the peak to what fits. Of .85, .92 and 1, where the ranking is good (average precision .6 and more), .92
# leaves a recall of .6 to all but one album of the train parts: .91, .89 and .82 of what is there come in, .53, .62 and
# .72 of that is right, and of a library without the kind 1.1, .7 and .4 % come in.
TOWARDS_FIT = 0.92
# Of what fits, where there are no words and so no peak: an album known by its marks alone, and a name.
WITHOUT_WORDS = 0.85
# The same where the peak is the kind itself: most photos are of it then, and less has to be asked of each (at .62
# an all-dogs library is to .97 full of dogs, at .7 to .94).
TOWARDS_FIT_OF_ONE_KIND = 0.62
# So many widths above the peak at least: the right flank of photos that only resemble the kind (cats among dogs).
WIDTHS = 3.5
# A peak is the kind itself when it reaches this share of what fits ("dog" among dogs .97, "kitchen" among
# dishes .6), and this is how gradually one becomes the other.
PEAK_IS_THE_KIND, GRADUALLY = 0.68, 0.05

# Logits a unit of score: with it, what a few decisions teach and what the prompt says keep their balance.
STEEPNESS = 1.9
# "Maybe" reaches this far below the border, in logits: one unit of score.
MAYBE = -1.9


@dataclass(frozen=True, slots=True)
class Cutoff:
    """border: score from which a photo is in; peak: of the scores; about: how surely that peak is the kind itself."""

    border: float
    peak: float
    about: float


def cutoff(scores: Floats, backdrop: Backdrop) -> Cutoff:
    """The border for an album by its scores [m] of the backdrop's sample, m may be 0."""
    ordered = np.sort(scores)
    middle = peak(ordered)
    about = 1 / (1 + np.exp(-np.clip((middle / backdrop.fit - PEAK_IS_THE_KIND) / GRADUALLY, -60, 60)))
    # Photos that are not of the kind: around the peak, or around 0 where the peak is the kind itself.
    others = (1 - about) * middle
    width = (1 - about) * left_width(ordered, middle) + about * backdrop.width
    # More than fitting words reach is asked of nobody, however wide the rest is spread.
    flank = min(others + WIDTHS * width, backdrop.fit)
    share = (1 - about) * TOWARDS_FIT + about * TOWARDS_FIT_OF_ONE_KIND
    border = max(others + share * (backdrop.fit - others), flank)
    return Cutoff(float(border), middle, float(about))


def band(logit: float) -> str:
    """in | maybe | out."""
    if logit >= 0:
        return "in"
    return "maybe" if logit >= MAYBE else "out"
