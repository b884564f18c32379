"""A veil over the window while a folder is held above it: it says what letting go would do."""

from __future__ import annotations

from PySide6.QtCore import QRectF, Qt
from PySide6.QtGui import QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QWidget

from desktop_app.i18n import tr
from desktop_app.theme.dress import ACCENT, INK, PAPER
from desktop_app.theme.tokens import EMPTY_LINE, RADIUS_DIALOG

INSET = 12


class DropVeil(QWidget):
    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)
        self.hide()

    def cover(self) -> None:
        self.setGeometry(self.parentWidget().rect())
        self.raise_()
        self.show()

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        ground = self.palette().color(PAPER)
        ground.setAlphaF(0.9)
        painter.fillRect(self.rect(), ground)
        painter.setPen(QPen(self.palette().color(ACCENT), 2, Qt.PenStyle.DashLine))
        painter.drawRoundedRect(
            QRectF(self.rect()).adjusted(INSET, INSET, -INSET, -INSET), RADIUS_DIALOG, RADIUS_DIALOG
        )
        font = self.font()
        font.setPixelSize(EMPTY_LINE)
        painter.setFont(font)
        painter.setPen(self.palette().color(INK))
        painter.drawText(self.rect(), Qt.AlignmentFlag.AlignCenter, tr("Drop to add this folder"))
