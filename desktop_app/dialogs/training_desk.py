"""Between learning and the window: the status strip says how far it is, the dialog opens."""

from __future__ import annotations

from PySide6.QtCore import QObject, Slot
from PySide6.QtWidgets import QWidget

from desktop_app.dialogs.training import TrainingDialog
from desktop_app.dialogs.training_words import pace_words, strip_words
from desktop_app.i18n import explain
from desktop_app.views.status_strip import StatusStrip, TrainingLine
from desktop_app.workers.indexing import State
from desktop_app.workers.training import Training


class TrainingDesk(QObject):
    """Of one window."""

    def __init__(self, training: Training, status: StatusStrip, window: QWidget) -> None:
        super().__init__(window)
        self._training, self._status, self._window = training, status, window
        self._dialog: TrainingDialog | None = None
        training.state_changed.connect(self.say)
        training.progress.connect(self.say)
        status.training_paused.connect(training.pause)
        status.training_went_on.connect(training.go_on)
        status.training_stopped.connect(training.stop)
        status.training_opened.connect(self.show_dialog)
        status.training_dismissed.connect(training.dismiss)

    @Slot()
    def show_dialog(self) -> None:
        """Open it, or bring the open one to the front."""
        if self._dialog is not None:
            self._dialog.activateWindow()
            return
        self._dialog = TrainingDialog(self._training, self._window)
        self._dialog.finished.connect(self._let_go)
        self._dialog.open()

    def _let_go(self) -> None:
        if self._dialog is not None:
            self._dialog.deleteLater()
            self._dialog = None

    @Slot(object)
    def say(self, _news: object = None) -> None:
        training = self._training
        words = strip_words(training)
        if not words:
            self._status.show_training(None)
            return
        pace = pace_words(training)
        if training.state is State.FAILED and training.error is not None:
            pace = explain(training.error).what
        progress = training.latest
        share = progress.done / progress.total if progress is not None and progress.total else 0.0
        self._status.show_training(TrainingLine(training.state, words, pace, share))
