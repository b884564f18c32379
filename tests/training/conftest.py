"""A library whose owner calls things by names that the model has never heard."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from core.app import Shiguang, open_library
from core.library import spaces
from core.library.captions import set_captions
from core.library.photos import Picture, add_photo
from core.models.encoder import Encoder
from core.models.registry import folder_name
from core.spaces.space import Space
from tests.made_models import COLOURS, make_model

MODEL = "local:tiny"
PHOTOS = 120
Say = Callable[[dict[int, str]], None]


def fill(folder: Path) -> None:
    """A library of 120 photos of six kinds. Their vectors are drawn, no file shows them; model `local:tiny`."""
    spec = make_model(folder / "models" / folder_name(MODEL), MODEL)
    library = open_library(folder, writable=True)
    draw = np.random.default_rng(4)
    kinds = draw.normal(size=(len(COLOURS), spec.width))
    vectors = kinds[np.arange(PHOTOS) % len(COLOURS)] + 0.3 * draw.normal(size=(PHOTOS, spec.width))
    vectors = (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)
    photos = list(range(1, PHOTOS + 1))

    def write(db: object) -> None:
        for photo in photos:
            add_photo(db, Picture(photo.to_bytes(32), b"", "jpeg", 1, 9, 9, 0), photo)
        db.execute("UPDATE photos SET here = 1")
        spaces.use_space(db, spec.space_id, spec.id, spec.width)

    library.database.write(write)
    space = Space.open(folder, spec.space_id, spec.id, spec.width, library.database)
    first = space.append(vectors)
    rows = [(photo, first + i) for i, photo in enumerate(photos)]
    library.database.write(lambda db: spaces.set_rows(db, spec.space_id, rows))
    library.close()


def kind_of(photo: int) -> str:
    """What the owner calls it; the model knows the word, and means something else."""
    return list(COLOURS)[(photo - 1) % len(COLOURS)]


def truth() -> dict[int, str]:
    return {photo: kind_of(photo) for photo in range(1, PHOTOS + 1)}


@pytest.fixture
def library(tmp_path: Path) -> Iterator[Shiguang]:
    fill(tmp_path / "library")
    opened = open_library(tmp_path / "library", writable=True)
    yield opened
    opened.close()


@pytest.fixture
def say(library: Shiguang) -> Say:
    """Store English captions, photo -> text."""

    def stored(captions: dict[int, str]) -> None:
        library.database.write(
            lambda db: set_captions(db, {(photo, "en"): text for photo, text in captions.items()})
        )

    return stored


@pytest.fixture
def tiny(library: Shiguang) -> Encoder:
    return library.encoder
