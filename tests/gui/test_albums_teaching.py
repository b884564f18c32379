"""An album taught in the window: marks, the border, the review and the reasons, on the real core."""

from __future__ import annotations

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QMessageBox

from core.albums import Album
from desktop_app.dialogs.album_why import WhyDialog
from desktop_app.items.album_draft import Draft, Rule
from desktop_app.items.album_photos import IN, REJECTED
from desktop_app.items.photo_model import PHOTO
from tests.gui.albums_at_work import (
    Photos,
    choose,
    decisions,
    library,
    make,
    of_all,
    of_words,
    press_undo,
    with_eight,
)
from tests.gui.conftest import LONG_MS, Opened
from tests.gui.test_window import words


@pytest.fixture
def eight(opened: Opened, photos: Photos) -> Opened:
    return with_eight(opened, photos)


# ---- teaching


def test_x_takes_the_photo_out_at_once_and_the_next_one_is_current(eight: Opened) -> None:
    page = of_all(eight)
    room = eight.window.room
    photo, following = choose(room, 2), page.photos.photo(3)
    QTest.keyClick(room.grid, Qt.Key.Key_X)
    assert room.grid.currentIndex().data(PHOTO) == following
    eight.wait_for(lambda: page.photos.rowCount() == 7)
    assert room.grid.currentIndex().data(PHOTO) == following
    assert page.page is not None and page.page.bands[REJECTED] == (photo,)
    assert decisions(eight, "all of them") == {photo: False}
    assert "+0, −1 after your 1 mark" in words(page.header)


def test_many_are_marked_at_once_and_ctrl_z_takes_them_back_to_their_places(eight: Opened) -> None:
    page = of_all(eight)
    grid = eight.window.room.grid
    before = page.photos.photos(0, 8)
    choose(eight.window.room, 1)
    for _ in range(2):
        QTest.keyClick(grid, Qt.Key.Key_Right, Qt.KeyboardModifier.ShiftModifier)
    QTest.keyClick(grid, Qt.Key.Key_X)
    eight.wait_for(lambda: page.photos.photos(0, 8) == [before[0], *before[4:]])
    assert "+0, −3 after your 3 marks" in words(page.header)
    press_undo(eight)
    eight.wait_for(lambda: page.photos.photos(0, 8) == before)
    assert decisions(eight, "all of them") == {}


def test_a_mark_is_on_its_cell_and_an_accepted_photo_stays(eight: Opened) -> None:
    page = of_all(eight)
    room = eight.window.room
    photo = choose(room, 0)
    plain = room.grid.grab(room.grid.visualRect(room.grid.model().index(0, 0))).toImage()
    QTest.keyClick(room.grid, Qt.Key.Key_A)
    eight.wait_for(lambda: page.page is not None and page.page.decisions == {photo: True})
    choose(room, 0)
    eight.wait_for(
        lambda: room.grid.grab(room.grid.visualRect(room.grid.model().index(0, 0))).toImage() != plain
    )
    assert page.photos.rowCount() == 8
    assert "Noted, nothing else moved" in words(page.header)


def test_look_shows_what_went_and_back_shows_the_album(eight: Opened) -> None:
    page = of_all(eight)
    photo = choose(eight.window.room, 4)
    QTest.keyClick(eight.window.room.grid, Qt.Key.Key_X)
    eight.wait_for(lambda: page.photos.rowCount() == 7)
    page.header.look_asked.emit()
    assert page.photos.photos(0, 9) == [photo]
    QTest.keyClick(eight.window.room.grid, Qt.Key.Key_Escape)
    assert page.photos.rowCount() == 7


def test_the_rejected_photos_unfold(eight: Opened) -> None:
    page = of_all(eight)
    photo = choose(eight.window.room, 4)
    QTest.keyClick(eight.window.room.grid, Qt.Key.Key_X)
    eight.wait_for(lambda: page.photos.rowCount() == 7)
    eight.window.room.grid.unfold_asked.emit(REJECTED)
    assert page.photos.photo(7) == photo
    eight.window.room.grid.unfold_asked.emit(REJECTED)
    assert page.photos.rowCount() == 7


