"""The line under the search box while there is a question: how it was read, how many photos, how long it took."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from PySide6.QtCore import QEvent, QTimer, Signal
from PySide6.QtWidgets import QHBoxLayout, QLabel, QPushButton, QWidget

from desktop_app.i18n import number, tr
from desktop_app.views.elided_label import ElidedLabel

LINE_PX = 36
# Undo is offered where it happened, for this long.
NOTICE_MS = 8000


@dataclass(frozen=True, slots=True)
class Result:
    """chips are the filters and negations that the question was read as; photos those that are good enough."""

    chips: tuple[str, ...]
    photos: int
    seconds: float
    searched: int | None = None  # photos that can be searched so far, while not all can
    total: int = 0


def result_words(result: Result) -> str:
    """ "212 photos · 0.04 s", and how much of the library that is while it is not all of it."""
    seconds = number(result.seconds, 2 if result.seconds >= 0.01 else 3)
    words = f"{tr('{n} photos', n=result.photos)} · {tr('{seconds} s', seconds=seconds)}"
    if result.searched is not None:
        words += " · " + tr(
            "{searched} of {total} searched", searched=number(result.searched), total=number(result.total)
        )
    return words


class ResultLine(QWidget):
    """What was found, a way to keep it as an album, what was just said of it with the way back, and a quiet word
    when more photos came meanwhile."""

    again_asked = Signal()
    album_asked = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setFixedHeight(LINE_PX)
        self._chips = QHBoxLayout()
        self._chips.setSpacing(8)
        self._words = QLabel()
        self._words.setObjectName("secondary")
        self._again, self._album = QPushButton(), QPushButton()
        for button, asked in ((self._again, self.again_asked), (self._album, self.album_asked)):
            button.setObjectName("link")
            button.clicked.connect(asked)
            button.hide()
        self._notice, self._undo = ElidedLabel(), QPushButton()
        self._notice.setObjectName("secondary")
        self._undo.setObjectName("link")
        self._undo.clicked.connect(self._take_back)
        self._take_back_step: Callable[[], None] = self.end_notice
        self._notice_ends = QTimer(self)
        self._notice_ends.setSingleShot(True)
        self._notice_ends.setInterval(NOTICE_MS)
        self._notice_ends.timeout.connect(self.end_notice)
        self.end_notice()
        row = QHBoxLayout(self)
        row.setContentsMargins(16, 0, 16, 8)
        row.addLayout(self._chips)
        row.addWidget(self._album)
        row.addStretch(1)
        row.addWidget(self._notice)
        row.addWidget(self._undo)
        row.addStretch(1)
        row.addWidget(self._again)
        row.addWidget(self._words)

    def show_result(self, result: Result, *, can_be_album: bool) -> None:
        """`can_be_album`: the question has words that an album could be asked by."""
        self._show_chips(result.chips)
        self._words.setText(result_words(result))
        self._album.setText(tr("Save as album"))
        self._album.setVisible(can_be_album)

    def show_words(self, words: str) -> None:
        """In place of a result: what is being waited for, or what went wrong."""
        self._show_chips(())
        self._words.setText(words)
        self._album.hide()

    def show_new(self, photos: int) -> None:
        """So many photos came since the answer; 0 for none."""
        self._again.setText(tr("{n} new photos: show", n=photos))
        self._again.setVisible(photos > 0)

    def offer_undo(self, words: str, undo: Callable[[], None]) -> None:
        """Say what was noted, with a link that calls `undo`, for some seconds."""
        self._notice.show_words(words)
        self._notice.show()
        self._undo.setText(tr("Undo"))
        self._take_back_step = undo
        self._undo.show()
        self._notice_ends.start()

    def end_notice(self) -> None:
        self._notice_ends.stop()
        self._notice.hide()
        self._undo.hide()

    def _take_back(self) -> None:
        self.end_notice()
        self._take_back_step()

    def changeEvent(self, event: QEvent) -> None:
        if event.type() == QEvent.Type.LanguageChange:
            self.end_notice()
        super().changeEvent(event)

    def _show_chips(self, chips: tuple[str, ...]) -> None:
        while (item := self._chips.takeAt(0)) is not None:
            chip = item.widget()
            if chip is not None:
                chip.deleteLater()
        for text in chips:
            label = QLabel(text)
            label.setObjectName("chip")
            self._chips.addWidget(label)
