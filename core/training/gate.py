"""The gate: a training is taken only if it is better on photos it never saw by more than chance, and forgot little."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from core.evaluate.zeroshot import average_precision
from core.training.sayings import Table

Floats = npt.NDArray[np.float32]
Scores = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]

# How likely the gain may be chance. Shuffled captions pass one time in a hundred at most.
LARGEST_P = 0.01
# A gain that nobody would notice is not worth a new space.
LEAST_GAIN = 0.01
# Share of the everyday words that may lose their own photos: as the tolerance for kinds that are known.
MOST_FORGOTTEN = 0.02
# Fewer photos cannot tell a gain from chance.
FEWEST_PHOTOS = 10
# Of the held-out photos, how many count as found: the first ten of two hundred, fewer of fewer.
FIRST, PHOTOS_A_PLACE = 10, 20
RESAMPLES = 10_000
# Why a training is taken, and why not; the last three before anything could be measured.
BETTER, TOO_FEW, NO_GAIN, CHANCE = "better", "too few", "no gain", "chance"
WORSE, FORGOT = "worse", "forgot"
TOO_LITTLE, TOO_LARGE, DIVERGED = "too little", "too large", "diverged"
REASONS = (BETTER, TOO_FEW, NO_GAIN, CHANCE, WORSE, FORGOT, TOO_LITTLE, TOO_LARGE, DIVERGED)
# What a gain in all may not be paid with.
PARTS = ("captions and names", "albums and judged results")


@dataclass(frozen=True, slots=True)
class Figures:
    """How one model does on what was held out.

    recall     share of captions whose photo has fewer than `k` wrong photos before it, among the held-out photos
    top1       share of photos whose first text, of all in that language, is one of theirs
    album_ap   mean average precision of albums over the photos decided on
    general    share of everyday words that still are nearest to their own photos (General.kept)
    still      share of photos nobody spoke of that keep the word they had before (General.still)
    each       [moments] what the bootstrap draws from: of each photo the mean over what was said of it, of one over its
               place among the photos of which the opposite holds; of a burst the mean of its photos
    parts      the same of each of PARTS alone, [moments that it is of]
    A share is None where there was nothing to measure it by.
    """

    recall: float | None
    k: int
    top1: float | None
    album_ap: float | None
    general: float
    each: Scores
    still: float | None = None
    parts: tuple[Scores, ...] = ()

    def as_json(self) -> dict[str, Any]:
        found = {
            f"recall@{self.k}": self.recall,
            "top1": self.top1,
            "album_ap": self.album_ap,
            "general": self.general,
            "still": self.still,
        }
        return {key: None if value is None else round(value, 4) for key, value in found.items()}

    @classmethod
    def of_json(cls, content: dict[str, Any]) -> Figures | None:
        """What `as_json` gave, without what the bootstrap drew from; None of an empty object."""
        for key, recall in content.items():
            if key.startswith("recall@"):
                k = int(key.removeprefix("recall@"))
                top1, album_ap, general = (content[name] for name in ("top1", "album_ap", "general"))
                return cls(recall, k, top1, album_ap, general, np.zeros(0), content.get("still"))
        return None


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether the new model is taken, and why, in a sentence. `before` and `after` are None where nothing was measured.

    reason    one of REASONS, for whoever says it in another language; "" where there is only the sentence
    photos    that were held out to judge by, a burst counted once
    strength  share of the way from the old weights to the trained ones at which it was judged: more would have
              forgotten too much
    """

    accepted: bool
    why: str
    before: Figures | None = None
    after: Figures | None = None
    p: float = 1.0
    reason: str = ""
    photos: int = 0
    strength: float = 1.0

    @classmethod
    def of_json(cls, content: dict[str, Any]) -> Verdict:
        """What `as_json` gave. Raises KeyError."""
        before, after = (Figures.of_json(content[name]) for name in ("before", "after"))
        reason, photos = content["reason"], content["photos"]
        strength = content.get("strength", 1.0)  # older notes do not tell it
        return cls(content["accepted"], content["why"], before, after, content["p"], reason, photos, strength)

    def as_json(self) -> dict[str, Any]:
        return {
            "accepted": self.accepted,
            "before": self.before.as_json() if self.before else {},
            "after": self.after.as_json() if self.after else {},
            "p": round(self.p, 5),
            "why": self.why,
            "reason": self.reason,
            "photos": self.photos,
            "strength": self.strength,
        }


