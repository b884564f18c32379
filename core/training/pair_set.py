"""A set of photos with texts in MUGE's layout as lessons: what Chinese-CLIP's own fine-tuning learns from.

The `train` split teaches and the `valid` split judges, as published; a set without one holds out every fifth
photo by its name. Photos have no number in the library: they are counted through both splits.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from core.errors import WrongUse
from core.evaluate.pictures import decoded
from core.evaluate.retrieval import Captions, muge_pictures, read_muge
from core.models.preprocess import Pixels
from core.models.spec import ModelSpec
from core.progress import CancelToken
from core.training.by_encoders import Lessons
from core.training.pairs import CAPTION, Saying, is_held_out, language_of

TEACHING, JUDGING = "train", "valid"
NAME = "set"


def read_pair_set(folder: Path) -> Lessons:
    """The lessons of the set in `folder`; pictures are read when they are wanted. Raises NotThere or WrongUse."""
    table, captions = read_muge(folder, TEACHING)
    numbers: dict[tuple[Path, str], int] = {}
    training = _sayings(table, captions, numbers)
    if (folder / f"{JUDGING}_imgs.tsv").is_file():
        held_out = _sayings(*read_muge(folder, JUDGING), numbers)
    else:
        judges = {number for (_, name), number in numbers.items() if is_held_out(name.encode())}
        held_out = [each for each in training if each.photo in judges]
        training = [each for each in training if each.photo not in judges]

    def squares(photos: Sequence[int], spec: ModelSpec, cancel: CancelToken) -> tuple[list[int], Pixels]:
        return _squares(numbers, photos, spec, cancel)

    return Lessons(training, held_out, squares, NAME)


def _sayings(table: Path, captions: Captions, numbers: dict[tuple[Path, str], int]) -> list[Saying]:
    found = []
    for text, names in zip(captions.texts, captions.photos, strict=True):
        for name in names:
            photo = numbers.setdefault((table, name), len(numbers))
            found.append(Saying(photo, text, language_of(text), CAPTION, True, photo))
    return found


def _squares(
    numbers: dict[tuple[Path, str], int], photos: Sequence[int], spec: ModelSpec, cancel: CancelToken
) -> tuple[list[int], Pixels]:
    """Raises WrongUse for a photo that has a text and is not there, or cannot be read."""
    place = {photo: i for i, photo in enumerate(photos)}
    size = spec.preprocessing.size_px
    found = np.empty((len(photos), size, size, 3), np.uint8)
    missing = set(photos)
    for table in dict.fromkeys(table for table, _ in numbers):
        for path, data in muge_pictures(table):
            cancel.check()
            photo = numbers.get((table, str(path)))
            if photo in place:
                found[place[photo]] = decoded(path, data, spec.preprocessing)
                missing.discard(photo)
    if missing:
        name = next(name for (_, name), photo in numbers.items() if photo in missing)
        raise WrongUse(f"a text is of the picture {name}, which is not in the set")
    return list(photos), found
