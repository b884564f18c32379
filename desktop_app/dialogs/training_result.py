"""The last page of the training dialog: the verdict, its figures before and after, and the same searches by both."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from PySide6.QtCore import QRectF, QSize, Qt, Signal, Slot
from PySide6.QtGui import QImage, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import (
    QFrame,
    QGridLayout,
    QHBoxLayout,
    QLabel,
    QPushButton,
    QScrollArea,
    QVBoxLayout,
    QWidget,
)

from desktop_app.dialogs.training_words import figure_rows, headline, reason_words
from desktop_app.i18n import tr
from desktop_app.theme.dress import ACCENT, HAIRLINE
from desktop_app.theme.tokens import CELL_GAP, RADIUS_CELL
from desktop_app.workers.training import Training

if TYPE_CHECKING:
    from core.evaluate.side_by_side import Pair
    from core.finetuning import Finetuned

THUMB_PX = 52
# Photos of a row at most: the core shows as many.
FIRST = 5
RING_PX = 2


class Strip(QWidget):
    """Some photos in a row; those of `new` have a ring and a dot."""

    def __init__(self, photos: Sequence[int], new: frozenset[int], parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._photos, self._new = tuple(photos), new
        self._images: Mapping[int, QImage | None] = {}
        self.setFixedSize(self.sizeHint())

    def sizeHint(self) -> QSize:
        count = max(1, len(self._photos))
        return QSize(count * (THUMB_PX + CELL_GAP) - CELL_GAP, THUMB_PX)

    def show_images(self, images: Mapping[int, QImage | None]) -> None:
        self._images = images
        self.update()

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform)
        for i, photo in enumerate(self._photos):
            cell = QRectF(i * (THUMB_PX + CELL_GAP), 0, THUMB_PX, THUMB_PX)
            image = self._images.get(photo)
            if image is not None:
                painter.drawImage(cell, image)
            else:
                painter.setPen(Qt.PenStyle.NoPen)
                painter.setBrush(self.palette().color(HAIRLINE))
                painter.drawRoundedRect(cell, RADIUS_CELL, RADIUS_CELL)
            if photo in self._new:
                self._mark(painter, cell)

    def _mark(self, painter: QPainter, cell: QRectF) -> None:
        accent = self.palette().color(ACCENT)
        painter.setPen(QPen(accent, RING_PX))
        painter.setBrush(Qt.BrushStyle.NoBrush)
        painter.drawRoundedRect(cell.adjusted(1, 1, -1, -1), RADIUS_CELL, RADIUS_CELL)
        painter.setPen(QPen(self.palette().window().color(), 1.5))
        painter.setBrush(accent)
        painter.drawEllipse(QRectF(cell.right() - 13, cell.top() + 4, 9, 9))


class ResultPage(QWidget):
    """`show_result` fills it; pictures come a moment later."""

    back_asked = Signal()
    closed = Signal()

    def __init__(self, training: Training, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._training = training
        self._strips: list[Strip] = []
        self._headline, self._reason = QLabel(), QLabel()
        self._headline.setObjectName("empty-line")
        for label in (self._headline, self._reason):
            label.setWordWrap(True)
        self._inner = QWidget()
        self._inner.setObjectName("paper")
        self._figures, self._searches = _table(), _table()
        self.scroll = QScrollArea()
        self.scroll.setWidgetResizable(True)
        self.scroll.setFrameShape(QFrame.Shape.NoFrame)
        self.scroll.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.scroll.setWidget(self._inner)
        self._note = QLabel()
        self._note.setObjectName("caption")
        self._note.setWordWrap(True)
        self.back_button, self.close_button = QPushButton(), QPushButton()
        self.back_button.clicked.connect(self.back_asked)
        self.close_button.clicked.connect(self.closed)
        self._lay_out()
        training.pictured.connect(self._take_pictures)

    def _lay_out(self) -> None:
        buttons = QHBoxLayout()
        buttons.addWidget(self.back_button)
        buttons.addStretch()
        buttons.addWidget(self.close_button)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(8)
        inner = QVBoxLayout(self._inner)
        inner.setContentsMargins(0, 0, 12, 0)
        inner.setSpacing(24)
        inner.addLayout(self._figures)
        inner.addLayout(self._searches)
        inner.addStretch()
        column.addWidget(self._headline)
        column.addWidget(self._reason)
        column.addSpacing(8)
        column.addWidget(self.scroll, 1)
        column.addWidget(self._note)
        column.addLayout(buttons)

    def take_focus(self) -> None:
        self.close_button.setFocus()

    def show_result(self, result: Finetuned) -> None:
        self._strips = []
        _clear(self._figures)
        _clear(self._searches)
        self._headline.setText(headline(result))
        self._reason.setText(reason_words(result.verdict))
        self._add_figures(result)
        self._add_searches(result.searches)
        accepted = result.verdict.accepted
        self._note.setText(
            tr("It is in use now. What was known before is kept; one click goes back to it.")
            if accepted
            else tr("The model is what it was before. What you say from now on counts the next time.")
        )
        self.back_button.setText(tr("Go back"))
        self.back_button.setVisible(accepted)
        self.close_button.setText(tr("Close"))
        self._ask_pictures(result.searches)

    # ---- the tables

    def _add_figures(self, result: Finetuned) -> None:
        rows = figure_rows(result.verdict)
        if rows:
            _add_heading(self._figures, tr("On photos it did not learn from"))
        for i, words in enumerate(rows, 1):
            for column, each in enumerate(words):
                _add(self._figures, each, i, column)

    def _add_searches(self, searches: Sequence[Pair]) -> None:
        if searches:
            _add_heading(self._searches, tr("The same searches; photos with a ring are new among the first"))
        for i, pair in enumerate(searches, 1):
            _add(self._searches, pair.text, i, 0)
            new = frozenset(pair.new) - frozenset(pair.old)
            for column, strip in ((1, Strip(pair.old, frozenset())), (2, Strip(pair.new, new))):
                strip.setAccessibleName(_said(pair, is_new=column == 2))
                self._searches.addWidget(strip, i, column)
                self._strips.append(strip)

    def _ask_pictures(self, searches: Sequence[Pair]) -> None:
        photos = list(dict.fromkeys(photo for pair in searches for photo in (*pair.old, *pair.new)))
        if photos:
            ratio = self.devicePixelRatioF()
            self._training.picture(photos, round(THUMB_PX * ratio), RADIUS_CELL * ratio)

    @Slot(object)
    def _take_pictures(self, images: Mapping[int, QImage | None]) -> None:
        for strip in self._strips:
            strip.show_images(images)


def _table() -> QGridLayout:
    """What, before and after; the last two as wide as a row of photos, so that both tables stand alike."""
    grid = QGridLayout()
    grid.setHorizontalSpacing(16)
    grid.setVerticalSpacing(8)
    grid.setColumnStretch(0, 1)
    for column in (1, 2):
        grid.setColumnMinimumWidth(column, FIRST * (THUMB_PX + CELL_GAP) - CELL_GAP)
    return grid


def _clear(grid: QGridLayout) -> None:
    while (item := grid.takeAt(0)) is not None:
        if (widget := item.widget()) is not None:
            widget.hide()  # deleted a moment later, and not to be seen until then
            widget.deleteLater()


def _add_heading(grid: QGridLayout, words: str) -> None:
    for column, each in enumerate((words, tr("Before"), tr("After"))):
        _add(grid, each, 0, column, "section")


def _add(grid: QGridLayout, words: str, row: int, column: int, name: str = "") -> None:
    label = QLabel(words)
    label.setObjectName(name)
    label.setWordWrap(column == 0)
    label.setTextFormat(Qt.TextFormat.PlainText)
    grid.addWidget(label, row, column)


def _said(pair: Pair, *, is_new: bool) -> str:
    """A strip for screen readers."""
    if not is_new:
        return f"{pair.text}, {tr('Before')}"
    return f"{pair.text}, {tr('After')}: {tr('{n} other photos in front', n=pair.came)}"
