"""An album's definition: name, words in either language, names it goes by, parent and rule, with a live count."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from PySide6.QtCore import Qt, QTimer, Slot
from PySide6.QtWidgets import (
    QCheckBox,
    QDialog,
    QGridLayout,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QPlainTextEdit,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from desktop_app.i18n import explain, number, tr
from desktop_app.items.album_draft import Draft, Rule, is_date, lines_of, without_below, words_of
from desktop_app.views.choice_box import ChoiceBox
from desktop_app.workers.albums import Curating
from desktop_app.workers.worker import Done, End, Failed, Worker

if TYPE_CHECKING:
    from core.albums import Album

# The count is worked out when the typing pauses.
PREVIEW_MS = 500
PROMPTS_PX, UNLIKE_PX = 92, 56
RATINGS = 5


class AlbumEditor(QDialog):
    """Edits a Draft and saves it. `made` is the album once it is saved."""

    def __init__(
        self, curating: Curating, draft: Draft, albums: Sequence[Album], parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        self._curating, self._draft, self._albums = curating, draft, albums
        self._previewing: Worker | None = None
        self.made: Album | None = None
        self.setWindowTitle(tr("Edit album") if draft.album else tr("New album"))
        self.name, self.aliases = QLineEdit(draft.name), QLineEdit(", ".join(draft.aliases))
        self.prompts, self.unlike = (
            QPlainTextEdit("\n".join(draft.prompts)),
            QPlainTextEdit("\n".join(draft.unlike)),
        )
        self.parents, self.one_of = ChoiceBox(), QCheckBox(tr("A photo is in one album below it at most"))
        self.first, self.last = QLineEdit(draft.rule.first), QLineEdit(draft.rule.last)
        self.folder, self.camera = QLineEdit(draft.rule.folder), QLineEdit(draft.rule.camera)
        self.rating, self.place = ChoiceBox(), ChoiceBox()
        self.count, self.error = QLabel(), QLabel()
        self._save, self._leave = QPushButton(tr("Save") if draft.album else tr("Make")), QPushButton()
        self._save.setDefault(True)
        self._soon = QTimer(self)
        self._soon.setSingleShot(True)
        self._soon.setInterval(PREVIEW_MS)
        self._fill()
        self._lay_out()
        self._connect()
        self._take_change()

    def _fill(self) -> None:
        draft = self._draft
        self.one_of.setChecked(draft.one_of)
        self.parents.addItem(tr("None"), None)
        for album in without_below(self._albums, draft.album):
            self.parents.addItem(album.name, album.id)
        self.parents.setCurrentIndex(max(0, self.parents.findData(draft.parent)))
        self.rating.addItem(tr("Any"), "")
        for stars in range(1, RATINGS + 1):
            self.rating.addItem("★" * stars, str(stars))
        self.rating.setCurrentIndex(max(0, self.rating.findData(draft.rule.rating)))
        for words, value in ((tr("Any"), ""), (tr("Known"), "yes"), (tr("Not known"), "no")):
            self.place.addItem(words, value)
        self.place.setCurrentIndex(max(0, self.place.findData(draft.rule.has_place)))
        for field in (self.first, self.last):
            field.setPlaceholderText("2019-07")
        self.prompts.setPlaceholderText(tr("What is in its photos, one a line"))
        for box in (self.prompts, self.unlike):
            box.setTabChangesFocus(True)
        self.count.setObjectName("secondary")
        self.error.setObjectName("error")
        self.error.setWordWrap(True)
        # Room for what happened and what to do, so that nothing moves when it is said.
        self.error.setMinimumHeight(2 * self.error.fontMetrics().lineSpacing() + 4)
        self._save.setObjectName("primary")
        self._leave.setText(tr("Cancel"))

    def _lay_out(self) -> None:
        self.prompts.setFixedHeight(PROMPTS_PX)
        self.unlike.setFixedHeight(UNLIKE_PX)
        grid = QGridLayout()
        grid.setHorizontalSpacing(12)
        grid.setVerticalSpacing(8)
        grid.setColumnStretch(1, 1)
        grid.setColumnStretch(3, 1)
        wide = (
            (tr("Name"), self.name),
            (tr("Words"), self.prompts),
            (tr("Not like"), self.unlike),
            (tr("Also called"), self.aliases),
            (tr("Below"), self.parents),
        )
        for row, (words, field) in enumerate(wide):
            top = Qt.AlignmentFlag.AlignTop if isinstance(field, QPlainTextEdit) else Qt.AlignmentFlag(0)
            self._add_label(grid, words, field, row, 0, top)
            grid.addWidget(field, row, 1, 1, 3)
        grid.addWidget(self.one_of, len(wide), 1, 1, 3)
        pairs = (
            ((tr("From"), self.first), (tr("To"), self.last)),
            ((tr("Folder"), self.folder), (tr("Camera"), self.camera)),
            ((tr("Rating at least"), self.rating), (tr("Place"), self.place)),
        )
        for row, pair in enumerate(pairs, len(wide) + 1):
            for column, (words, field) in enumerate(pair):
                self._add_label(grid, words, field, row, 2 * column, Qt.AlignmentFlag(0))
                grid.addWidget(field, row, 2 * column + 1)
        buttons = QHBoxLayout()
        buttons.addWidget(self.count, 1)
        buttons.addWidget(self._leave)
        buttons.addWidget(self._save)
        column = QVBoxLayout(self)
        column.setContentsMargins(24, 24, 24, 16)
        column.setSpacing(12)
        column.addLayout(grid)
        column.addWidget(self.error)
        column.addLayout(buttons)
        self.setFixedWidth(560)

    @staticmethod
    def _add_label(
        grid: QGridLayout, words: str, field: QWidget, row: int, column: int, where: Qt.AlignmentFlag
    ) -> None:
        label = QLabel(words)
        label.setObjectName("secondary")
        label.setBuddy(field)
        field.setAccessibleName(words)
        grid.addWidget(label, row, column, where)

    def _connect(self) -> None:
        for line in (self.name, self.aliases, self.first, self.last, self.folder, self.camera):
            line.textChanged.connect(self._take_change)
        for box in (self.prompts, self.unlike):
            box.textChanged.connect(self._take_change)
        for choice in (self.parents, self.rating, self.place):
            choice.currentIndexChanged.connect(self._take_change)
        self.one_of.toggled.connect(self._take_change)
        self._soon.timeout.connect(self._preview)
        self._save.clicked.connect(self._ask_save)
        self._leave.clicked.connect(self.reject)

    # ---- what it says

    @property
    def draft(self) -> Draft:
        """What the fields say now."""
        rule = Rule(
            self.first.text().strip(),
            self.last.text().strip(),
            self.folder.text().strip(),
            self.camera.text().strip(),
            self.rating.currentData(),
            self.place.currentData(),
            self._draft.rule.others,
        )
        return replace(
            self._draft,
            name=self.name.text().strip(),
            prompts=lines_of(self.prompts.toPlainText()),
            unlike=lines_of(self.unlike.toPlainText()),
            aliases=words_of(self.aliases.text()),
            parent=self.parents.currentData(),
            rule=rule,
            one_of=self.one_of.isChecked(),
        )

    @Slot()
    def _take_change(self) -> None:
        wrong = self._wrong_dates()
        self.error.setText(wrong)
        self._save.setEnabled(bool(self.name.text().strip()) and not wrong)
        self._soon.start()

    def _wrong_dates(self) -> str:
        for field in (self.first, self.last):
            if field.text().strip() and not is_date(field.text().strip()):
                return tr("A date is written as 2019, 2019-07 or 2019-07-21.")
        return ""

    # ---- the count, and saving

    def _preview(self) -> None:
        if self._wrong_dates():
            return
        if self._previewing is not None:
            self._previewing.cancel.cancel()
        self._previewing = self._curating.preview(self.draft, self._take_preview)

    @Slot(object)
    def _take_preview(self, end: End) -> None:
        if isinstance(end, Done) and self.sender() is self._previewing:
            inside, maybe = end.value
            words = tr("around {n} photos", n=inside)
            self.count.setText(f"{words} · {tr('{count} maybe', count=number(maybe))}" if maybe else words)

    def _ask_save(self) -> None:
        self._save.setEnabled(False)
        self._curating.save(self.draft, self._take_saved)

    @Slot(object)
    def _take_saved(self, end: End) -> None:
        if isinstance(end, Done):
            self.made = end.value
            self.accept()
        elif isinstance(end, Failed):
            words = explain(end.error)
            self.error.setText(f"{words.what}\n{words.what_to_do}".strip())
            self._save.setEnabled(True)
            self.name.setFocus()
