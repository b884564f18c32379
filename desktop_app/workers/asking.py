"""Asks the library's search: after a pause in typing, the newest question wins."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, QTimer, Signal, Slot

from core.progress import CancelToken, Report
from desktop_app.workers.lane import Lane
from desktop_app.workers.telling_tasks import said
from desktop_app.workers.worker import Done, End, Failed, Worker

if TYPE_CHECKING:
    from core.app import Shiguang
    from core.search.answer import Answer
    from core.search.query import Query

# Typing in Chinese pauses between the letters of a syllable; below this every letter would be asked.
DEBOUNCE_MS = 150


class Asking(QObject):
    """Holds at most one question under way and one that waits for the typing to pause."""

    answered = Signal(object)  # Answer
    failed = Signal(object)  # ShiguangError
    warmed = Signal()

    def __init__(self, lane: Lane, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._lane = lane
        self._library: Shiguang | None = None
        self._query: Query | None = None
        self._worker: Worker | None = None
        self._is_warm = False
        # photo -> whether it is what was asked for, of those judged for the words of the latest answer.
        self.said: Mapping[int, bool] = {}
        self._pause = QTimer(self)
        self._pause.setSingleShot(True)
        self._pause.setInterval(DEBOUNCE_MS)
        self._pause.timeout.connect(self._ask_now)

    @property
    def is_warm(self) -> bool:
        """Whether the text tower is loaded; before, a question takes as long as loading does."""
        return self._is_warm

    def begin(self, library: Shiguang) -> None:
        """Load the text tower, then answer what was asked meanwhile."""
        self._library = library
        self._lane.run(partial(warm, library), self._say_warm)
        if self._query is not None:
            self._ask_now()

    def ask(self, query: Query, *, at_once: bool = False) -> None:
        self._query = query
        if at_once:
            self._ask_now()
        else:
            self._pause.start()

    @Slot()
    def ask_again(self) -> None:
        """The answer may be another now: the library moved to another model."""
        if self._query is not None:
            self._ask_now()

    def forget(self) -> None:
        """Nothing is asked any more; an answer that is under way is dropped."""
        self._pause.stop()
        self._query = None
        if self._worker is not None:
            self._worker.cancel.cancel()
            self._worker = None

    def _ask_now(self) -> None:
        self._pause.stop()
        if self._library is None or self._query is None:
            return
        if self._worker is not None:
            self._worker.cancel.cancel()
        self._worker = self._lane.run(partial(answer, self._library, self._query), self._take)

    @Slot(object)
    def _take(self, end: End) -> None:
        if self._worker is None or self.sender() is not self._worker:
            return  # the answer to an older question
        self._worker = None
        if isinstance(end, Done):
            found, self.said = end.value
            self.answered.emit(found)
        elif isinstance(end, Failed):
            self.failed.emit(end.error)

    @Slot(object)
    def _say_warm(self, end: End) -> None:
        if isinstance(end, Done):
            self._is_warm = True
            self.warmed.emit()
        elif isinstance(end, Failed):
            self.failed.emit(end.error)


def warm(library: Shiguang, report: Report, cancel: CancelToken) -> None:
    library.searcher.warm(cancel)


def answer(
    library: Shiguang, query: Query, report: Report, cancel: CancelToken
) -> tuple[Answer, dict[int, bool]]:
    found = library.search(query)
    return found, said(found, library)
