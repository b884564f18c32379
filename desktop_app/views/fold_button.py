"""The button beside a section's heading that unfolds the section: a real one, so that the keyboard reaches it."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QPushButton, QWidget

from desktop_app.items.photo_model import Section
from desktop_app.views.shelves import Shelf


class FoldButton(QPushButton):
    """Lies on the grid and is moved along with the heading of its section."""

    asked = Signal(object)  # name of the section

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self._section: str | None = None
        self.setObjectName("link")
        self.hide()
        self.clicked.connect(self._ask)

    def belong_to(self, section: str | None, words: str) -> None:
        """Stand beside this section with these words; beside none when it is None."""
        self._section = section
        self.setText(words)
        self.adjustSize()

    def place(self, sections: Sequence[Section], shelves: Sequence[Shelf], top: int, right: int) -> None:
        """Move into the heading as it lies now. `top` is how far the grid is scrolled, `right` where the
        button ends; both in px."""
        keys = [section.key for section in sections]
        if self._section not in keys:
            self.hide()
            return
        shelf = shelves[keys.index(self._section)]
        heading_px = shelf.cells_top - shelf.top
        self.move(right - self.width(), shelf.top - top + (heading_px - self.height()) // 2)
        self.show()

    def _ask(self) -> None:
        self.asked.emit(self._section)
