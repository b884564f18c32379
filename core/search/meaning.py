"""What words ask of a picture, in one space: embeddings, names of the owner's, and how likely each photo is meant.

    relevance = P(sentence | photo) * P(name | photo, sentence) for each name in it

The first factor is the model's calibration of a cosine (core/models/calibration.py), the others are
core/albums/names.py's. Where the names are all that is said, the first one is left out.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from core.albums.names import NameProbe, Names
from core.disk import written_whole
from core.errors import DiskFull
from core.log import logger
from core.models.encoder import Encoder
from core.models.prompts import neutral_captions
from core.progress import CancelToken
from core.spaces.space import Space
from core.spaces.vectors import Embeddings

log = logger(__name__)

# Text embeddings kept: a person refines a question a word at a time and goes back.
TEXTS_KEPT = 256
# Neutral captions encoded between two looks whether somebody wants to stop.
TEXTS_AT_ONCE = 16


@dataclass(frozen=True, slots=True)
class Asked:
    """embedding of the sentence, of a picture, or of both [width], None where names say it all; probes of the names."""

    embedding: Embeddings | None
    probes: tuple[NameProbe, ...] = ()

    @property
    def shown(self) -> set[int]:
        """Photos that the owner showed for each of the names."""
        found = [{photo for photo, shows in probe.decided.items() if shows} for probe in self.probes]
        return set.intersection(*found) if found else set()

    @property
    def denied(self) -> set[int]:
        """Photos that the owner said do not show one of the names."""
        return {photo for probe in self.probes for photo, shows in probe.decided.items() if not shows}


@dataclass(frozen=True, slots=True)
class Likely:
    """Of n photos: `scores` [n] cosines with what was asked, `relevance` [n], and each name's probability [n]."""

    scores: NDArray[np.float32]
    relevance: NDArray[np.float32]
    chances: dict[str, NDArray[np.float32]]


class Meaning:
    """Understands words over one space. Any thread may ask; embeddings of texts are remembered."""

    def __init__(self, names: Names, space: Space, encoder: Encoder, cache: Path) -> None:
        self._space = space
        self._encoder = encoder
        self.names = names
        self._neutral_file = cache / "neutral.npy"
        self._neutral: Embeddings | None = None
        self._texts: OrderedDict[str, Embeddings] = OrderedDict()
        self._guard = threading.Lock()

    def asked(self, words: str, image: Embeddings | None = None) -> Asked | None:
        """Of the words, of the image, or halfway between both; None where there is neither."""
        parts = [image] if image is not None else []
        meant = self.names.meant(words)
        if meant.sentence:
            parts.append(self._text(meant.sentence))
        if not parts:
            return Asked(None, meant.probes) if meant.probes else None
        mean = np.mean(parts, axis=0)
        return Asked(np.asarray(mean / np.linalg.norm(mean), np.float32), meant.probes)

    def directions(self, asked: Asked) -> list[Embeddings]:
        """What the index is asked for: the sentence, each name, and all of them together; [width], L2-normalised.

        Together means the gradient of the sum of logits: a photo that is fairly both may be among the first of neither.
        """
        alone = [probe.direction for probe in asked.probes]
        if asked.embedding is not None:
            alone.insert(0, asked.embedding)
        if len(alone) == 1:
            return alone
        calibration = self._encoder.spec.calibration
        both = np.zeros(self._space.width, np.float32)
        given = asked.embedding is not None
        if asked.embedding is not None:
            both += (calibration.slope * calibration.scale + calibration.cosine) * asked.embedding
        for probe in asked.probes:
            both += probe.odds(given_class=given).steepness * probe.weights
        return [*alone, np.asarray(both / max(float(np.linalg.norm(both)), 1e-12), np.float32)]

    def likely(self, asked: Asked, photos: Sequence[int]) -> Likely:
        """How likely each of these photos, which all have a vector, is what was asked."""
        rows = self._space.vectors_of(photos).reshape(len(photos), self._space.width)
        if asked.embedding is None:
            scores = rows @ asked.probes[0].direction
            relevance = np.ones(len(photos), np.float32)
        else:
            scores = rows @ asked.embedding
            relevance = self._calibrated(scores, rows)
        chances: dict[str, NDArray[np.float32]] = {}
        for probe in asked.probes:
            given = asked.embedding is not None
            chance = probe.chance(rows, photos, given_class=given)
            chances[probe.name.name] = chance
            relevance = relevance * chance
        return Likely(scores, relevance, chances)

    def warm(self, cancel: CancelToken) -> None:
        """Load the text tower, the neutral captions and the names, so that the first question is as quick as the next.

        Raises Cancelled.
        """
        self._text("照片 photo")
        cancel.check()
        if self._encoder.spec.calibration.asks_neutrals:
            self._neutral_embeddings(cancel)
        for name in self.names.all():
            cancel.check()
            self.names.probe(name)

    def _calibrated(self, cosines: Embeddings, rows: Embeddings) -> NDArray[np.float32]:
        calibration = self._encoder.spec.calibration
        if not calibration.asks_neutrals:
            return calibration.relevance(cosines, 0.0)
        return calibration.relevance(cosines, calibration.neutral_term(rows, self._neutral_embeddings()))

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
                    with written_whole(self._neutral_file, shared=True) as file:
                        np.save(file, self._neutral)
                except (OSError, DiskFull) as error:
                    log.info("the neutral captions are not kept: %s", error)
        return self._neutral

    def _encoded(self, captions: Sequence[str], cancel: CancelToken) -> Embeddings:
        parts = []
        for start in range(0, len(captions), TEXTS_AT_ONCE):
            cancel.check()
            parts.append(self._encoder.encode_texts(captions[start : start + TEXTS_AT_ONCE]))
        return np.concatenate(parts)
