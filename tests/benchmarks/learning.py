"""How much is learned from how many captions: held-out recall and zero-shot by seed, and what was forgotten.

    python -m tests.benchmarks.learning [--how adapter|probe|lora|full] [--captions 10 30 100 300 700] [--seeds 5] [--bands]

The `train` parts of the unseen-kinds sets of the shared test data play the owner's photos: so many of them, drawn
anew for each seed, get captions made of their labels in both languages, split by photo as in the product. Zero-shot
is measured on the sets' `val` parts, which nothing was tuned on; forgetting on the known-kinds sets. After `lora`
and `full` that is done with the model folder that was written. A JSON line a run, then one a number of captions
with the mean over the seeds and its 95 % interval (Student's t). `--bands` also tells what a sure hit among photos
and captions that nobody taught is worth before and after (tests/benchmarks/relevance.py).
"""

from __future__ import annotations

import argparse
import io
import json
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from PIL import Image

from core.evaluate.pictures import encode_pictures, pictures
from core.evaluate.zeroshot import class_embeddings, prompt_templates, read_labels
from core.models.calibration import Calibration
from core.models.encoder import Encoder
from core.models.registry import STARTER, model_folder
from core.photos.thumbs import Thumbs
from core.progress import CancelToken, silent
from core.training import adapter
from core.training.adapter import Adapted
from core.training.by_encoders import Lessons, learn_by_encoders, squares_of
from core.training.by_vectors import Knowledge, Side, learn_by_vectors
from core.training.full import Course
from core.training.gate import Verdict
from core.training.general import General
from core.training.pairs import CAPTION, Saying, is_held_out
from core.training.personal import MOST_OTHERS, MOST_UNSPOKEN
from core.training.sayings import Table
from tests.benchmarks.machine import machine
from tests.benchmarks.relevance import bands, photos_of_val
from tests.conftest import SHARED_DATA

Floats = npt.NDArray[np.float32]
LANGUAGES = {"en": "a photo of {}", "zh": "一张{}的照片"}
# Two-sided 97.5 % points of Student's t for 1 to 9 degrees of freedom.
STUDENT = (12.71, 4.30, 3.18, 2.78, 2.57, 2.45, 2.36, 2.31, 2.26)


@dataclass(frozen=True, slots=True)
class Set:
    """One labelled set: embeddings and class of each photo of a part, and each language's names of the classes."""

    name: str
    photos: dict[str, Floats]
    classes: dict[str, npt.NDArray[np.int64]]
    names: dict[str, list[str]]
    texts: dict[str, Floats]  # the classes' zero-shot embeddings: templates not averaged, [classes, k, d]


def read_set(
    encoder: Encoder, folder: Path, cache: Path | None, parts: tuple[str, ...] = ("train", "val")
) -> Set:
    """cache: a folder to keep embeddings in, for the same encoder alone."""
    photos: dict[str, Floats] = {}
    classes: dict[str, npt.NDArray[np.int64]] = {}
    labels = read_labels(folder / "labels.json", "en")
    own = {one.folder: i for i, one in enumerate(labels)}
    for part in parts:
        if not (tar := folder / f"{part}.tar").exists():
            continue
        kept = cache / f"{folder.name}-{part}.npz" if cache is not None else None
        if kept is not None and kept.exists():
            with np.load(kept) as file:
                photos[part], classes[part] = file["photos"], file["classes"]
            continue
        paths, photos[part] = encode_pictures(encoder, pictures(tar), silent, CancelToken())
        classes[part] = np.array([own[path.parent.name] for path in paths])
        if kept is not None:
            np.savez(kept, photos=photos[part], classes=classes[part])
    names, texts = {}, {}
    for lang in LANGUAGES:
        given = read_labels(folder / "labels.json", lang)
        names[lang] = [one.names[0] for one in given]
        each = [class_embeddings(encoder, given, (template,)) for template in prompt_templates(lang)]
        texts[lang] = np.stack(each, axis=1)
    return Set(folder.name, photos, classes, names, texts)


def zero_shot(sets: list[Set], adapted: Adapted | None = None) -> float:
    """Mean top-1 of the sets' `val` parts in both languages."""
    found = []
    for one in sets:
        for lang in LANGUAGES:
            texts, photos = one.texts[lang], one.photos["val"]
            if adapted is not None:
                shape = texts.shape
                texts = adapted.texts(texts.reshape(-1, shape[-1])).reshape(shape)
                photos = adapted.photos(photos)
            first = (photos @ texts.mean(axis=1).T).argmax(axis=1)
            found.append(float((first == one.classes["val"]).mean()))
    return float(np.mean(found))


