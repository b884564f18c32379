"""Fits the calibration of a model: from cosines to "a person would say yes" (`core/models/calibration.py`).

Two kinds of queries are judged on photos that no head has seen: whole captions, true of their own photo, and
short ones ("a dog", "一只狗") that a photo's five captions speak for or against.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt

from core.models.calibration import Calibration
from core.resources import resource
from core.training.sources import HERE, Captioned, read_table

Floats = npt.NDArray[np.float32]
Bools = npt.NDArray[np.bool_]
Encode = Callable[[Sequence[str]], Floats]

# A photo shows what at least two of its five captions name, and does not show what none of them does.
CAPTIONS_THAT_SAY_YES = 2
# Least and most shares of the held-out photos a short query may be true of: rarer ones have no positives to fit.
RAREST = 3


@dataclass(frozen=True, slots=True)
class Judged:
    """Cosines of query-photo pairs with a verdict, and how much each pair counts."""

    cosines: Floats
    neutral: Floats
    true: Bools
    weight: Floats


def neutral_captions() -> list[str]:
    """The captions that fit some everyday photo or other, both languages."""
    with resource("prompts", "neutral.toml").open("rb") as file:
        pairs: list[list[str]] = tomllib.load(file)["captions"]
    return [caption for pair in pairs for caption in pair]


@dataclass(frozen=True, slots=True)
class ShortQuery:
    """A short query and the words by which captions speak of it."""

    text: str
    pattern: re.Pattern[str]


def short_queries(path: Path = HERE / "queries.txt") -> dict[str, list[ShortQuery]]:
    """By language. English words are matched whole, Chinese ones anywhere."""
    found: dict[str, list[ShortQuery]] = {"en": [], "zh": []}
    for english, english_words, chinese, chinese_words in read_table(path):
        words = "|".join(re.escape(word) for word in english_words.split(", "))
        found["en"].append(ShortQuery(english, re.compile(rf"\b(?:{words})\b", re.IGNORECASE)))
        found["zh"].append(ShortQuery(chinese, re.compile("|".join(chinese_words.split(", ")))))
    return found


def judge(photos: Floats, captions: Captioned, encode: Encode, base: Calibration, neutrals: Floats) -> Judged:
    """All judged pairs of the held-out photos.

    photos   [n, d] embeddings; captions of the same n photos
    Both kinds of queries count the same in all. Of a whole caption only its own photo is surely a yes, and of
    the others those are taken as a no that are not among its ten nearest: a person might say yes to these.
    """
    neutral = base.neutral_term(photos, neutrals)
    parts: list[tuple[Floats, Bools, Bools]] = []  # cosines, true, judged; each [queries, n]
    for lang, sentences in (("en", captions.en), ("zh", captions.zh)):
        cosines = encode([own[0] for own in sentences]) @ photos.T
        own_photo = np.eye(len(photos), dtype=bool)
        rank = (-cosines).argsort(axis=1).argsort(axis=1)
        parts.append((cosines, own_photo, own_photo | (rank >= 10)))
        parts.append(_short(photos, sentences, short_queries()[lang], encode))
    return _weighed(parts, neutral)


def _short(
    photos: Floats, sentences: list[list[str]], queries: list[ShortQuery], encode: Encode
) -> tuple[Floats, Bools, Bools]:
    count = np.array(
        [[sum(bool(query.pattern.search(one)) for one in own) for own in sentences] for query in queries]
    )
    true, false = count >= CAPTIONS_THAT_SAY_YES, count == 0
    kept = true.sum(axis=1) >= RAREST
    cosines = encode([query.text for query in queries]) @ photos.T
    return cosines[kept], true[kept], (true | false)[kept]


def _weighed(parts: list[tuple[Floats, Bools, Bools]], neutral: Floats) -> Judged:
    cosines, neutrals, trues, weights = [], [], [], []
    for part, true, judged in parts:
        # Every part the same in all, however many pairs it has.
        weights.append(np.full(int(judged.sum()), 1 / judged.sum(), np.float32))
        cosines.append(part[judged])
        neutrals.append(np.broadcast_to(neutral, part.shape)[judged])
        trues.append(true[judged])
    return Judged(
        cosines=np.concatenate(cosines),
        neutral=np.concatenate(neutrals),
        true=np.concatenate(trues),
        weight=np.concatenate(weights),
    )


def fit(judged: Judged, scale: float) -> Calibration:
    """Slope, cosine and offset by weighted logistic regression (Newton's method, lightly regularised)."""
    base = Calibration(scale)
    better = scale * judged.cosines - judged.neutral
    inputs = np.stack([better, judged.cosines, np.ones_like(better)], axis=1).astype(np.float64)
    true, weight = judged.true.astype(np.float64), judged.weight / judged.weight.sum()
    found = np.array([1.0, 0.0, 0.0])
    prior = np.diag([1e-6, 1e-6, 0.0])
    for _ in range(50):
        said = 1 / (1 + np.exp(-np.clip(inputs @ found, -60, 60)))
        slope = inputs.T @ (weight * (said - true)) + prior @ found
        curve = (inputs * (weight * said * (1 - said))[:, None]).T @ inputs + prior
        step = np.linalg.solve(curve, slope)
        found -= step
        if np.abs(step).max() < 1e-8:
            break
    return replace(base, slope=float(found[0]), cosine=float(found[1]), offset=float(found[2]))
