"""What the albums' window is made of: the order of the shelf, the page that stands still, and what the editor means."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PySide6.QtCore import QPersistentModelIndex
from pytestqt.modeltest import ModelTester
from pytestqt.qtbot import QtBot

from core.albums import Album, Changed, Shelved
from core.library.filters import Filter
from desktop_app.items.album_draft import Draft, Rule, is_date, lines_of, without_below, words_of
from desktop_app.items.album_list import DEPTH, AlbumList
from desktop_app.items.album_photos import IN, MAYBE, REJECTED, AlbumPhotos, Page
from desktop_app.items.cells import Cells
from desktop_app.items.photo_model import PHOTO
from desktop_app.views.review_queue import ReviewQueue
from tests.gui.conftest import LONG_MS

pytestmark = pytest.mark.usefixtures("english")

CATS = Album(1, "cats")


def shelved(number: int, name: str, parent: int | None = None, inside: int = 0) -> Shelved:
    return Shelved(Album(number, name, parent=parent), inside, 0, 0, 0)


def page(inside: tuple[int, ...], maybe: tuple[int, ...] = (), rejected: tuple[int, ...] = ()) -> Page:
    return Page(CATS, {IN: inside, MAYBE: maybe, REJECTED: rejected}, dict.fromkeys(rejected, False))


# ---- the shelf


def test_albums_stand_below_their_parents(qtbot: QtBot, qtmodeltester: ModelTester) -> None:
    model = AlbumList()
    model.show_shelf(
        [shelved(1, "animals"), shelved(2, "cats", 1), shelved(3, "food"), shelved(4, "kittens", 2)]
    )
    qtmodeltester.check(model)
    rows = [(model.index(row).data(), model.index(row).data(DEPTH)) for row in range(model.rowCount())]
    assert rows == [("animals", 0), ("cats", 1), ("kittens", 2), ("food", 0)]


def test_albums_that_are_each_others_parents_are_both_there(qtbot: QtBot) -> None:
    model = AlbumList()
    model.show_shelf([shelved(1, "a", 2), shelved(2, "b", 1), shelved(3, "c", 3)])
    assert sorted(str(model.index(row).data()) for row in range(model.rowCount())) == ["a", "b", "c"]


def test_a_count_that_changes_keeps_the_row(qtbot: QtBot) -> None:
    model = AlbumList()
    model.show_shelf([shelved(1, "a"), shelved(2, "b")])
    kept = QPersistentModelIndex(model.index(1))
    with qtbot.waitSignal(model.dataChanged, timeout=LONG_MS):
        model.show_shelf([shelved(1, "a"), shelved(2, "b", inside=5)])
    assert kept.isValid() and "5 photos" in str(kept.data(3))


# ---- the page


@pytest.fixture
def photos(qtbot: QtBot) -> AlbumPhotos:
    return AlbumPhotos(Cells())


def test_photos_keep_their_place_when_others_come_and_go(
    photos: AlbumPhotos, qtmodeltester: ModelTester
) -> None:
    qtmodeltester.check(photos)
    photos.show_page(page((5, 3, 9, 1)), ())
    kept = QPersistentModelIndex(photos.index(2))
    photos.take_page(page((9, 7, 1, 5)), ())
    assert photos.photos(0, 9) == [5, 9, 1, 7]
    assert (kept.row(), kept.data(PHOTO)) == (1, 9)


def test_what_was_taken_out_and_comes_back_goes_to_its_old_place(photos: AlbumPhotos) -> None:
    photos.show_page(page((5, 3, 9)), ())
    photos.take_page(page((5, 9), rejected=(3,)), ())
    assert photos.photos(0, 9) == [5, 9, 3]
    photos.take_page(page((5, 3, 9)), ())
    assert photos.photos(0, 9) == [5, 3, 9]


def test_folded_bands_have_a_heading_and_no_rows_and_empty_ones_have_neither(photos: AlbumPhotos) -> None:
    photos.show_page(page((5,), maybe=(3, 4)), (MAYBE, REJECTED))
    assert [(each.count, each.title) for each in photos.sections] == [(1, ""), (0, "Maybe"), (0, "")]
    photos.take_page(page((5,), maybe=(3, 4)), (REJECTED,))
    assert [(each.count, each.title) for each in photos.sections] == [(1, ""), (2, "Maybe"), (0, "")]


@given(
    st.lists(st.tuples(st.permutations(range(12)), st.integers(0, 12), st.integers(0, 12)), min_size=2),
    st.booleans(),
)
def test_however_a_page_changes_every_photo_is_where_it_belongs(
    states: list[tuple[list[int], int, int]], is_folded: bool
) -> None:
    model = AlbumPhotos(Cells())
    folded = (MAYBE,) if is_folded else ()
    for i, (order, first, second) in enumerate(states):
        low, high = sorted((first, second))
        shown = page(tuple(order[:low]), tuple(order[low:high]), tuple(order[high:]))
        if i:
            model.take_page(shown, folded)
        else:
            model.show_page(shown, folded)
        begin = 0
        for section in model.sections:
            rows = set(model.photos(begin, begin + section.count - 1))
            assert rows == (set() if section.key in folded else set(shown.bands[section.key]))
            begin += section.count
        assert begin == model.rowCount()


def test_a_moved_border_is_shown_before_it_is_kept() -> None:
    moved = page((1, 2), maybe=(3, 4)).moved(Changed(1, 0, 2, came=(3, 8), went=(1,)))
    assert (moved.bands[IN], moved.bands[MAYBE]) == ((2, 3, 8), (4,))


# ---- the editor


@pytest.mark.parametrize(
    ("first", "last", "values"),
    [
        ("2019", "2019", ["2019", "2020"]),
        ("2019-12", "2019-12", ["2019-12", "2020-01"]),
        ("2020-02-01", "2020-02-29", ["2020-02-01", "2020-03-01"]),
        ("", "1999-12-31", ["2000-01-01"]),
    ],
)
def test_both_ends_of_a_date_count_and_come_back_as_written(first: str, last: str, values: list[str]) -> None:
    filters = Rule(first=first, last=last).filters()
    assert [each.value for each in filters] == values
    again = Rule.of(filters)
    assert (again.first, again.last) == (first, last)


def test_a_rule_comes_back_with_what_the_editor_has_no_field_for() -> None:
    rule = Rule("2019", "", "青岛", "canon", "4", "no", (Filter("favourite", "yes", "favourite"),))
    assert Rule.of(rule.filters()) == rule


@pytest.mark.parametrize(
    ("text", "is_one"),
    [
        ("2019", True),
        ("2019-2", False),
        ("2019-13", False),
        ("2019-02-29", False),
        ("2020-02-29", True),
        ("", False),
    ],
)
def test_a_date_is_one_that_there_is(text: str, is_one: bool) -> None:
    assert is_date(text) is is_one


def test_lines_and_names_are_taken_apart_in_either_script() -> None:
    assert lines_of(" 猫 \n\na cat\n猫") == ("猫", "a cat")
    assert words_of("猫咪，kitty、 cats; ") == ("猫咪", "kitty", "cats")


def test_an_album_cannot_be_put_below_itself() -> None:
    albums = [Album(1, "a"), Album(2, "b", parent=1), Album(3, "c", parent=2), Album(4, "d")]
    assert [each.id for each in without_below(albums, 1)] == [4]
    assert [each.id for each in without_below(albums, 3)] == [1, 2, 4]


def test_a_draft_is_the_album_it_was_made_of() -> None:
    album = Album(7, "猫", ("a cat",), ("a dog",), (Filter("rating", "3", "★3"),), ("cats",), 2, one_of=True)
    assert replace(Draft.of(album), name="x").prompts == ("a cat",)
    assert Draft.of(album).rule.filters() == album.rule


# ---- the review's queue


def test_a_photo_is_asked_about_once_and_again_when_its_mark_is_taken_back() -> None:
    queue = ReviewQueue()
    queue.take([1, 2, 3])
    assert queue.next() == 1
    queue.marked(1)
    queue.take([1, 3, 4])
    assert (queue.next(), queue.seen) == (3, [1, 3])
    assert queue.take_back(3) == 1
    assert (queue.marks, queue.next(), queue.next()) == (0, 3, 4)
    assert queue.next() is None