def figures(
    table: Table, photos: Floats, texts: Floats, general: float, still: float | None = None
) -> Figures:
    """Measure one model on the held-out sayings of `table`.

    photos [n, d], texts [m, d] as the model embeds the table's photos and texts
    general, still: what it forgot, measured elsewhere
    """
    similar = photos @ texts.T
    k = max(1, min(FIRST, len(photos) // PHOTOS_A_PLACE))
    ranks, first = _ranks(table, similar), _first(table, similar)
    # Of names, too, some photos were refused: there is nothing to find.
    own = np.where(table.true, ranks, np.nan)[:, ~table.is_album]
    found = _row_means(np.where(np.isnan(own), np.nan, own < k))
    precisions = 1 / (1 + ranks)
    albums = _album_precisions(table, similar)
    return Figures(
        recall=float(found.mean()) if len(found) else None,
        k=k,
        top1=float(first.mean()) if len(first) else None,
        album_ap=float(albums.mean()) if len(albums) else None,
        general=general,
        each=_evidence(table, precisions, np.ones(len(table.texts), bool)),
        still=still,
        parts=tuple(_evidence(table, precisions, texts) for texts in (~table.is_album, table.is_album)),
    )


def better(begun: Figures, in_use: Figures | None) -> Figures:
    """What a training has to beat: the model it began from or the one in use, whichever does better on the sayings.

    What was known before is that of the first: trainings begin anew from it, so that little losses do not add up.
    """
    if in_use is None or in_use.each.sum() <= begun.each.sum():
        return begun
    return replace(in_use, general=begun.general, still=begun.still)


def forgotten(before: Figures, after: Figures) -> float:
    """Share of everyday words, or of photos nobody spoke of, that lost each other: the larger."""
    return max(before.general - after.general, _unspoken_lost(before, after))


def _unspoken_lost(before: Figures, after: Figures) -> float:
    return before.still - after.still if before.still is not None and after.still is not None else 0.0


def judge(before: Figures, after: Figures, seed: int = 0, strength: float = 1.0) -> Verdict:
    """Compare both on the same held-out sayings; `strength` is told with it."""
    photos = len(before.each)
    if photos < FEWEST_PHOTOS:
        why = too_few(photos)
        return Verdict(False, why, before, after, reason=TOO_FEW, photos=photos, strength=strength)
    gain = after.each - before.each
    p = paired_bootstrap(gain, seed)
    said = f"reciprocal rank {before.each.mean():.3f} before, {after.each.mean():.3f} after, on {photos} photos held out"
    if gain.mean() < LEAST_GAIN:
        reason, why = NO_GAIN, f"It finds no more of what you spoke about than before: {said}."
    elif p > LARGEST_P:
        reason, why = CHANCE, f"The gain may be chance (p = {p:.3f}): {said}."
    elif worse := _worse(before, after, seed):
        reason, why = WORSE, f"It finds more in all, but less of {' and of '.join(worse)}: {said}."
    elif (lost := forgotten(before, after)) > MOST_FORGOTTEN:
        reason = FORGOT
        what = "photos nobody spoke of lost their words"
        if before.general - after.general == lost:
            what = "everyday words lost their photos"
        why = f"It forgot too much: {lost:.1%} of {what}. What you spoke about: {said}."
    else:
        reason, why = BETTER, f"It finds more of what you spoke about: {said}."
        if strength < 1:
            why += (
                f" Of what the training changed {strength:.0%} was kept: more would have forgotten too much."
            )
    return Verdict(reason == BETTER, why, before, after, p, reason, photos, strength)


def _worse(before: Figures, after: Figures, seed: int) -> list[str]:
    """Those of PARTS that fell, by more than chance."""
    found = []
    for name, old, new in zip(PARTS, before.parts, after.parts, strict=False):
        loss = old - new
        is_told = len(loss) >= FEWEST_PHOTOS and loss.mean() >= LEAST_GAIN
        if is_told and paired_bootstrap(loss, seed) <= LARGEST_P:
            found.append(name)
    return found


def too_few(photos: int) -> str:
    """Why so few photos held out cannot judge."""
    return (
        f"Only {photos} photos with something said about them are held out, a burst counted once, too few to tell a"
        f" gain from chance: {FEWEST_PHOTOS} are needed, about {5 * FEWEST_PHOTOS} photos in all."
    )


def paired_bootstrap(gain: Scores, seed: int = 0) -> float:
    """How often the mean gain is nothing or less when the moments [n] are drawn again, 0..1.

    One-sided; Efron and Tibshirani 1993, 16.4. With n photos no p below 1 / (RESAMPLES + 1) is claimed.
    """
    draw = np.random.default_rng(seed)
    worse = sum(gain[draw.integers(0, len(gain), len(gain))].mean() <= 0 for _ in range(RESAMPLES))
    return float((worse + 1) / (RESAMPLES + 1))


def _ranks(table: Table, similar: Floats) -> Scores:
    """[photos, texts]: how many photos are on the wrong side of one for what was said of it, 0 the best; NaN elsewhere.

    Other photos the same text is true of do not stand in its way (Bordes et al. 2013, filtered ranking):
    "a photo of a daisy" is no failure because another daisy comes first. Where some were refused, those are the
    wrong ones (of the rest of an album nobody has said anything), and each of them is itself wrongly placed by those
    that the text is true of behind it.
    """
    ranks = np.full(table.true.shape, np.nan)
    for text in range(len(table.texts)):
        refused = table.rejected[:, text]
        wrong = np.sort(similar[refused if refused.any() else ~table.true[:, text], text])
        own = np.flatnonzero(table.true[:, text])
        ranks[own, text] = len(wrong) - np.searchsorted(wrong, similar[own, text], side="left")
        if len(own):
            right = np.sort(similar[own, text])
            ranks[refused, text] = np.searchsorted(right, similar[refused, text], side="right")
    return ranks


def _evidence(table: Table, precisions: Scores, texts: Bools) -> Scores:
    """[moments] means of `precisions` [photos, texts] over `texts`, with twice the spread where photos are measured by
    each other.

    That is for texts that some photos were accepted and some refused for: there chance enters on both sides, and the
    variance of a mean is that of the accepted ones' plus that of the refused ones', four times what as many independent
    photos would have (DeLong et al. 1988, of the area under the curve). Unstretched, noise on one album passed ten
    times as often as it may. The mean over all moments is that of the precisions as they are.
    """
    units = _of_moments(table, precisions[:, texts])
    both = table.true[:, texts].any(axis=0) & table.rejected[:, texts].any(axis=0)
    stretched = units.copy()
    if both.any():
        middle = np.nanmean(units[:, both], axis=0)
        stretched[:, both] = middle + 2 * (units[:, both] - middle)
    plain, each = _row_means(units), _row_means(stretched)
    # Moments of which little and of which much was said count the same: the middles of texts do not.
    return each + (plain.mean() - each.mean()) if len(each) else each


def _first(table: Table, similar: Floats) -> Scores:
    hits = np.full((len(similar), 2), np.nan)
    for i, lang in enumerate(("en", "zh")):
        texts = np.array([text for text in table.texts_in(lang) if not table.is_album[text]], np.int64)
        rows = np.flatnonzero(table.true[:, texts].any(axis=1))
        if len(rows):
            hits[rows, i] = table.true[rows, texts[similar[np.ix_(rows, texts)].argmax(axis=1)]]
    return _row_means(hits)


def _album_precisions(table: Table, similar: Floats) -> Scores:
    """Each album's average precision among the photos it was decided on, where some are in and some are out."""
    found = []
    for text in np.flatnonzero(table.is_album):
        decided = table.true[:, text] | table.rejected[:, text]
        true = table.true[decided, text]
        if true.any() and not true.all():
            found.append(average_precision(similar[decided, text], true))
    return np.array(found)


def _of_moments(table: Table, values: Scores) -> Scores:
    """[moments, texts] the mean over each moment's photos of their [photos, texts], NaN where none has any."""
    count = int(table.moments.max(initial=-1)) + 1
    total, has = np.zeros((count, values.shape[1])), np.zeros((count, values.shape[1]))
    np.add.at(total, table.moments, np.nan_to_num(values))
    np.add.at(has, table.moments, ~np.isnan(values))
    return np.divide(total, has, out=np.full_like(total, np.nan), where=has > 0)


def _row_means(values: Scores) -> Scores:
    """The mean of each row's numbers, rows without any left out."""
    counts = (~np.isnan(values)).sum(axis=1)
    return np.asarray(np.nansum(values, axis=1)[counts > 0] / counts[counts > 0])
