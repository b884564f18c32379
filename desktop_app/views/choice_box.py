"""A choice among a few words, drawn like the text fields beside it."""

from __future__ import annotations

from PySide6.QtCore import QRectF
from PySide6.QtGui import QPainter, QPaintEvent
from PySide6.QtWidgets import QComboBox

from desktop_app.theme.dress import INK_2
from desktop_app.theme.icons import draw_icon
from desktop_app.theme.tokens import ICON

INSET = 8


class ChoiceBox(QComboBox):
    """The style sheet takes Qt's own arrow away, because it cannot colour one; this draws the theme's."""

    def paintEvent(self, event: QPaintEvent) -> None:
        super().paintEvent(event)
        painter = QPainter(self)
        where = QRectF(self.width() - ICON - INSET, (self.height() - ICON) / 2, ICON, ICON)
        draw_icon(painter, "down", where, self.palette().color(INK_2))
