"""What an album is asked by, as chips in one line: those that fit, and how many more there are."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QRect, QSize, Qt
from PySide6.QtGui import QPainter, QPaintEvent
from PySide6.QtWidgets import QSizePolicy, QWidget

from desktop_app.i18n import number, tr
from desktop_app.theme.dress import ACCENT_WASH, INK, INK_2
from desktop_app.theme.tokens import RADIUS_CARD

if TYPE_CHECKING:
    from core.albums import Album
    from core.library.filters import Filter

HEIGHT_PX, PAD, GAP = 24, 8, 6
# One long prompt must not push the others out.
CHIP_MOST_PX = 240
# Kept free for "+12".
REST_PX = 40


def chips_of(album: Album) -> list[str]:
    """Prompts, what is not in it, and its rule."""
    rule = dict.fromkeys(_words_of(each) for each in album.rule)
    return [*album.prompts, *(tr("not {words}", words=words) for words in album.unlike), *rule]


def _words_of(filter_: Filter) -> str:
    if filter_.key == "place":
        return tr("Place known") if filter_.value == "yes" else tr("Place not known")
    return filter_.text


class ChipRow(QWidget):
    """Painted, because the number that fits changes with every pixel of the window."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._chips: list[str] = []
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)

    def show_chips(self, chips: list[str]) -> None:
        self._chips = chips
        self.setToolTip("\n".join(chips))
        self.setAccessibleName(", ".join(chips))
        self.update()

    def sizeHint(self) -> QSize:
        return QSize(120, HEIGHT_PX)

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        x = 0
        for i, chip in enumerate(self._chips):
            words = painter.fontMetrics().elidedText(chip, Qt.TextElideMode.ElideMiddle, CHIP_MOST_PX)
            width = painter.fontMetrics().horizontalAdvance(words) + 2 * PAD
            is_last = i + 1 == len(self._chips)
            if x + width > self.width() - (0 if is_last else REST_PX):
                painter.setPen(self.palette().color(INK_2))
                rest = QRect(x, 0, REST_PX, HEIGHT_PX)
                painter.drawText(rest, Qt.AlignmentFlag.AlignVCenter, f"+{number(len(self._chips) - i)}")
                return
            box = QRect(x, 0, width, HEIGHT_PX)
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(self.palette().color(ACCENT_WASH))
            painter.drawRoundedRect(box, RADIUS_CARD, RADIUS_CARD)
            painter.setPen(self.palette().color(INK))
            painter.drawText(box, Qt.AlignmentFlag.AlignCenter, words)
            x += width + GAP
