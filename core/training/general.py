"""What a model knew before: everyday words and photos that a personal training should leave where they are.

Words come from the recipe's table of concepts and the neutral captions, in the languages that the model reads. A
concept is said in two ways that should lie together: in English and in Chinese, or for a model of one language as a
word and in a sentence. Half of
the concepts hold the adapter while it trains, the other half judge afterwards what was forgotten. Where the
library has few photos that nobody spoke about, words stand in for photos: moved by the way from the library's
mean text to its mean photo, they lie where photos of them would (Liang et al. 2022, "Mind the gap").

Stand-ins see nothing of what an image tower forgot, so photos that nobody spoke of judge, too: by the words that the
model itself gave them before. Of the starter trained hard on a hundred captions (both towers at 1e-3) .978 kept
theirs while it lost .023 of its accuracy on six labelled sets; at the usual rate all did, and it lost .008, which is
one photo in a hundred and twenty. After the adapter .99 and more do, of photos of the very kinds that it learns, too.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from core.models.encoder import Encoder
from core.models.prompts import neutral_captions
from core.training import sources
from core.training.pairs import language_of

Floats = npt.NDArray[np.float32]
Ints = npt.NDArray[np.int64]

# A photo's word in a sentence, by language.
SENTENCES = {"en": "a photo of {}", "zh": "一张{}的照片"}
# The table's classes are of no interest here; it names them up to 999.
CLASSES = 1_000
# Among so many of some 140 words a language what was a photo's word must still be: neighbours may change places.
STILL = 5
# Fewer photos cannot tell the share that may be forgotten from one photo's chance.
FEWEST_UNSPOKEN = 100


@dataclass(frozen=True, slots=True)
class Words:
    """Texts with their embeddings [n, d], the concept [n] of each, and in which of its two ways [n] it is said.

    way  the model's first and second language, or word and sentence; neutral captions are of no concept (-1)
    """

    texts: tuple[str, ...]
    embeddings: Floats
    concept: Ints
    way: Ints

    def as_photos(self, gap: Floats) -> Floats:
        """Where photos of these words would lie, [n, d], L2-normalised."""
        return normalised(self.embeddings + gap)


@dataclass(frozen=True, slots=True)
class General:
    """Words that hold, words that judge, the way [d] from texts to photos in this library, and how photos are asked.

    ways  of the judging words those that are asked of photos: each language
    """

    holding: Words
    judging: Words
    gap: Floats
    ways: tuple[int, ...]

    @classmethod
    def of(cls, encoder: Encoder, photos: Floats) -> General:
        """photos [n, d]: any photos of the library, for the gap."""
        languages = [lang for lang in SENTENCES if lang in encoder.spec.languages] or list(SENTENCES)
        texts, concept, way = _texts(languages)
        embeddings = encoder.encode_texts(texts)
        judges = (concept % 2 == 1) & (concept >= 0)
        gap = photos.mean(axis=0) - embeddings.mean(axis=0)
        holding, judging = (
            Words(tuple(texts[i] for i in rows), embeddings[rows], concept[rows], way[rows])
            for rows in (np.flatnonzero(~judges), np.flatnonzero(judges))
        )
        return cls(holding, judging, gap, tuple(range(len(languages))))

    def kept(self, texts: Floats, photos: Floats) -> float:
        """Share of the judging words whose stand-in photo [n, d] is nearest to the same concept said in the other way.

        texts, photos: the judging words as the model under test embeds them
        """
        concept, way = self.judging.concept, self.judging.way
        hits = []
        for asked, answers in ((way == 1, way == 0), (way == 0, way == 1)):
            nearest = (photos[asked] @ texts[answers].T).argmax(axis=1)
            hits.append(concept[answers][nearest] == concept[asked])
        return float(np.concatenate(hits).mean())

    def still(self, before: tuple[Floats, Floats], after: tuple[Floats, Floats]) -> float | None:
        """Share of photos that keep their word, the nearest of a language before, among the first STILL.

        None where they are fewer than FEWEST_UNSPOKEN.

        before, after: the photos [n, d], any that nobody spoke of, and the judging words as both models embed them
        """
        if len(before[0]) < FEWEST_UNSPOKEN:
            return None
        found = []
        for way in self.ways:
            those = self.judging.way == way
            own = (before[0] @ before[1][those].T).argmax(axis=1)
            similar = after[0] @ after[1][those].T
            nearer = similar > similar[np.arange(len(own)), own][:, None]
            found.append(float((nearer.sum(axis=1) < STILL).mean()))
        return float(np.mean(found))


def normalised(rows: Floats) -> Floats:
    """[n, d] with rows of length 1."""
    lengths = np.linalg.norm(rows, axis=1, keepdims=True)
    return np.asarray(rows / np.maximum(lengths, 1e-12), np.float32)


def _texts(languages: list[str]) -> tuple[list[str], Ints, Ints]:
    """Texts in these languages, the concept of each, and in which way it says it."""
    names = sources.concepts(CLASSES).names
    found = {
        text: (-1, languages.index(language_of(text)))
        for text in neutral_captions()
        if language_of(text) in languages
    }
    for i, groups in enumerate(zip(*(getattr(names, lang) for lang in languages), strict=True)):
        for way, (lang, group) in enumerate(zip(languages, groups, strict=True)):
            # Concepts that hold do so by all their names; one a language is enough to judge by.
            for text in group if i % 2 == 0 else group[:1]:
                found.setdefault(text, (i, way))
                if len(languages) == 1:
                    found.setdefault(SENTENCES[lang].format(text), (i, 1))
    concept, way_of = np.array(list(found.values()), np.int64).T
    return list(found), concept, way_of
