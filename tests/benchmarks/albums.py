"""What albums are worth: zero-shot, taught, cut off, and how fast.

    .venv/bin/python -m tests.benchmarks.albums [--labelled ../shared/data/labelled] [--seeds 5] [--photos 100000] [--only speed|quality|cutoff]

The labelled `val` photos are one library with hidden labels. A simulated owner who knows the labels answers what
the review queue asks, or random photos. Each seed is a library of four fifths of the photos. Nothing was tuned on
these photos: all constants of core/albums come from the `train` parts and captioned photos.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from core.albums.backdrop import SAMPLE, Backdrop
from core.albums.builtin import built_in
from core.albums.probe import Probe, learn, prior_of
from core.albums.prompts import Prompts
from core.albums.review import CANDIDATES, worth_asking
from core.evaluate.zeroshot import average_precision
from core.library.albums import Album
from core.models.encoder import Encoder
from tests.albums.made_library import MadeLibrary, starter
from tests.benchmarks.labelled_photos import Kind, LabelledPhotos, labelled_photos
from tests.benchmarks.machine import row

Embeddings = npt.NDArray[np.float32]
Bools = npt.NDArray[np.bool_]

CHECKPOINTS = (1, 3, 10, 30)
BATCH = 10
# 95 % of Student's t with 4 degrees of freedom, by the number of seeds.
STUDENT = {2: 12.71, 3: 4.303, 4: 3.182, 5: 2.776}
LANGS = ("en", "zh")
# A fall below zero-shot that a person would notice.
NOTICED = 0.02
# Stretches and shifts every cosine as another model might: none may change an album.
GAP = 0.7


class Shelf:
    """Albums over vectors in memory, by the same functions that `Albums` uses over a library."""

    def __init__(self, photos: Embeddings, texts: dict[str, Embeddings], neutrals: Embeddings) -> None:
        self.photos = photos
        self.texts = texts
        chosen = np.sort(np.random.default_rng(0).permutation(len(photos))[:SAMPLE])
        self.backdrop = Backdrop.of(photos[chosen], neutrals)

    def probe(self, words: str, asked: list[int] | None = None, true: Bools | None = None) -> Probe:
        prior = prior_of(self.texts[words], None, self.backdrop)
        marked = np.array(asked or [], np.int64)
        said = true[marked] if true is not None else np.zeros(0, bool)
        return learn(prior, self.backdrop, self.photos[marked], said)

    def logits(self, probe: Probe) -> npt.NDArray[np.float32]:
        return np.asarray(self.photos @ probe.weights + probe.offset, np.float32)


def encoded_texts(prompts: Prompts, kinds: dict[str, Kind]) -> dict[str, Embeddings]:
    words = [text for kind in kinds.values() for text in (kind.en, kind.zh)]
    found = prompts.directions(words)
    return dict(zip(words, found, strict=True))


# ---- 1: zero-shot, and what decisions add


def zero_shot(shelf: Shelf, kinds: dict[str, Kind]) -> None:
    for known in (True, False):
        for lang in LANGS:
            those = [kind for kind in kinds.values() if kind.known is known]
            found = [
                average_precision(shelf.logits(shelf.probe(getattr(kind, lang))), kind.true) for kind in those
            ]
            case = f"zero-shot, {'known' if known else 'unseen'} kinds, {lang}"
            row("albums", case, float(np.mean(found)), "mean average precision", albums=len(those))


def taught(data: LabelledPhotos, texts: dict[str, Embeddings], neutrals: Embeddings, seeds: int) -> None:
    """Rows of both ways to choose, after each checkpoint: as the album shows itself, and on undecided photos alone."""
    figures: dict[tuple[bool, str, int], list[list[float]]] = {}
    falls: dict[tuple[bool, int], list[float]] = {}
    for seed in range(seeds):
        dice = np.random.default_rng(seed)
        part = np.sort(dice.permutation(len(data.photos))[: len(data.photos) * 4 // 5])
        shelf = Shelf(data.photos[part], texts, neutrals)
        per_seed: dict[tuple[bool, str, int], list[tuple[float, float]]] = {}
        for kind in data.kinds.values():
            true = kind.true[part]
            if true.sum() < 2:
                continue
            for how in ("queue", "random"):
                for count, shown, rest in _teach(shelf, kind.zh, true, how, dice):
                    per_seed.setdefault((kind.known, how, count), []).append((shown, rest))
        for key, values in per_seed.items():
            shown = [each[0] for each in values]
            figures.setdefault(key, []).append(
                [float(np.mean(shown)), float(np.nanmean([each[1] for each in values]))]
            )
            if key[1] == "queue" and key[2]:
                before = [each[0] for each in per_seed[key[0], "queue", 0]]
                falls.setdefault((key[0], key[2]), []).append(
                    float(np.mean(np.array(shown) < np.array(before) - NOTICED))
                )
    for (known, how, count), seen in sorted(
        figures.items(), key=lambda one: (not one[0][0], one[0][2], one[0][1])
    ):
        values = np.array(seen)
        more: dict[str, Any] = {
            "ci95": _interval(values[:, 0]),
            "gain_on_undecided": round(float(values[:, 1].mean()), 3),
            "gain_on_undecided_ci95": _interval(values[:, 1]),
        }
        if (known, count) in falls and how == "queue":
            more[f"albums_fallen_by_{NOTICED}"] = round(float(np.mean(falls[known, count])), 4)
        case = f"{count} decisions by {how}, {'known' if known else 'unseen'} kinds, zh"
        row("albums", case, float(values[:, 0].mean()), "mean average precision", seeds=seeds, **more)


def _interval(values: npt.NDArray[np.float64]) -> float:
    """Half of the 95 % confidence interval of the mean over seeds."""
    if len(values) < 2:
        return float("nan")
    return round(STUDENT[len(values)] * float(values.std(ddof=1)) / len(values) ** 0.5, 4)


def _teach(
    shelf: Shelf, words: str, true: Bools, how: str, dice: np.random.Generator
) -> Iterator[tuple[int, float, float]]:
    """(decisions, average precision with decided photos in their places, gain over zero-shot on the undecided)."""
    asked: list[int] = []
    first = shelf.logits(shelf.probe(words))
    yield 0, average_precision(first, true), 0.0
    for count in CHECKPOINTS:
        while len(asked) < count:
            batch = min(BATCH, count - len(asked))
            waiting = np.setdiff1d(np.arange(len(true)), asked)
            if how == "random":
                asked += dice.choice(waiting, batch, replace=False).tolist()
                continue
            probe = shelf.probe(words, asked, true)
            best = waiting[np.argsort(-shelf.logits(probe)[waiting], kind="stable")[:CANDIDATES]]
            asked += best[worth_asking(probe, shelf.backdrop, shelf.photos[best], batch)].tolist()
        logits = shelf.logits(shelf.probe(words, asked, true))
        rest = np.setdiff1d(np.arange(len(true)), asked)
        gain = float("nan")
        if true[rest].any():
            gain = average_precision(logits[rest], true[rest]) - average_precision(first[rest], true[rest])
        shown = logits.copy()
        shown[asked] = np.where(true[asked], 1e6, -1e6)
        yield count, average_precision(shown, true), gain


# ---- 2: the cut-off, in this space and in others


def cut_offs(data: LabelledPhotos, texts: dict[str, Embeddings], neutrals: Embeddings, space: str) -> None:
    whole = Shelf(data.photos, texts, neutrals)
    recalls, precisions, cut_short = [], [], 0
    absent: dict[bool, list[float]] = {True: [], False: []}
    for kind in data.kinds.values():
        without = Shelf(data.photos[~kind.true], texts, neutrals)
        for words in (kind.en, kind.zh):
            absent[kind.known].append(float((without.logits(without.probe(words)) >= 0).mean()))
            logits = whole.logits(whole.probe(words))
            if average_precision(logits, kind.true) >= 0.6:
                inside = logits >= 0
                recalls.append(float(inside[kind.true].mean()))
                precisions.append(float(kind.true[inside].mean()) if inside.any() else 0.0)
                cut_short += recalls[-1] < 0.6
    more = {"albums": len(recalls), "albums_below_.6": cut_short, "target": 0.6}
    row(
        "albums",
        f"{space}: recall of 'in' where average precision >= .6",
        float(np.mean(recalls)),
        "share",
        **more,
    )
    row("albums", f"{space}: its precision", float(np.mean(precisions)), "share", albums=len(recalls))
    for known, shares in absent.items():
        case = f"{space}: in where there is nothing of the kind, {'known' if known else 'unseen'} kinds"
        more = {
            "albums": len(shares),
            "above_1_percent": float(np.mean(np.array(shares) > 0.01)),
            "target": 0.01,
        }
        row("albums", case, float(np.mean(shares)), "share", **more)
    dogs = Shelf(data.photos[data.dogs], texts, neutrals)
    for words in ("dog", "狗", "cat", "猫"):
        share = float((dogs.logits(dogs.probe(words)) >= 0).mean())
        row("albums", f"{space}: {words} in a library of {int(data.dogs.sum())} dogs", share, "share")


def other_spaces(
    data: LabelledPhotos, texts: dict[str, Embeddings], neutrals: Embeddings
) -> Iterator[tuple[str, LabelledPhotos, dict[str, Embeddings], Embeddings]]:
    """The same photos as other models might see them: turned, squeezed and shifted; and by a weaker one."""
    width = data.photos.shape[1]
    turn = np.linalg.qr(np.random.default_rng(1).normal(size=(width, width)))[0].astype(np.float32)

    def shifted(rows: Embeddings) -> Embeddings:
        ones = np.full((len(rows), 1), GAP, np.float32)
        moved = np.concatenate([rows @ turn, ones], axis=1)
        return np.asarray(moved / np.linalg.norm(moved, axis=1, keepdims=True), np.float32)

    few = np.random.default_rng(2).normal(size=(width, 96)).astype(np.float32)

    def weaker(rows: Embeddings) -> Embeddings:
        seen = rows @ few
        return np.asarray(seen / np.linalg.norm(seen, axis=1, keepdims=True), np.float32)

    for name, change in (("turned and shifted space", shifted), ("space of 96 random directions", weaker)):
        moved = {words: change(one[None])[0] for words, one in texts.items()}
        yield name, LabelledPhotos(change(data.photos), data.kinds, data.dogs), moved, change(neutrals)


# ---- 5 and 6: speed, and both languages


def speed(encoder: Encoder, count: int, albums: int = 150) -> None:
    dice = np.random.default_rng(0)
    with tempfile.TemporaryDirectory() as temp:
        photos = dice.normal(size=(count, encoder.spec.width)).astype(np.float32)
        photos /= np.linalg.norm(photos, axis=1, keepdims=True)
        made = MadeLibrary.of(Path(temp) / "library", encoder, photos)
        try:
            words = [one.prompts for one in built_in()]
            asked = [Album(0, f"album {i}", words[i % len(words)]) for i in range(albums)]
            made.albums.add(asked)
            made.albums.rescore()
            begin = time.perf_counter()
            made.albums.rescore()
            row(
                "albums",
                f"{count} photos x {albums} albums scored anew",
                time.perf_counter() - begin,
                "s",
                target=1,
            )
            album = made.albums.all()[0]
            page = made.albums.review(album, 30)
            took, pages = [], []
            for member in page:
                begin = time.perf_counter()
                made.albums.mark(album, [member.photo], True)
                took.append(1000 * (time.perf_counter() - begin))
                begin = time.perf_counter()
                made.albums.page(album, [each.photo for each in page])
                pages.append(1000 * (time.perf_counter() - begin))
            case = f"{count} photos, one accept"
            row(
                "albums",
                f"{case}, stored and all photos scored",
                float(np.median(took)),
                "ms median",
                target=100,
            )
            row("albums", f"{case}, a page of 30 shown again", float(np.median(pages)), "ms median")
            begin = time.perf_counter()
            made.albums.review(album, 10)
            row(
                "albums",
                f"{count} photos, next 10 of the review queue",
                1000 * (time.perf_counter() - begin),
                "ms",
            )
        finally:
            made.close()


def both_languages(data: LabelledPhotos, prompts: Prompts, neutrals: Embeddings) -> None:
    overlaps = []
    shelf = Shelf(data.photos, {}, neutrals)
    for one in built_in():
        tops = []
        for lang in LANGS:
            prior = prior_of(prompts.direction(one.in_one_language(lang)), None, shelf.backdrop)
            tops.append(set(np.argsort(-(shelf.photos @ prior.weights), kind="stable")[:50].tolist()))
        overlaps.append(len(tops[0] & tops[1]) / len(tops[0] | tops[1]))
    row("albums", "first 50 by Chinese and by English prompts", float(np.mean(overlaps)), "mean Jaccard",
        albums=len(overlaps), target=0.6)  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--labelled", type=Path, default=Path("../shared/data/labelled"))
    parser.add_argument("--seeds", type=int, default=5, choices=sorted(STUDENT))
    parser.add_argument("--photos", type=int, default=100_000)
    parser.add_argument("--only", choices=("all", "speed", "quality", "cutoff"), default="all")
    options = parser.parse_args()
    encoder = starter()
    if options.only != "speed":
        data = labelled_photos(options.labelled, encoder)
        with tempfile.TemporaryDirectory() as temp:
            made = MadeLibrary.of(Path(temp) / "library", encoder, data.photos[:1])
            prompts = Prompts(made.database, encoder, made.space.id)
            texts, neutrals = encoded_texts(prompts, data.kinds), prompts.neutrals()
            cut_offs(data, texts, neutrals, "starter")
            for space, *moved in other_spaces(data, texts, neutrals):
                cut_offs(*moved, space)
            if options.only != "cutoff":
                zero_shot(Shelf(data.photos, texts, neutrals), data.kinds)
                both_languages(data, prompts, neutrals)
                taught(data, texts, neutrals, options.seeds)
            made.close()
    if options.only in ("all", "speed"):
        speed(encoder, options.photos)


if __name__ == "__main__":
    main()
