"""Keeps an open library up to date with its folders: one run after another, and a watcher between them.

All decisions fall in the window's thread, here; the runs themselves are tasks of one lane. A run can be
paused, and stopped: then what it has done is kept, and the next run goes on where it stood.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from enum import Enum, auto
from functools import partial
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QObject, Signal, Slot

from core.errors import ShiguangError
from core.log import logger
from core.progress import CancelToken, Progress, Report
from desktop_app.workers.lane import Lane
from desktop_app.workers.worker import End, Failed, Worker

if TYPE_CHECKING:
    from core.app import Shiguang
    from core.photos.watch import Watcher

log = logger(__name__)


class State(Enum):
    """IDLE: everything is taken in. STOPPED: the person said so; changes wait until they say go on."""

    IDLE = auto()
    RUNNING = auto()
    PAUSED = auto()
    STOPPED = auto()
    FAILED = auto()


class Indexing(QObject):
    """Call `begin` once, `finish` before closing the lane."""

    progress = Signal(object)  # Progress
    state_changed = Signal(object)  # State
    stored = Signal(object)  # tuple of photo ids that became visible; sent from the storing thread
    ran = Signal()  # a run came to its end: photos, folders and counts may be others now
    folders_changed = Signal()
    refused = Signal(object)  # ShiguangError: a folder that cannot be watched
    changes_seen = Signal(object)  # frozenset of paths; sent from the watcher's thread

    def __init__(self, lane: Lane, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._lane = lane
        self._library: Shiguang | None = None
        self._is_over = False
        # Folders that were given while the library was being opened.
        self._early: list[str] = []
        self._following = _Following()
        self._run: Worker | None = None
        self._wants_everything = False
        self._wanted_paths: set[bytes] = set()
        self.state = State.IDLE
        self.error: ShiguangError | None = None
        self.latest: Progress | None = None
        self.changes_seen.connect(self._take_changes)
        lane.at_close(self._following.stop)

    # ---- what the window says

    def begin(self, library: Shiguang, folders: Sequence[str] = ()) -> None:
        """Watch these folders too, then look through all of them."""
        self._library = library
        for folder in (*folders, *self._early):
            self._change(partial(_watch_folder, library, folder))
        self._early.clear()
        self._follow()
        self._want_everything()

    def add_folder(self, folder: str) -> None:
        """Also before `begin`: it is watched then."""
        if self._library is None and not self._is_over:
            self._early.append(folder)
        else:
            self._change_folders(_watch_folder, folder)

    def remove_folder(self, root: int) -> None:
        """Watch it no longer: its photos leave the view, what was said about them stays."""
        self._change_folders(_unwatch_folder, root)

    def pause(self) -> None:
        if self._run is not None and self.state is State.RUNNING:
            self._run.cancel.pause()
            self._become(State.PAUSED)

    def go_on(self) -> None:
        """After a pause, a stop or a failure."""
        if self._run is not None and self.state is State.PAUSED:
            self._run.cancel.resume()
            self._become(State.RUNNING)
        elif self.state in (State.STOPPED, State.FAILED):
            self._become(State.IDLE)
            self._want_everything()

    def stop(self) -> None:
        if self._run is not None:
            self._run.cancel.cancel()
        self._become(State.STOPPED)

    def finish(self) -> None:
        """No more runs; the watcher ends with the lane."""
        self._library, self._is_over = None, True
        self._lane.cancel_all()

    # ---- folders

    def _change_folders(self, change: Callable[..., Any], what: str | int) -> None:
        if self._library is None:
            return
        # A run under way knows the old folders: it stops, and the next one goes on where it stood.
        if self._run is not None:
            self._run.cancel.cancel()
        self._change(partial(change, self._library, what))
        self._follow()
        if self.state is not State.STOPPED:
            self._want_everything()

    def _change(self, task: Callable[[Report, CancelToken], Any]) -> None:
        self._lane.run(task, self._take_folder_change, keeps=True)

    @Slot(object)
    def _take_folder_change(self, end: End) -> None:
        if isinstance(end, Failed):
            self.refused.emit(end.error)
        self.folders_changed.emit()

    def _follow(self) -> None:
        """Watch the folders that there are now; before the run, so that nothing falls between the two."""
        if self._library is not None:
            self._lane.run(
                partial(self._following.start, self._library, self.changes_seen.emit), self._say_unfollowed
            )

    @Slot(object)
    def _say_unfollowed(self, end: End) -> None:
        if isinstance(end, Failed):
            log.warning("folders are not followed: %s", end.error)

    # ---- runs

    @Slot(object)
    def _take_changes(self, paths: frozenset[bytes]) -> None:
        self._wanted_paths |= paths
        self._start_next()

    def _want_everything(self) -> None:
        self._wants_everything = True
        self._start_next()

    def _start_next(self) -> None:
        if self._library is None or self._run is not None or self.state in (State.STOPPED, State.FAILED):
            return
        if self._wants_everything:
            paths = None
        elif self._wanted_paths:
            paths = frozenset(self._wanted_paths)
        else:
            return
        self._wants_everything = False
        self._wanted_paths.clear()
        task = partial(_index, self._library, paths, self._say_stored)
        self._run = self._lane.run(task, self._take_end, self._pass_progress)
        self._become(State.RUNNING)

    def _say_stored(self, photos: Sequence[int]) -> None:
        self.stored.emit(tuple(photos))

    @Slot(object)
    def _pass_progress(self, progress: Progress) -> None:
        if self._run is not None and self.sender() is self._run:
            self.latest = progress
            self.progress.emit(progress)

    @Slot(object)
    def _take_end(self, end: End) -> None:
        self._run = None
        if self._library is None:
            return
        if isinstance(end, Failed):
            self.error = end.error
            self._become(State.FAILED)
        elif self.state is not State.STOPPED:
            self._become(State.IDLE)
        self.ran.emit()
        self._start_next()

    def _become(self, state: State) -> None:
        if state is not self.state:
            self.state = state
            self.state_changed.emit(state)


def _index(
    library: Shiguang,
    paths: frozenset[bytes] | None,
    stored: Callable[[Sequence[int]], None],
    report: Report,
    cancel: CancelToken,
) -> Any:
    return library.index(report, cancel, paths=paths, stored=stored)


def _watch_folder(library: Shiguang, folder: str, report: Report, cancel: CancelToken) -> None:
    library.watch_folder(folder)


def _unwatch_folder(library: Shiguang, root: int, report: Report, cancel: CancelToken) -> None:
    library.unwatch_folder(root)


class _Following:
    """The watcher, touched by the lane's thread only."""

    def __init__(self) -> None:
        self._watcher: Watcher | None = None

    def start(
        self,
        library: Shiguang,
        changed: Callable[[frozenset[bytes]], None],
        report: Report,
        cancel: CancelToken,
    ) -> None:
        """Watch the library's folders as they are now, in place of those watched before."""
        self.stop(report, cancel)
        self._watcher = library.watcher(changed)
        self._watcher.start()

    def stop(self, report: Report, cancel: CancelToken) -> None:
        watcher, self._watcher = self._watcher, None
        if watcher is not None:
            watcher.stop()
