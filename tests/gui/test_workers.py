"""Every task in a lane ends exactly once, however it ends."""

from __future__ import annotations

import sys
import threading
from collections.abc import Iterator

import pytest
from PySide6.QtCore import QObject, QThread, Slot
from pytestqt.qtbot import QtBot

from core.errors import Bug, DiskFull
from core.progress import Cancelled, CancelToken, Progress, Report
from desktop_app.workers.lane import Lane, close_all
from desktop_app.workers.worker import Done, End, Failed, Stopped
from tests.gui.conftest import LONG_MS


class Ends(QObject):
    """Collects how tasks ended, and in which thread that was told."""

    def __init__(self) -> None:
        super().__init__()
        self.ends: list[End] = []
        self.told_in: list[QThread] = []
        self.progress: list[Progress] = []

    @Slot(object)
    def take(self, end: End) -> None:
        self.ends.append(end)
        self.told_in.append(QThread.currentThread())

    @Slot(object)
    def take_progress(self, progress: Progress) -> None:
        self.progress.append(progress)


@pytest.fixture
def lane() -> Iterator[Lane]:
    made = Lane("test")
    yield made
    assert made.close()


def returns(report: Report, cancel: CancelToken) -> int:
    return 5_000_000_000


def raises_ours(report: Report, cancel: CancelToken) -> None:
    raise DiskFull("The disk is full.")


def raises_any(report: Report, cancel: CancelToken) -> None:
    raise ZeroDivisionError("by nothing")


def is_cancelled(report: Report, cancel: CancelToken) -> None:
    raise Cancelled


def leaves_python(report: Report, cancel: CancelToken) -> None:
    sys.exit(3)


@pytest.mark.parametrize(
    ("task", "kind"),
    [
        (returns, Done),
        (raises_ours, Failed),
        (raises_any, Failed),
        (is_cancelled, Stopped),
        (leaves_python, Failed),
    ],
)
def test_a_task_ends_once_and_is_told_in_the_windows_thread(
    qtbot: QtBot, lane: Lane, task: object, kind: type[End]
) -> None:
    ends = Ends()
    lane.run(task, ends.take)
    qtbot.waitUntil(lambda: not lane.is_busy, timeout=LONG_MS)
    assert [type(end) for end in ends.ends] == [kind]
    assert ends.told_in == [ends.thread()]


def test_what_a_task_returns_arrives_whole(qtbot: QtBot, lane: Lane) -> None:
    ends = Ends()
    lane.run(returns, ends.take)
    qtbot.waitUntil(lambda: bool(ends.ends), timeout=LONG_MS)
    assert ends.ends == [Done(5_000_000_000)]


def test_an_error_of_the_world_stays_itself_and_any_other_is_a_bug(qtbot: QtBot, lane: Lane) -> None:
    ends = Ends()
    lane.run(raises_ours, ends.take)
    lane.run(raises_any, ends.take)
    qtbot.waitUntil(lambda: len(ends.ends) == 2, timeout=LONG_MS)
    world, bug = (end.error for end in ends.ends if isinstance(end, Failed))
    assert isinstance(world, DiskFull)
    assert isinstance(bug, Bug)
    assert isinstance(bug.__cause__, ZeroDivisionError)


def test_a_task_that_waits_its_turn_can_be_cancelled(qtbot: QtBot, lane: Lane) -> None:
    ends, go = Ends(), threading.Event()
    first = lane.run(lambda report, cancel: go.wait(10), ends.take)
    second = lane.run(raises_any, ends.take)
    second.cancel.cancel()
    go.set()
    qtbot.waitUntil(lambda: len(ends.ends) == 2, timeout=LONG_MS)
    assert not first.cancel.is_cancelled
    assert ends.ends == [Done(True), Stopped()]


def test_a_busy_task_sees_the_cancel_at_once(qtbot: QtBot, lane: Lane) -> None:
    ends, begun = Ends(), threading.Event()

    def busy(report: Report, cancel: CancelToken) -> None:
        begun.set()
        while True:
            cancel.check()

    worker = lane.run(busy, ends.take)
    assert begun.wait(10)
    worker.cancel.cancel()
    qtbot.waitUntil(lambda: ends.ends == [Stopped()], timeout=LONG_MS)


def test_progress_arrives_in_order(qtbot: QtBot, lane: Lane) -> None:
    ends = Ends()

    def counts(report: Report, cancel: CancelToken) -> None:
        for done in range(5):
            report(Progress("index", done, 5))

    lane.run(counts, ends.take, ends.take_progress)
    qtbot.waitUntil(lambda: bool(ends.ends), timeout=LONG_MS)
    assert [progress.done for progress in ends.progress] == [0, 1, 2, 3, 4]


def test_closing_a_lane_cancels_what_waits_and_still_says_how_it_ended(qtbot: QtBot) -> None:
    lane, ends, begun = Lane("closing"), Ends(), threading.Event()

    def waits(report: Report, cancel: CancelToken) -> None:
        begun.set()
        cancel.wait(30)
        cancel.check()

    lane.run(waits, ends.take)
    lane.run(raises_any, ends.take)
    assert begun.wait(10)
    assert close_all([lane])
    qtbot.waitUntil(lambda: ends.ends == [Stopped(), Stopped()], timeout=LONG_MS)


def test_closing_a_lane_waits_for_what_stores_something_that_was_said(qtbot: QtBot) -> None:
    lane, stored, begun = Lane("closing"), [], threading.Event()

    def waits(report: Report, cancel: CancelToken) -> None:
        begun.set()
        cancel.wait(30)

    lane.run(waits)
    for said in ("first", "second"):
        lane.run(lambda report, cancel, said=said: stored.append(said), keeps=True)
    assert begun.wait(10)
    assert close_all([lane])
    assert stored == ["first", "second"]


def test_the_last_task_of_a_lane_runs_though_all_others_are_cancelled(qtbot: QtBot) -> None:
    lane, ran = Lane("last"), []
    lane.at_close(lambda report, cancel: ran.append("last"))
    assert lane.close()
    assert ran == ["last"]


def test_a_lane_that_does_not_stop_in_time_is_named_in_the_log(
    qtbot: QtBot, caplog: pytest.LogCaptureFixture
) -> None:
    lane, go, begun = Lane("stubborn"), threading.Event(), threading.Event()

    def stubborn(report: Report, cancel: CancelToken) -> None:
        begun.set()
        go.wait(30)

    lane.run(stubborn)
    assert begun.wait(10)
    assert not lane.close(within_s=0.05)
    assert "stubborn did not stop" in caplog.text
    go.set()
    assert lane.close()
