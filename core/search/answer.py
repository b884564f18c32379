"""The answer to a question: photos ranked, cut off where a person would stop saying yes, and why.

    score      cosine between the question's embedding and the photo's (Radford et al. 2021, 3.1.2)
    relevance  0..1, the space's calibration of that cosine against neutral captions: how likely a person
               says "yes, that is what I asked for" (core/models/calibration.py)
    band       sure | less sure | no: by relevance, with the calibration's borders

What must not be in the picture is scored like a question of its own and takes its relevance away. Words
found in a file's name, folder, caption or keywords count as a reason too, and lift a photo above what
the picture alone says.
"""

from __future__ import annotations

import os
import threading
import time
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from core.library import photos
from core.library.database import Database
from core.library.filters import passing
from core.log import logger
from core.models.encoder import Encoder
from core.models.prompts import neutral_captions
from core.progress import CancelToken
from core.search.parse import read
from core.search.query import Query, Reading
from core.spaces.space import Space
from core.spaces.vectors import Embeddings

log = logger(__name__)

# Text embeddings kept: a person refines a question a word at a time and goes back.
TEXTS_KEPT = 256
# Neutral captions encoded between two looks whether somebody wants to stop.
TEXTS_AT_ONCE = 16
# As many candidates are calibrated at least: relevance orders a little differently than the cosine.
CANDIDATES = 400
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
    """Candidates side by side: photos [n], cosines [n], relevance [n], and which matched words literally."""

    photos: NDArray[np.int64]
    scores: NDArray[np.float32]
    relevance: NDArray[np.float32]
    literal: dict[int, str]


