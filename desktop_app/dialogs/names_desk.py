"""Between names, judged results and the window: the photos' menu, the dialogs, and the way back from each round."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Slot
from PySide6.QtWidgets import QMenu, QWidget

from desktop_app.dialogs.error_box import show_error
from desktop_app.dialogs.name_editor import NameEditor
from desktop_app.dialogs.names import NamesDialog
from desktop_app.i18n import tr
from desktop_app.session import Session
from desktop_app.undo import Said
from desktop_app.views.room import Room
from desktop_app.views.status_strip import StatusStrip
from desktop_app.workers.telling_tasks import Judged, NewName, Told

if TYPE_CHECKING:
    from core.errors import ShiguangError
    from core.library.names import Name


class NamesDesk(QObject):
    """Of one window."""

    def __init__(self, session: Session, room: Room, status: StatusStrip, window: QWidget) -> None:
        super().__init__(window)
        self._telling, self._cells = session.telling, session.small_cells
        self._room, self._status, self._window = room, status, window
        self._dialog: NamesDialog | None = None
        room.menu_filling.connect(self._add_actions)
        self._telling.told.connect(self._take_told)
        self._telling.judged.connect(self._take_judged)
        self._telling.refused.connect(self._show_error)

    # ---- the photos' menu

    @Slot(object, object)
    def _add_actions(self, menu: QMenu, photos: list[int]) -> None:
        menu.addMenu(self.name_menu(photos, menu))
        reading = self._room.reading
        for name in reading.names if reading is not None else ():
            words = tr("This is not {name}", name=_plain(name))
            menu.addAction(words, partial(self._telling.mark, name, dict.fromkeys(photos, False)))

    def name_menu(self, photos: list[int], parent: QWidget | None = None) -> QMenu:
        """The names that these photos can be shown for."""
        menu = QMenu(tr("This is…"), parent)
        for given in self._telling.shelf:
            mark = partial(self._telling.mark, given.name, dict.fromkeys(photos, True))
            menu.addAction(_plain(given.name), mark)
        if self._telling.shelf:
            menu.addSeparator()
        menu.addAction(tr("New name…"), partial(self._make, photos))
        return menu

    def _make(self, photos: list[int]) -> None:
        editor = NameEditor(self._telling, NewName(0, ""), photos, self._window)
        editor.finished.connect(editor.deleteLater)
        editor.open()

    # ---- the dialog

    @Slot()
    def show_dialog(self) -> None:
        """Open it, or bring the open one to the front."""
        if self._dialog is not None:
            self._dialog.activateWindow()
            return
        self._dialog = NamesDialog(self._telling, self._cells, self._window)
        self._dialog.finished.connect(self._let_go)
        self._dialog.open()

    def _let_go(self) -> None:
        if self._dialog is not None:
            self._dialog.deleteLater()
            self._dialog = None

    # ---- what was noted

    @Slot(object, object)
    def _take_told(self, told: Told, said: Said | None) -> None:
        if said is not None:
            self._status.offer_undo(told_words(told), said.take_back)

    @Slot(object, object)
    def _take_judged(self, judged: Judged, said: Said | None) -> None:
        if said is not None:
            self._room.offer_undo(judged_words(judged), said.take_back)

    @Slot(object)
    def _show_error(self, error: ShiguangError) -> None:
        show_error(error, self._window)


def told_words(told: Told) -> str:
    """Short enough for the status strip."""
    n, name, shows = len(told.marks), told.name.name, next(iter(told.marks.values()), None)
    if shows:
        return tr("{name}: {n} photos noted", name=name, n=n)
    if shows is False:
        return tr("Not {name}: {n} photos noted", name=name, n=n)
    return tr("{name}: {n} photos taken away", name=name, n=n)


def judged_words(judged: Judged) -> str:
    """ "Noted: 2 are it, 1 is not", of all that was judged for these words."""
    yes, no = tr("{n} are it", n=judged.yes), tr("{n} are not", n=judged.no)
    if not judged.no or not judged.yes:
        return tr("Noted: {what}", what=no if judged.no else yes) if judged.yes + judged.no else tr("Noted")
    return tr("Noted: {yes}, {no}", yes=yes, no=no)


def _plain(name: Name) -> str:
    """A menu takes & for the mark of a key."""
    return name.name.replace("&", "&&")
