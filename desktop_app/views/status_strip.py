"""The strip at the bottom of the sidebar: what is going on, how far it is, pause and stop. Always in the same place."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from PySide6.QtCore import QEvent, Qt, QTimer, Signal
from PySide6.QtWidgets import QHBoxLayout, QLabel, QProgressBar, QPushButton, QVBoxLayout, QWidget

from core.errors import ShiguangError
from core.progress import Progress
from desktop_app.i18n import explain, tr
from desktop_app.theme.icons import IconButton
from desktop_app.views.model_words import job_pace_words, job_words
from desktop_app.views.status_words import activity_words, pace_words
from desktop_app.workers.indexing import State
from desktop_app.workers.models import Job

# Undo is offered where it happened, for this long.
NOTICE_MS = 8000
BAR_STEPS = 1000
# The line is as wide as the sidebar at its narrowest, less the buttons; a long name of a model is elided.
LINE_PX = 220


@dataclass(frozen=True, slots=True)
class TrainingLine:
    """What the strip says of learning, in words. state IDLE: it is over, and what came of it waits to be read.

    share  of what runs now, 0 to 1
    """

    state: State
    words: str
    pace: str = ""
    share: float = 0.0


class StatusStrip(QWidget):
    """Shows a State and its Progress: of the indexing, while that rests of what is done with models, and then of
    learning. A failure stays until it was read."""

    paused = Signal()
    went_on = Signal()
    stopped = Signal()
    error_opened = Signal(object)  # ShiguangError
    job_paused = Signal()
    job_went_on = Signal()
    job_stopped = Signal()
    job_dismissed = Signal()
    training_paused = Signal()
    training_went_on = Signal()
    training_stopped = Signal()
    training_dismissed = Signal()
    training_opened = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._state = State.IDLE
        self._progress: Progress | None = None
        self._error: ShiguangError | None = None
        self._job: Job | None = None
        self._job_state = State.IDLE
        self._job_progress: Progress | None = None
        self._job_error: ShiguangError | None = None
        self._training: TrainingLine | None = None
        self._idle_words = ""
        self._bar = QProgressBar()
        self._bar.setRange(0, BAR_STEPS)
        self._bar.setTextVisible(False)
        self._line = QLabel()
        self._pace = QLabel()
        self._pace.setObjectName("caption")
        self._pace.setWordWrap(True)
        self._pause = IconButton("pause")
        self._stop = IconButton("stop")
        self._link = QPushButton()
        self._link.setObjectName("link")
        self._pause.clicked.connect(self._toggle)
        self._stop.clicked.connect(self._ask_stop)
        self._link.clicked.connect(self._follow_link)
        self._notice = ""
        self._undo: Callable[[], None] = self._end_notice
        self._notice_ends = QTimer(self)
        self._notice_ends.setSingleShot(True)
        self._notice_ends.setInterval(NOTICE_MS)
        self._notice_ends.timeout.connect(self._end_notice)
        self._lay_out()
        self._say()

    def _lay_out(self) -> None:
        words = QVBoxLayout()
        words.setSpacing(4)
        words.addWidget(self._line)
        words.addWidget(self._pace)
        words.addWidget(self._link, 0, Qt.AlignmentFlag.AlignLeft)
        words.addStretch()
        row = QHBoxLayout()
        row.setContentsMargins(16, 12, 8, 8)
        row.setSpacing(0)
        row.addLayout(words, 1)
        for button in (self._pause, self._stop):
            row.addWidget(button, 0, Qt.AlignmentFlag.AlignTop)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        column.addWidget(self._bar)
        column.addLayout(row)
        # One height for all it may say, so that nothing above it ever moves.
        self.setFixedHeight(96)

    def show_state(self, state: State, error: ShiguangError | None = None) -> None:
        self._state, self._error = state, error
        if state is State.IDLE:
            self._progress = None
        self._say()

    def show_progress(self, progress: Progress) -> None:
        self._progress = progress
        self._say()

    def show_job(
        self, job: Job | None, state: State, progress: Progress | None, error: ShiguangError | None = None
    ) -> None:
        """What is done with models; None when nothing is."""
        self._job, self._job_state = job, state
        self._job_progress, self._job_error = progress, error
        self._say()

    def show_training(self, line: TrainingLine | None) -> None:
        """What is learned; None when nothing is, and nothing waits to be read."""
        self._training = line
        self._say()

    def show_idle_words(self, words: str) -> None:
        """What is said while nothing is going on, for instance how many photos there are."""
        self._idle_words = words
        self._say()

    def offer_undo(self, words: str, undo: Callable[[], None]) -> None:
        """Say what was done, with a link that calls `undo`, for some seconds."""
        self._notice, self._undo = words, undo
        self._notice_ends.start()
        self._say()

    def _end_notice(self) -> None:
        self._notice = ""
        self._say()

    @property
    def _shows_job(self) -> bool:
        return self._state is State.IDLE and self._job is not None and self._job_state is not State.IDLE

    @property
    def _shows_training(self) -> bool:
        return self._state is State.IDLE and not self._shows_job and self._training is not None

    def _say(self) -> None:
        if self._shows_training and self._training is not None:
            self._say_training(self._training)
            return
        if self._shows_job and self._job is not None:
            state, progress, error = self._job_state, self._job_progress, self._job_error
            words, pace = job_words(self._job, state, progress), job_pace_words(state, progress)
        else:
            state, progress, error = self._state, self._progress, self._error
            words, pace = activity_words(state, progress), pace_words(state, progress)
        has_failed = state is State.FAILED and error is not None
        if has_failed and error is not None:
            pace = explain(error).what
        self._write(words or self._idle_words, pace, tr("Details") if has_failed else "")
        # A job that has ended is taken away by the same button: the indexing's next run replaces its own.
        self._show_buttons(state, can_go=self._shows_job and state in (State.STOPPED, State.FAILED))
        self._show_bar(state, progress)

    def _say_training(self, line: TrainingLine) -> None:
        is_over = line.state in (State.IDLE, State.STOPPED, State.FAILED)
        self._write(line.words, line.pace, tr("Show"))
        self._show_buttons(line.state, can_go=is_over)
        self._bar.setValue(round(BAR_STEPS * line.share) if not is_over else 0)

    def _write(self, words: str, pace: str, link: str) -> None:
        """The two lines and the link below them; a notice goes before them while it lasts."""
        words = self._notice or words
        link = tr("Undo") if self._notice else link
        self._line.setText(self._line.fontMetrics().elidedText(words, Qt.TextElideMode.ElideMiddle, LINE_PX))
        self._line.setToolTip(words if self._line.text() != words else "")
        self._pace.setText("" if self._notice else pace)
        self._pace.setVisible(bool(pace) and not self._notice)
        self._link.setText(link)
        self._link.setVisible(bool(link))

    def _show_buttons(self, state: State, *, can_go: bool) -> None:
        """can_go: it has ended, and the button that stops takes it away."""
        goes_on = state in (State.PAUSED, State.STOPPED, State.FAILED)
        self._pause.setVisible(state is not State.IDLE)
        self._pause.show_icon("play" if goes_on else "pause")
        self._pause.say(tr("Go on") if goes_on else tr("Pause"))
        self._stop.setVisible(can_go or state in (State.RUNNING, State.PAUSED))
        self._stop.show_icon("close" if can_go else "stop")
        self._stop.say(tr("Close") if can_go else tr("Stop"))

    def _show_bar(self, state: State, progress: Progress | None) -> None:
        share = 0.0
        if progress is not None and progress.stage != "scan" and progress.total:
            share = progress.done / progress.total
        self._bar.setValue(round(BAR_STEPS * share) if state is not State.IDLE else 0)

    def _toggle(self) -> None:
        if self._shows_training and self._training is not None:
            is_running = self._training.state is State.RUNNING
            (self.training_paused if is_running else self.training_went_on).emit()
        elif self._shows_job:
            (self.job_paused if self._job_state is State.RUNNING else self.job_went_on).emit()
        elif self._state is State.RUNNING:
            self.paused.emit()
        else:
            self.went_on.emit()

    def _ask_stop(self) -> None:
        if self._shows_training and self._training is not None:
            is_on = self._training.state in (State.RUNNING, State.PAUSED)
            (self.training_stopped if is_on else self.training_dismissed).emit()
        elif not self._shows_job:
            self.stopped.emit()
        elif self._job_state in (State.RUNNING, State.PAUSED):
            self.job_stopped.emit()
        else:
            self.job_dismissed.emit()

    def _follow_link(self) -> None:
        if self._notice:
            self._notice_ends.stop()
            self._end_notice()
            self._undo()
            return
        if self._shows_training:
            self.training_opened.emit()
            return
        error = self._job_error if self._shows_job else self._error
        if error is not None:
            self.error_opened.emit(error)

    def changeEvent(self, event: QEvent) -> None:
        if event.type() == QEvent.Type.LanguageChange:
            self._say()
        super().changeEvent(event)
