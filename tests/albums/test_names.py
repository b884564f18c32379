"""A name is learned from a few photos, means the same in sentences and albums, and is taken back."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt
import pytest

from core.albums.naming import NameInUse, Naming
from core.albums.prompts import normalised
from core.errors import NotThere, WrongUse
from core.library.names import Name, examples
from tests.albums.conftest import CAPTIONS, DOGS, OF_EACH, Make
from tests.albums.made_library import MadeLibrary

Embeddings = npt.NDArray[np.float32]
# Of the dogs so many are 豆豆: dogs that all lean to one side.
DOUDOU = range(1, 11)


@pytest.fixture
def home(make: Make, photos_of: Callable[..., Embeddings]) -> MadeLibrary:
    """Photos as `made` has them; the first ten dogs share something that no caption says."""
    photos = np.concatenate([photos_of(caption) for caption in CAPTIONS])
    mark = np.random.default_rng(5).normal(size=photos.shape[1])
    photos[: len(DOUDOU)] += np.asarray(0.7 * mark / np.linalg.norm(mark), np.float32)
    return make(normalised(photos))


@pytest.fixture
def naming(home: MadeLibrary) -> Naming:
    return Naming(home.database, lambda: home.albums)


def ranked(home: MadeLibrary, name: Name) -> list[int]:
    """All photos by what the name's probe says of them, the best first."""
    probe = home.albums.scoring.names.probe(name)
    assert probe is not None
    photos = list(range(1, len(home.space) + 1))
    chances = probe.chance(home.space.vectors_of(photos), photos, given_class=False)
    return [photos[i] for i in np.argsort(-chances, kind="stable")]


def test_five_photos_tell_one_dog_from_the_others(home: MadeLibrary, naming: Naming) -> None:
    name = naming.give("豆豆", [1, 2, 3, 4, 5], classes=["狗", "dog"])
    assert set(ranked(home, name)[:10]) == set(DOUDOU)


def test_what_was_shown_is_certain_and_what_was_denied_is_not_it(home: MadeLibrary, naming: Naming) -> None:
    name = naming.give("豆豆", [1, 2, 3])
    naming.mark(name, [4, 100], False)
    probe = home.albums.scoring.names.probe(name)
    assert probe is not None
    chances = probe.chance(home.space.vectors_of([1, 4, 100]), [1, 4, 100], given_class=True)
    assert chances.tolist() == [1.0, 0.0, 0.0]


def test_a_counter_example_takes_what_is_like_it_down(home: MadeLibrary, naming: Naming) -> None:
    name = naming.give("豆豆", [1, 2, 3])
    cat = OF_EACH + 3
    before = home.albums.scoring.names.probe(name)
    naming.mark(name, [cat - 1, cat + 1, cat + 2], False)
    after = home.albums.scoring.names.probe(name)
    assert before is not None
    assert after is not None
    rows = home.space.vectors_of([4, cat])
    # As a share of another photo of the same dog: the unit of both is the library's own, which moves, too.
    scores = [rows @ probe.weights + probe.offset for probe in (before, after)]
    assert scores[1][1] / scores[1][0] < scores[0][1] / scores[0][0]


def test_one_example_is_enough_to_begin_with(home: MadeLibrary, naming: Naming) -> None:
    name = naming.give("豆豆", [1], classes=["狗"])
    assert set(ranked(home, name)[:5]) <= set(DOGS)


def test_an_album_asks_for_a_name_and_follows_it(home: MadeLibrary, naming: Naming) -> None:
    naming.give("豆豆", [1, 2], aliases=["Doudou"], classes=["狗", "dog"])
    album = home.albums.create("ours", ["Doudou"])
    first = {one.photo for one in home.albums.show(album) if one.band == "in"}
    assert first
    assert first <= set(DOUDOU)
    naming.give("豆豆", [3, 4, 5, 6, 7, 8, 9])
    counts = {one.album.id: one.inside + one.maybe for one in home.albums.shelf()}
    shown = home.albums.show(album)
    assert counts[album.id] == len(shown)
    assert {one.photo for one in shown if one.band == "in"} > first


def test_a_name_beside_other_words_and_without_something_is_an_album_too(
    home: MadeLibrary, naming: Naming
) -> None:
    naming.give("豆豆", [1, 2, 3, 4, 5], classes=["dog"])
    sentence = home.albums.create("in a bedroom", ["豆豆 in a bedroom"])
    several = home.albums.create("dogs and 豆豆", ["a dog", "豆豆"])
    without = home.albums.create("not on a plate", ["豆豆"], ["a plate of food"])
    for album in (sentence, several, without):
        best = home.albums.show(album, everything=True)
        assert best[0].photo in DOUDOU, album.name


def test_names_are_found_in_any_letters_and_by_their_aliases(naming: Naming) -> None:
    given = naming.give(" Dou  Dou ", [1], aliases=["豆豆", "豆豆"])
    assert (given.name, given.aliases) == ("Dou Dou", ("豆豆",))
    assert naming.find("dou dou") == naming.find("豆豆") == given
    with pytest.raises(NotThere):
        naming.find("Otto")


def test_the_same_word_gets_more_photos_and_two_names_are_never_one_word(naming: Naming) -> None:
    first = naming.give("豆豆", [1], classes=["狗"])
    assert naming.give("豆豆", [2, 3], classes=["dog"]).id == first.id
    [shelved] = naming.shelf()
    assert (shelved.shown, shelved.not_shown, shelved.name.classes) == (3, 0, ("狗", "dog"))
    with pytest.raises(NameInUse):
        naming.give("Otto", [4], aliases=["豆豆"])


def test_a_round_is_undone_and_a_dropped_name_leaves_nothing(home: MadeLibrary, naming: Naming) -> None:
    name = naming.give("豆豆", [1, 2])
    naming.mark(name, [2, 3], False)
    naming.undo(name)
    reader = home.database.reader()
    assert examples(reader, name.id) == {1: True, 2: True}
    naming.drop(name)
    assert naming.all() == []
    for table in ("given_name_examples", "given_name_rounds", "given_name_round_marks", "given_name_aliases"):
        assert reader.execute(f"SELECT count(*) FROM {table}").fetchone() == (0,)


@pytest.mark.parametrize("word", ["", "  ", "x", "…", "-"])
def test_a_word_that_could_not_be_found_again_is_refused(naming: Naming, word: str) -> None:
    with pytest.raises(WrongUse):
        naming.give(word, [1])
    with pytest.raises(WrongUse):
        naming.give("豆豆", [])


def test_an_alias_is_taken_off(naming: Naming) -> None:
    name = naming.give("豆豆", [1], aliases=["Doudou", "Dou"])
    assert naming.without(name, ["dou"]).aliases == ("Doudou",)
    with pytest.raises(NotThere):
        naming.without(naming.find("豆豆"), ["Otto"])
