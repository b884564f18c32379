"""Takes folders that are dropped on the window, and says while one is held above it what letting go would do."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from PySide6.QtCore import QEvent, QObject, QRectF, Qt, QUrl, Signal
from PySide6.QtGui import QDropEvent, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QWidget

from desktop_app.i18n import tr
from desktop_app.theme.dress import ACCENT, INK, PAPER
from desktop_app.theme.tokens import EMPTY_LINE, RADIUS_DIALOG

INSET = 12
OPACITY = 0.9


class DropVeil(QWidget):
    """Lies over its parent while something with a folder is held above that."""

    dropped = Signal(object)  # list of paths of folders

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self._covered = parent
        self.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)
        self.hide()
        parent.setAcceptDrops(True)
        parent.installEventFilter(self)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        kind = event.type()
        if kind == QEvent.Type.DragLeave:
            self.hide()
        # Enter and drop are one class in Qt: what is held, where, and whether it is taken.
        elif kind in (QEvent.Type.DragEnter, QEvent.Type.Drop) and isinstance(event, QDropEvent):
            folders = folders_of(event.mimeData().urls())
            if not folders:
                return False
            event.acceptProposedAction()
            if kind == QEvent.Type.DragEnter:
                self._cover()
            else:
                self.hide()
                self.dropped.emit(folders)
            return True
        return False

    def _cover(self) -> None:
        self.setGeometry(self._covered.rect())
        self.raise_()
        self.show()

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
