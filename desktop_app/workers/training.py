"""Learns from what the owner said: one thing at a time, in a lane of its own, and never by itself.

A training goes on while its dialog is closed. What came of it, a verdict, a refusal or a failure, is kept until it
was read. While the library learns it moves to no other model: the one it learns from must stay open.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QObject, Signal, Slot

from core.errors import ShiguangError
from core.progress import REPORT_EVERY_S, CancelToken, Progress, Report
from desktop_app.items.cells import Wish
from desktop_app.workers.fetching import fetch
from desktop_app.workers.indexing import State
from desktop_app.workers.lane import Lane
from desktop_app.workers.models import Models
from desktop_app.workers.worker import Done, End, Failed, Worker

if TYPE_CHECKING:
    from core.app import Shiguang
    from core.finetuning import Finetuned, Outlook, Way
    from core.switching import Switched
    from core.training.loop import Point

INSTALL, LEARN, BACK = "install", "learn", "back"
BUSY = (State.RUNNING, State.PAUSED)


@dataclass(slots=True)
class Curve:
    """(step, value) of every step's loss and of what the photos held out gave, in order; steps go on over stages."""

    losses: list[tuple[int, float]] = field(default_factory=list)
    scores: list[tuple[int, float]] = field(default_factory=list)
    _before: int = 0

    def add(self, point: Point) -> None:
        last = self.losses[-1][0] if self.losses else 0
        if point.loss is not None:
            if point.step + self._before <= last:
                self._before = last  # another stage counts from one again
            self.losses.append((point.step + self._before, point.loss))
        if point.score is not None:
            self.scores.append((point.step + self._before, point.score))


