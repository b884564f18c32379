"""What a name is worth that five photos have taught: alone, in a sentence, and in a place.

    .venv/bin/python -m tests.benchmarks.names [--data ../shared/data] [--seeds 5] [--part val|train] [--only names|places]

Everything goes the way of the program: a library of vectors, `Naming.give`, `Searcher.answer`; photos that taught are
not ranked. (a) Every flower and every dish gets an invented name by five photos of the `train` part, and is looked
for among all flowers, dishes and 1,000 captioned photos of the `val` parts. (b) Dogs of one look, by what most
captions say (the starter has seen the examples' captions in training, none of the ranked photos), are looked for in
snow, on grass, in water and on a beach; beside the shipped way stand three others of joining a name with a sentence.
Nothing was chosen on the `val` parts: with --part train (b) runs on the half of the train photos that every choice of
core/albums/names.py was made on.
"""

from __future__ import annotations

import argparse
import json
import re
import tempfile
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from core.albums.naming import Naming
from core.albums.prompts import normalised
from core.albums.scoring import Scoring
from core.evaluate.pictures import encode_pictures, pictures
from core.evaluate.zeroshot import average_precision
from core.library.names import Name
from core.models.encoder import Encoder
from core.progress import CancelToken, silent
from core.search.answer import Hit, Searcher
from core.search.query import Query
from tests.albums.made_library import MadeLibrary, starter
from tests.benchmarks.albums import STUDENT
from tests.benchmarks.machine import row

Embeddings = npt.NDArray[np.float32]
Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]

EXAMPLES = 5
NAME = {"zh": "豆豆", "en": "Doudou"}
CLOSE_UP = {"zh": "{}的特写", "en": "a close-up of {}"}
# Of five captions, so many must say it.
SAID, SAID_DOG = 2, 3
FEWEST = 3
DOG = r"\bdogs?\b|\bpuppy\b|retriever|labrador"
LOOKS = {
    "black": r"\bblack (?:dog|lab|labrador|puppy)\b",
    "brown": r"\bbrown (?:dog|puppy)\b",
    "white": r"\bwhite (?:dog|puppy|poodle)\b",
    "tan": r"\b(?:tan|yellow|golden|blonde) (?:dog|lab|labrador|retriever|puppy)\b",
    "black and white": r"\bblack and white dog",
}
PLACES = {
    "snow": (r"\bsnow", {"zh": "{}在雪地里", "en": "{} in the snow"}),
    "grass": (r"\bgrass|\blawn", {"zh": "{}在草地上", "en": "{} on the grass"}),
    "water": (
        r"\bwater\b|\bocean\b|\blake\b|\bpool\b|\briver\b|\bsurf\b",
        {"zh": "{}在水里", "en": "{} in the water"},
    ),
    "beach": (r"\bbeach\b|\bsand\b", {"zh": "{}在沙滩上", "en": "{} on the beach"}),
}
FOOD = {"zh": "食物", "en": "food"}
DOG_WORD = {"zh": "狗", "en": "a dog"}


@dataclass(frozen=True, slots=True)
class Part:
    """Photos [n, d] and a word for each: its class, or the id of its captions."""

    photos: Embeddings
    words: tuple[str, ...]


class Owner:
    """A library whose first photos are ranked; examples come behind them."""

    def __init__(self, folder: Path, encoder: Encoder, ranked: Embeddings, texts: dict[str, bytes]) -> None:
        self.made = MadeLibrary.of(folder, encoder, ranked, texts)
        self.ranked = len(ranked)
        self._searcher = Searcher(
            self.made.database, Scoring(self.made.database, self.made.space, encoder), encoder, folder
        )
        self._naming = Naming(self.made.database, lambda: self.made.albums)
        self._name: Name | None = None

    def close(self) -> None:
        self.made.close()

    def learn(self, examples: Sequence[int], classes: Sequence[str]) -> None:
        """Call what these photos show by NAME, and forget who was called so before."""
        if self._name is not None:
            self._naming.drop(self._name)
        self._name = self._naming.give(NAME["zh"], examples, aliases=[NAME["en"]], classes=classes)

    def scores(self, words: str) -> Floats:
        """[ranked]: the higher the earlier a photo comes; the last for those that do not come."""
        found = np.full(self.ranked, -np.inf)
        for place, hit in enumerate(self.hits(words)):
            found[hit.photo - 1] = -place
        return found

    def hits(self, words: str) -> list[Hit]:
        query = Query(words, everything=True, exact=True, limit=len(self.made.space))
        return [hit for hit in self._searcher.answer(query).hits if hit.photo <= self.ranked]


