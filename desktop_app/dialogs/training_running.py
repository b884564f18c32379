"""The page of the training dialog while something runs: what, how far, the curves, pause and cancel."""

from __future__ import annotations

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QHBoxLayout, QLabel, QProgressBar, QPushButton, QVBoxLayout, QWidget

from desktop_app.dialogs.training_words import pace_words, stage_words
from desktop_app.i18n import tr
from desktop_app.views.curve_view import CurveView
from desktop_app.workers.indexing import State
from desktop_app.workers.training import LEARN, Training

BAR_STEPS = 1000


class RunningPage(QWidget):
    closed = Signal()

    def __init__(self, training: Training, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._training = training
        self._line, self._pace, self._note = QLabel(), QLabel(), QLabel()
        self._line.setObjectName("header")
        self._pace.setObjectName("secondary")
        self._note.setObjectName("caption")
        self._note.setWordWrap(True)
        self._bar = QProgressBar()
        self._bar.setRange(0, BAR_STEPS)
        self._bar.setTextVisible(False)
        self.curve = CurveView()
        self.pause_button, self.cancel_button, self._close = QPushButton(), QPushButton(), QPushButton()
        self.pause_button.clicked.connect(self._toggle)
        self.cancel_button.clicked.connect(training.stop)
        self._close.clicked.connect(self.closed)
        buttons = QHBoxLayout()
        buttons.setSpacing(8)
        buttons.addWidget(self.pause_button)
        buttons.addWidget(self.cancel_button)
        buttons.addStretch()
        buttons.addWidget(self._close)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(12)
        for widget in (self._line, self._bar, self._pace):
            column.addWidget(widget)
        column.addWidget(self.curve, 1)
        column.addStretch()
        column.addWidget(self._note)
        column.addLayout(buttons)
        training.progress.connect(self.say)
        training.state_changed.connect(self.say)
        training.drawn.connect(self._draw)
        self._draw()
        self.say()

    def take_focus(self) -> None:
        self.pause_button.setFocus()

    def say(self, _news: object = None) -> None:
        training = self._training
        progress = training.latest
        self._line.setText(stage_words(training))
        self._pace.setText(pace_words(training) or " ")
        is_paused = training.state is State.PAUSED
        share = progress.done / progress.total if progress is not None and progress.total else 0.0
        self._bar.setValue(round(BAR_STEPS * share))
        self.curve.setVisible(training.kind == LEARN)
        self._note.setText(
            tr("You may close this and go on; the line below the folders shows how far it is.")
        )
        self.pause_button.setText(tr("Go on") if is_paused else tr("Pause"))
        self.cancel_button.setText(tr("Cancel"))
        self.cancel_button.setToolTip(tr("Everything stays as it was"))
        self._close.setText(tr("Close"))

    def _draw(self) -> None:
        curve = self._training.curve
        self.curve.show_points(curve.losses, curve.scores)

    def _toggle(self) -> None:
        if self._training.state is State.PAUSED:
            self._training.go_on()
        else:
            self._training.pause()
