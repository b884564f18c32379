"""Albums in the window on the real core: made, filled, suggested, exported and forgotten."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QMessageBox

from core.albums import Album
from core.albums.builtin import Suggestion
from core.library.filters import Filter
from desktop_app.dialogs.album_editor import AlbumEditor
from desktop_app.dialogs.album_export import ExportDialog
from desktop_app.i18n import speak
from desktop_app.items.album_draft import Draft, Rule
from desktop_app.items.album_list import SHELVED
from desktop_app.items.album_photos import IN
from desktop_app.views.album_chips import chips_of
from desktop_app.views.places import ALL
from tests.gui.albums_at_work import (
    Photos,
    choose,
    decisions,
    library,
    make,
    of_all,
    press_undo,
    save,
    shelf_names,
    with_eight,
)
from tests.gui.conftest import LONG_MS, Opened
from tests.gui.test_window import words


@pytest.fixture
def eight(opened: Opened, photos: Photos) -> Opened:
    return with_eight(opened, photos)


# ---- the sidebar and the editor


def test_without_albums_the_sidebar_says_what_they_are_and_has_one_button(opened: Opened) -> None:
    opened.open()
    opened.wait_for(lambda: opened.session.is_open)
    said = words(opened.window.sidebar)
    assert "Albums fill themselves with what you name." in said
    assert said.count("New album") == 1


def test_a_new_album_is_in_the_sidebar_with_its_count_and_its_page_is_shown(eight: Opened) -> None:
    page = of_all(eight)
    room = eight.window.room
    assert room.grid.photo_model is page.photos
    assert page.photos.rowCount() == 8
    rows = eight.window.sidebar.albums.rows
    eight.wait_for(lambda: rows.model().index(0, 0).data(SHELVED).inside == 8)
    assert rows.currentIndex().data() == "all of them"
    QTest.keyClick(room.grid, Qt.Key.Key_Escape)
    assert room.grid.photo_model is eight.session.timeline
    assert not rows.selectionModel().hasSelection()


def test_the_editor_counts_while_one_types_and_names_a_taken_name(eight: Opened) -> None:
    of_all(eight)
    eight.window.albums.make_album()
    editor = eight.window.findChildren(AlbumEditor)[-1]
    editor.name.setText("ALL of them")
    editor.folder.setText("photo 3")
    eight.wait_for(lambda: editor.count.text() != "")
    editor.folder.setText("photo")
    eight.wait_for(lambda: editor.count.text() == "around 8 photos")
    save(editor)
    eight.wait_for(lambda: "There is an album" in editor.error.text())
    assert editor.isVisible()
    editor.first.setText("next week")
    assert "2019-07" in editor.error.text()
    editor.reject()


def test_an_album_is_edited_and_stands_below_its_parent(eight: Opened) -> None:
    of_all(eight, "outer")
    of_all(eight, "inner")
    eight.window.albums._edit_shown()
    editor = eight.window.findChildren(AlbumEditor)[-1]
    editor.parents.setCurrentText("outer")
    editor.name.setText("within")
    save(editor)
    eight.wait_for(lambda: shelf_names(eight) == ["outer", "within"])
    album = library(eight).albums.find("within")
    assert album.parent == library(eight).albums.find("outer").id
    assert [each.key for each in album.rule] == ["folder"]


def test_a_question_becomes_an_album_that_is_asked_by_its_words(eight: Opened) -> None:
    with eight.qtbot.waitSignal(eight.session.asking.answered, timeout=LONG_MS):
        eight.window.top.search.setText("photo 2")
    eight.wait_for(lambda: "Save as album" in words(eight.window.room))
    eight.window.room._line.album_asked.emit()
    editor = eight.window.findChildren(AlbumEditor)[-1]
    assert editor.draft.prompts == ("photo 2",)
    save(editor)
    eight.wait_for(lambda: shelf_names(eight) == ["photo 2"])
    eight.wait_for(lambda: eight.window.room.album.album is not None)
    assert eight.window.top.search.text() == ""


def test_an_album_is_forgotten_after_a_question_and_its_page_left(eight: Opened) -> None:
    of_all(eight)
    rows = eight.window.sidebar.albums.rows
    rows.drop_asked.emit(rows.currentIndex().data(SHELVED))
    box = eight.window.findChildren(QMessageBox)[-1]
    assert "all of them" in box.text()
    places = []
    eight.window.room.went_to.connect(places.append)
    box.accept()
    eight.wait_for(lambda: shelf_names(eight) == [] and places == [ALL])
    assert eight.window.room.grid.photo_model is eight.session.timeline


# ---- out of here, and what comes in


def test_an_album_goes_out_as_copies_and_as_a_list(eight: Opened, tmp_path: Path) -> None:
    of_all(eight)
    rows = eight.window.sidebar.albums.rows
    rows.export_asked.emit(rows.currentIndex().data(SHELVED))
    dialog = eight.window.findChildren(ExportDialog)[-1]
    dialog.export_to(tmp_path / "out")
    eight.wait_for(lambda: dialog.words.text() == "8 photos are there.")
    assert len(list((tmp_path / "out").glob("*.jpg"))) == 8
    dialog.choose_form("json")
    dialog.export_to(tmp_path / "out")
    eight.wait_for((tmp_path / "out" / "all of them.json").exists)
    eight.wait_for(lambda: dialog.words.text() == "8 photos are there.")
    assert len(json.loads((tmp_path / "out" / "all of them.json").read_text("utf-8"))) == 8
    dialog.close()


def test_photos_that_come_in_join_the_page_and_the_count(eight: Opened, photos: Photos) -> None:
    page = of_all(eight)
    photos(3)
    eight.wait_for(lambda: page.photos.rowCount() == 11)
    rows = eight.window.sidebar.albums.rows
    eight.wait_for(lambda: rows.model().index(0, 0).data(SHELVED).inside == 11)


def test_a_favourite_is_counted_in_an_album_of_favourites(eight: Opened) -> None:
    page = make(eight, Draft(name="loved", rule=Rule(others=(Filter("favourite", "yes", "favourite"),))))
    rows = eight.window.sidebar.albums.rows
    eight.session.opinions.set_favourite([library(eight).photo_ids()[0]], True)
    eight.wait_for(lambda: rows.model().index(0, 0).data(SHELVED).inside == 1)
    eight.wait_for(lambda: page.photos.rowCount() == 1)


def test_photos_that_come_in_while_a_question_stands_are_offered_quietly(
    eight: Opened, photos: Photos
) -> None:
    with eight.qtbot.waitSignal(eight.session.asking.answered, timeout=LONG_MS):
        eight.window.top.search.setText("photo")
    room = eight.window.room
    shown = room.grid.model().rowCount()
    photos(2)
    eight.wait_for(lambda: "2 new photos: show" in words(room))
    assert room.grid.model().rowCount() == shown
    with eight.qtbot.waitSignal(eight.session.asking.answered, timeout=LONG_MS):
        room._line.again_asked.emit()
    assert "2 new photos: show" not in words(room)


def test_suggestions_are_a_place_of_their_own_that_can_be_left_before_they_are_there(eight: Opened) -> None:
    room = eight.window.room
    with eight.qtbot.waitSignal(eight.session.albums.proposing, timeout=LONG_MS):
        eight.window.sidebar.albums.suggestions_asked.emit()
    assert room.proposals.isVisible()
    eight.wait_for(lambda: any(text.endswith("%") for text in words(room.proposals)))
    QTest.keyClick(room.proposals, Qt.Key.Key_Escape)
    assert room.grid.isVisible()


def test_a_suggestion_is_an_album_after_one_click(eight: Opened) -> None:
    room = eight.window.room
    eight.window.sidebar.albums.suggestions_asked.emit()
    eight.session.albums.stop_proposing()
    album = Album(0, "Cats", key="cats")
    room.proposals.show_proposals([Suggestion(album, 240, 0.9, tuple(room.grid.photo_model.photos(0, 4)))])
    eight.wait_for(lambda: "around 240 photos" in words(room.proposals))
    room.proposals.proposals[0].take.click()
    eight.wait_for(lambda: shelf_names(eight) == ["Cats"])
    assert room.proposals.proposals == []
    assert library(eight).albums.find("cats").prompts


def test_albums_are_said_in_both_languages(eight: Opened) -> None:
    page = of_all(eight, "猫")
    choose(eight.window.room, 0)
    QTest.keyClick(eight.window.room.grid, Qt.Key.Key_X)
    eight.wait_for(lambda: page.photos.rowCount() == 7)
    eight.window.top.language_chosen.emit("zh_CN")
    eight.wait_for(lambda: "逐张确认" in words(page.header))
    latin = [text for text in words(page.header) if any(c.isascii() and c.isalpha() for c in text)]
    assert latin == []


def test_enter_makes_the_album_that_was_typed(eight: Opened) -> None:
    eight.window.albums.make_album()
    editor = eight.window.findChildren(AlbumEditor)[-1]
    QTest.keyClicks(editor.name, "Garden")
    QTest.keyClick(editor.name, Qt.Key.Key_Return)
    eight.wait_for(lambda: "Garden" in shelf_names(eight))


def test_a_rule_of_places_is_told_in_words() -> None:
    for language, said in (("en", ["Place known"]), ("zh_CN", ["有地点"])):
        speak(language)
        assert chips_of(Album(0, "away", rule=Rule(has_place="yes").filters())) == said
    speak("en")


def test_a_photo_is_put_into_an_album_from_wherever_it_is_seen(eight: Opened) -> None:
    of_all(eight)
    mine = make(eight, Draft(name="mine"))
    eight.wait_for(lambda: "Nothing is in this album yet" in words(eight.window.room))
    eight.window.room.show_all()
    photo = choose(eight.window.room, 3)
    menu = eight.window.albums.album_menu(eight.window.room.grid.chosen_photos)
    actions = {action.text(): action for action in menu.actions()}
    assert set(actions) == {"all of them", "mine"}
    actions["mine"].trigger()
    eight.wait_for(lambda: decisions(eight, "mine") == {photo: True})
    rows = eight.window.sidebar.albums.rows
    rows.album_asked.emit(rows.model().index(1, 0).data(SHELVED))
    eight.wait_for(lambda: mine.page is not None and photo in mine.page.bands[IN])
    menu.deleteLater()


def test_what_was_put_into_an_album_elsewhere_is_taken_back_there(eight: Opened) -> None:
    make(eight, Draft(name="mine"))
    eight.window.room.show_all()
    photo = choose(eight.window.room, 3)
    eight.session.albums.mark(library(eight).albums.find("mine").id, [photo], True)
    eight.wait_for(lambda: decisions(eight, "mine") == {photo: True})
    press_undo(eight)
    eight.wait_for(lambda: decisions(eight, "mine") == {})
