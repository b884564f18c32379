"""Albums over a library: they fill, take correction, and never forget what the owner said."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

import numpy as np
import numpy.typing as npt
import pytest

from core.albums import Album, Albums, Member, NameTaken
from core.albums.scoring import Scoring
from core.errors import NotThere, WrongUse
from core.library import albums as records
from core.library import spaces
from core.library.filters import Filter
from core.spaces.space import Space
from tests.albums.conftest import CATS, DOGS, FOOD, Make
from tests.albums.made_library import MadeLibrary

Photos = Callable[..., npt.NDArray[np.float32]]


def inside(members: list[Member]) -> set[int]:
    return {member.photo for member in members if member.band == "in"}


def test_an_album_fills_by_its_words_in_either_language(made: MadeLibrary) -> None:
    for name, words in (("en", "a cat"), ("zh", "一只猫")):
        album = made.albums.create(name, [words])
        assert inside(made.albums.show(album)) == set(CATS)


def test_everything_is_shown_accepted_first_and_rejected_last(made: MadeLibrary) -> None:
    album = made.albums.create("猫", ["a cat"])
    made.albums.mark(album, [FOOD[0]], True)
    made.albums.mark(album, [CATS[0]], False)
    shown = made.albums.show(album, everything=True)
    assert len(shown) == len(made.space)
    assert (shown[0].photo, shown[0].band, shown[0].decision) == (FOOD[0], "in", True)
    assert (shown[-1].photo, shown[-1].band, shown[-1].decision) == (CATS[0], "out", False)


def test_a_round_of_marks_says_what_came_and_went_and_can_be_undone(made: MadeLibrary) -> None:
    album = made.albums.create("pets", ["a cat"])
    before = inside(made.albums.show(album))
    changed = made.albums.mark(album, DOGS[:6], True)
    after = inside(made.albums.show(album))
    assert changed.marks == 6
    assert (set(changed.came), set(changed.went)) == (after - before, before - after)
    assert set(DOGS[:6]) <= set(changed.came)
    assert changed.inside == len(after)
    back = made.albums.undo(album)
    assert (back.came, back.went) == (changed.went, changed.came)
    assert inside(made.albums.show(album)) == before
    with pytest.raises(NotThere):
        made.albums.undo(album)


def test_what_is_accepted_brings_its_like(made: MadeLibrary) -> None:
    album = made.albums.create("mine")
    assert inside(made.albums.show(album)) == set()
    made.albums.mark(album, DOGS[:5], True)
    made.albums.mark(album, [CATS[0], FOOD[0]], False)
    ranked = [member.photo for member in made.albums.show(album, everything=True)]
    assert set(ranked[: len(DOGS)]) == set(DOGS)


def test_a_rejected_photo_stays_out_after_everything_that_looks_again(
    made: MadeLibrary, photos_of: Photos
) -> None:
    album = made.albums.create("cats", ["a cat"])
    made.albums.mark(album, [CATS[0]], False)
    made.albums.rescore()
    made.albums.take_new([CATS[0]])
    made.add(photos_of("a cat", 60, seed=1))
    made.albums.rescore()
    again = Albums(made.database, Scoring(made.database, made.space, made.encoder))
    assert CATS[0] not in inside(again.show(again.find("cats")))
    sure, maybe = records.members(made.database.reader(), made.space.id, album.id)
    assert CATS[0] not in {*sure, *maybe}


def test_decisions_hold_in_another_space(made: MadeLibrary, photos_of: Photos) -> None:
    """The same photos seen by another model: every vector is another one, the album and its marks are the same."""
    album = made.albums.create("cats", ["a cat"])
    made.albums.mark(album, [CATS[0]], False)
    made.albums.mark(album, [FOOD[0]], True)
    other, database = "another-space", made.database
    database.write(lambda db: spaces.use_space(db, other, "other", made.space.width))
    space = Space.open(made.folder, other, "other", made.space.width, database)
    turned = made.space.vectors_of(range(1, len(made.space) + 1))[:, ::-1]
    first = space.append(np.ascontiguousarray(turned))
    database.write(lambda db: spaces.set_rows(db, other, [(i + 1, first + i) for i in range(len(turned))]))
    space.adopt(range(1, len(turned) + 1), first)
    try:
        seen = Albums(database, Scoring(database, space, made.encoder))
        seen.rescore()
        shown = {member.photo: member for member in seen.show(seen.find("cats"), everything=True)}
        assert (shown[CATS[0]].band, shown[CATS[0]].decision) == ("out", False)
        assert (shown[FOOD[0]].band, shown[FOOD[0]].decision) == ("in", True)
    finally:
        space.close()


def test_a_new_photo_is_in_its_albums_with_its_batch(made: MadeLibrary, photos_of: Photos) -> None:
    cats = made.albums.create("cats", ["a cat"])
    made.albums.create("dogs", ["a dog"])
    new = made.add(photos_of("a cat", 4, seed=7))
    made.albums.take_new(new)
    sure, maybe = records.members(made.database.reader(), made.space.id, cats.id)
    assert set(new) & set(sure) == inside(made.albums.show(cats)) & set(new)
    assert len(set(new) & {*sure, *maybe}) >= 3


def test_an_album_that_fills_with_the_first_import_is_scored_anew_when_the_library_has_grown(
    make: Make, photos_of: Photos
) -> None:
    made = make(photos_of("a dog", 1))
    album = made.albums.create("cats", ["a cat"])
    for caption in ("a cat", "a dog", "a receipt", "a bedroom", "a plate of food"):
        made.albums.take_new(made.add(photos_of(caption, 20, seed=3)))
    made.albums.rescore()
    stored, _ = records.members(made.database.reader(), made.space.id, album.id)
    assert set(stored) == inside(made.albums.show(album)) == set(range(2, 22))


def test_photos_that_come_one_by_one_until_borders_move_are_counted_as_they_are_shown(
    make: Make, photos_of: Photos
) -> None:
    made = make(photos_of("a cat", 8))
    album = made.albums.create("cats", ["a cat"])
    # The first is counted by the borders of eight photos, the last by those of eleven.
    for caption in ("a cat", "a dog", "a plate of food"):
        made.albums.take_new(made.add(photos_of(caption, 1, seed=3)))
        stored, _ = records.members(made.database.reader(), made.space.id, album.id)
        assert set(stored) == inside(made.albums.show(album))


def test_borders_that_a_search_moved_meanwhile_are_scored_anew(make: Make, photos_of: Photos) -> None:
    made = make(photos_of("a dog", 20))
    album = made.albums.create("cats", ["a cat"])
    made.albums.take_new(made.add(photos_of("a cat", 1)))
    for caption in ("a cat", "a receipt", "a bedroom", "a plate of food"):
        new = made.add(photos_of(caption, 20, seed=3))
        made.albums.scoring.backdrop()  # as a search for a name does
        made.albums.take_new(new)
    stored, _ = records.members(made.database.reader(), made.space.id, album.id)
    assert set(stored) == inside(made.albums.show(album))


def test_a_rule_lets_nothing_else_in(made: MadeLibrary) -> None:
    rule = (Filter("from", "2005", "2005"), Filter("before", "2006", "2005"))
    album = made.albums.create("cats of 2005", ["a cat"], rule=rule)
    found = inside(made.albums.show(album))
    assert found
    assert found == {photo for photo in CATS if photo % 20 == 5}
    alone = made.albums.create("2005", rule=rule)
    assert inside(made.albums.show(alone)) == {
        photo for photo in range(1, len(made.space) + 1) if photo % 20 == 5
    }


def test_marks_are_exceptions_to_an_album_of_a_rule_alone(made: MadeLibrary) -> None:
    album = made.albums.create(
        "2005", rule=(Filter("from", "2005", "2005"), Filter("before", "2006", "2005"))
    )
    before = inside(made.albums.show(album))
    one = min(before)
    changed = made.albums.mark(album, [one], False)
    assert (changed.came, changed.went) == ((), (one,))
    other = next(photo for photo in DOGS if photo not in before)
    assert made.albums.mark(album, [other], True).came == (other,)
    assert inside(made.albums.show(album)) == before - {one} | {other}


def test_a_preview_counts_without_making_anything(made: MadeLibrary) -> None:
    assert made.albums.preview(Album(0, "", ("a cat",)))[0] == len(CATS)
    assert made.albums.all() == []
    album = made.albums.create("cats", ["a cat"])
    assert made.albums.preview(dataclasses.replace(album, prompts=("a dog",)))[0] == len(DOGS)
    assert made.albums.find("cats").prompts == ("a cat",)


def test_what_was_rejected_is_shown_when_asked_for(made: MadeLibrary) -> None:
    album = made.albums.create("cats", ["a cat"])
    made.albums.mark(album, [CATS[0]], False)
    assert CATS[0] not in {member.photo for member in made.albums.show(album)}
    shown = made.albums.show(album, rejected=True)
    assert (shown[-1].photo, shown[-1].decision) == (CATS[0], False)


def test_an_album_takes_no_other_albums_name(made: MadeLibrary) -> None:
    made.albums.create("Cats", aliases=["猫咪"])
    dogs = made.albums.create("dogs")
    for name in ("cats", "猫咪"):
        with pytest.raises(NameTaken):
            made.albums.change(dataclasses.replace(dogs, name=name))
    made.albums.change(dataclasses.replace(dogs, name="Dogs"))
    assert made.albums.get(dogs.id).name == "Dogs"
    made.albums.drop(dogs)
    with pytest.raises(NotThere):
        made.albums.get(dogs.id)


def test_a_parent_holds_what_its_children_hold_but_for_what_it_rejects(made: MadeLibrary) -> None:
    pets = made.albums.create("pets")
    cats = made.albums.create("cats", ["a cat"], parent=pets.id)
    made.albums.create("dogs", ["一只狗"], parent=pets.id)
    made.albums.mark(cats, [CATS[0]], False)
    made.albums.mark(pets, [CATS[1]], False)
    assert inside(made.albums.show(pets)) == (set(CATS) | set(DOGS)) - {CATS[0], CATS[1]}


def test_of_a_closed_set_a_photo_is_in_one_album_at_most(made: MadeLibrary) -> None:
    what = made.albums.create("what it is", one_of=True)
    one = made.albums.create("cats", ["a cat"], parent=what.id)
    two = made.albums.create("kittens", ["a kitten", "a cat"], parent=what.id)
    found, others = inside(made.albums.show(one)), inside(made.albums.show(two))
    assert found | others >= set(CATS)
    assert not found & others
    made.albums.mark(one, [CATS[3]], True)
    made.albums.mark(two, [CATS[3]], True)
    assert CATS[3] in inside(made.albums.show(one)) & inside(made.albums.show(two))


def test_the_slider_shows_what_would_go_and_stores_nothing(made: MadeLibrary) -> None:
    album = made.albums.create("cats", ["a cat"])
    fewer = made.albums.slide(album, 3)
    assert fewer.went and not fewer.came
    # So far down that every photo is in.
    more = made.albums.slide(album, -50)
    assert more.came and not more.went
    assert inside(made.albums.show(album)) == set(CATS)
    kept = made.albums.change(dataclasses.replace(album, shift=3))
    assert kept.went == fewer.went
    assert inside(made.albums.show(made.albums.find("cats"))) == set(CATS) - set(fewer.went)


def test_all_automatic_tags_are_undone_in_one_step_and_come_back_in_one(made: MadeLibrary) -> None:
    album = made.albums.create("cats", ["a cat"])
    made.albums.create("dogs", ["一只狗"])
    made.albums.mark(album, [CATS[0], FOOD[0]], True)
    those = made.albums.take_automatic_back()
    assert [(one.album.name, one.inside) for one in made.albums.shelf()] == [("cats", 2), ("dogs", 0)]
    made.albums.make_automatic(those)
    assert all(one.inside >= 15 for one in made.albums.shelf())


def test_the_review_queue_asks_about_open_photos_once(made: MadeLibrary) -> None:
    album = made.albums.create("pets", ["a pet"])
    asked = made.albums.review(album, 12)
    made.albums.mark(album, [asked[0].photo], False)
    again = made.albums.review(album, 12)
    assert len({member.photo for member in asked}) == 12
    assert asked[0].photo not in {member.photo for member in again}
    assert all(member.decision is None for member in again)
    others = made.albums.review(album, 12, without=[member.photo for member in again])
    assert not {member.photo for member in again} & {member.photo for member in others}


def test_why_names_the_prompt_the_nearest_accepted_photo_and_what_was_taught(made: MadeLibrary) -> None:
    album = made.albums.create("pets", ["a dog", "a cat"])
    first = made.albums.why(album, [CATS[1]])[CATS[1]]
    assert (first.prompt, first.like, first.taught) == ("a cat", None, 0)
    made.albums.mark(album, [CATS[0], FOOD[0]], True)
    second = made.albums.why(album, [CATS[1]])[CATS[1]]
    assert second.like == CATS[0]
    assert second.taught > 0
    assert second.sentence().startswith("prompt: a cat ")


def test_a_page_says_what_the_whole_says(made: MadeLibrary) -> None:
    album = made.albums.create("cats", ["a cat"])
    whole = {member.photo: member.band for member in made.albums.show(album, everything=True)}
    assert {member.photo: member.band for member in made.albums.page(album, [1, 20, 40])} == {
        photo: whole[photo] for photo in (1, 20, 40)
    }


def test_names_and_aliases_find_an_album_and_are_given_once(made: MadeLibrary) -> None:
    album = made.albums.create("Cats", ["a cat"], aliases=["猫咪"])
    assert made.albums.find("cATS").id == made.albums.find("猫咪").id == album.id
    for name in ("cats", "猫咪", " "):
        with pytest.raises(WrongUse):
            made.albums.create(name)
    with pytest.raises(NotThere):
        made.albums.find("dogs")
    made.albums.drop(album)
    assert made.albums.all() == []


def test_an_album_in_an_empty_library_is_empty(make: Make, encoder: object) -> None:
    made = make(np.zeros((0, 512), np.float32))
    album = made.albums.create("cats", ["a cat"])
    assert made.albums.show(album, everything=True) == []
    assert made.albums.review(album) == []
    made.albums.take_new([])
