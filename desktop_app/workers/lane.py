"""One thread that runs tasks one after another, for as long as the window is open.

A lane keeps each worker until it has ended, so that nothing running is ever let go of. Threads are few and
live long, because the library keeps a database connection for every thread that has read from it.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Sequence
from queue import SimpleQueue

from PySide6.QtCore import QObject, QThread, Slot

from core.log import logger
from core.progress import Progress
from desktop_app.workers.worker import End, Task, Worker

log = logger(__name__)

# Closing waits this long for what cannot be interrupted (a batch being encoded, a transaction), in seconds.
STOP_WITHIN_S = 20.0


class _Thread(QThread):
    """Runs workers in the order they were handed in, until it is handed None.

    let_go   how many workers this thread holds no reference to any more. A QObject must die in the thread it
             belongs to, so the last reference has to be the window's.
    """

    def __init__(self, name: str) -> None:
        super().__init__()
        self.setObjectName(name)
        self.waiting: SimpleQueue[Worker | None] = SimpleQueue()
        self.let_go = 0

    def run(self) -> None:
        while self._run_next():
            self.let_go += 1

    def _run_next(self) -> bool:
        worker = self.waiting.get()
        if worker is None:
            return False
        worker.run()
        return True


class Lane(QObject):
    """A thread of its own for tasks of one kind. Call `close` (or `close_all`) before letting go of it.

    All lanes have the priority of the window. A thread of low priority that holds Python's lock while other
    programs take the processor would hold up the window with it (seen: 60 s on a busy machine).
    """

    def __init__(self, name: str, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._thread = _Thread(name)
        self._workers: deque[Worker] = deque()
        self._forgotten = 0
        self._ended = 0
        self._last: list[Task] = []
        self._is_open = True
        self._thread.start()

    def run(
        self,
        task: Task,
        ended: Callable[[End], None] | None = None,
        progress: Callable[[Progress], None] | None = None,
        *,
        also: Sequence[Callable[[End], None]] = (),
        keeps: bool = False,
    ) -> Worker:
        """Queue a task behind those before it.

        ended, progress   bound methods of an object of the window's thread. They are connected before the task
                          is queued: a quick one ends before this call returns.
        also              further ones that hear of the end, after `ended`
        keeps             it stores what somebody said: short, and done though the lane is closed
        """
        worker = Worker(task, keeps=keeps)
        if not self._is_open:
            log.info("the lane %s is closed; a task was not run", self._thread.objectName())
            return worker
        self._workers.append(worker)
        worker.ended.connect(self._forget_ended)
        if ended is not None:
            worker.ended.connect(ended)
        for each in also:
            worker.ended.connect(each)
        if progress is not None:
            worker.progress.connect(progress)
        self._thread.waiting.put(worker)
        return worker

    def at_close(self, task: Task) -> None:
        """Run this as one of the last things of the lane: it is not cancelled with the others."""
        self._last.append(task)

    @property
    def is_busy(self) -> bool:
        """Whether something runs or waits."""
        return self._forgotten + len(self._workers) > self._ended

    def cancel_all(self) -> None:
        """Ask what runs and what waits to stop, but for what stores what was said."""
        for worker in self._workers:
            if not worker.keeps:
                worker.cancel.cancel()

    def ask_to_close(self) -> None:
        """Take no more, ask everything to stop; does not wait."""
        if self._is_open:
            self.cancel_all()
            for task in self._last:
                self.run(task)
            # Behind what waits, so that every worker still says how it ended.
            self._thread.waiting.put(None)
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
        self._ended += 1
        # The worker that ended just now may still be in the thread's hands: it goes with the next one.
        while self._workers and self._forgotten < self._thread.let_go:
            self._workers.popleft()
            self._forgotten += 1


def close_all(lanes: list[Lane], within_s: float = STOP_WITHIN_S) -> bool:
    """Close lanes side by side: all are asked before any is waited for."""
    for lane in lanes:
        lane.ask_to_close()
    until = time.monotonic() + within_s
    stopped = [lane.close(max(0.1, until - time.monotonic())) for lane in lanes]
    return all(stopped)