class Searcher:
    """Answers questions about one space. Any thread may ask; embeddings of texts are remembered."""

    def __init__(self, database: Database, space: Space, encoder: Encoder, cache: Path) -> None:
        self._database = database
        self._space = space
        self._encoder = encoder
        self._neutral_file = cache / "neutral.npy"
        self._neutral: Embeddings | None = None
        self._texts: OrderedDict[str, Embeddings] = OrderedDict()
        self._guard = threading.Lock()

    def answer(self, query: Query, image: Embeddings | None = None) -> Answer:
        """image: embedding [width] of a picture to look like, where the query has one. Raises WrongUse."""
        begin = time.perf_counter()
        reading = read(query)
        parsed = time.perf_counter()
        asked = self._embedding(reading.meaning, image)
        against = [self._text(words) for words in reading.unlike]
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
        self._text("照片 photo")
        cancel.check()
        if self._encoder.spec.calibration.asks_neutrals:
            self._neutral_embeddings(cancel)

    # ---- the meaning

    def _embedding(self, meaning: str, image: Embeddings | None) -> Embeddings | None:
        """Of the words, of the image, or halfway between both."""
        parts = [image] if image is not None else []
        if meaning:
            parts.append(self._text(meaning))
        if not parts:
            return None
        mean = np.mean(parts, axis=0)
        return np.asarray(mean / np.linalg.norm(mean), np.float32)

    def _text(self, words: str) -> Embeddings:
        with self._guard:
            known = self._texts.get(words)
            if known is not None:
                self._texts.move_to_end(words)
                return known
        embedding: Embeddings = self._encoder.encode_texts([words])[0]
        with self._guard:
            self._texts[words] = embedding
            while len(self._texts) > TEXTS_KEPT:
                self._texts.popitem(last=False)
        return embedding

    def _neutral_embeddings(self, cancel: CancelToken | None = None) -> Embeddings:
        """[k, width] of the neutral captions; kept beside the space's vectors, made when missing."""
        if self._neutral is None:
            try:
                self._neutral = np.asarray(np.load(self._neutral_file), np.float32)
            except (OSError, ValueError, EOFError):
                self._neutral = None
            captions = neutral_captions()
            if self._neutral is None or self._neutral.shape != (len(captions), self._space.width):
                self._neutral = self._encoded(captions, cancel or CancelToken())
                try:
                    partial = self._neutral_file.with_suffix(f".{os.getpid()}.npy")
                    with partial.open("wb") as file:
                        np.save(file, self._neutral)
                        file.flush()
                        os.fsync(file.fileno())
                    partial.replace(self._neutral_file)
                except OSError as error:
                    log.info("the neutral captions are not kept: %s", error)
        return self._neutral

    def _encoded(self, captions: Sequence[str], cancel: CancelToken) -> Embeddings:
        parts = []
        for start in range(0, len(captions), TEXTS_AT_ONCE):
            cancel.check()
            parts.append(self._encoder.encode_texts(captions[start : start + TEXTS_AT_ONCE]))
        return np.concatenate(parts)

    def _relevance(
        self, query: Embeddings, photo_ids: Sequence[int]
    ) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """(cosines [n], relevance [n]) of one embedding with these photos."""
        vectors = self._space.vectors_of(photo_ids)
        cosines = vectors @ query
        calibration = self._encoder.spec.calibration
        if not calibration.asks_neutrals:
            return cosines, calibration.relevance(cosines, 0.0)
        neutral = calibration.neutral_term(vectors, self._neutral_embeddings())
        return cosines, calibration.relevance(cosines, neutral)

    # ---- the ranking

    def _by_filters(self, reading: Reading, limit: int) -> list[Hit]:
        found = passing(self._database.reader(), reading.filters)[:limit]
        why = ", ".join(reading.chips)
        return [Hit(photo, 1.0, 1.0, SURE, why) for photo in found]

    def _by_meaning(
        self, query: Query, reading: Reading, asked: Embeddings | None, against: list[Embeddings]
    ) -> list[Hit]:
        scored = self._candidates(query, reading, asked)
        if not len(scored.photos):
            return []
        for embedding in against:
            _, unlike = self._relevance(embedding, scored.photos.tolist())
            scored.relevance = scored.relevance * (1 - unlike)
        lifted = np.array([photo in scored.literal for photo in scored.photos.tolist()])
        scored.relevance = np.where(lifted, 1 - (1 - scored.relevance) * LITERAL_DOUBT, scored.relevance)
        order = np.lexsort((scored.photos, -scored.scores, -scored.relevance))[: query.limit]
        return [self._hit(scored, int(i), reading) for i in order]

    def _candidates(self, query: Query, reading: Reading, asked: Embeddings | None) -> _Scored:
        """Photos near the meaning and photos that hold its words, all passing the filters."""
        reader = self._database.reader()
        literal = (
            photos.photos_with_words(reader, reading.meaning, LITERAL_LIMIT)
            if _can_be_a_name(reading.meaning)
            else {}
        )
        wanted = max(query.limit, CANDIDATES)
        if reading.filters or asked is None:
            passed = passing(reader, reading.filters)
            among = set(passed)
            literal = {photo: where for photo, where in literal.items() if photo in among}
            if asked is None:
                found = [photo for photo in passed if photo in self._space][:NEWEST]
                ones = np.ones(len(found), np.float32)
                return _Scored(np.array(found, np.int64), ones, ones, literal)
            near = self._space.nearest_of(asked, passed, wanted)
        else:
            near = self._space.nearest(asked, wanted, exact=query.exact)
        have = set(near.photos.tolist())
        ids = [
            *near.photos.tolist(),
            *(photo for photo in literal if photo not in have and photo in self._space),
        ]
        if not ids:
            return _Scored(near.photos, near.scores, near.scores, literal)
        cosines, relevance = self._relevance(asked, ids)
        return _Scored(np.array(ids, np.int64), cosines, relevance, literal)

    def _hit(self, scored: _Scored, i: int, reading: Reading) -> Hit:
        photo, relevance = int(scored.photos[i]), float(scored.relevance[i])
        band = self._encoder.spec.calibration.band(relevance)
        where = scored.literal.get(photo)
        why = f"{where}: {reading.meaning}" if where else "picture"
        return Hit(photo, float(scored.scores[i]), relevance, band, why)

    def _newest_first(self, hits: list[Hit]) -> list[Hit]:
        taken = photos.cards(self._database.reader(), [hit.photo for hit in hits])
        return sorted(
            hits, key=lambda hit: taken[hit.photo].taken if hit.photo in taken else "", reverse=True
        )


def _can_be_a_name(words: str) -> bool:
    """Whether words are worth looking for in names: one letter of Latin is in nearly all of them."""
    return len(words) >= 3 or any(letter > "\u2e80" for letter in words)
