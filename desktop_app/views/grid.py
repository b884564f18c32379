"""The grid of photos and what a person does with it: open, select, say what they think of photos."""

from __future__ import annotations

from PySide6.QtCore import QModelIndex, QPoint, Qt, Signal
from PySide6.QtGui import QContextMenuEvent, QKeyEvent, QMouseEvent
from PySide6.QtWidgets import QWidget

from desktop_app.items.photo_model import PHOTO
from desktop_app.views.grid_view import GridView


class Grid(GridView):
    """Enter, Space or a double click opens a photo; letters and digits say something of the chosen ones."""

    opened = Signal(object)  # photo id
    back_asked = Signal()
    favourite_asked = Signal(object)  # list of photo ids
    rating_asked = Signal(object, int)  # list of photo ids, 0 to 5
    mark_asked = Signal(object, object)  # list of photo ids, whether they are accepted in the album
    why_asked = Signal(object)  # photo id
    menu_asked = Signal(QPoint)  # on the screen

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.doubleClicked.connect(self._open)

    @property
    def selected_photos(self) -> list[int]:
        return [index.data(PHOTO) for index in self.selectedIndexes()]

    @property
    def chosen_photos(self) -> list[int]:
        """The selected photos, in the order of the rows; where none is, the current one."""
        rows = sorted(index.row() for index in self.selectedIndexes())
        if not rows and self.currentIndex().isValid():
            rows = [self.currentIndex().row()]
        model = self.photo_model
        found = [model.photo(row) for row in rows] if model is not None else []
        return [photo for photo in found if photo is not None]

    def choose_after(self, photos: list[int]) -> None:
        """Make the photo after these the current and only chosen one; before them where there is none after."""
        model = self.photo_model
        if model is None or not photos:
            return
        those = set(photos)
        rows = [row for row, entry in enumerate(model.entries) if entry[0] in those]
        if not rows:
            return
        following = next((r for r in range(rows[-1], model.rowCount()) if model.photo(r) not in those), None)
        if following is None:
            following = next((r for r in range(rows[0], -1, -1) if model.photo(r) not in those), None)
        if following is not None:
            self.setCurrentIndex(model.index(following))

    def keyPressEvent(self, event: QKeyEvent) -> None:
        key, plain = event.key(), not event.modifiers() & Qt.KeyboardModifier.ControlModifier
        if key in (Qt.Key.Key_Return, Qt.Key.Key_Enter, Qt.Key.Key_Space) and plain:
            self.open_current()
        elif key == Qt.Key.Key_Escape:
            if len(self.selectedIndexes()) > 1:
                self.clearSelection()
            else:
                self.back_asked.emit()
        elif not (plain and self._say(key)):
            super().keyPressEvent(event)

    def _say(self, key: int) -> bool:
        """What a letter or digit says of the chosen photos; false for a key that says nothing."""
        if key == Qt.Key.Key_F:
            self.favourite_asked.emit(self.selected_photos)
        elif Qt.Key.Key_0 <= key <= Qt.Key.Key_5:
            self.rating_asked.emit(self.selected_photos, key - Qt.Key.Key_0)
        elif key in (Qt.Key.Key_A, Qt.Key.Key_X):
            self.mark_asked.emit(self.chosen_photos, key == Qt.Key.Key_A)
        elif key == Qt.Key.Key_W and self.currentIndex().isValid():
            self.why_asked.emit(self.currentIndex().data(PHOTO))
        else:
            return False
        return True

    def keyboardSearch(self, search: str) -> None:
        """Letters are keys of ours; looking for names would ask every row."""

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        super().mouseMoveEvent(event)
        self.viewport().update()

    def contextMenuEvent(self, event: QContextMenuEvent) -> None:
        self.menu_asked.emit(event.globalPos())

    def open_current(self) -> None:
        """Open the current photo, or the first visible one when none is current."""
        index = self.currentIndex()
        if not index.isValid() and self.model() is not None and self.model().rowCount():
            index = self.model().index(self.first_visible(), 0)
        if index.isValid():
            self._open(index)

    def _open(self, index: QModelIndex) -> None:
        self.opened.emit(index.data(PHOTO))
