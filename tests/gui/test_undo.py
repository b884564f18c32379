"""What was said is taken back, the last first, in the window as a person does it and wherever it was said."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication

from core.library.opinions import opinions_of
from desktop_app.items.photo_model import PHOTO
from desktop_app.undo import Undo
from tests.gui.albums_at_work import Photos, choose, decisions, library, of_all, press_undo, with_eight
from tests.gui.conftest import LONG_MS, Opened


@pytest.fixture
def eight(opened: Opened, photos: Photos) -> Opened:
    return with_eight(opened, photos)


def steps(into: list[str]) -> Callable[[str], Callable[[], None]]:
    return lambda name: lambda: into.append(name)


def test_the_last_is_taken_back_first_and_each_once() -> None:
    undo, back = Undo(), []
    step = steps(back)
    first, second = undo.expect(), undo.expect()
    first.came(step("first"))
    second.came(step("second"))
    undo.take_last()
    second.take_back()
    undo.take_last()
    undo.take_last()
    assert back == ["second", "first"]


def test_what_the_library_does_not_have_yet_is_taken_back_when_it_has() -> None:
    undo, back = Undo(), []
    step = steps(back)
    first, second, third = undo.expect(), undo.expect(), undo.expect()
    first.came(step("first"))
    third.failed()
    undo.take_last()
    assert back == []
    second.came(step("second"))
    assert back == ["second"]
    undo.take_last()
    assert back == ["second", "first"]


def ratings(opened: Opened) -> list[int | None]:
    ids = sorted(library(opened).photo_ids())
    return [one.rating for one in opinions_of(library(opened).database.reader(), ids).values()]


def test_ratings_of_many_are_taken_back_to_what_each_had(eight: Opened) -> None:
    grid = eight.window.room.grid
    ids = sorted(library(eight).photo_ids())
    library(eight).set_rating(ids[0], 4)
    choose(eight.window.room, 0)
    grid.selectAll()
    QTest.keyClick(grid, Qt.Key.Key_0)
    eight.wait_for(lambda: ratings(eight) == [0] * 8)
    press_undo(eight)
    eight.wait_for(lambda: ratings(eight) == [4, *[None] * 7])


def test_opening_an_album_takes_nothing_back_that_was_said_in_it_before(eight: Opened) -> None:
    page = of_all(eight)
    known = library(eight).albums.find("all of them")
    photo = page.photos.photo(0)
    library(eight).albums.mark(known, [photo], False)  # another day
    rated = choose(eight.window.room, 2)
    with eight.qtbot.waitSignal(eight.session.opinions.changed, timeout=LONG_MS):
        QTest.keyClick(eight.window.room.grid, Qt.Key.Key_3)
    with eight.qtbot.waitSignal(eight.session.opinions.put_back, timeout=LONG_MS) as back:
        press_undo(eight)
    assert [*back.args[0]] == [rated]
    press_undo(eight)
    with eight.qtbot.waitSignal(eight.session.albums.shelved, timeout=LONG_MS):
        eight.session.albums.note_change()  # behind whatever that may have asked for
    assert decisions(eight, "all of them") == {photo: False}


def test_borders_and_marks_are_taken_back_in_their_order(eight: Opened) -> None:
    page = of_all(eight)
    albums = eight.session.albums
    assert page.album is not None
    albums.keep_border(page.album, 1.0)
    albums.keep_border(page.album, 2.0)
    albums.mark(page.album, [page.photos.photo(0)], False)
    eight.wait_for(lambda: len(decisions(eight, "all of them")) == 1)

    press_undo(eight)
    press_undo(eight)
    eight.wait_for(lambda: library(eight).albums.find("all of them").shift == 1.0)
    assert decisions(eight, "all of them") == {}
    press_undo(eight)
    eight.wait_for(lambda: library(eight).albums.find("all of them").shift == 0.0)


def test_in_the_viewer_only_what_was_said_there_is_taken_back(eight: Opened) -> None:
    grid = eight.window.room.grid
    choose(eight.window.room, 0)
    QTest.keyClick(grid, Qt.Key.Key_2)
    eight.wait_for(lambda: ratings(eight).count(2) == 1)
    choose(eight.window.room, 1)
    QTest.keyClick(grid, Qt.Key.Key_Return)
    viewer = eight.window.viewing.viewer
    assert viewer is not None
    eight.wait_for(lambda: viewer.picture.image_px > 0)
    QTest.keyClick(viewer, Qt.Key.Key_5)
    eight.wait_for(lambda: ratings(eight).count(5) == 1)
    press_undo(eight)
    eight.wait_for(lambda: viewer._rating == 0 and ratings(eight).count(5) == 0)
    press_undo(eight)
    QTest.keyClick(viewer, Qt.Key.Key_Escape)
    assert ratings(eight).count(2) == 1
    press_undo(eight)
    eight.wait_for(lambda: ratings(eight).count(2) == 0)


def test_what_the_viewer_covers_is_out_of_reach(eight: Opened) -> None:
    room = eight.window.room
    photo = choose(room, 1)
    QTest.keyClick(room.grid, Qt.Key.Key_Return)
    viewer = eight.window.viewing.viewer
    assert viewer is not None
    eight.window.activateWindow()
    eight.wait_for(lambda: QApplication.activeWindow() is eight.window)
    for _ in range(20):
        QTest.keyClick(eight.window.focusWidget() or viewer, Qt.Key.Key_Tab)
        inside = eight.window.focusWidget()
        assert inside is not None and (inside is viewer or viewer.isAncestorOf(inside))
    QTest.keyClick(viewer, Qt.Key.Key_F, Qt.KeyboardModifier.ControlModifier)
    assert not viewer.isVisible()
    assert eight.window.top.search.hasFocus()
    assert room.grid.currentIndex().data(PHOTO) == photo


def test_what_was_said_is_stored_though_the_window_is_closed_at_once(
    opened: Opened, photos: Photos, tmp_path: Path
) -> None:
    eight = with_eight(opened, photos)
    page = of_all(eight)
    assert page.album is not None
    ids = [page.photos.photo(row) for row in range(4)]
    for photo in ids:
        eight.session.albums.note_change()
        eight.session.albums.mark(page.album, [photo], photo == ids[0])
    eight.session.opinions.set_rating(ids, 3)
    assert eight.close()

    again = Opened(opened.qtbot, opened.library)
    again.open_and_index()
    assert decisions(again, "all of them") == {photo: photo == ids[0] for photo in ids}
    assert ratings(again).count(3) == 4
    assert again.close()