@dataclass(frozen=True, slots=True)
class Owner:
    """Somebody who has the photos of the unseen kinds, and what judges what was learned from them.

    captioned  embeddings of the photos that bands are judged on, where that is asked
    """

    encoder: Encoder
    general: General
    unseen: list[Set]
    known: list[Set]
    captioned: Floats | None

    @property
    def calibration(self) -> Calibration:
        assert self.encoder.spec.calibration is not None
        return self.encoder.spec.calibration

    @property
    def photos(self) -> Floats:
        return np.concatenate([one.photos["train"] for one in self.unseen])

    def says(self, captions: int, seed: int) -> tuple[list[Saying], list[Saying]]:
        """Captions of so many photos in both languages, those that teach and those that judge."""
        labels = [(one, int(label)) for one in self.unseen for label in one.classes["train"]]
        parts: tuple[list[Saying], list[Saying]] = ([], [])
        for i in np.random.default_rng(seed).permutation(len(labels))[:captions].tolist():
            one, label = labels[i]
            for lang, template in LANGUAGES.items():
                text = template.format(one.names[lang][label])
                parts[is_held_out(b"%d" % i)].append(Saying(i, text, lang, CAPTION, True, i))
        return parts


@dataclass(frozen=True, slots=True)
class Learned:
    """What came of one training; zero-shot of the kinds it was taught and of those known before."""

    verdict: Verdict
    unseen: float
    known: float
    sure: (
        tuple[float, float] | None
    )  # of the sure hits so many are right, and they hold so many of the right ones


def by_adapter(owner: Owner, parts: tuple[list[Saying], list[Saying]], seed: int, *, both: bool) -> Learned:
    photos, encoder, general = owner.photos, owner.encoder, owner.general
    tables = [Table.of(part) for part in parts]
    teaching, judging = (
        Side(table, photos[list(table.photos)], encoder.encode_texts(table.texts)) for table in tables
    )
    others = np.setdiff1d(np.arange(len(photos)), [photo for table in tables for photo in table.photos])
    others = np.random.default_rng(seed).permutation(others)
    knowledge = Knowledge.of(general, photos[others[:MOST_OTHERS]])
    verdict, adapted = learn_by_vectors(
        teaching,
        judging,
        knowledge,
        encoder.spec.logit_scale,
        None,
        seed,
        adapter.SETTINGS,
        silent,
        CancelToken(),
        both=both,
    )
    sure = None
    if owner.captioned is not None:
        calibration = knowledge.carried(owner.calibration, adapted)

        def encode(given: Sequence[str]) -> Floats:
            return adapted.texts(encoder.encode_texts(given))

        sure = bands(adapted.photos(owner.captioned), encode, calibration)["sure"]
    return Learned(verdict, zero_shot(owner.unseen, adapted), zero_shot(owner.known, adapted), sure)


def by_towers(
    owner: Owner, parts: tuple[list[Saying], list[Saying]], seed: int, *, lora: bool, thumbs: Thumbs
) -> Learned:
    """As the product does it, from thumbnails; what is measured is the folder that would be taken into use."""
    spoken = [each.photo for part in parts for each in part]
    others = np.setdiff1d(np.arange(len(owner.photos)), spoken)
    others = np.random.default_rng(seed).permutation(others)[:MOST_UNSPOKEN]
    with tempfile.TemporaryDirectory() as temp:
        result = learn_by_encoders(
            owner.encoder,
            Lessons(*parts, squares_of(thumbs), "personal", others.tolist()),
            owner.general,
            Course(lora=lora),
            seed,
            silent,
            CancelToken(),
            lambda point: None,
        )
        new = Path(temp) / "new"
        new.mkdir()
        result.write(new, "starter+learned")
        encoder = Encoder.open(new)
        unseen, known = (
            [read_set(encoder, SHARED_DATA / "labelled" / one.name, None, ("val",)) for one in sets]
            for sets in (owner.unseen, owner.known)
        )
        sure = None
        if owner.captioned is not None:
            assert encoder.spec.calibration is not None
            sure = bands(photos_of_val(encoder), encoder.encode_texts, encoder.spec.calibration)["sure"]
        encoder.close()
    return Learned(result.verdict, zero_shot(unseen), zero_shot(known), sure)


