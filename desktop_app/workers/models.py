"""Gets models and moves the library between them: one thing at a time, in a lane of its own, and never by itself
but to go on with a move that was interrupted."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QObject, QTimer, Signal, Slot

from core.errors import ShiguangError
from core.progress import CancelToken, Progress, Report
from desktop_app.items.cells import Wish
from desktop_app.workers.indexing import State
from desktop_app.workers.lane import Lane
from desktop_app.workers.worker import Done, End, Failed, Worker

if TYPE_CHECKING:
    from core.app import Shiguang
    from core.models.spec import ModelSpec
    from core.switching import ListedModel

GET, IMPORT, USE, DROP = "get", "import", "use", "drop"
# An image tower that was loaded for a question by picture is given back when it has rested (core says how long).
REST_EVERY_MS = 60_000


@dataclass(frozen=True, slots=True)
class Job:
    """What is being done: GET, IMPORT, USE or DROP, with which model; `name` is for people."""

    kind: str
    model: str
    name: str


class Models(QObject):
    """Call `begin` once. A job that fails or is stopped stays `job` until the next one, so that it can be gone on with."""

    listed = Signal(object)  # list of ListedModel
    progress = Signal(object)  # Progress
    state_changed = Signal(object)  # State
    moved = Signal(object)  # Switched: searches answer with another model now
    finds_less = Signal(
        object
    )  # Switched that was held back: the new model finds fewer of the owner's photos
    refused = Signal(object)  # ShiguangError of something small: a drop, an import with a wrong name

    def __init__(self, lane: Lane, reading: Lane, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._lane, self._reading = lane, reading
        self._library: Shiguang | None = None
        self._worker: Worker | None = None
        self._in_sight: Sequence[int] = ()
        self._has_resumed = False
        self._uses_next = False
        self._is_held = False
        self.models: list[ListedModel] = []
        self.job: Job | None = None
        self.state = State.IDLE
        self.error: ShiguangError | None = None
        self.latest: Progress | None = None
        self._rest = QTimer(self)
        self._rest.setInterval(REST_EVERY_MS)
        self._rest.timeout.connect(self._rest_towers)

    def begin(self, library: Shiguang) -> None:
        """List the models, and go on with a move that was interrupted."""
        self._library = library
        self._rest.start()
        self.list_again()

    @Slot(object)
    def note_in_sight(self, wish: Wish) -> None:
        """The photos that the window wants to show: a move that begins encodes them before the others."""
        self._in_sight = wish.photos

    # ---- what the window says

    def list_again(self) -> None:
        if self._library is not None:
            self._reading.run(partial(_list, self._library), self._take_list)

    def get(self, model: str) -> None:
        """Download and convert a model, then move to it."""
        if self._start(Job(GET, model, self.name_of(model)), _get, model):
            self._uses_next = True

    def import_from(self, path: Path) -> None:
        """A model from files on this machine; it is listed then, and used when somebody says so."""
        self._start(Job(IMPORT, "", path.name), _import, path)

    def use(self, model: str, *, anyway: bool = False) -> None:
        """Move the library to a model that is here. anyway: also where it finds fewer of the owner's photos."""
        self._start(Job(USE, model, self.name_of(model)), _use, model, tuple(self._in_sight), anyway)

    def drop(self, model: str) -> None:
        """Delete a model with its vectors."""
        self._start(Job(DROP, model, self.name_of(model)), _drop, model)

    def pause(self) -> None:
        if self._worker is not None and self.state is State.RUNNING:
            self._worker.cancel.pause()
            self._become(State.PAUSED)

    def go_on(self) -> None:
        """After a pause, a stop or a failure."""
        if self._worker is not None and self.state is State.PAUSED:
            self._worker.cancel.resume()
            self._become(State.RUNNING)
        elif self.job is not None and self.state in (State.STOPPED, State.FAILED):
            again = {GET: self.get, USE: self.use}.get(self.job.kind)
            if again is not None:
                again(self.job.model)

    def stop(self) -> None:
        """What is done is kept."""
        if self._worker is not None:
            self._worker.cancel.cancel()

    def dismiss(self) -> None:
        """A stop or failure was read."""
        if self.state in (State.STOPPED, State.FAILED):
            self.job, self.error = None, None
            self._become(State.IDLE)

    def hold(self, is_held: bool) -> None:
        """While the library learns it moves to no other model, and none is dropped."""
        self._is_held = is_held
        self.state_changed.emit(self.state)

    def finish(self) -> None:
        """Nothing more is begun; what runs is asked to stop with its lane."""
        self._library = None
        self._rest.stop()

    def name_of(self, model: str) -> str:
        """A model's name for people."""
        return next((each.known.name for each in self.models if each.id == model), model)

    @property
    def is_busy(self) -> bool:
        return self._worker is not None

    @property
    def is_held(self) -> bool:
        return self._is_held

    # ---- jobs

    def _start(self, job: Job, task: Callable[..., Any], *values: object) -> bool:
        if self._library is None or self._worker is not None or self._is_held:
            return False
        self.job, self.error, self.latest = job, None, None
        self._worker = self._lane.run(
            partial(task, self._library, *values), self._take_end, self._pass_progress
        )
        self._become(State.RUNNING)
        return True

    @Slot(object)
    def _pass_progress(self, progress: Progress) -> None:
        if self._worker is not None and self.sender() is self._worker:
            self.latest = progress
            self.progress.emit(progress)

    @Slot(object)
    def _take_end(self, end: End) -> None:
        job, self._worker = self.job, None
        if self._library is None:
            return
        uses_next, self._uses_next = self._uses_next, False
        if isinstance(end, Failed):
            self._fail(end.error)
        elif isinstance(end, Done):
            self.job = None
            self._become(State.IDLE)
            if job is not None and job.kind == USE:
                (self.moved if end.value.in_use else self.finds_less).emit(end.value)
            elif job is not None and uses_next:
                self.use(job.model)
        else:
            self._become(State.STOPPED)
        self.list_again()

    def _fail(self, error: ShiguangError) -> None:
        if self.job is not None and self.job.kind in (IMPORT, DROP):
            # Nothing to go on with: it is said, and that is all.
            self.job = None
            self._become(State.IDLE)
            self.refused.emit(error)
        else:
            self.error = error
            self._become(State.FAILED)

    def _become(self, state: State) -> None:
        self.state = state
        self.state_changed.emit(state)

    # ---- the list

    @Slot(object)
    def _take_list(self, end: End) -> None:
        if not isinstance(end, Done):
            return
        self.models = end.value
        self.listed.emit(self.models)
        if not self._has_resumed:
            self._has_resumed = True
            for each in self.models:
                # One that failed waits until somebody has seen why.
                if each.is_building and each.space is not None and not each.space.reason:
                    self.use(each.id)

    def _rest_towers(self) -> None:
        if self._library is not None:
            self._reading.run(partial(_rest, self._library))


def _list(library: Shiguang, report: Report, cancel: CancelToken) -> list[ListedModel]:
    return library.models()


def _get(library: Shiguang, model: str, report: Report, cancel: CancelToken) -> ModelSpec:
    return library.get_model(model, report, cancel)


def _import(library: Shiguang, path: Path, report: Report, cancel: CancelToken) -> ModelSpec:
    return library.import_model(path, report, cancel)


def _use(
    library: Shiguang,
    model: str,
    first: Sequence[int],
    anyway: bool,
    report: Report,
    cancel: CancelToken,
) -> object:
    return library.switch_model(model, report, cancel, accept=lambda comparison: anyway, first=first)


def _drop(library: Shiguang, model: str, report: Report, cancel: CancelToken) -> None:
    library.drop_model(model)


def _rest(library: Shiguang, report: Report, cancel: CancelToken) -> None:
    library.rest()
