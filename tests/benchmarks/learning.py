"""How much is learned from how many captions: held-out recall and zero-shot by seed, and what was forgotten.

    python -m tests.benchmarks.learning [--how adapter|probe] [--captions 10 30 100 300 700] [--seeds 5]

The `train` parts of the unseen-kinds sets of the shared test data play the owner's photos: so many of them, drawn
anew for each seed, get captions made of their labels in both languages, split by photo as in the product. Zero-shot
is measured on the sets' `val` parts, which nothing was tuned on; forgetting on the known-kinds sets. A JSON line a
run, then one a number of captions with the mean over the seeds and its 95 % interval (Student's t).
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from core.evaluate.pictures import encode_pictures, pictures
from core.evaluate.zeroshot import class_embeddings, prompt_templates, read_labels
from core.models.encoder import Encoder
from core.models.registry import STARTER, model_folder
from core.progress import CancelToken, silent
from core.training import adapter
from core.training.adapter import Adapted, Adapting, adapt
from core.training.gate import figures, judge
from core.training.general import General
from core.training.pairs import CAPTION, Saying, is_held_out
from core.training.personal import MOST_OTHERS
from core.training.sayings import Table
from tests.benchmarks.machine import machine
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


def read_set(encoder: Encoder, folder: Path, cache: Path) -> Set:
    photos: dict[str, Floats] = {}
    classes: dict[str, npt.NDArray[np.int64]] = {}
    labels = read_labels(folder / "labels.json", "en")
    own = {one.folder: i for i, one in enumerate(labels)}
    for part in ("train", "val"):
        if (tar := folder / f"{part}.tar").exists():
            kept = cache / f"{folder.name}-{part}.npz"
            if not kept.exists():
                paths, found = encode_pictures(encoder, pictures(tar), silent, CancelToken())
                np.savez(kept, photos=found, classes=[own[path.parent.name] for path in paths])
            with np.load(kept) as file:
                photos[part], classes[part] = file["photos"], file["classes"]
    names, texts = {}, {}
    for lang in LANGUAGES:
        given = read_labels(folder / "labels.json", lang)
        names[lang] = [one.names[0] for one in given]
        each = [class_embeddings(encoder, given, (template,)) for template in prompt_templates(lang)]
        texts[lang] = np.stack(each, axis=1)
    return Set(folder.name, photos, classes, names, texts)


def zero_shot(sets: list[Set], part: str, adapted: Adapted | None) -> float:
    """Mean top-1 of the sets in both languages."""
    found = []
    for one in sets:
        for lang in LANGUAGES:
            texts, photos = one.texts[lang], one.photos[part]
            if adapted is not None:
                shape = texts.shape
                texts = adapted.texts(texts.reshape(-1, shape[-1])).reshape(shape)
                photos = adapted.photos(photos)
            first = (photos @ texts.mean(axis=1).T).argmax(axis=1)
            found.append(float((first == one.classes[part]).mean()))
    return float(np.mean(found))


def run(
    encoder: Encoder,
    general: General,
    unseen: list[Set],
    known: list[Set],
    captions: int,
    seed: int,
    how: str,
) -> dict[str, Any]:
    """Train once on the captions of so many photos, drawn by `seed`."""
    began = time.perf_counter()
    photos = np.concatenate([one.photos["train"] for one in unseen])
    said = [(one, int(label)) for one in unseen for label in one.classes["train"]]
    chosen = np.random.default_rng(seed).permutation(len(photos))[:captions].tolist()
    parts: tuple[list[Saying], list[Saying]] = ([], [])
    for i in chosen:
        one, label = said[i]
        for lang, template in LANGUAGES.items():
            text = template.format(one.names[lang][label])
            parts[is_held_out(b"%d" % i)].append(Saying(i, text, lang, CAPTION, True, i))
    training, held_out = (Table.of(part) for part in parts)
    others = np.setdiff1d(np.arange(len(photos)), chosen)[:MOST_OTHERS]
    objective = Adapting(
        training,
        photos[list(training.photos)],
        encoder.encode_texts(training.texts),
        photos[others],
        general,
        encoder.spec.logit_scale,
        both=how == "adapter",
    )
    adapted, _ = adapt(objective, adapter.SETTINGS, silent, CancelToken())
    seconds = time.perf_counter() - began
    words, stand_ins = general.judging.embeddings, general.judging.as_photos(general.gap)
    own, texts = photos[list(held_out.photos)], encoder.encode_texts(held_out.texts)
    before = figures(held_out, own, texts, general.kept(words, stand_ins))
    after = figures(
        held_out,
        adapted.photos(own),
        adapted.texts(texts),
        general.kept(adapted.texts(words), adapted.photos(stand_ins)),
    )
    verdict = judge(before, after, len(held_out.photos), seed)
    return {
        "captions": captions,
        "seed": seed,
        "recall_before": before.recall,
        "recall_after": after.recall,
        "unseen_before": zero_shot(unseen, "val", None),
        "unseen_after": zero_shot(unseen, "val", adapted),
        "known_before": zero_shot(known, "val", None),
        "known_after": zero_shot(known, "val", adapted),
        "accepted": verdict.accepted,
        "seconds": seconds,
    }


def interval(values: list[float]) -> str:
    """Mean and half the width of its 95 % interval."""
    if len(values) < 2:
        return f"{np.mean(values):.3f}"
    half = STUDENT[min(len(values) - 2, 8)] * np.std(values, ddof=1) / np.sqrt(len(values))
    return f"{np.mean(values):.3f} ± {half:.3f}"


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--how", choices=("adapter", "probe"), default="adapter")
    parser.add_argument("--captions", type=int, nargs="+", default=[10, 30, 100, 300, 700])
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--cache", type=Path, help="where embeddings are kept between runs")
    asked = parser.parse_args()
    cache = asked.cache or Path(tempfile.mkdtemp(prefix="learning-"))
    cache.mkdir(parents=True, exist_ok=True)
    encoder = Encoder.open(model_folder(STARTER, None))
    every = [
        read_set(encoder, path.parent, cache) for path in sorted(SHARED_DATA.glob("labelled/*/labels.json"))
    ]
    unseen = [one for one in every if "train" in one.photos]
    known = [one for one in every if "train" not in one.photos]
    general = General.of(encoder, np.concatenate([one.photos["train"] for one in unseen]))
    print(
        json.dumps({"bench": "learning", "how": asked.how, "model": STARTER, "machine": machine()}),
        flush=True,
    )
    for captions in asked.captions:
        runs = [
            run(encoder, general, unseen, known, captions, seed, asked.how) for seed in range(asked.seeds)
        ]
        for one in runs:
            print(json.dumps(one), flush=True)
        summary = {
            key: interval([float(one[key]) for one in runs])
            for key in runs[0]
            if key not in ("captions", "seed")
        }
        print(
            json.dumps({"captions": captions, "seeds": len(runs), **summary}, ensure_ascii=False), flush=True
        )


if __name__ == "__main__":
    main()
