"""Albums made and marked in a window as a person does it, for the tests of the albums' window."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QPushButton

from core.app import Shiguang
from core.library import albums as records
from desktop_app.dialogs.album_editor import AlbumEditor
from desktop_app.items.album_draft import Draft, Rule
from desktop_app.items.photo_model import PHOTO
from desktop_app.views.album_page import AlbumPage
from desktop_app.views.room import Room
from tests.gui.conftest import Opened

Photos = Callable[..., Path]


def with_eight(opened: Opened, photos: Photos) -> Opened:
    """The window on eight photos, all of them to be searched."""
    opened.open_and_index(photos(8))
    opened.wait_for(lambda: opened.shows(8))
    return opened


def library(opened: Opened) -> Shiguang:
    found = opened.session._library
    assert found is not None
    return found


def make(opened: Opened, draft: Draft) -> AlbumPage:
    """Make an album through the editor; its page, filled."""
    opened.window.albums._open_editor(draft)
    editor = opened.window.findChildren(AlbumEditor)[-1]
    save(editor)
    page = opened.window.room.album
    opened.wait_for(lambda: page.page is not None and page.page.album.name == draft.name)
    opened.wait_for(lambda: draft.name in shelf_names(opened))
    return page


def save(editor: AlbumEditor) -> None:
    next(button for button in editor.findChildren(QPushButton) if button.objectName() == "primary").click()


def of_all(opened: Opened, name: str = "all of them") -> AlbumPage:
    """An album of a rule that every photo passes."""
    return make(opened, Draft(name=name, rule=Rule(folder="photo")))


def shelf_names(opened: Opened) -> list[str]:
    model = opened.window.sidebar.albums.rows.model()
    return [str(model.index(row, 0).data()) for row in range(model.rowCount())]


def decisions(opened: Opened, name: str) -> dict[int, bool]:
    album = library(opened).albums.find(name)
    return records.decisions(library(opened).database.reader(), album.id)


def press_undo(opened: Opened) -> None:
    opened.window.activateWindow()
    opened.wait_for(lambda: QApplication.activeWindow() is opened.window)
    QTest.keyClick(opened.window, Qt.Key.Key_Z, Qt.KeyboardModifier.ControlModifier)


def choose(room: Room, row: int) -> int:
    room.grid.setFocus()
    room.grid.setCurrentIndex(room.grid.model().index(row, 0))
    return int(room.grid.currentIndex().data(PHOTO))


def of_words(opened: Opened) -> AlbumPage:
    """An album whose border lies so low that every photo is in."""
    page = make(opened, Draft(name="pictures", prompts=("a picture",)))
    albums = library(opened).albums
    albums.change(replace(albums.find("pictures"), shift=-50))
    opened.session.albums.note_change()
    opened.wait_for(lambda: page.photos.rowCount() == 8)
    return page
