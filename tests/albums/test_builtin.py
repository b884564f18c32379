"""The albums that ship: complete in both languages, proposed only where they would fill well."""

from __future__ import annotations

import pytest

from core.albums.builtin import built_in, suggestions, wanted
from core.albums.prompts import language
from core.errors import NotThere
from tests.albums.conftest import CATS
from tests.albums.made_library import MadeLibrary


def test_every_built_in_album_is_whole_in_both_languages_and_its_parent_is_one_too() -> None:
    every = built_in()
    keys = [one.key for one in every]
    assert len(every) >= 120
    assert len(set(keys)) == len(keys)
    for one in every:
        for lang in ("en", "zh"):
            assert one.in_one_language(lang), f"{one.key} has no prompt in {lang}"
        assert (language(one.en), language(one.zh)) == ("en", "zh")
        assert one.parent in ("", *keys)
        assert one.parent != one.key


def test_no_name_or_alias_stands_for_two_built_in_albums() -> None:
    names: dict[str, str] = {}
    for one in built_in():
        for name in (one.en, *one.aliases):
            assert names.setdefault(name.casefold(), one.key) == one.key, f"{name} is in two albums"


def test_what_is_proposed_is_here_and_what_is_not_here_is_not_proposed(made: MadeLibrary) -> None:
    found = {one.album.key: one for one in suggestions(made.albums)}
    assert "cats" in found
    assert set(found["cats"].first) <= set(CATS)
    assert not {"weddings", "screenshots", "fireworks", "beaches", "airplanes"} & set(found)


def test_a_wanted_album_is_made_once_and_hangs_below_its_parent(made: MadeLibrary) -> None:
    [cats] = wanted(made.albums, ["猫"])
    [pets, again] = wanted(made.albums, ["pets", "cats"])
    assert again.id == cats.id
    assert made.albums.find("猫咪").parent == pets.id
    assert "cats" not in {one.album.key for one in suggestions(made.albums)}
    with pytest.raises(NotThere):
        wanted(made.albums, ["something nobody thought of"])


def test_what_is_taken_has_its_name_in_the_language_asked_for(made: MadeLibrary) -> None:
    [proposed] = [one for one in suggestions(made.albums, "zh") if one.album.key == "cats"]
    [album] = wanted(made.albums, ["cats"], "zh")
    assert language(album.name) == "zh"
    assert album.name == proposed.album.name
    assert album.name not in album.aliases
    assert made.albums.find("cats").id == album.id
