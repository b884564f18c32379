"""The same searches before and after: the owner's own words first, and what changed most on top."""

from __future__ import annotations

import pytest

pytest.importorskip("onnx", reason="makes small models")

from core.app import Shiguang
from core.evaluate.side_by_side import Pair, first_photos, searches_of, side_by_side
from core.library import albums
from core.library.albums import Album
from core.library.captions import set_captions
from tests.made_models import COLOURS
from tests.training.conftest import library

__all__ = ["library"]  # the fixture

OTHERWISE = ["a photo of a cat", "一张狗的照片"]


def said(library: Shiguang, texts: list[str], prompts: list[str]) -> None:
    library.database.write(
        lambda db: set_captions(db, {(photo, "en"): text for photo, text in enumerate(texts, 1)})
    )
    for prompt in prompts:
        library.database.write(
            lambda db, prompt=prompt: albums.add_album(db, Album(0, prompt, prompts=(prompt,)))
        )


def searches(library: Shiguang, count: int = 10) -> list[str]:
    return searches_of(library.database.reader(), OTHERWISE, count)


def test_without_a_word_of_the_owner_built_in_searches_are_asked(library: Shiguang) -> None:
    assert searches(library) == OTHERWISE


def test_the_owners_words_come_before_the_built_in_ones(library: Shiguang) -> None:
    said(library, ["red", "red", "green"], ["our boat"])
    assert searches(library) == ["our boat", "red", "green", *OTHERWISE]


def test_of_very_many_half_are_albums_and_captions_are_spread(library: Shiguang) -> None:
    said(library, [f"caption {i:02}" for i in range(40)], [f"album {i}" for i in range(8)])
    found = searches(library)
    assert len(found) == 10
    assert [text for text in found if text.startswith("album")] == [f"album {i}" for i in (0, 1, 3, 4, 6)]
    assert [text for text in found if text.startswith("caption")][-1] == "caption 32"


def test_the_first_photos_are_the_nearest_ones(library: Shiguang) -> None:
    colour = next(iter(COLOURS))
    query = library.encoder.encode_texts([colour])[0]
    [first] = first_photos(library.encoder, library.space, [colour], 5)
    assert first == tuple(library.space.nearest(query, 5).photos.tolist())


def test_what_changed_most_comes_first() -> None:
    same, other = (1, 2, 3), (4, 5, 3)
    found = side_by_side(["stays", "moves"], [same, same], [same, other])
    assert found == (Pair("moves", same, other), Pair("stays", same, same))
    assert [pair.came for pair in found] == [2, 0]
