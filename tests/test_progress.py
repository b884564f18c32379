"""How work tells where it is: rates that are true now, and a pause that holds every thread of a task."""

from __future__ import annotations

import threading

import pytest

from core import progress
from core.progress import CancelToken, Pace, Progress


class Clock:
    """A clock that is set by hand."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = 100.0
        monkeypatch.setattr(progress.time, "monotonic", lambda: self.now)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    return Clock(monkeypatch)


def test_the_rate_is_that_of_the_last_seconds(clock: Clock) -> None:
    seen: list[Progress] = []
    pace = Pace(seen.append, "build", 10_000)
    for second in range(100):
        clock.now += 1
        pace.step(50 if second < 50 else 2)
    assert seen[-1].done == 2_600
    assert seen[-1].rate == pytest.approx(2, rel=0.01)
    assert seen[-1].seconds_left == pytest.approx(7_400 / 2, rel=0.01)


def test_what_an_earlier_run_did_counts_as_done_and_not_in_the_rate(clock: Clock) -> None:
    seen: list[Progress] = []
    pace = Pace(seen.append, "build", 1_000, already=900, device="cpu")
    clock.now += 10
    pace.step(20)
    assert (seen[-1].done, seen[-1].rate, seen[-1].device) == (920, 2.0, "cpu")


def test_waiting_does_not_count_in_the_rate(clock: Clock) -> None:
    seen: list[Progress] = []
    pace = Pace(seen.append, "build", 1_000)
    clock.now += 5
    pace.step(10)
    pace.wait()
    assert (seen[-1].stage, seen[-1].done) == ("wait", 10)
    clock.now += 600
    pace.rest()
    clock.now += 5
    pace.step(10)
    assert seen[-1].rate == pytest.approx(2)


def test_a_pause_holds_a_second_thread_and_a_stop_frees_it() -> None:
    cancel, ends = CancelToken(), []
    assert not cancel.hold()
    cancel.pause()
    thread = threading.Thread(target=lambda: ends.append(cancel.hold()))
    thread.start()
    assert not ends
    cancel.cancel()
    thread.join(10)
    assert ends == [True]
