"""The labelled photo sets as one library with hidden labels: what is in each photo, and in which words it is asked for."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from core.evaluate.pictures import encode_pictures, pictures
from core.models.encoder import Encoder
from core.progress import CancelToken, silent

Embeddings = npt.NDArray[np.float32]
Bools = npt.NDArray[np.bool_]


@dataclass(slots=True)
class Kind:
    """An album's truth. `true` [n] marks its photos; `known` says whether a general model should know it."""

    en: str
    zh: str
    known: bool
    true: Bools


@dataclass(frozen=True, slots=True)
class LabelledPhotos:
    """Photos [n, d] and the kinds in them; sets that share a label are united, and a Siamese is a cat too."""

    photos: Embeddings
    kinds: dict[str, Kind]
    dogs: Bools


def labelled_photos(folder: Path, encoder: Encoder, part: str = "val") -> LabelledPhotos:
    """Every set's `part` ("val" or "train") in `folder`, encoded now."""
    embeddings: list[Embeddings] = []
    places: list[str] = []
    labels = {}
    for one in sorted(path for path in folder.iterdir() if (path / f"{part}.tar").exists()):
        labels[one.name] = json.loads((one / "labels.json").read_text(encoding="utf-8"))
        paths, found = encode_pictures(encoder, pictures(one / f"{part}.tar"), silent, CancelToken())
        embeddings.append(found)
        places += [f"{one.name}/{path.parent.name}" for path in paths]
    where = np.array(places)
    kinds: dict[str, Kind] = {}
    for name, label in labels.items():
        for own in label["classes"]:
            true = where == f"{name}/{own['dir']}"
            kind = kinds.setdefault(
                own["zh"][0], Kind(own["en"][0], own["zh"][0], label["kind"] == "known-kinds", true)
            )
            kind.true = kind.true | true
    by_name = {kind.en: kind for kind in kinds.values()}
    dogs = by_name["dog"].true.copy() if "dog" in by_name else np.zeros(len(where), bool)
    for name, label in labels.items():
        for own in label["classes"]:
            true = where == f"{name}/{own['dir']}"
            if "dog" in own.get("parent_en", ()):
                dogs |= true
            for parent in own.get("parent_en", ()):
                if parent in by_name:
                    by_name[parent].true = by_name[parent].true | true
    return LabelledPhotos(np.concatenate(embeddings), kinds, dogs)
