"""Fits the calibration of a model: from cosines to "a person would say yes" (`core/models/calibration.py`).

Two kinds of queries are judged on photos that no head has seen: whole captions, true of their own photo, and
short ones ("a dog", "一只狗") that a photo's five captions speak for or against.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt

from core.models.calibration import Calibration
from core.training.sources import HERE, Captioned, read_table

Floats = npt.NDArray[np.float32]
Bools = npt.NDArray[np.bool_]
# Cosines, true and judged, each [queries, photos], and how much they count in all.
Part = tuple[Floats, Bools, Bools, float]
Encode = Callable[[Sequence[str]], Floats]

# A photo shows what at least two of its five captions name, and does not show what none of them does.
CAPTIONS_THAT_SAY_YES = 2
# Photos a short query must be true of: rarer ones have no positives to fit.
RAREST = 3
# Of a whole caption's nearest photos a person might say yes to these as well, so they are no noes.
DOUBTFUL = 10
# Most searches are of a few words: short queries count so much more than whole captions.
SHORT_ONES = 3.0
# A slope that moves the logit by less than this over a standard deviation of its input says nothing.
LEAST_SLOPE = 0.1
# A query's first hits, which a person looks through, of 500 photos.
SEEN = 50


@dataclass(frozen=True, slots=True)
class Judged:
    """Cosines of query-photo pairs with a verdict, and how much each pair counts."""

    cosines: Floats
    neutral: Floats
    true: Bools
    weight: Floats


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
    Of a whole caption only its own photo is surely a yes, and of
    the others those are taken as a no that are not among its ten nearest: a person might say yes to these.
    """
    neutral = base.neutral_term(photos, neutrals)
    parts: list[Part] = []
    for lang, sentences in (("en", captions.en), ("zh", captions.zh)):
        cosines = encode([own[0] for own in sentences]) @ photos.T
        own_photo = np.eye(len(photos), dtype=bool)
        parts.append((*_seen(cosines, own_photo, _ranks(cosines) >= DOUBTFUL), 1.0))
        parts.append((*_short(photos, sentences, short_queries()[lang], encode), SHORT_ONES))
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
    return _seen(cosines[kept], true[kept], false[kept])


def _ranks(cosines: Floats) -> npt.NDArray[np.int64]:
    """Each photo's place among the query's hits, 0 the best."""
    return (-cosines).argsort(axis=1).argsort(axis=1)


def _seen(cosines: Floats, true: Bools, false: Bools) -> tuple[Floats, Bools, Bools]:
    """Judged are a query's first hits alone: nobody is asked about the rest."""
    return cosines, true, (true | false) & (_ranks(cosines) < SEEN)


def _weighed(parts: list[Part], neutral: Floats) -> Judged:
    cosines, neutrals, trues, weights = [], [], [], []
    for part, true, judged, share in parts:
        weights.append(np.full(int(judged.sum()), share / judged.sum(), np.float32))
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
    """Slope, cosine and offset by weighted logistic regression.

    Slope and cosine say nearly the same. A slope below nothing would reward a photo for fitting any caption, and
    one just above it would ask the neutral captions of every photo for nothing: both are left out.
    """
    better = scale * judged.cosines - judged.neutral
    (slope, cosine), offset = _logistic(np.stack([better, judged.cosines], axis=1), judged)
    if slope * better.std() < LEAST_SLOPE:
        slope = 0.0
        (cosine,), offset = _logistic(judged.cosines[:, None], judged)
    return Calibration(scale, slope=float(slope), cosine=float(cosine), offset=float(offset))


def carried_over(fitted: Calibration, scale: float, before: Floats, after: Floats) -> Calibration:
    """The calibration of one model for its like, whose cosines lie otherwise.

    before, after  cosines of the same texts and photos by both, any shape; texts that none of them was trained on
                   beside these photos, as training draws a photo and its own caption together
    A cosine that stands as far from the mean as before, in standard deviations, gets the relevance it had.
    """
    ratio = float(before.std() / after.std())
    shift = float(before.mean()) - ratio * float(after.mean())
    return replace(
        fitted, scale=scale, cosine=fitted.cosine * ratio, offset=fitted.offset + fitted.cosine * shift
    )


def _logistic(inputs: Floats, judged: Judged) -> tuple[npt.NDArray[np.float64], float]:
    """Coefficients of `inputs` [n, k] and the offset: Newton's method, lightly regularised."""
    mean, spread = inputs.mean(axis=0, dtype=np.float64), inputs.std(axis=0, dtype=np.float64) + 1e-9
    # Standardised, all directions are of one size, and Newton's steps from zero stay small.
    rows = np.column_stack([(inputs - mean) / spread, np.ones(len(inputs))])
    true, weight = judged.true.astype(np.float64), judged.weight / judged.weight.sum()
    found = np.zeros(rows.shape[1])
    prior = np.full(len(found), 1e-4) * np.eye(len(found))
    prior[-1, -1] = 1e-6
    for _ in range(100):
        said = 1 / (1 + np.exp(-np.clip(rows @ found, -60, 60)))
        slope = rows.T @ (weight * (said - true)) + prior @ found
        curve = (rows * (weight * said * (1 - said))[:, None]).T @ rows + prior
        step = np.clip(np.linalg.solve(curve, slope), -1, 1)
        found -= step
        if np.abs(step).max() < 1e-8:
            break
    coefficients = found[:-1] / spread
    return coefficients, float(found[-1] - mean @ coefficients)
