"""What a name looks like in one space, learned from the photos that the owner showed.

A name is a probe like an album's (probe.py): a direction in the space of photos, whitened by the library's
covariance. Its class word is a weak prior, the examples and counter-examples are the evidence. Scores u(x) stand in
widths above the peak of the library's own photos, and each example left out in turn says how high a photo that
shows the name stands: `typical`. From both comes a probability, which is what a sentence is joined by:

    P(豆豆)              = sigmoid(ALONE: steepness * (u - share * typical) - doubt)
    P(豆豆 in the snow)  = P(a dog in the snow) * P(豆豆 | a dog)

Photos and texts lie in different cones of a space, so vectors of both are never added; probabilities, each
calibrated on this library and this model, are. Compared on captioned train photos (dogs of one look, in snow, on
grass, in water, on a beach; five examples; mean average precision in both languages, tests/benchmarks/names.py): the
product .33, the sentence's vector moved by the examples' mean less that of photos of the class .30, the sum of both
vectors .28, the sum of standardised scores .27, the sentence with the class word alone .14. On photos not chosen on,
the four are less apart than chance; the product alone has bands that mean something, takes a negation, and needs no
weight to be set anew for another model.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from core.albums.backdrop import Backdrop, left_width, peak
from core.albums.probe import Prior, learn, prior_of
from core.albums.prompts import Prompts, language
from core.albums.spotting import class_word, spot
from core.library import names as records
from core.library.database import Database
from core.library.names import Name
from core.spaces.space import Space

Floats = npt.NDArray[np.float32]
Bools = npt.NDArray[np.bool_]
# (photo, whether it shows the name), in the order said
Marks = tuple[tuple[int, bool], ...]

# The class word's share of an album's prompt. Of 0, .05, .1 and .2 on the labelled train parts: from one example
# .1 gains .03 of average precision, from five it costs nothing.
CLASS_SHARE = 0.1
# Examples are left out one by one, or in so many parts where there are more.
FOLDS = 10
# A single example cannot be left out: others of its kind reach this share of its own score.
OTHERS_LIKE_ONE = 0.45
# In a library of nothing else the examples are the peak itself: so many widths above it are claimed at least.
LEAST_TYPICAL = 1.0


@dataclass(frozen=True, slots=True)
class Odds:
    """logit = steepness * (u - share * typical) - doubt"""

    steepness: float
    share: float
    doubt: float


# Fitted on the 80 kinds of the labelled train parts and six looks of dogs, 1 to 10 examples. With five, of what gets
# .5 and more .75 to .93 are right for flowers, dishes and groceries, .51 for dogs of one look.
ALONE = Odds(0.77, 0.52, 4.15)
# Given the class, or whatever else the sentence says: doubt between what ranks best (1) and what is nearest to the
# share that is right in each band (2).
GIVEN_CLASS = Odds(0.5, 0.52, 1.5)


@dataclass(frozen=True, slots=True, eq=False)
class NameProbe:
    """u = weights . x + offset, in widths above the peak of the library's photos.

    typical  u of a photo that shows the name
    decided  photo -> what the owner said of it
    """

    name: Name
    weights: Floats
    offset: float
    typical: float
    decided: Mapping[int, bool]

    @property
    def direction(self) -> Floats:
        """[d], L2-normalised: what the index is asked for."""
        return np.asarray(self.weights / max(float(np.linalg.norm(self.weights)), 1e-12), np.float32)

    def odds(self, *, given_class: bool) -> Odds:
        """given_class: what else the sentence says is judged apart, the class word in the name's place."""
        return GIVEN_CLASS if given_class and self.name.classes else ALONE

    def prior(self, odds: Odds) -> Prior:
        """The same logit as an album's prior."""
        border = odds.share * self.typical + odds.doubt / odds.steepness
        offset = odds.steepness * (self.offset - border)
        return Prior(np.asarray(odds.steepness * self.weights, np.float32), offset, border)

    def chance(self, rows: Floats, photos: Sequence[int], *, given_class: bool) -> Floats:
        """[n]: the probability that each photo shows the name; certain where the owner said so.

        rows  [n, d] embeddings of `photos`
        """
        prior = self.prior(self.odds(given_class=given_class))
        logits = rows @ prior.weights + prior.offset
        chances = 1 / (1 + np.exp(-np.clip(logits, -60, 60)))
        for i, photo in enumerate(photos):
            if photo in self.decided:
                chances[i] = float(self.decided[photo])
        return np.asarray(chances, np.float32)


