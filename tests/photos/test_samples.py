"""The owner's photos and words, as a model is tried on them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from core.app import Shiguang, open_library
from core.models.prompts import neutral_captions
from core.models.spec import Preprocessing
from core.photos.samples import OwnSamples
from core.progress import Cancelled, CancelToken
from tests.promises.conftest import Photos, index

SQUARE = Preprocessing("squash", 32, "bicubic", (0.5, 0.5, 0.5), (0.5, 0.5, 0.5))


@pytest.fixture
def library(tmp_path: Path) -> Iterator[Shiguang]:
    photos = Photos(tmp_path / "photos")
    for seed in range(5):
        photos.add(f"{seed}.jpg", seed)
    opened = open_library(tmp_path / "library", writable=True)
    index(opened, photos.folder)
    yield opened
    opened.close()


def samples(library: Shiguang) -> OwnSamples:
    return OwnSamples(library.database, library.thumbs)


def test_every_photo_becomes_a_square_of_the_models_size(library: Shiguang) -> None:
    squares = samples(library).pictures(SQUARE, CancelToken())
    assert squares.shape == (5, 32, 32, 3)
    assert squares.dtype == np.uint8
    assert len(np.unique(squares.reshape(5, -1), axis=0)) == 5


def test_of_many_photos_some_are_taken_from_all_over_the_library(library: Shiguang) -> None:
    every = samples(library).pictures(SQUARE, CancelToken())
    few = samples(library).pictures(SQUARE, CancelToken(), most=2)
    assert np.array_equal(few, every[[0, 2]])


def test_a_broken_thumbnail_costs_itself(library: Shiguang) -> None:
    first = min(library.thumbs.photos())
    library.thumbs.put([(first, b"\xff\xd8\xff no picture")])
    assert len(samples(library).pictures(SQUARE, CancelToken())) == 4


def test_an_empty_library_has_no_pictures(tmp_path: Path) -> None:
    opened = open_library(tmp_path / "empty", writable=True)
    try:
        assert samples(opened).pictures(SQUARE, CancelToken()).shape == (0, 32, 32, 3)
        assert samples(opened).texts() == neutral_captions()
    finally:
        opened.close()


def test_the_owners_words_come_first(library: Shiguang) -> None:
    [photo, *_] = library.photo_ids()
    library.set_caption(photo, "zh", "奶奶的花园")
    assert samples(library).texts()[0] == "奶奶的花园"


def test_it_can_be_stopped(library: Shiguang) -> None:
    cancel = CancelToken()
    cancel.cancel()
    with pytest.raises(Cancelled):
        samples(library).pictures(SQUARE, cancel)
