"""The names: what kind of thing each is, what else it is called, and the photos that show it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from PySide6.QtCore import QSize, Qt, Slot
from PySide6.QtGui import QKeySequence, QShortcut
from PySide6.QtWidgets import (
    QDialog,
    QHBoxLayout,
    QLabel,
    QListWidget,
    QListWidgetItem,
    QMessageBox,
    QPushButton,
    QStackedWidget,
    QVBoxLayout,
    QWidget,
)

from desktop_app.dialogs.models import ask
from desktop_app.dialogs.name_editor import NameEditor
from desktop_app.i18n import tr
from desktop_app.items.band_photos import BandPhotos
from desktop_app.items.cells import Cells
from desktop_app.views.elided_label import ElidedLabel
from desktop_app.views.grid import Grid
from desktop_app.views.grid_view import MARGIN
from desktop_app.workers.telling import Telling
from desktop_app.workers.telling_tasks import Examples, NewName

if TYPE_CHECKING:
    from core.albums.naming import Given
    from core.library.names import Name

LIST_PX, ROW_PX, CELL_PX = 200, 30, 96
WIDTH_PX, HEIGHT_PX = 760, 540
# Bands of a name's photos.
SHOWN, NOT_SHOWN = "shown", "not shown"
GIVEN = Qt.ItemDataRole.UserRole


class NamePhotos(BandPhotos):
    """The photos of one name; those that show it need no heading."""

    def _title(self, band: str) -> str:
        return tr("Does not show it") if band == NOT_SHOWN else ""


class NamesDialog(QDialog):
    """Opened empty; filled as soon as the names are listed."""

    def __init__(self, telling: Telling, cells: Cells, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._telling = telling
        self._shown: int | None = None
        self.setWindowTitle(tr("Names"))
        self.resize(WIDTH_PX, HEIGHT_PX)
        self.list = QListWidget()
        self.list.setFixedWidth(LIST_PX)
        self.list.setAccessibleName(tr("Names"))
        self.photos = NamePhotos(cells, self)
        self.grid = Grid()
        self.grid.set_cell_px(CELL_PX)
        self.grid.show_model(self.photos)
        self.grid.setAccessibleName(tr("Photos"))
        self._name, self._kind, self._counts = ElidedLabel(), ElidedLabel(), QLabel()
        self._name.setObjectName("header")
        for label in (self._kind, self._counts):
            label.setObjectName("secondary")
        self.empty = QLabel(
            tr("Select photos of somebody or something dear to you, right-click, and choose “This is…”.")
        )
        self.empty.setObjectName("empty-line")
        self.empty.setWordWrap(True)
        self.empty.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self.take_away = QPushButton(tr("Take away"))
        self.edit, self.forget = QPushButton(tr("Edit…")), QPushButton(tr("Forget…"))
        self._close = QPushButton(tr("Close"))
        # Enter in the list takes nothing away.
        for button in (self.take_away, self.edit, self.forget):
            button.setAutoDefault(False)
        self._close.setDefault(True)
        self._pages = QStackedWidget()
        self._lay_out()
        self._connect()
        self._take_shelf(telling.shelf)
        telling.list_again()
        self.list.setFocus()

    def _lay_out(self) -> None:
        page = QWidget()
        head = QVBoxLayout()
        head.setContentsMargins(MARGIN, 0, MARGIN, 0)
        head.setSpacing(4)
        for label in (self._name, self._kind, self._counts):
            head.addWidget(label)
        tools = QHBoxLayout()
        tools.setContentsMargins(MARGIN, 0, 0, 0)
        tools.setSpacing(8)
        tools.addWidget(self.take_away)
        tools.addStretch(1)
        tools.addWidget(self.edit)
        tools.addWidget(self.forget)
        column = QVBoxLayout(page)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        column.addLayout(head)
        column.addWidget(self.grid, 1)
        column.addSpacing(8)
        column.addLayout(tools)
        names = QWidget()
        sides = QHBoxLayout(names)
        sides.setContentsMargins(0, 0, 0, 0)
        sides.setSpacing(8)
        sides.addWidget(self.list)
        sides.addWidget(page, 1)
        self._pages.addWidget(names)
        self._pages.addWidget(self.empty)
        column = QVBoxLayout(self)
        column.setContentsMargins(24, 24, 24, 16)
        column.setSpacing(16)
        column.addWidget(self._pages, 1)
        column.addWidget(self._close, 0, Qt.AlignmentFlag.AlignRight)

    def _connect(self) -> None:
        telling = self._telling
        telling.shelved.connect(self._take_shelf)
        telling.looked.connect(self._take_examples)
        self.list.currentItemChanged.connect(self._choose)
        self.grid.mark_asked.connect(self._mark)
        self.grid.back_asked.connect(self.reject)
        self.take_away.clicked.connect(self._take_away)
        self.edit.clicked.connect(self._edit)
        self.forget.clicked.connect(self._ask_forget)
        self._close.clicked.connect(self.accept)
        remove = QShortcut(QKeySequence.StandardKey.Delete, self.grid)
        remove.setContext(Qt.ShortcutContext.WidgetShortcut)
        remove.activated.connect(self._take_away)

    # ---- what it shows

    @property
    def chosen(self) -> Given | None:
        item = self.list.currentItem()
        return item.data(GIVEN) if item is not None else None

    @Slot(object)
    def _take_shelf(self, shelf: Sequence[Given]) -> None:
        """The names anew; the one that was looked at stays the current one."""
        before = self.chosen
        self.list.blockSignals(True)
        self.list.clear()
        for given in shelf:
            item = QListWidgetItem(given.name.name)
            item.setToolTip(given.name.name)
            item.setSizeHint(QSize(0, ROW_PX))
            item.setData(GIVEN, given)
            self.list.addItem(item)
        rows = [i for i, given in enumerate(shelf) if before and given.name.id == before.name.id]
        self.list.setCurrentRow(rows[0] if rows else 0)
        self.list.blockSignals(False)
        self._pages.setCurrentIndex(0 if shelf else 1)
        self._choose()

    @Slot()
    def _choose(self) -> None:
        given = self.chosen
        if given is None:
            return
        self._name.show_words(given.name.name)
        self._kind.show_words(kind_words(given.name))
        self._counts.setText(counts_words(given))
        self._telling.look(given.name)

    @Slot(object)
    def _take_examples(self, examples: Examples) -> None:
        given = self.chosen
        if given is None or examples.name.id != given.name.id:
            return
        bands = {
            SHOWN: [photo for photo, shows in examples.marks.items() if shows],
            NOT_SHOWN: [photo for photo, shows in examples.marks.items() if not shows],
        }
        self.grid.show_decisions(examples.marks)
        if examples.name.id == self._shown:
            self.photos.take_bands(bands, ())  # where the owner was goes on
            return
        self._shown = examples.name.id
        self.photos.begin_bands(bands, ())
        if self.photos.rowCount():
            self.grid.setCurrentIndex(self.photos.index(0))

    # ---- what the owner says

    @Slot(object, object)
    def _mark(self, photos: list[int], shows: bool | None) -> None:
        if self.chosen is not None and photos:
            self.grid.choose_after(photos)
            self._telling.mark(self.chosen.name, dict.fromkeys(photos, shows))

    @Slot()
    def _take_away(self) -> None:
        """Nothing is said of the chosen photos any more."""
        self._mark(self.grid.chosen_photos, None)

    @Slot()
    def _edit(self) -> None:
        if self.chosen is None:
            return
        name = self.chosen.name
        editor = NameEditor(
            self._telling, NewName(name.id, name.name, name.classes, name.aliases), parent=self
        )
        editor.finished.connect(editor.deleteLater)
        editor.open()

    @Slot()
    def _ask_forget(self) -> QMessageBox | None:
        if self.chosen is None:
            return None
        name = self.chosen.name
        box = ask(
            tr("Forget the name {name}?", name=name.name),
            tr("Your photos stay. What was said of them for this name is forgotten."),
            tr("Forget it"),
            self,
        )
        box.accepted.connect(lambda: self._telling.drop(name))
        return box


def kind_words(name: Name) -> str:
    """ "dog, 狗 · also called Bis"; what was not given is left out."""
    also = tr("also called {names}", names=", ".join(name.aliases)) if name.aliases else ""
    return " · ".join(part for part in (", ".join(name.classes), also) if part)


def counts_words(given: Given) -> str:
    shown = tr("{n} photos show it", n=given.shown)
    return f"{shown} · {tr('{n} do not', n=given.not_shown)}" if given.not_shown else shown