@dataclass(frozen=True, slots=True)
class Meant:
    """Words with names in them, understood.

    names     of the owner's, in the order they stand
    probes    of those that have one in this space
    sentence  what the text tower is asked beside them, "" where the names say it all
    """

    names: tuple[Name, ...]
    probes: tuple[NameProbe, ...]
    sentence: str


class Names:
    """The names of a library as one space sees them. Any thread may ask."""

    def __init__(
        self, database: Database, space: Space, prompts: Prompts, backdrop: Callable[[], Backdrop]
    ) -> None:
        self._database = database
        self._space = space
        self._prompts = prompts
        self._backdrop = backdrop
        self._known: dict[int, tuple[Name, Marks, Backdrop, NameProbe]] = {}
        self._guard = threading.RLock()

    def all(self) -> list[Name]:
        return records.names(self._database.reader())

    def meant(self, text: str, among: Sequence[Name] | None = None) -> Meant:
        """A text with the owner's names taken out of it. A name that no photo shows yet is its class word.

        among  the names there are, where somebody has just asked for them
        """
        spotted = spot(text, self.all() if among is None else among)
        probes = tuple(probe for name in spotted.names if (probe := self.probe(name)) is not None)
        sentence = spotted.sentence
        if len(probes) < len(spotted.names) and not sentence:
            shown = {probe.name.id for probe in probes}
            unseen = [class_word(name, language(text)) for name in spotted.names if name.id not in shown]
            sentence = " ".join(unseen).strip() or text
        return Meant(spotted.names, probes, sentence)

    def probe(self, name: Name) -> NameProbe | None:
        """What the name looks like; None where no photo that shows it has a vector yet."""
        decided = records.examples(self._database.reader(), name.id)
        marks = tuple((photo, shows) for photo, shows in decided.items() if photo in self._space)
        if not any(shows for _, shows in marks):
            return None
        backdrop = self._backdrop()
        with self._guard:
            known = self._known.get(name.id)
            if known is not None and known[:2] == (name, marks) and known[2] is backdrop:
                return known[3]
        probe = self._learned(name, decided, marks, backdrop)
        with self._guard:
            self._known[name.id] = name, marks, backdrop, probe
        return probe

    def _learned(
        self,
        name: Name,
        decided: Mapping[int, bool],
        marks: Marks,
        backdrop: Backdrop,
    ) -> NameProbe:
        rows = self._space.vectors_of([photo for photo, _ in marks])
        shows = np.array([said for _, said in marks], bool)
        prior = prior_of(None, None, backdrop)
        if name.classes:
            asked = prior_of(self._prompts.direction(name.classes), None, backdrop)
            prior = replace(prior, weights=np.asarray(CLASS_SHARE * asked.weights, np.float32))
        weights, offset = _scale(prior, backdrop, rows, shows)
        return NameProbe(
            name, weights, offset, _typical(prior, backdrop, rows, shows, (weights, offset)), decided
        )


def _scale(prior: Prior, backdrop: Backdrop, rows: Floats, shows: Bools) -> tuple[Floats, float]:
    """(weights, offset) of u, learned from examples [n, d] of which shows [n] says what they are."""
    weights = learn(prior, backdrop, rows, shows).weights
    scores = np.sort(backdrop.sample @ weights)
    middle = peak(scores)
    width = max(left_width(scores, middle), 1e-6)
    return np.asarray(weights / width, np.float32), -middle / width


def _typical(
    prior: Prior, backdrop: Backdrop, rows: Floats, shows: Bools, learned: tuple[Floats, float]
) -> float:
    """u of a photo that shows the name and taught nothing: each example by a probe that has not seen it."""
    if shows.sum() == 1:
        own = float(rows[shows][0] @ learned[0]) + learned[1]
        return max(OTHERS_LIKE_ONE * own, LEAST_TYPICAL)
    found: list[float] = []
    for part in _parts(shows):
        kept = np.setdiff1d(np.arange(len(rows)), part)
        weights, offset = _scale(prior, backdrop, rows[kept], shows[kept])
        found += (rows[part] @ weights + offset).tolist()
    return max(float(np.mean(found)), LEAST_TYPICAL)


def _parts(shows: Bools) -> Iterator[npt.NDArray[np.int64]]:
    """The examples that show the name, parted; at least one is left in."""
    those = np.flatnonzero(shows)
    yield from np.array_split(those, min(len(those), FOLDS))
