"""Learning from the owner: what from and at what cost, then how far it is, then what came of it."""

from __future__ import annotations

from PySide6.QtCore import QEvent, Slot
from PySide6.QtWidgets import QDialog, QMessageBox, QStackedWidget, QVBoxLayout, QWidget

from desktop_app.dialogs.models import ask
from desktop_app.dialogs.training_begin import BeginPage
from desktop_app.dialogs.training_result import ResultPage
from desktop_app.dialogs.training_running import RunningPage
from desktop_app.i18n import tr
from desktop_app.workers.training import BUSY, Training

WIDTH_PX, HEIGHT_PX = 860, 640


class TrainingDialog(QDialog):
    """Shows the page that fits what is going on. Closing it stops nothing; a result that was seen is read."""

    def __init__(self, training: Training, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._training = training
        self.setWindowTitle(tr("Learn from you"))
        self.resize(WIDTH_PX, HEIGHT_PX)
        self.begin = BeginPage(training)
        self.running = RunningPage(training)
        self.result = ResultPage(training)
        self.pages = QStackedWidget()
        for page in (self.begin, self.running, self.result):
            self.pages.addWidget(page)
            page.closed.connect(self.accept)
        column = QVBoxLayout(self)
        column.setContentsMargins(24, 24, 24, 16)
        column.addWidget(self.pages)
        self.begin.learn_asked.connect(training.learn)
        self.begin.install_asked.connect(training.install)
        self.begin.back_asked.connect(training.go_back)
        self.begin.anew_asked.connect(self._ask_anew)
        self.result.back_asked.connect(training.go_back)
        training.state_changed.connect(self._choose_page)
        self.finished.connect(self._read)
        self._choose_page()
        training.look()

    @Slot(object)
    def _choose_page(self, _state: object = None) -> None:
        training = self._training
        page: BeginPage | RunningPage | ResultPage = self.begin
        if training.state in BUSY:
            page = self.running
        elif training.result is not None:
            page = self.result
        if page is self.result and training.result is not None:
            self.result.show_result(training.result)
        if page is not self.pages.currentWidget() or not self.isVisible():
            self.pages.setCurrentWidget(page)
            page.take_focus()

    @Slot()
    def _ask_anew(self) -> QMessageBox:
        box = ask(
            tr("Throw away the training that was stopped?"),
            tr("What it has learned so far is lost. The next one begins with everything you said by now."),
            tr("Throw it away"),
            self,
        )
        box.accepted.connect(self._training.begin_anew)
        return box

    def _read(self) -> None:
        """What was on the page when it was closed was read."""
        if self._training.state not in BUSY:
            self._training.dismiss()

    def changeEvent(self, event: QEvent) -> None:
        if event.type() == QEvent.Type.LanguageChange:
            self.setWindowTitle(tr("Learn from you"))
            self.begin.say()
            self.running.say()
            self._choose_page()
        super().changeEvent(event)
