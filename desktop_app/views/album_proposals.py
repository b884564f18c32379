"""Albums that would fill here, each with its first photos: taken with one click."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QEvent, QRectF, QSize, Qt, Signal, Slot
from PySide6.QtGui import QKeyEvent, QPainter, QPaintEvent, QShowEvent
from PySide6.QtWidgets import (
    QHBoxLayout,
    QLabel,
    QPushButton,
    QScrollArea,
    QSizePolicy,
    QVBoxLayout,
    QWidget,
)

from core.progress import Progress
from desktop_app.i18n import number, tr
from desktop_app.items.cells import Cells
from desktop_app.theme.tokens import CELL_GAP, RADIUS_CELL
from desktop_app.views.cell_painter import CellPainter
from desktop_app.views.elided_label import ElidedLabel

if TYPE_CHECKING:
    from core.albums.builtin import Suggestion

THUMB_PX, THUMBS = 72, 6
WORDS_LEAST_PX = 200


class Strip(QWidget):
    """The first photos of a proposal, as many as fit."""

    def __init__(self, cells: Cells, photos: tuple[int, ...], parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._cells, self._photos = cells, photos[:THUMBS]
        self._painter = CellPainter()
        self.setFixedHeight(THUMB_PX)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setMaximumWidth(THUMBS * (THUMB_PX + CELL_GAP))

    @property
    def photos(self) -> tuple[int, ...]:
        return self._photos

    def sizeHint(self) -> QSize:
        return QSize(THUMBS * (THUMB_PX + CELL_GAP), THUMB_PX)

    def minimumSizeHint(self) -> QSize:
        return QSize(THUMB_PX, THUMB_PX)

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setRenderHints(QPainter.RenderHint.Antialiasing | QPainter.RenderHint.SmoothPixmapTransform)
        for i in range(min(len(self._photos), self.width() // (THUMB_PX + CELL_GAP))):
            square = QRectF(i * (THUMB_PX + CELL_GAP), 0, THUMB_PX, THUMB_PX)
            cell = self._cells.get(self._photos[i])
            self._painter.paint(painter, square, cell, self.devicePixelRatioF())


class Proposal(QWidget):
    """One row: what it would hold, its first photos, and the button that takes it."""

    wanted = Signal(object)  # Suggestion

    def __init__(self, suggestion: Suggestion, cells: Cells, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.suggestion = suggestion
        self._name, self._count = ElidedLabel(), QLabel()
        self._name.setObjectName("header")
        self._count.setObjectName("secondary")
        self.strip = Strip(cells, suggestion.first)
        self.take = QPushButton()
        self.take.clicked.connect(self._take)
        words = QVBoxLayout()
        words.addStretch()
        words.addWidget(self._name)
        words.addWidget(self._count)
        words.addStretch()
        left = QWidget()
        left.setFixedWidth(WORDS_LEAST_PX)
        left.setLayout(words)
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 4, 0, 4)
        row.setSpacing(16)
        row.addWidget(left)
        row.addWidget(self.strip, 1)
        row.addWidget(self.take)
        row.addStretch()
        self.say()

    def say(self) -> None:
        name = self.suggestion.album.name
        self._name.show_words(name)
        self._count.setText(tr("around {n} photos", n=self.suggestion.count))
        self.take.setText(tr("Take"))
        self.take.setAccessibleName(tr("Take the album {name}", name=name))

    def _take(self) -> None:
        self.take.setEnabled(False)
        self.wanted.emit(self.suggestion)


class ProposalsPage(QWidget):
    """Empty until the proposals come; then a row for each, the largest first."""

    wanted = Signal(object)  # Suggestion
    left = Signal()

    def __init__(self, cells: Cells, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._cells = cells
        self._is_loading = True
        self._progress: Progress | None = None
        self.proposals: list[Proposal] = []
        self._title, self._words = QLabel(), QLabel()
        self._title.setObjectName("header")
        self._words.setObjectName("secondary")
        self._words.setWordWrap(True)
        self._list = QWidget()
        self._list.setObjectName("paper")
        self._rows = QVBoxLayout(self._list)
        self._rows.setContentsMargins(24, 0, 24, 16)
        self._rows.setSpacing(4)
        self._rows.addStretch()
        scroll = QScrollArea()
        scroll.setWidget(self._list)
        scroll.setWidgetResizable(True)
        scroll.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        scroll.setFrameShape(QScrollArea.Shape.NoFrame)
        head = QVBoxLayout()
        head.setContentsMargins(24, 0, 24, 12)
        head.addWidget(self._title)
        head.addWidget(self._words)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.addLayout(head)
        column.addWidget(scroll, 1)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        cells.arrived.connect(self._list.update)
        cells.forgotten.connect(self._want_pictures)
        self._say()

    def begin(self) -> None:
        """They are being looked for; those shown before stay until then."""
        self._is_loading, self._progress = True, None
        self._say()

    @Slot(object)
    def show_progress(self, progress: Progress) -> None:
        self._progress = progress
        self._say()

    @Slot(object)
    def show_proposals(self, suggestions: list[Suggestion]) -> None:
        self._is_loading = False
        for old in self.proposals:
            self._rows.removeWidget(old)
            old.deleteLater()
        self.proposals = [Proposal(each, self._cells) for each in suggestions]
        for i, proposal in enumerate(self.proposals):
            proposal.wanted.connect(self.wanted)
            self._rows.insertWidget(i, proposal)
        self._say()
        self._want_pictures()

    def take_away(self, key: str | None) -> None:
        """A proposal became an album."""
        for proposal in [each for each in self.proposals if each.suggestion.album.key == key]:
            self.proposals.remove(proposal)
            self._rows.removeWidget(proposal)
            proposal.deleteLater()
        self._say()

    def _want_pictures(self) -> None:
        if self.isVisible():
            ratio = self.devicePixelRatioF()
            photos = [photo for proposal in self.proposals for photo in proposal.strip.photos]
            self._cells.want(photos, round(THUMB_PX * ratio), RADIUS_CELL * ratio)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() == Qt.Key.Key_Escape:
            self.left.emit()
        else:
            super().keyPressEvent(event)

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        self._want_pictures()

    def _say(self) -> None:
        self._title.setText(tr("Suggestions"))
        if self._is_loading:
            words = tr("Looking through your photos…")
            if self._progress is not None and self._progress.total:
                words += f" {number(100 * self._progress.done / self._progress.total)}%"
        elif self.proposals:
            words = tr(
                "These albums would fill with your photos. They can be changed and forgotten at any time."
            )
        else:
            words = tr("There is nothing to suggest now. Make an album of your own words.")
        self._words.setText(words)
        for proposal in self.proposals:
            proposal.say()

    def changeEvent(self, event: QEvent) -> None:
        if event.type() == QEvent.Type.LanguageChange:
            self._say()
        super().changeEvent(event)
