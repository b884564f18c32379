"""One thread that runs tasks one after another, for as long as the window is open.

A lane keeps each worker until it has ended, so that nothing running is ever let go of. Threads are few and
live long, because the library keeps a database connection for every thread that has read from it.
"""

from __future__ import annotations

import time
from collections.abc import Callable

from PySide6.QtCore import QMetaObject, QObject, Qt, QThread, Slot

from core.log import logger
from core.progress import CancelToken, Progress, Report
from desktop_app.workers.worker import End, Task, Worker

log = logger(__name__)

# Closing waits this long for what cannot be interrupted (a batch being encoded, a transaction), in seconds.
STOP_WITHIN_S = 20.0


class Lane(QObject):
    """A thread of its own for tasks of one kind. Call `close` (or `close_all`) before letting go of it.

    All lanes have the priority of the window. A thread of low priority that holds Python's lock while other
    programs take the processor would hold up the window with it (seen: 60 s on a busy machine).
    """

    def __init__(self, name: str, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._thread = QThread()
        self._thread.setObjectName(name)
        self._workers: list[Worker] = []
        self._last: list[Task] = []
        self._is_open = True
        self._thread.start()

    def run(
        self,
        task: Task,
        ended: Callable[[End], None] | None = None,
        progress: Callable[[Progress], None] | None = None,
    ) -> Worker:
        """Queue a task behind those before it.

        ended, progress   bound methods of an object of the window's thread. They are connected before the task
                          is queued: a quick one ends before this call returns.
        """
        worker = Worker(task)
        if not self._is_open:
            log.info("the lane %s is closed; a task was not run", self._thread.objectName())
            return worker
        self._workers.append(worker)
        worker.ended.connect(self._forget_ended)
        if ended is not None:
            worker.ended.connect(ended)
        if progress is not None:
            worker.progress.connect(progress)
        worker.moveToThread(self._thread)
        QMetaObject.invokeMethod(worker, "run", Qt.ConnectionType.QueuedConnection)
        return worker

    def at_close(self, task: Task) -> None:
        """Run this as one of the last things of the lane: it is not cancelled with the others."""
        self._last.append(task)

    @property
    def is_busy(self) -> bool:
        return bool(self._workers)

    def cancel_all(self) -> None:
        """Ask what runs and what waits to stop."""
        for worker in self._workers:
            worker.cancel.cancel()

    def ask_to_close(self) -> None:
        """Take no more, ask everything to stop; does not wait."""
        if self._is_open:
            self.cancel_all()
            # Behind what waits, so that every worker still says how it ended.
            for task in (*self._last, _quit):
                self.run(task)
            self._is_open = False

    def close(self, within_s: float = STOP_WITHIN_S) -> bool:
        """Stop and wait; false (and a line in the log) when the task did not stop in time."""
        self.ask_to_close()
        if not self._thread.wait(round(1000 * within_s)):
            log.error("the lane %s did not stop within %.0f s", self._thread.objectName(), within_s)
            return False
        return True

    @Slot(object)
    def _forget_ended(self, end: End) -> None:
        worker = self.sender()
        self._workers = [each for each in self._workers if each is not worker]


def close_all(lanes: list[Lane], within_s: float = STOP_WITHIN_S) -> bool:
    """Close lanes side by side: all are asked before any is waited for."""
    for lane in lanes:
        lane.ask_to_close()
    until = time.monotonic() + within_s
    stopped = [lane.close(max(0.1, until - time.monotonic())) for lane in lanes]
    return all(stopped)


def _quit(report: Report, cancel: CancelToken) -> None:
    QThread.currentThread().quit()
