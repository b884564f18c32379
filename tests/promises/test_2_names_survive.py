"""A name, and what was said of a search result, stay with their photos through moves, another model and a restart."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from core.app import Shiguang, open_library
from core.progress import CancelToken, silent
from core.search.open_model import MODELS
from core.search.query import Query
from tests.made_models import make_model
from tests.promises.conftest import Photos, index, photo_at

TINY = "local:tiny"


@pytest.fixture
def named(library: Shiguang, photos: Photos) -> list[bytes]:
    """Six pictures; the first two are 豆豆, the third is not, and the fourth is what "the yard" asks for."""
    paths = [photos.add(f"{seed}.jpg", seed) for seed in range(6)]
    index(library, photos.folder)
    ids = [photo_at(library, path) or 0 for path in paths]
    name = library.names.give("豆豆", ids[:2], aliases=["Doudou"])
    library.names.mark(name, ids[2:3], False)
    library.judge_result("the yard", ids[3:4], True)
    holds(library, paths)
    return paths


def holds(library: Shiguang, paths: list[bytes]) -> None:
    """That all of it is as it was said, of the photos that lie there now."""
    ids = [photo_at(library, path) for path in paths]
    hits = {hit.photo: hit for hit in library.search(Query("doudou", everything=True)).hits}
    assert [hits[photo].relevance for photo in ids[:3] if photo] == [1.0, 1.0, 0.0]
    first = library.search(Query("The yard", everything=True)).hits[0]
    assert (first.photo, first.relevance) == (ids[3], 1.0)


def test_they_survive_a_move_and_reading_everything_again(
    library: Shiguang, photos: Photos, named: list[bytes]
) -> None:
    folder = os.path.join(os.fsencode(photos.folder), "搬家".encode())
    os.mkdir(folder)
    moved = [os.path.join(folder, b"moved " + os.path.basename(path)) for path in named]
    for old, new in zip(named, moved, strict=True):
        os.rename(old, new)
    index(library)
    holds(library, moved)
    index(library, everything=True)
    holds(library, moved)


def test_they_survive_another_model_and_a_restart(
    library: Shiguang, named: list[bytes], tmp_path: Path
) -> None:
    make_model(library.folder / MODELS / "local%3Atiny", TINY)
    library.switch_model(TINY, silent, CancelToken())
    assert library.use_model().id == TINY
    holds(library, named)
    library.close()
    again = open_library(tmp_path / "library", writable=True)
    try:
        holds(again, named)
    finally:
        again.close()