class Training(QObject):
    """Call `begin` once. `kind` and `how` say what is done or was done last, until `dismiss`."""

    looked = Signal()  # outlook and ways are known anew
    progress = Signal(object)  # Progress
    drawn = Signal()  # the curve has more points
    state_changed = Signal(object)  # State
    moved = Signal(object)  # searches answer with another model now
    pictured = Signal(object)  # photo -> QImage or None
    points = Signal(object)  # tuple of Point; sent from the training's thread

    def __init__(self, lane: Lane, reading: Lane, models: Models, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._lane, self._reading, self._models = lane, reading, models
        self._library: Shiguang | None = None
        self._worker: Worker | None = None
        self._closing = threading.Event()
        self.outlook: Outlook | None = None
        # None until they were asked for; they need the extra, and seconds.
        self.ways: list[Way] | None = None
        self.kind = self.how = ""
        self.state = State.IDLE
        self.error: ShiguangError | None = None
        # Why what there is to learn from, or what it costs, could not be said.
        self.look_error: ShiguangError | None = None
        self.latest: Progress | None = None
        self.curve = Curve()
        self.result: Finetuned | None = None
        self.points.connect(self._take_points)

    def begin(self, library: Shiguang) -> None:
        self._library = library

    @property
    def is_busy(self) -> bool:
        return self._worker is not None

    @property
    def can_start(self) -> bool:
        """Whether nothing else is done with models now."""
        return self._library is not None and not self.is_busy and not self._models.is_busy

    @property
    def can_go_on(self) -> bool:
        """Whether a training was stopped since the program was started."""
        return self.state is State.STOPPED and self.kind == LEARN

    # ---- what the window says

    def look(self) -> None:
        """Read what there is to learn from, then what each way costs; `looked` comes after each."""
        if self._library is not None and not self.is_busy:
            self._lane.run(partial(_outlook, self._library), self._take_outlook)

    def choose_weak(self, source: str, teaches: bool) -> None:
        """Whether words of folders, or keywords, teach too; it is kept, and `looked` comes."""
        if self._library is not None and not self.is_busy:
            self._lane.run(partial(_choose_weak, source, teaches, self._library), self._take_outlook)

    def begin_anew(self) -> None:
        """What a stopped training would go on with is thrown away; `looked` comes."""
        if self._library is not None and self.can_start:
            self.dismiss()
            self.ways = None  # until they are known anew nothing can be begun, and nothing goes on
            self._lane.run(partial(_begin_anew, self._library), self._take_outlook)

    def install(self) -> None:
        """Download and install the extra."""
        self._start(INSTALL, "", _install)

    def learn(self, how: str) -> None:
        watch = _Watching(self.points.emit)
        if self._start(LEARN, how, _learn, how, watch, self._closing.is_set):
            self.curve = Curve()
            self.drawn.emit()

    def go_back(self) -> None:
        """To the model that was in use before the training."""
        self._start(BACK, "", _go_back)

    def pause(self) -> None:
        if self._worker is not None and self.state is State.RUNNING:
            self._worker.cancel.pause()
            self._become(State.PAUSED)

    def go_on(self) -> None:
        """After a pause, a stop or a failure."""
        if self._worker is not None and self.state is State.PAUSED:
            self._worker.cancel.resume()
            self._become(State.RUNNING)
        elif self.state in (State.STOPPED, State.FAILED):
            again = {INSTALL: self.install, LEARN: partial(self.learn, self.how), BACK: self.go_back}
            again[self.kind]()

    def stop(self) -> None:
        """Everything is as it was then; of a download and of trained encoders what was done is gone on with."""
        if self._worker is not None:
            self._worker.cancel.cancel()

    def dismiss(self) -> None:
        """A result, a stop or a failure was read."""
        if not self.is_busy:
            self.kind, self.error, self.result = "", None, None
            self._become(State.IDLE)

    def picture(self, photos: Sequence[int], side_px: int, radius_px: float) -> None:
        """Thumbnails for the result; they come as `pictured`. Both measures in pixels of the screen."""
        if self._library is not None:
            wish = Wish(tuple(photos), side_px, radius_px)
            self._reading.run(partial(fetch, self._library, wish), self._take_pictures)

    def finish(self) -> None:
        """Nothing more is begun; a training that is being taken over is taken over at the next start."""
        self._closing.set()
        self._library = None
        self._lane.cancel_all()

    # ---- the work

    def _start(self, kind: str, how: str, task: Callable[..., Any], *values: object) -> bool:
        if not self.can_start:
            return False
        self.kind, self.how = kind, how
        self.error, self.latest, self.result = None, None, None
        self._models.hold(kind != INSTALL)
        task = partial(task, self._library, *values)
        self._worker = self._lane.run(task, self._take_end, self._pass_progress)
        self._become(State.RUNNING)
        return True

    @Slot(object)
    def _pass_progress(self, progress: Progress) -> None:
        if self._worker is not None and self.sender() is self._worker:
            self.latest = progress
            self.progress.emit(progress)

    @Slot(object)
    def _take_points(self, points: tuple[Point, ...]) -> None:
        if self.kind == LEARN:
            for point in points:
                self.curve.add(point)
            self.drawn.emit()

    @Slot(object)
    def _take_end(self, end: End) -> None:
        self._worker = None
        if self._library is None:
            return
        self._models.hold(False)
        if isinstance(end, Failed):
            self.error = end.error
            self._become(State.FAILED)
        elif isinstance(end, Done):
            self._take_done(end.value)
        else:
            self._become(State.STOPPED)
        self._models.list_again()
        self.look()

    def _take_done(self, value: Any) -> None:
        has_moved = self.kind == BACK
        if self.kind == LEARN:
            self.result = value
            has_moved = bool(value.model)
        self._become(State.IDLE)
        if has_moved:
            self.moved.emit(value)

    def _become(self, state: State) -> None:
        self.state = state
        self.state_changed.emit(state)

    # ---- what it would learn from

    @Slot(object)
    def _take_outlook(self, end: End) -> None:
        if isinstance(end, Done) and self._library is not None:
            self.outlook = end.value
            if not end.value.missing:
                self._lane.run(partial(_ways, self._library), self._take_ways)
        self._say_looked(end)

    @Slot(object)
    def _take_ways(self, end: End) -> None:
        if isinstance(end, Done):
            self.ways = end.value
        self._say_looked(end)

    def _say_looked(self, end: End) -> None:
        self.look_error = end.error if isinstance(end, Failed) else None
        self.looked.emit()

    @Slot(object)
    def _take_pictures(self, end: End) -> None:
        if isinstance(end, Done):
            self.pictured.emit(end.value.images)


class _Watching:
    """Called in the training's thread for every point; hands them on 20 times a second at most."""

    def __init__(self, hand_on: Callable[[tuple[Point, ...]], None]) -> None:
        self._hand_on = hand_on
        self._points: list[Point] = []
        self._last = 0.0

    def __call__(self, point: Point) -> None:
        self._points.append(point)
        if time.monotonic() - self._last >= REPORT_EVERY_S:
            self.flush()

    def flush(self) -> None:
        self._last = time.monotonic()
        points, self._points = tuple(self._points), []
        self._hand_on(points)


# Imported in the lane: the window need not wait for them.


def _outlook(library: Shiguang, report: Report, cancel: CancelToken) -> Outlook:
    from core.finetuning import outlook

    return outlook(library)


def _choose_weak(
    source: str, teaches: bool, library: Shiguang, report: Report, cancel: CancelToken
) -> Outlook:
    from core.finetuning import choose_weak, outlook

    choose_weak(library, source, teaches)
    return outlook(library)


def _begin_anew(library: Shiguang, report: Report, cancel: CancelToken) -> Outlook:
    from core.finetuning import begin_anew, outlook

    begin_anew(library)
    return outlook(library)


def _ways(library: Shiguang, report: Report, cancel: CancelToken) -> list[Way]:
    from core.finetuning import ways

    return ways(library, cancel)


def _install(library: Shiguang, report: Report, cancel: CancelToken) -> int:
    from core.finetuning import install

    return install(library, report, cancel)


def _learn(
    library: Shiguang,
    how: str,
    watch: _Watching,
    keeps: Callable[[], bool],
    report: Report,
    cancel: CancelToken,
) -> Finetuned:
    from core.finetuning import finetune

    try:
        return finetune(library, how, report, cancel, watch, keeps)
    finally:
        watch.flush()


def _go_back(library: Shiguang, report: Report, cancel: CancelToken) -> Switched:
    from core.finetuning import go_back

    return go_back(library, report, cancel)
