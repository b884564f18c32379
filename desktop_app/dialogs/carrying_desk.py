"""Opens the dialog of backups and sidecars, and says what could not be kept."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Slot
from PySide6.QtGui import QKeySequence, QShortcut
from PySide6.QtWidgets import QWidget

from desktop_app.dialogs.carrying import CarryingDialog
from desktop_app.dialogs.error_box import show_error
from desktop_app.views.top_bar import TopBar
from desktop_app.workers.carrying import Carrier

if TYPE_CHECKING:
    from core.errors import ShiguangError


class CarryingDesk(QObject):
    """Of one window."""

    def __init__(self, carrier: Carrier, top: TopBar, window: QWidget) -> None:
        super().__init__(window)
        self._carrier, self._window = carrier, window
        top.carrying_asked.connect(self.show_dialog)
        carrier.refused.connect(self._show_error)
        QShortcut(QKeySequence("Ctrl+B"), window).activated.connect(self.show_dialog)

    @Slot()
    def show_dialog(self) -> None:
        dialog = CarryingDialog(self._carrier, self._window)
        dialog.finished.connect(dialog.deleteLater)
        dialog.open()

    @Slot(object)
    def _show_error(self, error: ShiguangError) -> None:
        show_error(error, self._window)
