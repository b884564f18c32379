"""Between the albums, the sidebar and the room: goes to albums, opens their dialogs, and asks before one is forgotten."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Qt, Signal, Slot
from PySide6.QtWidgets import QMenu, QWidget

from desktop_app.dialogs.album_editor import AlbumEditor
from desktop_app.dialogs.album_export import ExportDialog
from desktop_app.dialogs.album_why import WhyDialog
from desktop_app.dialogs.error_box import show_error
from desktop_app.dialogs.models import ask
from desktop_app.i18n import sentences, tr
from desktop_app.items.album_draft import Draft, Rule
from desktop_app.views.room import Room
from desktop_app.views.sidebar import Sidebar
from desktop_app.workers.albums import Curating

if TYPE_CHECKING:
    from core.albums import Album, Shelved
    from core.errors import ShiguangError
    from core.search.query import Reading


class AlbumsDesk(QObject):
    """Of one window."""

    left_question = Signal()  # an album or the suggestions are shown now, and no question

    def __init__(self, curating: Curating, sidebar: Sidebar, room: Room, window: QWidget) -> None:
        super().__init__(window)
        self._curating, self._sidebar, self._room, self._window = curating, sidebar, room, window
        shelf, album = sidebar.albums, room.album
        room.menu_filling.connect(self._add_actions)
        shelf.rows.album_asked.connect(self._go)
        shelf.rows.edit_asked.connect(self._edit)
        shelf.rows.export_asked.connect(self._export)
        shelf.rows.drop_asked.connect(self._ask_drop)
        shelf.new_asked.connect(self.make_album)
        shelf.suggestions_asked.connect(self.show_suggestions)
        room.went_to.connect(sidebar.show_place)
        room.album_asked.connect(self._make_of_question)
        room.empty.edit_asked.connect(self._edit_shown)
        room.proposals.wanted.connect(curating.take_proposal)
        album.header.edit_asked.connect(self._edit_shown)
        album.why_asked.connect(self._ask_why)
        curating.shelved.connect(shelf.show_shelf)
        curating.proposing.connect(room.proposals.show_progress)
        curating.proposed.connect(room.proposals.show_proposals)
        curating.took.connect(self._take_taken)
        curating.dropped.connect(self._take_dropped)
        curating.refused.connect(self._show_error)

    # ---- places

    @Slot(object)
    def _go(self, shelved: Shelved) -> None:
        self._show(shelved.album)

    def _show(self, album: Album) -> None:
        self.left_question.emit()
        self._room.show_album(album)

    @Slot()
    def show_suggestions(self) -> None:
        self.left_question.emit()
        self._room.show_suggestions()
        self._curating.propose()

    @Slot(object, object)
    def _add_actions(self, menu: QMenu, photos: list[int]) -> None:
        """Photos are put into an album from outside; inside one its page has marks."""
        if self._room.album.album is None and self._curating.shelf:
            menu.addMenu(self.album_menu(photos, menu))

    def album_menu(self, photos: Sequence[int], parent: QWidget | None = None) -> QMenu:
        """The albums that these photos can be put into."""
        menu = QMenu(tr("Put into album"), parent)
        for shelved in self._curating.shelf:
            number = shelved.album.id
            menu.addAction(
                shelved.album.name.replace("&", "&&"),
                partial(self._curating.mark, number, photos, True),
            )
        return menu

    # ---- dialogs

    @Slot()
    def make_album(self) -> None:
        self._open_editor(Draft())

    @Slot(object)
    def _make_of_question(self, reading: Reading) -> None:
        """An album that is asked by the words of a search."""
        prompts = (reading.meaning,) if reading.meaning else ()
        name = reading.meaning or " ".join(reading.chips)
        self._open_editor(Draft(0, name, prompts, tuple(reading.unlike), rule=Rule.of(reading.filters)))

    @Slot(object)
    def _edit(self, shelved: Shelved) -> None:
        self._open_editor(Draft.of(shelved.album))

    @Slot()
    def _edit_shown(self) -> None:
        shown = next((each for each in self._curating.shelf if each.album.id == self._room.album.album), None)
        if shown is not None:
            self._edit(shown)

    def _open_editor(self, draft: Draft) -> None:
        albums = [each.album for each in self._curating.shelf]
        editor = AlbumEditor(self._curating, draft, albums, self._window)
        editor.accepted.connect(self._take_made)
        editor.finished.connect(editor.deleteLater)
        editor.open()

    def _take_made(self) -> None:
        editor = self.sender()
        if isinstance(editor, AlbumEditor) and editor.made is not None:
            self._show(editor.made)

    @Slot(object)
    def _export(self, shelved: Shelved) -> None:
        dialog = ExportDialog(self._curating, shelved.album, self._window)
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        dialog.show()

    @Slot(object)
    def _ask_drop(self, shelved: Shelved) -> None:
        marks = shelved.accepted + shelved.rejected
        box = ask(
            tr("Forget the album {name}?", name=shelved.album.name),
            sentences(
                tr("Your photos stay."), tr("{n} marks in it are forgotten, too.", n=marks) if marks else ""
            ),
            tr("Forget it"),
            self._window,
        )
        box.accepted.connect(lambda: self._curating.drop(shelved.album.id))

    @Slot(object, object)
    def _ask_why(self, album: int, photo: int) -> None:
        dialog = WhyDialog(photo, self._window)
        self._curating.reasoned.connect(dialog.take_reason)
        dialog.finished.connect(dialog.deleteLater)
        dialog.open()
        self._curating.reason(album, photo)

    # ---- what comes back

    @Slot(object)
    def _take_taken(self, album: Album) -> None:
        self._room.proposals.take_away(album.key)

    @Slot(object)
    def _take_dropped(self, album: int) -> None:
        if self._room.album.album == album:
            self._room.show_all()

    @Slot(object)
    def _show_error(self, error: ShiguangError) -> None:
        show_error(error, self._window)
