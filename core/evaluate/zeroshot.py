"""Classifying photos by the names of the classes alone: zero-shot (Radford et al. 2021, 3.1)."""

from __future__ import annotations

import json
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from core.errors import NotThere, WrongUse
from core.evaluate.pictures import encode_pictures, pictures
from core.models.encoder import Encoder
from core.progress import CancelToken, Report
from core.resources import resource

Embeddings = npt.NDArray[np.float32]
Ints = npt.NDArray[np.int64]

PLAIN = ("{}",)


@dataclass(frozen=True, slots=True)
class PhotoClass:
    """A class of photos: the folder its photos lie in, and its names in one language, the main one first."""

    folder: str
    names: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ZeroshotScores:
    """`ap_per_class` is the average precision of ranking all photos by their similarity to each class."""

    n: int
    classes: int
    top1: float
    top5: float
    mean_per_class: float
    ap_per_class: dict[str, float]

    def as_json(self) -> dict[str, Any]:
        return {
            "n": self.n,
            "classes": self.classes,
            "top1": self.top1,
            "top5": self.top5,
            "mean_per_class": self.mean_per_class,
            "ap_per_class": self.ap_per_class,
        }


def zeroshot(
    encoder: Encoder,
    images: Path,
    labels: Path,
    lang: str,
    templates: tuple[str, ...],
    report: Report,
    cancel: CancelToken,
) -> ZeroshotScores:
    """Score `encoder` on a folder or tar with a folder per class, named by `labels` (a labels.json).

    templates  each with one `{}` for a name: `prompt_templates(lang)`, or PLAIN
    Photos outside the classes' folders are left out. Raises WrongUse when that leaves none.
    """
    classes = read_labels(labels, lang)
    own = {one.folder: i for i, one in enumerate(classes)}
    chosen = (source for source in pictures(images) if source[0].parent.name in own)
    paths, photos = encode_pictures(encoder, chosen, report, cancel)
    texts = class_embeddings(encoder, classes, templates)
    true = np.array([own[path.parent.name] for path in paths], np.int64)
    return score(photos @ texts.T, true, [one.folder for one in classes])


def class_embeddings(encoder: Encoder, classes: list[PhotoClass], templates: tuple[str, ...]) -> Embeddings:
    """One embedding a class, [n, d], L2-normalised: the mean over all its names in all templates."""
    texts = [template.format(name) for one in classes for name in one.names for template in templates]
    embeddings = encoder.encode_texts(texts)
    counts = [len(one.names) * len(templates) for one in classes]
    means = np.stack([part.mean(axis=0) for part in np.split(embeddings, np.cumsum(counts)[:-1])])
    return np.asarray(means / np.linalg.norm(means, axis=1, keepdims=True), np.float32)


def score(similar: npt.NDArray[np.float32], true: Ints, names: list[str]) -> ZeroshotScores:
    """From photo-class similarities [n, classes] and each photo's true class [n]. Ties go to the earlier class."""
    order = np.argsort(-similar, axis=1, kind="stable")
    hits = order == true[:, None]
    first = hits[:, 0]
    present = np.unique(true)
    return ZeroshotScores(
        n=len(true),
        classes=len(names),
        top1=float(first.mean()),
        top5=float(hits[:, :5].any(axis=1).mean()),
        mean_per_class=float(np.mean([first[true == one].mean() for one in present])),
        ap_per_class={names[one]: average_precision(similar[:, one], true == one) for one in present},
    )


def average_precision(scores: npt.NDArray[np.float32], true: npt.NDArray[np.bool_]) -> float:
    """The mean, over the true ones, of the precision at their rank; equal scores keep their order."""
    ranked = true[np.argsort(-scores, kind="stable")]
    precision = np.cumsum(ranked) / np.arange(1, len(ranked) + 1)
    return float(precision[ranked].mean())


def prompt_templates(lang: str) -> tuple[str, ...]:
    """The templates that ship with the program for `lang`."""
    with resource("prompts", "templates.toml").open("rb") as file:
        return tuple(tomllib.load(file)[lang])


def read_labels(path: Path, lang: str) -> list[PhotoClass]:
    """The classes of a labels.json: `{"classes": [{"dir", "en": [..], "zh": [..]}]}`."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        classes = [PhotoClass(one["dir"], tuple(one[lang])) for one in content["classes"]]
    except FileNotFoundError as error:
        raise NotThere(
            f"there is no file {path}", what_to_do="Check the path given with --labels."
        ) from error
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise WrongUse(f"{path} cannot be read as labels: {type(error).__name__} {error}") from error
    if not classes or any(not one.names for one in classes):
        raise WrongUse(f"{path} has a class without a name in {lang}")
    return classes