def run(
    owner: Owner,
    learn: Callable[[tuple[list[Saying], list[Saying]], int], Learned],
    captions: int,
    seed: int,
) -> dict[str, Any]:
    """Train once on the captions of so many photos, drawn by `seed`."""
    began = time.perf_counter()
    torch.manual_seed(seed)
    learned = learn(owner.says(captions, seed), seed)
    verdict = learned.verdict
    found = {
        "captions": captions,
        "seed": seed,
        "unseen_before": zero_shot(owner.unseen),
        "unseen_after": learned.unseen,
        "known_before": zero_shot(owner.known),
        "known_after": learned.known,
        "accepted": verdict.accepted,
        "seconds": time.perf_counter() - began,
        "why": verdict.why,
    }
    if verdict.before is not None and verdict.after is not None:
        found |= {"recall_before": verdict.before.recall, "recall_after": verdict.after.recall}
        found |= {"general_before": verdict.before.general, "general_after": verdict.after.general}
        found |= {"still": verdict.after.still}
    if learned.sure is not None:
        found["sure_right"], found["sure_found"] = learned.sure
    return found


def with_thumbs(folder: Path, sets: list[Set]) -> Thumbs:
    """Thumbnails of the owner's photos, numbered in the order of their embeddings."""
    thumbs = Thumbs(folder, writable=True)
    paths = [SHARED_DATA / "labelled" / one.name / "train.tar" for one in sets]
    for i, (_, data) in enumerate(each for path in paths for each in pictures(path)):
        file = io.BytesIO()
        with Image.open(io.BytesIO(data)) as image:
            image.convert("RGB").save(file, "JPEG", quality=90)
        thumbs.put([(i, file.getvalue())])
    return thumbs


def interval(values: list[float]) -> str:
    """Mean and half the width of its 95 % interval."""
    if len(values) < 2:
        return f"{np.mean(values):.3f}"
    half = STUDENT[min(len(values) - 2, 8)] * np.std(values, ddof=1) / np.sqrt(len(values))
    return f"{np.mean(values):.3f} ± {half:.3f}"


def learner(
    how: str, owner: Owner, home: Path
) -> Callable[[tuple[list[Saying], list[Saying]], int], Learned]:
    if how in ("adapter", "probe"):
        return partial(by_adapter, owner, both=how == "adapter")
    return partial(by_towers, owner, lora=how == "lora", thumbs=with_thumbs(home, owner.unseen))


def summary(runs: list[dict[str, Any]]) -> dict[str, Any]:
    keys = [key for key in runs[0] if key not in ("captions", "seed", "why")]
    # Of choices where nothing was held out, some figures are not there.
    means = {key: interval([float(one[key]) for one in runs if one.get(key) is not None]) for key in keys}
    return {"captions": runs[0]["captions"], "seeds": len(runs), **means}


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--how", choices=("adapter", "probe", "lora", "full"), default="adapter")
    parser.add_argument("--captions", type=int, nargs="+", default=[10, 30, 100, 300, 700])
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--bands", action="store_true", help="what a sure hit is worth, before and after")
    parser.add_argument("--cache", type=Path, help="where the starter's embeddings are kept between runs")
    asked = parser.parse_args()
    encoder = Encoder.open(model_folder(STARTER, None))
    with tempfile.TemporaryDirectory() as temp:
        cache = asked.cache or Path(temp)
        cache.mkdir(parents=True, exist_ok=True)
        every = [
            read_set(encoder, path.parent, cache)
            for path in sorted(SHARED_DATA.glob("labelled/*/labels.json"))
        ]
        unseen = [one for one in every if "train" in one.photos]
        known = [one for one in every if "train" not in one.photos]
        general = General.of(encoder, np.concatenate([one.photos["train"] for one in unseen]))
        owner = Owner(encoder, general, unseen, known, photos_of_val(encoder) if asked.bands else None)
        told = {"bench": "learning", "how": asked.how, "model": STARTER, "machine": machine()}
        if owner.captioned is not None:
            found = bands(owner.captioned, encoder.encode_texts, owner.calibration)["sure"]
            told |= {"sure_right_before": found[0], "sure_found_before": found[1]}
        print(json.dumps(told), flush=True)
        learn = learner(asked.how, owner, Path(temp))
        for captions in asked.captions:
            runs = []
            for seed in range(asked.seeds):
                runs.append(run(owner, learn, captions, seed))
                print(json.dumps(runs[-1]), flush=True)
            print(json.dumps(summary(runs), ensure_ascii=False), flush=True)


if __name__ == "__main__":
    main()
