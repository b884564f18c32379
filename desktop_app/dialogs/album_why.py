"""Why one photo is in an album, on demand: its reasons in a small window of their own."""

from __future__ import annotations

from PySide6.QtCore import Qt, Slot
from PySide6.QtWidgets import QDialog, QPushButton, QVBoxLayout, QWidget

from desktop_app.i18n import tr
from desktop_app.views.album_why import WhyPanel
from desktop_app.workers.album_tasks import Reason

WIDTH_PX = 320


class WhyDialog(QDialog):
    """Opened empty; filled as soon as the reasons of its photo come."""

    def __init__(self, photo: int, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._photo = photo
        self.setWindowTitle(tr("Why is this here?"))
        self.setMinimumWidth(WIDTH_PX)
        self.panel = WhyPanel()
        close = QPushButton(tr("Close"))
        close.clicked.connect(self.accept)
        column = QVBoxLayout(self)
        column.setContentsMargins(24, 24, 24, 16)
        column.setSpacing(16)
        column.addWidget(self.panel, 1)
        column.addWidget(close, 0, Qt.AlignmentFlag.AlignRight)

    @Slot(object)
    def take_reason(self, reason: Reason) -> None:
        if reason.member.photo == self._photo:
            self.panel.show_reason(reason)
            self.adjustSize()
