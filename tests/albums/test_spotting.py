"""The owner's names are found in a text and put into words that a model knows."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.albums.spotting import spot
from core.library.names import Name

DOUDOU = Name(1, "豆豆", ("狗", "dog"), ("Doudou",))
MOTHER = Name(2, "豆豆妈", ("person", "人"))
OTTO = Name(3, "Otto")
ELEPHANT = Name(4, "小象", ("elephant",))
NAMES = [DOUDOU, MOTHER, OTTO, ELEPHANT]


@pytest.mark.parametrize(
    ("text", "names", "sentence"),
    [
        ("豆豆", ["豆豆"], ""),
        ("一张豆豆的照片", ["豆豆"], ""),
        ("a photo of Doudou", ["豆豆"], ""),
        ("豆豆在雪地里", ["豆豆"], "狗在雪地里"),
        ("Doudou in the snow", ["豆豆"], "a dog in the snow"),
        ("DOUDOU's ball", ["豆豆"], "a dog's ball"),
        ("my little Doudou running", ["豆豆"], "my little dog running"),
        ("my dog Doudou running", ["豆豆"], "my dog running"),
        ("豆豆妈和豆豆在海边", ["豆豆妈", "豆豆"], "人和狗在海边"),
        ("豆豆 and Otto", ["豆豆", "Otto"], ""),
        ("Otto on the sofa", ["Otto"], "it on the sofa"),
        ("小象 in the zoo", ["小象"], "an elephant in the zoo"),
        ("doudous in the snow", [], "doudous in the snow"),
        ("lottostand", [], "lottostand"),
        ("a cat on the sofa", [], "a cat on the sofa"),
        ("", [], ""),
    ],
)
def test_names_are_taken_out_the_longest_first(text: str, names: list[str], sentence: str) -> None:
    found = spot(text, NAMES)
    assert ([name.name for name in found.names], found.sentence) == (names, sentence)


@settings(deadline=None)
@given(st.text(max_size=40), st.lists(st.text(min_size=1, max_size=4), max_size=3))
def test_any_names_are_looked_for_in_any_text(text: str, words: list[str]) -> None:
    names = [Name(i, word) for i, word in enumerate(words)]
    found = spot(text, names)
    assert set(found.names) <= set(names)
    if not found.names:
        assert found.sentence == text


@settings(deadline=None)
@given(st.sampled_from(["豆", "Otto", "ſ", "İ", "ß", "K"]), st.text(max_size=10), st.text(max_size=10))
def test_a_name_between_gaps_is_found_whatever_stands_around(word: str, before: str, after: str) -> None:
    assert spot(f"{before} {word} {after}", [Name(1, word)]).names
