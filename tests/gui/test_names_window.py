"""Names and judged results in the window, on the real core and small real photos."""

from __future__ import annotations

import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QAction
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QMenu, QMessageBox

from core.finetuning import Outlook
from core.library.judgements import judged
from core.search.judging import said_of
from core.search.query import Query
from desktop_app.dialogs.name_editor import NameEditor
from desktop_app.dialogs.names import NamesDialog
from desktop_app.dialogs.training_words import counts_words
from desktop_app.items.photo_model import PHOTO
from tests.gui.albums_at_work import Photos, choose, library, press_undo, with_eight
from tests.gui.conftest import LONG_MS, Opened
from tests.gui.test_window import words


@pytest.fixture
def eight(opened: Opened, photos: Photos) -> Opened:
    return with_eight(opened, photos)


def ask(opened: Opened, text: str, shown: int = 8) -> None:
    """Ask, and see that many photos: the file names answer, whatever the pictures are."""
    with opened.qtbot.waitSignal(opened.session.asking.answered, timeout=LONG_MS):
        opened.window.top.search.setText(text)
    opened.wait_for(lambda: opened.window.room.answer.photos.rowCount() == shown)


def menu_of(opened: Opened) -> dict[str, QAction]:
    """The photos' menu, by words; what stands in its submenus, too."""
    menu = opened.window.room.photo_menu()
    assert menu is not None
    menus = [menu, *menu.findChildren(QMenu)]
    opened.qtbot.addWidget(menu)
    return {action.text().partition("\t")[0]: action for each in menus for action in each.actions()}


def give(opened: Opened, name: str, classes: str = "", aliases: str = "") -> None:
    """The chosen photos get a new name, through their menu and the editor."""
    menu_of(opened)["New name…"].trigger()
    editor = opened.window.findChildren(NameEditor)[-1]
    editor.name.setText(name)
    editor.classes.setText(classes)
    editor.aliases.setText(aliases)
    editor._save.click()
    opened.wait_for(lambda: name in names(opened))


def names(opened: Opened) -> list[str]:
    return [given.name.name for given in opened.session.telling.shelf]


def marks(opened: Opened, name: str) -> dict[int, bool]:
    return library(opened).names.examples(library(opened).names.find(name))


def judgements(opened: Opened, text: str) -> dict[int, bool]:
    return judged(library(opened).database.reader(), text)


# ---- names


def test_chosen_photos_get_a_new_name_with_what_it_is_and_ctrl_z_takes_it_back(eight: Opened) -> None:
    photo = choose(eight.window.room, 2)
    give(eight, "豆豆", "dog / 狗", "Biscuit, 小豆")
    name = library(eight).names.find("biscuit")
    assert (name.name, name.classes, name.aliases) == ("豆豆", ("dog", "狗"), ("Biscuit", "小豆"))
    assert marks(eight, "豆豆") == {photo: True}
    assert "豆豆: 1 photo noted" in words(eight.window.sidebar)
    press_undo(eight)
    eight.wait_for(lambda: names(eight) == [])


def test_more_photos_are_given_a_known_name_and_the_link_takes_them_back(eight: Opened) -> None:
    first = choose(eight.window.room, 0)
    give(eight, "豆豆 & co")
    second = choose(eight.window.room, 1)
    with eight.qtbot.waitSignal(eight.session.telling.told, timeout=LONG_MS):
        menu_of(eight)["豆豆 && co"].trigger()
    assert marks(eight, "豆豆 & co") == {first: True, second: True}
    eight.window.sidebar.status._link.click()
    eight.wait_for(lambda: marks(eight, "豆豆 & co") == {first: True})


def test_a_question_with_a_name_offers_that_a_photo_is_not_it(eight: Opened) -> None:
    choose(eight.window.room, 0)
    assert not [text for text in menu_of(eight) if text.startswith("This is not")]
    give(eight, "photo")
    ask(eight, "photo")
    other = choose(eight.window.room, 4)
    menu_of(eight)["This is not photo"].trigger()
    eight.wait_for(lambda: marks(eight, "photo").get(other) is False)


def test_a_taken_name_is_said_in_the_editor(eight: Opened) -> None:
    choose(eight.window.room, 0)
    give(eight, "豆豆")
    choose(eight.window.room, 1)
    menu_of(eight)["New name…"].trigger()
    editor = eight.window.findChildren(NameEditor)[-1]
    editor.name.setText("Bob")
    editor.aliases.setText("豆豆")
    editor._save.click()
    eight.wait_for(lambda: "There is a name" in editor.error.text())
    assert editor.isVisible()
    editor.reject()
    assert names(eight) == ["豆豆"]


# ---- results


def test_a_and_x_say_what_was_searched_for_and_the_others_stay_where_they_are(eight: Opened) -> None:
    room = eight.window.room
    ask(eight, "photo")
    before = room.answer.photos.photos(0, 8)
    choose(room, 1)
    QTest.keyClick(room.grid, Qt.Key.Key_A)
    QTest.keyClick(room.grid, Qt.Key.Key_X)
    assert room.grid._decisions == {before[1]: True, before[2]: False}
    eight.wait_for(lambda: "Noted: 1 is it, 1 is not" in words(room))
    eight.wait_for(lambda: room.answer.photos.rowCount() == 7)
    assert room.answer.photos.photos(0, 8) == [before[0], before[1], *before[3:]]
    assert room.grid.currentIndex().data(PHOTO) == before[3]
    assert judgements(eight, "photo") == {before[1]: True, before[2]: False}
    assert [each.title for each in room.answer.photos.sections if each.title][-1] == "You said: not it"
    press_undo(eight)
    eight.wait_for(lambda: room.answer.photos.photos(0, 8) == before)
    press_undo(eight)
    eight.wait_for(lambda: judgements(eight, "photo") == {})


