"""The albums in the sidebar: each with its count, below its parent; a new one, and where to find suggestions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from PySide6.QtCore import QEvent, QModelIndex, QPoint, QSize, Qt, Signal
from PySide6.QtGui import QKeyEvent
from PySide6.QtWidgets import (
    QAbstractItemView,
    QHBoxLayout,
    QLabel,
    QListView,
    QMenu,
    QPushButton,
    QSizePolicy,
    QVBoxLayout,
    QWidget,
)

from desktop_app.i18n import tr
from desktop_app.items.album_list import ROW_PX, SHELVED, AlbumDelegate, AlbumList
from desktop_app.theme.icons import IconButton

if TYPE_CHECKING:
    from core.albums import Shelved

PAD = 8
# With more albums than this the list scrolls, so that the folders below keep their place.
LEAST_ROWS = 3


class AlbumRows(QListView):
    """As high as its rows where there is room. Enter or a click goes to an album, Delete forgets it."""

    album_asked = Signal(object)  # Shelved
    edit_asked = Signal(object)  # Shelved
    export_asked = Signal(object)  # Shelved
    drop_asked = Signal(object)  # Shelved

    def __init__(self, rows: AlbumList, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._rows = rows
        self._row_delegate = AlbumDelegate()
        self.setItemDelegate(self._row_delegate)
        self.setModel(rows)
        self.setUniformItemSizes(True)
        self.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setMouseTracking(True)
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Maximum)
        self.setContextMenuPolicy(Qt.ContextMenuPolicy.CustomContextMenu)
        self.customContextMenuRequested.connect(self._show_menu)
        self.clicked.connect(self._go)
        rows.modelReset.connect(self.updateGeometry)

    def sizeHint(self) -> QSize:
        return QSize(160, ROW_PX * self._rows.rowCount() + 2)

    def minimumSizeHint(self) -> QSize:
        return QSize(64, ROW_PX * min(self._rows.rowCount(), LEAST_ROWS) + 2)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        index = self.currentIndex()
        if index.isValid() and event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter, Qt.Key.Key_Space):
            self._go(index)
        elif index.isValid() and event.key() in (Qt.Key.Key_Delete, Qt.Key.Key_Backspace):
            self.drop_asked.emit(index.data(SHELVED))
        else:
            super().keyPressEvent(event)

    def _go(self, index: QModelIndex) -> None:
        self.album_asked.emit(index.data(SHELVED))

    def _show_menu(self, point: QPoint) -> None:
        index = self.indexAt(point)
        if not index.isValid():
            return
        shelved = index.data(SHELVED)
        menu = QMenu(self)
        menu.addAction(tr("Edit…"), lambda: self.edit_asked.emit(shelved))
        menu.addAction(tr("Export…"), lambda: self.export_asked.emit(shelved))
        menu.addSeparator()
        menu.addAction(tr("Forget this album…"), lambda: self.drop_asked.emit(shelved))
        menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        menu.popup(self.viewport().mapToGlobal(point))


class AlbumShelf(QWidget):
    """One place of the sidebar: at most one album is the current one."""

    new_asked = Signal()
    suggestions_asked = Signal()

    def __init__(self, suggestions: QPushButton, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._rows = AlbumList(self)
        self.rows = AlbumRows(self._rows)
        self._current: int | None = None
        self._title = QLabel()
        self._title.setObjectName("section")
        self._add = IconButton("plus")
        self._add.clicked.connect(self.new_asked)
        self._empty = QLabel()
        self._empty.setObjectName("secondary")
        self._empty.setWordWrap(True)
        self._empty.setContentsMargins(PAD, 0, PAD, 4)
        self._make = QPushButton()
        self._make.clicked.connect(self.new_asked)
        suggestions.clicked.connect(self.suggestions_asked)
        heading = QHBoxLayout()
        heading.setContentsMargins(PAD, 12, 0, 4)
        heading.addWidget(self._title, 1)
        heading.addWidget(self._add)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(2)
        column.addLayout(heading)
        column.addWidget(self.rows, 1)
        column.addWidget(self._empty)
        column.addWidget(self._make)
        column.addWidget(suggestions)
        self.show_shelf([])
        self._say()

    def show_shelf(self, shelf: Sequence[Shelved]) -> None:
        self._rows.show_shelf(shelf)
        for widget in (self._empty, self._make):
            widget.setVisible(not shelf)
        self.rows.setVisible(bool(shelf))
        self._add.setVisible(bool(shelf))
        self.show_current(self._current)

    def show_current(self, album: int | None) -> None:
        """Which album is shown beside; None where something else is."""
        self._current = album
        row = self._rows.row_of(album) if album is not None else None
        if row is None:
            self.rows.selectionModel().clear()
        elif self.rows.currentIndex().row() != row or not self.rows.selectionModel().hasSelection():
            self.rows.setCurrentIndex(self._rows.index(row))

    def _say(self) -> None:
        self._title.setText(tr("Albums"))
        self.rows.setAccessibleName(tr("Albums"))
        self._add.say(tr("New album"))
        self._empty.setText(tr("Albums fill themselves with what you name."))
        self._make.setText(tr("New album"))

    def changeEvent(self, event: QEvent) -> None:
        if event.type() == QEvent.Type.LanguageChange:
            self._say()
        super().changeEvent(event)
