"""The answer to a question: photos ranked, cut off where a person would stop saying yes, and why.

    score      cosine between the question's embedding and the photo's (Radford et al. 2021, 3.1.2); where a
               name is all that was asked, with the direction that its examples taught
    relevance  0..1: how likely a person says "yes, that is what I asked for" (core/search/meaning.py)
    band       sure | less sure | no: by relevance, with the calibration's borders

What must not be in the picture is scored like a question of its own and takes its relevance away. Words
found in a file's name, folder, caption or keywords count as a reason too, and lift a photo above what
the picture alone says. What the owner judged for these very words stands above both.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from core.albums.scoring import Scoring
from core.library import photos
from core.library.database import Database
from core.library.filters import passing
from core.library.judgements import judged
from core.library.literal import photos_with_words
from core.models.encoder import Encoder
from core.progress import CancelToken
from core.search.meaning import Asked, Meaning
from core.search.parse import read
from core.search.query import Query, Reading
from core.spaces.vectors import Embeddings

# As many candidates are calibrated at least: relevance orders a little differently than the cosine.
CANDIDATES = 400
# Where something must not be there: the nearest may all have it.
CANDIDATES_OF_NOT = 4_000
# A literal hit leaves this share of the doubt that the picture alone left.
LITERAL_DOUBT = 0.25
LITERAL_LIMIT = 5_000
# A question that only says what must not be there is asked of so many photos, the newest: half a second.
NEWEST = 10_000

SURE, NO = "sure", "no"


@dataclass(frozen=True, slots=True)
class Hit:
    photo: int
    score: float
    relevance: float
    band: str
    why: str


@dataclass(frozen=True, slots=True)
class Answer:
    """`hits` best first. `answered` is false when nothing reached a band; `ms` are milliseconds by step."""

    hits: tuple[Hit, ...]
    reading: Reading
    answered: bool
    ms: dict[str, float] = field(default_factory=dict)


@dataclass(slots=True)
class _Scored:
    """Candidates side by side: photos [n], cosines [n], relevance [n]; which matched words literally, the names'
    probabilities [n] each, and what the owner said of photos for these words."""

    photos: NDArray[np.int64]
    scores: NDArray[np.float32]
    relevance: NDArray[np.float32]
    literal: dict[int, str]
    chances: dict[str, NDArray[np.float32]] = field(default_factory=dict)
    judged: dict[int, bool] = field(default_factory=dict)


class Searcher:
    """Answers questions about one space. Any thread may ask; embeddings of texts are remembered."""

    def __init__(self, database: Database, scoring: Scoring, encoder: Encoder, cache: Path) -> None:
        """scoring: of the same space and encoder, for the names; cache: folder of what is kept beside the vectors"""
        self._database = database
        self._space = scoring.space
        self._encoder = encoder
        self.meaning = Meaning(scoring.names, scoring.space, encoder, cache)

    def answer(self, query: Query, image: Embeddings | None = None) -> Answer:
        """image: embedding [width] of a picture to look like, where the query has one. Raises WrongUse."""
        begin = time.perf_counter()
        reading = read(query, self.meaning.names.all())
        parsed = time.perf_counter()
        asked = self.meaning.asked(reading.meaning, image)
        against = [not_asked for words in reading.unlike if (not_asked := self.meaning.asked(words))]
        embedded = time.perf_counter()
        if asked is None and not against:
            hits = self._by_filters(reading, query.limit)
        else:
            hits = self._by_meaning(query, reading, asked, against)
        ended = time.perf_counter()
        answered = any(hit.band != NO for hit in hits)
        if not query.everything:
            hits = [hit for hit in hits if hit.band != NO]
        if query.by_date:
            hits = self._newest_first(hits)
        ms = {
            "parse": parsed - begin,
            "text": embedded - parsed,
            "index": ended - embedded,
            "total": ended - begin,
        }
        return Answer(
            tuple(hits), reading, answered, {step: round(1000 * took, 2) for step, took in ms.items()}
        )

    def warm(self, cancel: CancelToken) -> None:
        """Load the text tower and the neutral captions, so that the first question is as quick as the next.

        Raises Cancelled.
        """
        self.meaning.warm(cancel)

    # ---- the ranking

    def _by_filters(self, reading: Reading, limit: int) -> list[Hit]:
        found = passing(self._database.reader(), reading.filters)[:limit]
        why = ", ".join(reading.chips)
        return [Hit(photo, 1.0, 1.0, SURE, why) for photo in found]

    def _by_meaning(
        self, query: Query, reading: Reading, asked: Asked | None, against: list[Asked]
    ) -> list[Hit]:
        wanted = max(query.limit, CANDIDATES_OF_NOT if against else CANDIDATES)
        scored = self._candidates(query, reading, asked, wanted)
        if not len(scored.photos):
            return []
        ids = scored.photos.tolist()
        for each in against:
            scored.relevance = scored.relevance * (1 - self.meaning.likely(each, ids).relevance)
        denied = asked.denied if asked is not None else set()
        lifted = np.array([photo in scored.literal and photo not in denied for photo in ids])
        scored.relevance = np.where(lifted, 1 - (1 - scored.relevance) * LITERAL_DOUBT, scored.relevance)
        for i, photo in enumerate(ids):
            if photo in scored.judged:
                scored.relevance[i] = float(scored.judged[photo])
        order = np.lexsort((scored.photos, -scored.scores, -scored.relevance))[: query.limit]
        return [self._hit(scored, int(i), reading) for i in order]

    def _candidates(self, query: Query, reading: Reading, asked: Asked | None, wanted: int) -> _Scored:
        """`wanted` photos near the meaning, photos that hold its words or were shown or judged, all passing the filters."""
        reader = self._database.reader()
        literal = (
            photos_with_words(reader, reading.meaning, LITERAL_LIMIT)
            if _can_be_a_name(reading.meaning)
            else {}
        )
        said = judged(reader, reading.meaning, reading.unlike) if reading.meaning else {}
        passed = passing(reader, reading.filters) if reading.filters or asked is None else None
        if passed is not None:
            among = set(passed)
            literal = {photo: where for photo, where in literal.items() if photo in among}
        if asked is None:
            found = [photo for photo in passed or () if photo in self._space][:NEWEST]
            ones = np.ones(len(found), np.float32)
            return _Scored(np.array(found, np.int64), ones, ones, literal)
        certain = {photo for photo, is_it in said.items() if is_it} | asked.shown
        certain = certain & among if passed is not None else certain - photos.hidden_photos(reader)
        near = self._nearest(query, asked, passed, wanted)
        ids = [photo for photo in dict.fromkeys((*near, *literal, *certain)) if photo in self._space]
        if not ids:
            nothing = np.zeros(0, np.float32)
            return _Scored(np.zeros(0, np.int64), nothing, nothing, literal)
        likely = self.meaning.likely(asked, ids)
        return _Scored(
            np.array(ids, np.int64), likely.scores, likely.relevance, literal, likely.chances, said
        )

    def _nearest(self, query: Query, asked: Asked, passed: list[int] | None, wanted: int) -> list[int]:
        """The photos nearest to what was asked, in each of its directions."""
        found: list[int] = []
        for direction in self.meaning.directions(asked):
            if passed is None:
                near = self._space.nearest(direction, wanted, exact=query.exact)
            else:
                near = self._space.nearest_of(direction, passed, wanted)
            found += near.photos.tolist()
        return found

    def _hit(self, scored: _Scored, i: int, reading: Reading) -> Hit:
        photo, relevance = int(scored.photos[i]), float(scored.relevance[i])
        band = self._encoder.spec.calibration.band(relevance)
        return Hit(photo, float(scored.scores[i]), relevance, band, _why(scored, i, reading))

    def _newest_first(self, hits: list[Hit]) -> list[Hit]:
        taken = photos.cards(self._database.reader(), [hit.photo for hit in hits])
        return sorted(
            hits, key=lambda hit: taken[hit.photo].taken if hit.photo in taken else "", reverse=True
        )


def _can_be_a_name(words: str) -> bool:
    """Whether words are worth looking for in names: one letter of Latin is in nearly all of them."""
    return len(words) >= 3 or any(letter > "\u2e80" for letter in words)


def _why(scored: _Scored, i: int, reading: Reading) -> str:
    photo = int(scored.photos[i])
    if photo in scored.judged:
        return "said: this is it" if scored.judged[photo] else "said: this is not"
    if photo in scored.literal:
        return f"{scored.literal[photo]}: {reading.meaning}"
    names = [f"{name} {chances[i]:.2f}" for name, chances in scored.chances.items()]
    return ", ".join(["picture", *names])
