"""The line under the search box while there is a question: how it was read, how many photos, how long it took."""

from __future__ import annotations

from dataclasses import dataclass

from PySide6.QtWidgets import QHBoxLayout, QLabel, QWidget

from desktop_app.i18n import number, tr

LINE_PX = 36


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
    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setFixedHeight(LINE_PX)
        self._chips = QHBoxLayout()
        self._chips.setSpacing(8)
        self._words = QLabel()
        self._words.setObjectName("secondary")
        row = QHBoxLayout(self)
        row.setContentsMargins(16, 0, 16, 8)
        row.addLayout(self._chips)
        row.addStretch(1)
        row.addWidget(self._words)

    def show_result(self, result: Result) -> None:
        self._show_chips(result.chips)
        self._words.setText(result_words(result))

    def show_words(self, words: str) -> None:
        """In place of a result: what is being waited for, or what went wrong."""
        self._show_chips(())
        self._words.setText(words)

    def _show_chips(self, chips: tuple[str, ...]) -> None:
        while (item := self._chips.takeAt(0)) is not None:
            chip = item.widget()
            if chip is not None:
                chip.deleteLater()
        for text in chips:
            label = QLabel(text)
            label.setObjectName("chip")
            self._chips.addWidget(label)
