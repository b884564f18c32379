"""Between what is done with models and the window: the status strip says it, questions are asked, the dialog opens."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Slot
from PySide6.QtWidgets import QWidget

from desktop_app.dialogs.error_box import show_error
from desktop_app.dialogs.models import ModelsDialog, ask_to_move
from desktop_app.views.status_strip import StatusStrip
from desktop_app.workers.models import Models

if TYPE_CHECKING:
    from core.app import Switched
    from core.errors import ShiguangError


class ModelsDesk(QObject):
    """Of one window."""

    def __init__(self, models: Models, status: StatusStrip, window: QWidget) -> None:
        super().__init__(window)
        self._models, self._status, self._window = models, status, window
        models.state_changed.connect(self._show_job)
        models.progress.connect(self._show_job)
        models.refused.connect(self._show_error)
        models.finds_less.connect(self._ask_to_move)
        status.job_paused.connect(models.pause)
        status.job_went_on.connect(models.go_on)
        status.job_stopped.connect(models.stop)
        status.job_dismissed.connect(models.dismiss)

    @Slot()
    def show_dialog(self) -> None:
        dialog = ModelsDialog(self._models, self._window)
        dialog.finished.connect(dialog.deleteLater)
        dialog.open()

    @Slot(object)
    def _show_job(self, _news: object) -> None:
        models = self._models
        self._status.show_job(models.job, models.state, models.latest, models.error)

    @Slot(object)
    def _show_error(self, error: ShiguangError) -> None:
        show_error(error, self._window)

    @Slot(object)
    def _ask_to_move(self, switched: Switched) -> None:
        ask_to_move(switched, self._models.name_of(switched.model), self._models, self._window)
