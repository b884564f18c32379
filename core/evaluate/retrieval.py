"""How well captions find their photos and photos their captions: recall@k (Radford et al. 2021, table 13)."""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np
import numpy.typing as npt

from core.errors import ModelError, NotThere, WrongUse
from core.evaluate.pictures import Source, encode_pictures, pictures
from core.models.encoder import Encoder
from core.progress import CancelToken, Report

Embeddings = npt.NDArray[np.float32]
Ints = npt.NDArray[np.int64]

# Rows of the similarity table made at once: 1,000 x 100,000 float32 are 400 MB.
ROWS_AT_ONCE = 1_000


@dataclass(frozen=True, slots=True)
class Recall:
    """Share of queries whose true answer is among the first 1, 5, 10."""

    r1: float
    r5: float
    r10: float

    @classmethod
    def of(cls, ranks: Ints) -> Recall:
        """From the true answers' ranks, 0 the best."""
        return cls(*(float((ranks < k).mean()) for k in (1, 5, 10)))

    def as_json(self) -> dict[str, float]:
        return {"r1": self.r1, "r5": self.r5, "r10": self.r10}


@dataclass(frozen=True, slots=True)
class RetrievalScores:
    n_images: int
    n_texts: int
    text_to_image: Recall
    image_to_text: Recall

    @property
    def mean_recall(self) -> float:
        """The mean of the six recalls (Yang et al. 2022)."""
        both = (*self.text_to_image.as_json().values(), *self.image_to_text.as_json().values())
        return sum(both) / len(both)

    def as_json(self) -> dict[str, Any]:
        return {
            "n_images": self.n_images,
            "n_texts": self.n_texts,
            "text_to_image": self.text_to_image.as_json(),
            "image_to_text": self.image_to_text.as_json(),
            "mean_recall": self.mean_recall,
        }


@dataclass(frozen=True, slots=True)
class Captions:
    """Texts, and for each the names of the photos it is true of."""

    texts: list[str]
    photos: list[tuple[str, ...]]


def retrieval(
    encoder: Encoder,
    images: Path,
    captions: Path,
    lang: str,
    first_only: bool,
    report: Report,
    cancel: CancelToken,
) -> RetrievalScores:
    """Score `encoder` on the photos `<id>.<ext>` of `images` and the lines `{"id", "en": [..], "zh": [..]}`.

    first_only  use the first caption of each photo alone
    Photos without a caption are among those to be found; a caption without its photo is an error (WrongUse).
    """
    found = read_captions(captions, lang, first_only)
    paths, embeddings = encode_pictures(encoder, pictures(images), report, cancel)
    return score(encoder, [path.stem for path in paths], embeddings, found, cancel)


def muge(
    encoder: Encoder, folder: Path, report: Report, cancel: CancelToken, split: str = ""
) -> RetrievalScores:
    """Score `encoder` on the one split of a folder in MUGE's layout, or on the one that is named."""
    table, captions = read_muge(folder, split)
    paths, embeddings = encode_pictures(encoder, muge_pictures(table), report, cancel)
    return score(encoder, [str(path) for path in paths], embeddings, captions, cancel)


def read_muge(folder: Path, split: str = "") -> tuple[Path, Captions]:
    """One split of a set: its `<split>_imgs.tsv` (id, tab, base64), and the captions in its `<split>_texts.jsonl`.

    split  "": the only one there is
    Captions of no photo, as test splits have them, are left out. Raises NotThere or WrongUse.
    """
    table, lines = _only(folder, f"{split or '*'}_imgs.tsv"), _only(folder, f"{split or '*'}_texts.jsonl")
    captions = Captions([], [])
    for line in _json_lines(lines):
        try:
            photos = tuple(str(one) for one in line["image_ids"])
            text = str(line["text"])
        except (KeyError, TypeError) as error:
            raise WrongUse(f"{lines.name}: a line without {error}") from error
        if photos:
            captions.texts.append(text)
            captions.photos.append(photos)
    if not captions.texts:
        raise WrongUse(
            f"{lines.name} has no caption of a photo", what_to_do="Name another split: --split valid"
        )
    return table, captions


