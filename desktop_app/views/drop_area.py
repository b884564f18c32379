"""The ground of the window: it takes folders that are dropped, and says while one is held above what would happen."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from PySide6.QtCore import QRectF, Qt, QUrl, Signal
from PySide6.QtGui import (
    QDragEnterEvent,
    QDragLeaveEvent,
    QDropEvent,
    QPainter,
    QPaintEvent,
    QPen,
    QResizeEvent,
)
from PySide6.QtWidgets import QVBoxLayout, QWidget

from desktop_app.i18n import tr
from desktop_app.theme.dress import ACCENT, INK, PAPER
from desktop_app.theme.tokens import EMPTY_LINE, RADIUS_DIALOG

INSET = 12
OPACITY = 0.9


class DropArea(QWidget):
    """Holds one widget, and a veil over it while something with a folder is held above."""

    dropped = Signal(object)  # list of paths of folders

    def __init__(self, inside: QWidget, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setAcceptDrops(True)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.addWidget(inside)
        self._veil = _Veil(self)

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:
        if folders_of(event.mimeData().urls()):
            event.acceptProposedAction()
            self._veil.setGeometry(self.rect())
            self._veil.raise_()
            self._veil.show()

    def dragLeaveEvent(self, event: QDragLeaveEvent) -> None:
        self._veil.hide()

    def dropEvent(self, event: QDropEvent) -> None:
        self._veil.hide()
        event.acceptProposedAction()
        self.dropped.emit(folders_of(event.mimeData().urls()))

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._veil.setGeometry(self.rect())


class _Veil(QWidget):
    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)
        self.hide()

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        ground = self.palette().color(PAPER)
        ground.setAlphaF(OPACITY)
        painter.fillRect(self.rect(), ground)
        painter.setPen(QPen(self.palette().color(ACCENT), 2, Qt.PenStyle.DashLine))
        inner = QRectF(self.rect()).adjusted(INSET, INSET, -INSET, -INSET)
        painter.drawRoundedRect(inner, RADIUS_DIALOG, RADIUS_DIALOG)
        font = self.font()
        font.setPixelSize(EMPTY_LINE)
        painter.setFont(font)
        painter.setPen(self.palette().color(INK))
        painter.drawText(self.rect(), Qt.AlignmentFlag.AlignCenter, tr("Drop to add this folder"))


def folders_of(urls: Sequence[QUrl]) -> list[str]:
    """The folders among dropped things; for a file, the folder that it lies in."""
    paths = [Path(url.toLocalFile()) for url in urls if url.isLocalFile()]
    folders = [path if path.is_dir() else path.parent for path in paths if path.exists()]
    return list(dict.fromkeys(str(folder) for folder in folders))
