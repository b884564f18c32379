"""The strip at the bottom of the sidebar: what is going on, how far it is, pause and stop. Always in the same place."""

from __future__ import annotations

from PySide6.QtCore import QEvent, Qt, QTimer, Signal
from PySide6.QtWidgets import QHBoxLayout, QLabel, QProgressBar, QPushButton, QVBoxLayout, QWidget

from core.errors import ShiguangError
from core.progress import Progress
from desktop_app.i18n import explain, tr
from desktop_app.theme.icons import IconButton
from desktop_app.views.status_words import activity_words, pace_words
from desktop_app.workers.indexing import State

# Undo is offered where it happened, for this long.
NOTICE_MS = 8000
BAR_STEPS = 1000


class StatusStrip(QWidget):
    """Shows a State and its Progress. A failure stays until it was read."""

    paused = Signal()
    went_on = Signal()
    stopped = Signal()
    error_opened = Signal(object)  # ShiguangError
    undone = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._state = State.IDLE
        self._progress: Progress | None = None
        self._error: ShiguangError | None = None
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
        self._stop.clicked.connect(self.stopped)
        self._link.clicked.connect(self._follow_link)
        self._notice = ""
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
        self.setFixedHeight(84)

    def show_state(self, state: State, error: ShiguangError | None = None) -> None:
        self._state, self._error = state, error
        if state is State.IDLE:
            self._progress = None
        self._say()

    def show_progress(self, progress: Progress) -> None:
        self._progress = progress
        self._say()

    def show_idle_words(self, words: str) -> None:
        """What is said while nothing is going on, for instance how many photos there are."""
        self._idle_words = words
        self._say()

    def offer_undo(self, words: str) -> None:
        """Say what was done, with a link that undoes it, for some seconds."""
        self._notice = words
        self._notice_ends.start()
        self._say()

    def _end_notice(self) -> None:
        self._notice = ""
        self._say()

    def _say(self) -> None:
        state = self._state
        self._line.setText(self._notice or activity_words(state, self._progress) or self._idle_words)
        pace = (
            explain(self._error).what
            if state is State.FAILED and self._error
            else pace_words(state, self._progress)
        )
        link = tr("Undo") if self._notice else tr("Details") if state is State.FAILED and self._error else ""
        self._pace.setText("" if self._notice else pace)
        self._pace.setVisible(bool(pace) and not self._notice)
        self._link.setText(link)
        self._link.setVisible(bool(link))
        goes_on = state in (State.PAUSED, State.STOPPED, State.FAILED)
        self._pause.setVisible(state is not State.IDLE)
        self._pause.show_icon("play" if goes_on else "pause")
        self._pause.say(tr("Go on") if goes_on else tr("Pause"))
        self._stop.setVisible(state in (State.RUNNING, State.PAUSED))
        self._stop.say(tr("Stop"))
        self._show_bar()

    def _show_bar(self) -> None:
        progress = self._progress
        is_known = progress is not None and progress.stage != "scan" and bool(progress.total)
        share = (
            progress.done / progress.total if is_known and progress is not None and progress.total else 0.0
        )
        self._bar.setValue(round(BAR_STEPS * share) if self._state is not State.IDLE else 0)

    def _toggle(self) -> None:
        if self._state is State.RUNNING:
            self.paused.emit()
        else:
            self.went_on.emit()

    def _follow_link(self) -> None:
        if self._notice:
            self._notice_ends.stop()
            self._end_notice()
            self.undone.emit()
        elif self._error is not None:
            self.error_opened.emit(self._error)

    def changeEvent(self, event: QEvent) -> None:
        if event.type() == QEvent.Type.LanguageChange:
            self._say()
        super().changeEvent(event)