def score(
    encoder: Encoder, names: Sequence[str], photos: Embeddings, captions: Captions, cancel: CancelToken
) -> RetrievalScores:
    """Rank the photos `names` by every caption and the captions by every photo that has one."""
    row = {name: i for i, name in enumerate(names)}
    true = np.zeros((len(captions.texts), len(names)), bool)
    for i, own in enumerate(captions.photos):
        for name in own:
            if name not in row:
                raise WrongUse(f"the caption {captions.texts[i]!r} is of a photo {name} that is not there")
            true[i, row[name]] = True
    texts = encoder.encode_texts(captions.texts)
    cancel.check()
    if not (np.isfinite(texts).all() and np.isfinite(photos).all()):
        # Nothing is greater than what is no number: each would count as found first.
        raise ModelError(f"The model {encoder.spec.id} gives embeddings that are no numbers.")
    captioned = true.any(axis=0)
    return RetrievalScores(
        n_images=len(names),
        n_texts=len(captions.texts),
        text_to_image=Recall.of(best_ranks(texts, photos, true)),
        image_to_text=Recall.of(best_ranks(photos[captioned], texts, true.T[captioned])),
    )


def best_ranks(queries: Embeddings, answers: Embeddings, true: npt.NDArray[np.bool_]) -> Ints:
    """For each query the rank of its best true answer, 0 the best, [n] int64.

    queries [n, d], answers [m, d]; true [n, m], at least one in every row
    The rank is the number of false answers before it. A false answer as similar as the best true one counts
    as before it when it comes earlier in `answers`, as a stable sort has it.
    """
    ranks = np.empty(len(queries), np.int64)
    places = np.arange(len(answers))
    for start in range(0, len(queries), ROWS_AT_ONCE):
        rows = slice(start, start + ROWS_AT_ONCE)
        similar = queries[rows] @ answers.T
        own = np.where(true[rows], similar, -np.inf)
        # argmax gives the earliest of equals
        place = own.argmax(axis=1)[:, None]
        best = np.take_along_axis(own, place, axis=1)
        before = (similar > best) | ((similar == best) & (places < place))
        ranks[rows] = before.sum(axis=1)
    return ranks


def read_captions(path: Path, lang: str, first_only: bool) -> Captions:
    captions = Captions([], [])
    for line in _json_lines(path):
        try:
            texts = line[lang][:1] if first_only else line[lang]
            name = str(line["id"])
        except (KeyError, TypeError) as error:
            raise WrongUse(f"{path.name}: a line without {error}") from error
        captions.texts.extend(texts)
        captions.photos.extend([(name,)] * len(texts))
    if not captions.texts:
        raise WrongUse(f"{path.name} has no caption in {lang}")
    return captions


def _json_lines(path: Path) -> Iterator[dict[str, Any]]:
    try:
        with path.open(encoding="utf-8") as file:
            for line in file:
                if line.strip():
                    yield json.loads(line)
    except FileNotFoundError as error:
        raise NotThere(f"there is no file {path}", what_to_do="Check the path of the captions.") from error
    except (OSError, ValueError) as error:
        raise WrongUse(f"{path} cannot be read as JSON lines: {error}") from error


def muge_pictures(table: Path) -> Iterator[Source]:
    """Id and bytes of every picture of an `*_imgs.tsv`. Raises WrongUse for a line that is not base64."""
    with table.open(encoding="ascii") as file:
        for line in file:
            name, _, data = line.rstrip("\n").partition("\t")
            try:
                yield PurePosixPath(name), base64.b64decode(data, altchars=b"-_" if "_" in data else None)
            except binascii.Error as error:
                raise WrongUse(f"{table.name}: the picture {name} is not base64: {error}") from error


def _only(folder: Path, pattern: str) -> Path:
    found = sorted(folder.glob(pattern))
    if len(found) != 1:
        raise NotThere(
            f"{folder} has {len(found)} files {pattern}, where one is needed",
            what_to_do="Name one with --split, or give the folder of one split with --muge.",
        )
    return found[0]
