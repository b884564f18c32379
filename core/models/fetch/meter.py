"""How far a download is: bytes, speed over the last seconds, at most 20 reports a second."""

from __future__ import annotations

import time
from collections import deque

from core.progress import REPORT_EVERY_S, Progress, Report

# A speed over less jumps about, over more it is history.
OVER_S = 5.0


class Meter:
    """Counts the bytes of all files of one download."""

    def __init__(self, report: Report, stage: str, total: int | None) -> None:
        self._report = report
        self._stage = stage
        self._total = total
        self._done = 0
        self._came: deque[tuple[float, int]] = deque()
        self._last = 0.0

    def has(self, size: int) -> None:
        """Bytes that lay here already; negative for those thrown away. They do not count as speed."""
        self._done += size
        self.flush()

    def came(self, size: int) -> None:
        """Bytes that came now."""
        now = time.monotonic()
        self._done += size
        self._came.append((now, size))
        while now - self._came[0][0] > OVER_S:
            self._came.popleft()
        if now - self._last >= REPORT_EVERY_S:
            self.flush()

    def flush(self) -> None:
        self._last = time.monotonic()
        took = self._last - self._came[0][0] if self._came else 0.0
        rate = sum(size for _, size in self._came) / took if took > 0.2 else 0.0
        self._report(Progress(self._stage, self._done, self._total, rate, unit="byte"))
