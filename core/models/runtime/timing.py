"""Honest speeds: everything compared is run in turn, so that a busy moment meets all alike, and the best counts."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping

from core.progress import CancelToken


def side_by_side(
    runs: Mapping[str, Callable[[], object]],
    *,
    rounds: int = 5,
    budget_s: float = 20.0,
    cancel: CancelToken | None = None,
) -> dict[str, float]:
    """The shortest time of each run in seconds, after one that does not count.

    rounds    how often each is run at most
    budget_s  no further round begins after this; each is timed once in any case
    """
    best = dict.fromkeys(runs, float("inf"))
    began = time.perf_counter()
    for number in range(rounds + 1):
        for name, run in runs.items():
            if cancel is not None:
                cancel.check()
            start = time.perf_counter()
            run()
            if number:
                best[name] = min(best[name], time.perf_counter() - start)
        if number and time.perf_counter() - began > budget_s:
            break
    return best