def encoded(tar: Path, encoder: Encoder, cache: Path | None, *, by_class: bool) -> Part:
    """The pictures of a tar; their embeddings are kept in `cache`."""
    kept = cache / f"{encoder.spec.space_id}-{tar.parent.name}-{tar.stem}.npz" if cache else None
    if kept is not None and kept.exists():
        with np.load(kept) as file:
            return Part(file["photos"], tuple(file["words"].tolist()))
    paths, photos = encode_pictures(encoder, pictures(tar), silent, CancelToken())
    words = tuple(path.parent.name if by_class else path.stem for path in paths)
    if kept is not None:
        kept.parent.mkdir(parents=True, exist_ok=True)
        np.savez(kept, photos=photos, words=np.array(words))
    return Part(photos, words)


def report(case: str, by_seed: dict[int, list[float]], unit: str) -> None:
    """The mean over seeds of each seed's mean, with half of its 95 % interval (Student's t)."""
    means = np.array([np.mean(values) for values in by_seed.values()])
    more: dict[str, float] = {"cases": len(next(iter(by_seed.values())))}
    if len(means) in STUDENT:
        half = STUDENT[len(means)] * means.std(ddof=1) / len(means) ** 0.5
        more |= {"ci95": round(float(half), 4), "seeds": len(means)}
    row("names", case, float(means.mean()), unit, **more)


# ---- (a)


@dataclass(frozen=True, slots=True)
class Kind:
    """A class of photos: what kind of thing it is, and its own name, in either language."""

    folder: str
    parent: dict[str, str]
    own: dict[str, str]


Figures = dict[str, dict[int, list[float]]]


def kinds_of(folder: Path) -> list[Kind]:
    found = []
    for one in json.loads((folder / "labels.json").read_text(encoding="utf-8"))["classes"]:
        parent = {lang: one.get(f"parent_{lang}", [FOOD[lang]])[0] for lang in NAME}
        found.append(Kind(one["dir"], parent, {lang: one[lang][0] for lang in NAME}))
    return found


def words_alone(owner: Owner, kinds: Sequence[Kind], truth: dict[str, Bools], figures: Figures) -> None:
    """What the text tower makes of it before anything was taught; the seed changes nothing."""
    for kind in kinds:
        for lang in NAME:
            asked = {"class word": kind.parent[lang], "true name": kind.own[lang], "invented": NAME[lang]}
            for case, text in asked.items():
                ap = average_precision(owner.scores(text), truth[kind.folder])
                figures[f"not taught: {case}, {lang}"][0].append(ap)


