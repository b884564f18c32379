"""The window on the real core: what it shows first, how photos come in, how they are found, and how it ends."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest
from PySide6.QtCore import QMimeData, QPoint, QPointF, Qt, QThread, QUrl
from PySide6.QtGui import QDragEnterEvent, QDropEvent
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QAbstractButton, QApplication, QDialog, QLabel, QLineEdit, QMessageBox, QWidget

from core.app import open_library
from core.search.query import Query
from core.settings import LANGUAGE, THEME, Settings
from desktop_app.i18n import speak
from desktop_app.items.photo_model import PHOTO
from desktop_app.views.drop_area import DropArea
from desktop_app.views.room import FAVOURITES
from desktop_app.workers.indexing import State
from tests.gui.conftest import LONG_MS, Opened

Photos = Callable[..., Path]


def words(widget: QWidget) -> list[str]:
    """Every text in sight, with what is said to screen readers and in tooltips."""
    found = []
    for each in widget.findChildren(QWidget):
        if isinstance(each, QLabel | QAbstractButton) and each.isVisible():
            found += [each.text(), each.toolTip(), each.accessibleName()]
        if isinstance(each, QLineEdit):
            found += [each.placeholderText(), each.accessibleName()]
    return [text.strip() for text in found if text.strip()]


def drop(window: QWidget, *paths: Path) -> None:
    """As the system does it: held above the window, then let go."""
    data = QMimeData()
    data.setUrls([QUrl.fromLocalFile(str(path)) for path in paths])
    rest = (Qt.DropAction.CopyAction, data, Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier)
    ground = window.findChild(DropArea)
    assert ground is not None
    entered = QDragEnterEvent(QPoint(10, 10), *rest)
    QApplication.sendEvent(ground, entered)
    assert entered.isAccepted()
    QApplication.sendEvent(ground, QDropEvent(QPointF(10, 10), *rest))


# ---- the first picture


def test_a_new_library_asks_for_a_folder(opened: Opened) -> None:
    opened.open()
    opened.wait_for(lambda: "Choose a folder of photos, or drop it here" in words(opened.window.room))
    assert "Choose a folder…" in words(opened.window.room)
    assert opened.window.windowTitle() == "Shiguang"


def test_the_window_is_shown_before_the_library_is_open(opened: Opened) -> None:
    opened.open()
    assert opened.window.isVisible()
    assert not opened.session.is_open
    opened.wait_for(lambda: opened.session.is_open)


def test_a_library_in_use_says_so_and_what_to_do(opened: Opened) -> None:
    other = open_library(opened.library, writable=True)
    try:
        opened.open()
        opened.wait_for(lambda: any("in use" in text for text in words(opened.window.room)))
        assert any("Close the other Shiguang" in text for text in words(opened.window.room))
    finally:
        other.close()


# ---- photos come in


def test_a_folder_that_is_dropped_is_watched_and_indexed(opened: Opened, photos: Photos) -> None:
    opened.open()
    opened.wait_for(lambda: opened.session.is_open)
    folder = photos(3)
    drop(opened.window, folder)
    opened.wait_for(lambda: opened.shows(3) and opened.session.indexing.state is State.IDLE)
    opened.wait_for(lambda: "3 photos" in words(opened.window.sidebar))
    assert opened.window.sidebar.folders.model().index(0, 0).data() == folder.name
    assert opened.window.room.grid.isVisible()


def test_a_file_that_is_dropped_brings_its_folder(opened: Opened, photos: Photos) -> None:
    opened.open()
    opened.wait_for(lambda: opened.session.is_open)
    drop(opened.window, next(photos(2).glob("*.jpg")))
    opened.wait_for(lambda: opened.shows(2))


def test_cells_have_their_pictures(opened: Opened, photos: Photos) -> None:
    opened.open_and_index(photos(3))
    opened.wait_for(lambda: opened.shows(3))
    ids = [opened.session.timeline.photo(row) for row in range(3)]
    opened.wait_for(
        lambda: all((cell := opened.session.cells.get(photo)) is not None and cell.image for photo in ids)
    )


def test_a_photo_that_is_added_later_is_seen_without_asking(opened: Opened, photos: Photos) -> None:
    opened.open_and_index(photos(1))
    photos(1)
    opened.wait_for(lambda: opened.shows(2))


def test_a_folder_taken_away_takes_its_photos_along_and_undo_brings_them_back(
    opened: Opened, photos: Photos
) -> None:
    opened.open_and_index(photos(2))
    opened.wait_for(lambda: opened.shows(2))
    opened.window.sidebar.folders.remove_asked.emit(opened.session.keeping.roots[0])
    opened.wait_for(lambda: opened.shows(0))
    undo = next(b for b in opened.window.sidebar.status.findChildren(QAbstractButton) if b.text() == "Undo")
    assert undo.isVisible()
    undo.click()
    opened.wait_for(lambda: opened.shows(2))


def test_a_file_that_fails_is_counted_and_listed_with_its_reason(opened: Opened, photos: Photos) -> None:
    folder = photos(1)
    (folder / "half.jpg").write_bytes((folder / "photo 1.jpg").read_bytes()[:400])
    opened.open_and_index(folder)
    opened.wait_for(lambda: "Not taken in" in words(opened.window.sidebar))
    opened.window.show_faults()
    dialog = QApplication.activeWindow() or opened.window.findChildren(QWidget)[-1]
    table = next(d for d in opened.window.findChildren(QWidget) if d.inherits("QTableView"))
    opened.wait_for(lambda: table.model().rowCount() == 1)
    assert table.model().index(0, 0).data() == "half.jpg"
    assert table.model().index(0, 1).data()
    assert dialog is not None


def test_indexing_can_be_paused_gone_on_with_and_stopped(opened: Opened, photos: Photos) -> None:
    folder = photos(40)
    indexing = opened.session.indexing
    with opened.qtbot.waitSignal(indexing.progress, timeout=LONG_MS):
        opened.open(folder)
    indexing.pause()
    assert indexing.state is State.PAUSED
    indexing.go_on()
    indexing.stop()
    assert indexing.state is State.STOPPED
    assert "What is done is kept" in words(opened.window.sidebar.status)
    indexing.go_on()
    opened.wait_for(lambda: opened.shows(40) and indexing.state is State.IDLE)


# ---- finding


def ask(opened: Opened, text: str) -> None:
    with opened.qtbot.waitSignal(opened.session.asking.answered, timeout=LONG_MS):
        opened.window.top.search.setText(text)


def test_a_question_is_answered_and_escape_goes_back_to_all_photos(opened: Opened, photos: Photos) -> None:
    opened.open_and_index(photos(3))
    opened.wait_for(lambda: opened.shows(3))
    ask(opened, "photo 2")
    grid = opened.window.room.grid
    assert grid.photo_model is not opened.session.timeline
    assert any(" s" in text and "photo" in text for text in words(opened.window.room))
    grid.setFocus()
    QTest.keyClick(grid, Qt.Key.Key_Escape)
    assert grid.photo_model is opened.session.timeline
    assert opened.window.top.search.text() == ""


def test_the_newest_question_wins(opened: Opened, photos: Photos) -> None:
    opened.open_and_index(photos(2))
    answers = []
    opened.session.asking.answered.connect(answers.append)
    for text in ("p", "ph", "pho", "photo", "photo 1"):
        opened.session.asking.ask(Query(text=text), at_once=True)
    opened.wait_for(lambda: bool(answers) and answers[-1].reading.meaning == "photo 1")
    assert [answer.reading.meaning for answer in answers] == ["photo 1"]


def test_a_question_that_was_taken_back_is_not_answered(opened: Opened, photos: Photos) -> None:
    opened.open_and_index(photos(1))
    answers = []
    opened.session.asking.answered.connect(answers.append)
    opened.session.asking.ask(Query(text="photo"), at_once=True)
    opened.session.asking.forget()
    opened.session.asking.ask(Query(text="photo 1"), at_once=True)
    opened.wait_for(lambda: bool(answers))
    assert [answer.reading.meaning for answer in answers] == ["photo 1"]


def test_nothing_found_offers_the_nearest(opened: Opened, photos: Photos) -> None:
    opened.open_and_index(photos(2))
    opened.wait_for(lambda: opened.shows(2))
    ask(opened, "camera:none-has-this")
    ask(opened, "1850")  # a year before photography: a filter that no photo passes
    if opened.window.room.grid.isVisible():
        ask(opened, "xyzzy 1901")
    assert "Nothing here looks right" in words(opened.window.room)
    assert "Show the nearest anyway" in words(opened.window.room)


@pytest.mark.parametrize(
    ("key", "held"),
    [
        (Qt.Key.Key_M, Qt.KeyboardModifier.ControlModifier),
        (Qt.Key.Key_F1, Qt.KeyboardModifier.NoModifier),
        (Qt.Key.Key_Question, Qt.KeyboardModifier.NoModifier),
    ],
)
def test_a_key_opens_its_dialog(opened: Opened, key: Qt.Key, held: Qt.KeyboardModifier) -> None:
    opened.open()
    opened.wait_for(lambda: opened.session.is_open)
    opened.window.activateWindow()
    opened.wait_for(lambda: QApplication.activeWindow() is opened.window)
    QTest.keyClick(opened.window, key, held)
    opened.wait_for(lambda: any(dialog.isVisible() for dialog in opened.window.findChildren(QDialog)))


# ---- looking


def test_enter_opens_the_viewer_arrows_go_on_and_escape_closes_it(opened: Opened, photos: Photos) -> None:
    opened.open_and_index(photos(2))
    opened.wait_for(lambda: opened.shows(2))
    grid = opened.window.room.grid
    grid.setFocus()
    QTest.keyClick(grid, Qt.Key.Key_Home)
    QTest.keyClick(grid, Qt.Key.Key_Return)
    viewer = opened.window.viewing.viewer
    assert viewer is not None and viewer.isVisible()
    assert viewer.size() == opened.window.size()
    opened.wait_for(lambda: viewer.picture.image_px > 0)
    QTest.keyClick(viewer, Qt.Key.Key_Right)
    QTest.keyClick(viewer, Qt.Key.Key_Escape)
    assert not viewer.isVisible()
    assert grid.currentIndex().row() == 1


def test_a_favourite_set_in_the_viewer_is_kept_and_found(opened: Opened, photos: Photos) -> None:
    opened.open_and_index(photos(2))
    opened.wait_for(lambda: opened.shows(2))
    grid = opened.window.room.grid
    grid.setFocus()
    QTest.keyClick(grid, Qt.Key.Key_Home)
    photo = grid.currentIndex().data(PHOTO)
    QTest.keyClick(grid, Qt.Key.Key_Return)
    viewer = opened.window.viewing.viewer
    assert viewer is not None
    QTest.keyClick(viewer, Qt.Key.Key_F)
    QTest.keyClick(viewer, Qt.Key.Key_4)
    QTest.keyClick(viewer, Qt.Key.Key_Escape)
    opened.wait_for(lambda: opened.session.cells.all_favourites([photo]))
    opened.wait_for(lambda: opened.session.cells.get(photo).card.rating == 4)
    answers = []
    opened.session.asking.answered.connect(answers.append)
    opened.window.sidebar.favourites_asked.emit()
    opened.wait_for(lambda: bool(answers))
    assert [hit.photo for hit in answers[-1].hits] == [photo]
    assert opened.window.room._query.filters == FAVOURITES


def test_selection_and_place_survive_photos_that_come_in(opened: Opened, photos: Photos) -> None:
    opened.open_and_index(photos(30))
    opened.wait_for(lambda: opened.shows(30))
    grid = opened.window.room.grid
    grid.setFocus()
    QTest.keyClick(grid, Qt.Key.Key_End)
    photo, top = grid.currentIndex().data(PHOTO), grid.visualRect(grid.currentIndex()).y()
    photos(20)
    opened.wait_for(lambda: opened.shows(50))
    assert grid.currentIndex().data(PHOTO) == photo
    assert grid.selected_photos == [photo]
    assert (
        abs(grid.visualRect(grid.currentIndex()).y() - top)
        <= grid.visualRect(grid.currentIndex()).height() + 4
    ), "at most one line"


# ---- choices


def test_nothing_in_sight_is_untranslated_in_chinese(opened: Opened, photos: Photos) -> None:
    opened.open_and_index(photos(2))
    opened.wait_for(lambda: opened.shows(2))
    opened.wait_for(lambda: "2 photos" in words(opened.window.sidebar))
    english = set(words(opened.window))
    opened.window.top.language_chosen.emit("zh_CN")
    opened.wait_for(lambda: opened.window.windowTitle() == "拾光")
    chinese = words(opened.window)
    # What is the same in both: the brand, counts, the names of people's own folders.
    own = {"拾光", "照片 photos", "中文", "English"}
    same = {text for text in chinese if text in english and any(c.isascii() and c.isalpha() for c in text)}
    assert same <= own
    opened.window.top.language_chosen.emit("en")
    opened.wait_for(lambda: set(words(opened.window)) == english)


def test_theme_and_language_are_kept(opened: Opened) -> None:
    opened.open()
    opened.wait_for(lambda: opened.session.is_open)
    opened.window.top.theme_chosen.emit("dark")
    opened.window.top.language_chosen.emit("zh_CN")
    assert opened.window.palette().window().color().lightness() < 64
    assert opened.close()
    kept = Settings.load(opened.library)
    assert (kept.get(THEME), kept.get(LANGUAGE)) == ("dark", "zh_CN")
    speak("en")


def test_every_button_has_a_name(opened: Opened) -> None:
    opened.open()
    opened.wait_for(lambda: opened.session.is_open)
    unnamed = [
        button
        for button in opened.window.findChildren(QAbstractButton)
        if not (button.text() or button.accessibleName())
        and button.objectName() != "qt_spinbox_lineedit"
        # Qt's own button inside a text field; Qt names it.
        and not isinstance(button.parent(), QLineEdit)
    ]
    assert [b for b in unnamed if b.isVisible()] == []


def test_slash_goes_to_the_search_box_and_a_slash_typed_there_stays(opened: Opened) -> None:
    opened.open()
    opened.qtbot.waitExposed(opened.window)
    opened.window.activateWindow()
    opened.window.room.grid.setFocus()
    opened.window._focus_search()
    search = opened.window.top.search
    QTest.keyClicks(search, "a/b")
    assert search.text() == "a/b"


def test_a_folder_that_is_dropped_while_the_library_is_being_opened_is_watched(
    opened: Opened, photos: Photos
) -> None:
    opened.window.folders.add([str(photos(3))])
    opened.open_and_index()
    opened.wait_for(lambda: opened.shows(3))


# ---- the end


def test_settings_that_cannot_be_stored_keep_no_window_open(opened: Opened) -> None:
    opened.open()
    opened.wait_for(lambda: opened.session.is_open)
    (opened.library / "settings.json").unlink(missing_ok=True)
    (opened.library / "settings.json").mkdir()
    opened.window.top.cell_size.setValue(300)
    opened.window.top.language_chosen.emit("zh_CN")
    opened.wait_for(lambda: bool(opened.window.findChildren(QMessageBox)))
    opened.window.findChildren(QMessageBox)[-1].reject()
    opened.wait_for(lambda: opened.window.windowTitle() == "拾光")
    assert opened.close()


@pytest.mark.parametrize("after_s", [0.0, 0.05, 0.4, 1.5])
def test_closing_while_indexing_leaves_no_thread_and_a_whole_library(
    opened: Opened, photos: Photos, after_s: float
) -> None:
    opened.open(photos(60))
    if after_s:
        opened.qtbot.wait(round(1000 * after_s))
    assert opened.close()
    assert not [lane for lane in opened.session.findChildren(QThread) if lane.isRunning()]
    database = opened.library / "library.db"
    if database.exists():
        with sqlite3.connect(database) as connection:
            assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        connection.close()
    again = open_library(opened.library, writable=True)
    again.close()


def test_what_was_begun_is_gone_on_with_after_the_next_start(
    qtbot: object, opened: Opened, photos: Photos
) -> None:
    folder = photos(40)
    with opened.qtbot.waitSignal(opened.session.indexing.stored, timeout=LONG_MS):
        opened.open(folder)
    assert opened.close()
    second = Opened(opened.qtbot, opened.library)
    second.open_and_index()
    second.wait_for(lambda: second.shows(40))
    assert second.close()


def test_a_bug_is_told_and_the_window_stays(opened: Opened) -> None:
    from core.errors import Bug

    opened.open()
    opened.window.show_error(Bug.of(ZeroDivisionError("by nothing")))
    box = opened.window.findChild(QMessageBox)
    assert box is not None
    assert "ZeroDivisionError" in box.detailedText()
    box.close()
    assert opened.window.isVisible()
    assert QPoint(0, 0) is not None