def test_what_is_not_it_is_folded_and_can_be_looked_at_and_undecided_again(eight: Opened) -> None:
    room = eight.window.room
    ask(eight, "photo")
    photo = choose(room, 0)
    menu_of(eight)["This is not it"].trigger()
    eight.wait_for(lambda: room.answer.photos.rowCount() == 7)
    room.grid.unfold_asked.emit("not it")
    assert room.answer.photos.photos(0, 8)[-1] == photo
    choose(room, 7)
    menu_of(eight)["Undecided again"].trigger()
    eight.wait_for(lambda: judgements(eight, "photo") == {})
    eight.wait_for(lambda: room.answer.photos.sections[-1].title == "")


def test_nothing_is_said_of_photos_where_no_words_were_asked(eight: Opened) -> None:
    room = eight.window.room
    choose(room, 0)
    assert "This is it" not in menu_of(eight)
    QTest.keyClick(room.grid, Qt.Key.Key_A)
    assert room.grid._decisions == {}


def test_what_was_judged_is_said_of_the_photos_that_pass_the_filters(eight: Opened) -> None:
    first, second = library(eight).timeline()[0][0], library(eight).timeline()[1][0]
    library(eight).set_favourite(first, True)
    reading = library(eight).judge_result("snow", [first, second], False)
    assert said_of(library(eight).database, reading) == {first: False, second: False}
    asked = library(eight).search(Query("snow", filters="favourite:yes")).reading
    assert said_of(library(eight).database, asked) == {first: False}


# ---- the dialog


def names_dialog(opened: Opened) -> NamesDialog:
    opened.window.names.show_dialog()
    return opened.window.findChildren(NamesDialog)[-1]


def test_without_names_the_dialog_says_how_to_begin(eight: Opened) -> None:
    dialog = names_dialog(eight)
    assert dialog.empty.isVisible() and "right-click" in dialog.empty.text()
    dialog.reject()


def test_the_dialog_shows_a_name_and_takes_a_photo_away_edits_and_forgets(eight: Opened) -> None:
    room = eight.window.room
    first = choose(room, 0)
    QTest.keyClick(room.grid, Qt.Key.Key_Right, Qt.KeyboardModifier.ShiftModifier)
    give(eight, "豆豆", "dog", "Biscuit")
    dialog = names_dialog(eight)
    eight.wait_for(lambda: dialog.photos.rowCount() == 2)
    assert {"豆豆", "dog · also called Biscuit", "2 photos show it"} <= set(words(dialog))
    dialog.grid.setCurrentIndex(dialog.photos.index(dialog.photos.row_of(first)))
    dialog.activateWindow()
    dialog.grid.setFocus()
    eight.wait_for(dialog.grid.hasFocus)
    QTest.keyClick(dialog.grid, Qt.Key.Key_Delete)
    eight.wait_for(lambda: dialog.photos.rowCount() == 1 and "1 photo shows it" in words(dialog))
    dialog.edit.click()
    editor = dialog.findChildren(NameEditor)[-1]
    editor.name.setText("包子")
    editor._save.click()
    eight.wait_for(lambda: names(eight) == ["包子"] and "包子" in words(dialog))
    dialog.forget.click()
    box = dialog.findChildren(QMessageBox)[-1]
    assert "包子" in box.text()
    box.accept()
    eight.wait_for(lambda: names(eight) == [] and dialog.empty.isVisible())
    dialog.reject()


def test_a_photo_that_is_taken_away_leaves_the_owner_where_they_were(eight: Opened) -> None:
    choose(eight.window.room, 0)
    eight.window.room.grid.selectAll()
    give(eight, "豆豆")
    dialog = names_dialog(eight)
    eight.wait_for(lambda: dialog.photos.rowCount() == 8)
    following = dialog.photos.photo(5)
    dialog.grid.setCurrentIndex(dialog.photos.index(4))
    dialog._take_away()
    eight.wait_for(lambda: dialog.photos.rowCount() == 7)
    assert dialog.grid.chosen_photos == [following]
    dialog.reject()


def test_enter_stores_the_name_that_was_typed(eight: Opened) -> None:
    choose(eight.window.room, 0)
    menu_of(eight)["New name…"].trigger()
    editor = eight.window.findChildren(NameEditor)[-1]
    QTest.keyClicks(editor.name, "Biscuit")
    QTest.keyClick(editor.name, Qt.Key.Key_Return)
    eight.wait_for(lambda: names(eight) == ["Biscuit"])


def test_what_would_be_learned_from_counts_names_and_judged_results(english: None) -> None:
    counts = dict.fromkeys(("captions", "album decisions", "rejections", "held out"), 0)
    counts |= {"names": 3, "judged results": 1, "photos": 4, "folders": 2, "keywords": 1}
    outlook = Outlook(counts, 0, (), {}, ("folders",), (), "", 0, "", trained=None)
    said = "3 uses of names · 1 judged result · 2 words of folders · 1 keyword · about 4 photos"
    assert counts_words(outlook) == said


def test_a_mark_of_a_forgotten_name_cannot_be_taken_back_and_that_is_said(eight: Opened) -> None:
    choose(eight.window.room, 0)
    give(eight, "豆豆")
    name = library(eight).names.find("豆豆")
    library(eight).names.drop(name)
    with eight.qtbot.waitSignal(eight.session.telling.refused, timeout=LONG_MS) as refused:
        eight.session.telling.mark(name, {1: True})
    assert "any more" in str(refused.args[0])
    eight.wait_for(lambda: bool(eight.window.findChildren(QMessageBox)))
    eight.window.findChildren(QMessageBox)[-1].reject()