def invented_names(data: Path, encoder: Encoder, cache: Path | None, seeds: int, background: Part) -> None:
    folders = [data / "labelled" / name for name in ("flowers", "dishes")]
    kinds = [kind for folder in folders for kind in kinds_of(folder)]
    train, val = (
        [encoded(folder / f"{part}.tar", encoder, cache, by_class=True) for folder in folders]
        for part in ("train", "val")
    )
    ranked = np.concatenate([*(part.photos for part in val), background.photos])
    own = np.array([word for part in val for word in part.words] + [""] * len(background.words))
    truth = {kind.folder: own == kind.folder for kind in kinds}
    pool = np.concatenate([part.photos for part in train])
    taught = np.array([word for part in train for word in part.words])
    figures: Figures = defaultdict(lambda: defaultdict(list))
    bands: Figures = defaultdict(lambda: defaultdict(list))
    texts: dict[str, bytes] = {}
    for seed in range(seeds):
        dice = np.random.default_rng(seed)
        with tempfile.TemporaryDirectory() as temp:
            owner = Owner(Path(temp) / "library", encoder, ranked, texts)
            if not seed:
                words_alone(owner, kinds, truth, figures)
            for kind in kinds:
                chosen = dice.permutation(np.flatnonzero(taught == kind.folder))[:EXAMPLES]
                owner.learn(owner.made.add(pool[chosen]), list(kind.parent.values()))
                for lang, name in NAME.items():
                    for case, text in (("name", name), ("in a sentence", CLOSE_UP[lang].format(name))):
                        ap = average_precision(owner.scores(text), truth[kind.folder])
                        figures[f"{EXAMPLES} photos: {case}, {lang}"][seed].append(ap)
                for case, share in in_bands(owner.hits(NAME["zh"]), truth[kind.folder]).items():
                    bands[case][seed].append(share)
            texts.update(owner.made.texts())
            owner.close()
    for case, by_seed in figures.items():
        report(f"a flower or dish among {len(ranked)} photos, {case}", by_seed, "mean average precision")
    for case, by_seed in bands.items():
        report(f"a flower or dish among {len(ranked)} photos, {case}", by_seed, "share")


def in_bands(hits: Sequence[Hit], true: Bools) -> dict[str, float]:
    """How many of what a band shows are right, where it shows anything, and how many of what is there it shows."""
    found: dict[str, float] = {}
    shown = 0
    for band in ("sure", "less sure"):
        those = [bool(true[hit.photo - 1]) for hit in hits if hit.band == band]
        shown += sum(those)
        if those:
            found[f"{band}: right"] = float(np.mean(those))
        found[f"{band} or better: found"] = shown / int(true.sum())
    return found


# ---- (b)


def captions_of(file: Path) -> dict[str, list[str]]:
    lines = file.read_text(encoding="utf-8").splitlines()
    return {one["id"]: [text.lower() for text in one["en"]] for one in map(json.loads, lines)}


def said_of(part: Part, captions: dict[str, list[str]], pattern: str, times: int) -> Bools:
    found = re.compile(pattern)
    return np.array(
        [sum(bool(found.search(text)) for text in captions[word]) >= times for word in part.words]
    )


def looks_of(part: Part, captions: dict[str, list[str]]) -> dict[str, Bools]:
    """Dogs of each look; one that is called black and white is neither black nor white."""
    dogs = said_of(part, captions, DOG, SAID_DOG)
    found = {look: said_of(part, captions, pattern, SAID) & dogs for look, pattern in LOOKS.items()}
    for look in ("black", "white"):
        found[look] &= ~found["black and white"]
    return found


def auc(scores: Floats, first: Bools, then: Bools) -> float:
    """How often one of `first` stands before one of `then`."""
    return float((scores[first][:, None] > scores[then][None]).mean())


