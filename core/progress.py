"""How long work tells where it is, and how it is stopped: `task(report, cancel)`.

A task calls `report` as often as it likes; `Pace` thins the calls to 20 a second (the last of a
stage always passes). A task calls `cancel.check()` wherever it can stop cleanly; pausing waits there.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Progress:
    """Where a task is. `total` is None while it is not known; `rate` is items a second, 0 at the start.

    device  what does the work, where that is worth knowing: "cpu", "cuda"; else ""
    unit    "" for things that are counted, "byte" for a download
    """

    stage: str
    done: int = 0
    total: int | None = None
    rate: float = 0.0
    failed: int = 0
    device: str = ""
    unit: str = ""

    @property
    def seconds_left(self) -> float | None:
        if self.total is None or self.rate <= 0:
            return None
        return (self.total - self.done) / self.rate


Report = Callable[[Progress], None]


def silent(progress: Progress) -> None:
    """A report that nobody reads."""


class Cancelled(Exception):
    """Raised by `CancelToken.check` in the task that was asked to stop. Not an error."""


class CancelToken:
    """Asks a task in another thread to stop or to pause; set directly, never through a queue."""

    def __init__(self) -> None:
        self._stop = threading.Event()
        self._go = threading.Event()
        self._go.set()

    def cancel(self) -> None:
        self._stop.set()
        self._go.set()

    def pause(self) -> None:
        self._go.clear()

    def resume(self) -> None:
        self._go.set()

    @property
    def is_cancelled(self) -> bool:
        return self._stop.is_set()

    @property
    def is_paused(self) -> bool:
        return not self._go.is_set()

    def check(self) -> None:
        """Return at once, wait while paused, or raise Cancelled."""
        self._go.wait()
        if self._stop.is_set():
            raise Cancelled

    def hold(self) -> bool:
        """Wait while paused; true when cancelled. For a second thread of a task, which has nobody to raise to."""
        self._go.wait()
        return self._stop.is_set()

    def wait(self, timeout_s: float) -> bool:
        """Sleep up to `timeout_s`; true when cancelled meanwhile."""
        return self._stop.wait(timeout_s)


# Reports closer together than this are dropped (20 a second, docs/design.md).
REPORT_EVERY_S = 0.05


# The rate is that of so many seconds before: a task that was paused, or whose work changes, is soon right again.
RATE_OVER_S = 20.0


class Pace:
    """Counts one stage, measures its rate over the last seconds, and reports at most 20 times a second.

    already  of `total` done by an earlier run: counted as done, but not in the rate
    """

    def __init__(
        self, report: Report, stage: str, total: int | None = None, *, already: int = 0, device: str = ""
    ) -> None:
        self._report = report
        self.stage = stage
        self.total = total
        self.done = already
        self.failed = 0
        self._device = device
        self._last = 0.0
        # (time, done) of the last RATE_OVER_S, and one before.
        self._seen = deque([(time.monotonic(), already)])

    def step(self, count: int = 1, failed: int = 0) -> None:
        self.done += count
        self.failed += failed
        if time.monotonic() - self._last >= REPORT_EVERY_S:
            self.flush()

    def wait(self) -> None:
        """Report the stage "wait": something else goes first. `rest` afterwards."""
        self._report(Progress("wait", self.done, self.total, 0.0, self.failed, self._device))

    def flush(self) -> None:
        self._last = time.monotonic()
        while len(self._seen) > 1 and self._seen[1][0] < self._last - RATE_OVER_S:
            self._seen.popleft()
        began, done = self._seen[0]
        took = self._last - began
        rate = (self.done - done) / took if took > 0.2 else 0.0
        if self._last - self._seen[-1][0] >= 1.0:
            self._seen.append((self._last, self.done))
        self._report(Progress(self.stage, self.done, self.total, rate, self.failed, self._device))

    def rest(self) -> None:
        """After waiting: the time that nothing could be done in does not count in the rate."""
        self._seen = deque([(time.monotonic(), self.done)])