def test_the_slider_shows_more_at_once_keeps_it_when_let_go_and_undo_takes_it_back(eight: Opened) -> None:
    page = make(eight, Draft(name="nothing", prompts=("a receipt",)))
    eight.wait_for(lambda: page.page is not None)
    assert page.page is not None
    before = len(page.page.bands[IN])
    header = page.header
    header.slider.setSliderDown(True)
    with eight.qtbot.waitSignal(eight.session.albums.slid, timeout=LONG_MS):
        header.slider.setValue(header.slider.maximum())
    assert library(eight).albums.find("nothing").shift == 0
    header.slider.setSliderDown(False)
    eight.wait_for(lambda: library(eight).albums.find("nothing").shift == -3)
    eight.wait_for(lambda: page.page is not None and page.page.album.shift == -3)
    page.undo()
    eight.wait_for(lambda: page.page is not None and page.page.album.shift == 0)
    assert len(page.page.bands[IN]) == before
    assert header.slider.value() == 0


def test_an_empty_album_says_what_to_do(eight: Opened) -> None:
    make(eight, Draft(name="1850s", rule=Rule(first="1900", last="1900")))
    eight.wait_for(lambda: "Nothing is in this album yet" in words(eight.window.room))
    assert "Edit album" in words(eight.window.room)


# ---- review and reasons


def test_a_question_that_failed_or_was_left_keeps_no_later_review_waiting(eight: Opened) -> None:
    page = of_words(eight)
    review = eight.window.room.review
    eight.window.room.begin_review()
    eight.window.room.end_review()  # before the answer
    gone = library(eight).albums.add([Album(0, "gone")])[0]
    library(eight).albums.drop(gone)
    with eight.qtbot.waitSignal(eight.session.albums.refused, timeout=LONG_MS):
        review.begin(gone, 0)
    eight.wait_for(lambda: "Nothing is left" in review._end.text())
    page.header.review_asked.emit()
    eight.wait_for(lambda: review._photo is not None)
    for box in eight.window.findChildren(QMessageBox):
        box.reject()


def test_the_review_asks_learns_and_undoes(eight: Opened) -> None:
    page = of_words(eight)
    photo = choose(eight.window.room, 0)
    QTest.keyClick(eight.window.room.grid, Qt.Key.Key_A)
    eight.wait_for(lambda: page.page is not None and page.page.decisions == {photo: True})
    room = eight.window.room
    page.header.review_asked.emit()
    review = room.review
    eight.wait_for(lambda: review._photo is not None)
    first = review._photo
    assert first is not None and first != photo
    eight.wait_for(lambda: review.picture.image_px > 0)
    eight.wait_for(lambda: "The accepted photo most like it" in " ".join(words(review.why)))
    QTest.keyClick(review, Qt.Key.Key_X)
    eight.wait_for(lambda: decisions(eight, "pictures") == {photo: True, first: False})
    eight.wait_for(lambda: "1 mark · 7 in" in words(review))
    second = review._photo
    assert second not in (first, photo)
    QTest.keyClick(review, Qt.Key.Key_Right)
    assert review._photo not in (first, second)
    press_undo(eight)
    eight.wait_for(lambda: decisions(eight, "pictures") == {photo: True})
    assert review._photo == first
    QTest.keyClick(review, Qt.Key.Key_Escape)
    assert room.grid.isVisible() and page.header.isVisible()


def test_the_review_ends_when_every_photo_is_decided(eight: Opened) -> None:
    page = of_words(eight)
    eight.window.room.grid.setFocus()
    eight.window.room.grid.selectAll()
    QTest.keyClick(eight.window.room.grid, Qt.Key.Key_A)
    eight.wait_for(lambda: page.page is not None and len(page.page.decisions) == 8)
    page.header.review_asked.emit()
    eight.wait_for(lambda: "Nothing is left that is worth asking." in words(eight.window.room.review))


def test_w_says_why_a_photo_is_in_the_album(eight: Opened) -> None:
    page = of_words(eight)
    photo = choose(eight.window.room, 0)
    QTest.keyClick(eight.window.room.grid, Qt.Key.Key_A)
    eight.wait_for(lambda: page.page is not None and page.page.decisions == {photo: True})
    choose(eight.window.room, 0)
    QTest.keyClick(eight.window.room.grid, Qt.Key.Key_W)
    dialog = eight.window.findChildren(WhyDialog)[-1]
    eight.wait_for(lambda: any("You said that it belongs here." in text for text in words(dialog)))
    dialog.accept()
