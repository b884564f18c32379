"""A name: the word, what kind of thing it is, and other words for the same."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import Slot
from PySide6.QtWidgets import (
    QDialog,
    QGridLayout,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from core.errors import ShiguangError
from desktop_app.i18n import explain, tr
from desktop_app.items.album_draft import words_of
from desktop_app.workers.telling import Telling
from desktop_app.workers.telling_tasks import NewName

WIDTH_PX = 440


class NameEditor(QDialog):
    """Of a known name, or of a new one that `photos` show. Closes when it is stored; what is wrong is said in it."""

    def __init__(
        self, telling: Telling, new: NewName, photos: Sequence[int] = (), parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        self._telling, self._id, self._photos = telling, new.id, photos
        self.setWindowTitle(tr("Edit name") if new.id else tr("New name"))
        self.name, self.classes = QLineEdit(new.name), QLineEdit(", ".join(new.classes))
        self.aliases = QLineEdit(", ".join(new.aliases))
        self.error = QLabel()
        self.error.setObjectName("error")
        self.error.setWordWrap(True)
        self._save, self._leave = QPushButton(tr("Save")), QPushButton(tr("Cancel"))
        self._save.setObjectName("primary")
        self._save.setDefault(True)
        self._lay_out()
        self.name.textChanged.connect(self._take_change)
        self._save.clicked.connect(self._ask_save)
        self._leave.clicked.connect(self.reject)
        telling.named.connect(self._take_named)
        telling.not_named.connect(self._take_error)
        self._take_change()

    def _lay_out(self) -> None:
        self.name.setPlaceholderText(tr("e.g. Biscuit"))
        self.classes.setPlaceholderText(tr("e.g. dog; one word in each language helps"))
        self.aliases.setPlaceholderText(tr("between commas"))
        grid = QGridLayout()
        grid.setHorizontalSpacing(16)
        grid.setVerticalSpacing(8)
        for row, (words, field) in enumerate(
            (
                (tr("Name"), self.name),
                (tr("What it is"), self.classes),
                (tr("Also called"), self.aliases),
            )
        ):
            label = QLabel(words)
            label.setObjectName("secondary")
            label.setBuddy(field)
            field.setAccessibleName(words)
            grid.addWidget(label, row, 0)
            grid.addWidget(field, row, 1)
        about = QLabel(tr("{n} photos will show it.", n=len(self._photos)) if self._photos else "")
        about.setObjectName("secondary")
        buttons = QHBoxLayout()
        buttons.addWidget(about, 1)
        buttons.addWidget(self._leave)
        buttons.addWidget(self._save)
        column = QVBoxLayout(self)
        column.setContentsMargins(24, 24, 24, 16)
        column.setSpacing(12)
        column.addLayout(grid)
        column.addWidget(self.error)
        column.addLayout(buttons)
        self.setFixedWidth(WIDTH_PX)

    @property
    def new(self) -> NewName:
        """What the fields say now."""
        return NewName(
            self._id,
            self.name.text().strip(),
            words_of(self.classes.text().replace("/", ",")),
            words_of(self.aliases.text()),
        )

    @Slot()
    def _take_change(self) -> None:
        self.error.clear()
        self._save.setEnabled(bool(self.name.text().strip()))

    def _ask_save(self) -> None:
        self._save.setEnabled(False)
        if self._id:
            self._telling.change(self.new)
        else:
            self._telling.give(self.new, self._photos)

    @Slot(object)
    def _take_named(self, _name: object) -> None:
        self.accept()

    @Slot(object)
    def _take_error(self, error: ShiguangError) -> None:
        words = explain(error)
        self.error.setText(f"{words.what}\n{words.what_to_do}".strip())
        self._save.setEnabled(True)
        self.name.setFocus()