def named_in_a_place(
    train: Part, ranked: Part, captions: dict[str, list[str]], encoder: Encoder, seeds: int
) -> None:
    shown, looks = looks_of(train, captions), looks_of(ranked, captions)
    dogs = said_of(ranked, captions, DOG, SAID_DOG)
    places = {place: said_of(ranked, captions, pattern, SAID) for place, (pattern, _) in PLACES.items()}
    figures: dict[str, Figures] = defaultdict(lambda: defaultdict(lambda: defaultdict(list)))
    texts: dict[str, bytes] = {}
    for seed in range(seeds):
        with tempfile.TemporaryDirectory() as temp:
            owner = Owner(Path(temp) / "library", encoder, ranked.photos, texts)
            for look, own in looks.items():
                draw = np.random.default_rng(seed)
                examples = train.photos[draw.permutation(np.flatnonzero(shown[look]))[:EXAMPLES]]
                owner.learn(owner.made.add(examples), ["狗", "dog"])
                name_alone = owner.scores(NAME["zh"])
                for place, (_, sentences) in PLACES.items():
                    if (own & places[place]).sum() < FEWEST:
                        continue
                    for lang, sentence in sentences.items():
                        ways = {
                            "name in a sentence": owner.scores(sentence.format(NAME[lang])),
                            "sentence with the class word alone": owner.scores(
                                sentence.format(DOG_WORD[lang])
                            ),
                            "name alone": name_alone,
                            **other_ways(ranked.photos, examples, sentence.format(DOG_WORD[lang]), encoder),
                        }
                        for way, scores in ways.items():
                            for measure, value in measured(scores, own, places[place], dogs).items():
                                figures[way][f"{measure}, {lang}"][seed].append(value)
            texts.update(owner.made.texts())
            owner.close()
    for way, measures in figures.items():
        for measure, by_seed in measures.items():
            unit = "mean average precision" if measure.startswith("found") else "share of pairs"
            report(
                f"dogs of one look in a place, {len(ranked.words)} photos, {way}: {measure}", by_seed, unit
            )


def measured(scores: Floats, own: Bools, there: Bools, dogs: Bools) -> dict[str, float]:
    meant = own & there
    return {
        "found": average_precision(scores, meant),
        "above the same elsewhere": auc(scores, meant, own & ~there),
        "above other dogs there": auc(scores, meant, dogs & ~own & there),
        "above all else there": auc(scores, meant, ~own & there),
    }


def other_ways(
    photos: Embeddings, examples: Embeddings, sentence: str, encoder: Encoder
) -> dict[str, Floats]:
    """The sentence's vector and the examples joined otherwise, each at the weight that was best on train photos."""
    [text] = encoder.encode_texts([sentence])
    [dog, gou] = encoder.encode_texts(["a dog", "一只狗"])
    mean = examples.mean(axis=0)
    of_class = photos[np.argsort(-(photos @ (dog + gou)))[: max(20, len(photos) // 20)]].mean(axis=0)
    centre = photos.mean(axis=0)

    def standard(scores: Embeddings) -> Floats:
        return np.asarray((scores - scores.mean()) / scores.std(), np.float64)

    return {
        "sum of both vectors": np.asarray(photos @ (text + normalised(mean)), np.float64),
        "sentence moved by examples less their class": np.asarray(
            photos @ (text + mean - of_class), np.float64
        ),
        "sum of standardised scores": standard(photos @ (mean - centre)) + 2 * standard(photos @ text),
    }


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    parser.add_argument("--seeds", type=int, default=5, choices=sorted(STUDENT))
    parser.add_argument("--part", choices=("val", "train"), default="val")
    parser.add_argument("--only", choices=("all", "names", "places"), default="all", help="(a), (b) or both")
    parser.add_argument("--cache", type=Path, help="where embeddings are kept between runs")
    asked = parser.parse_args()
    encoder = starter()
    folder = asked.data / "flickr8k"
    train = encoded(folder / "train.tar", encoder, asked.cache, by_class=False)
    captions = captions_of(folder / "captions-train.jsonl")
    if asked.part == "val":
        ranked = encoded(folder / "val.tar", encoder, asked.cache, by_class=False)
        captions |= captions_of(folder / "captions-val.jsonl")
        if asked.only != "places":
            invented_names(asked.data, encoder, asked.cache, asked.seeds, ranked)
    else:
        half = np.random.default_rng(7).random(len(train.words)) < 0.4
        ranked, train = (
            Part(train.photos[part], tuple(np.array(train.words)[part])) for part in (~half, half)
        )
    if asked.only != "names":
        named_in_a_place(train, ranked, captions, encoder, asked.seeds)


if __name__ == "__main__":
    main()
