"""What the owner said, carried out of the library and back in: backups, and sidecars beside the photos.

One of these at a time. The dialog may be closed meanwhile; what ended is told when it is asked for again.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QObject, Signal, Slot

from core.progress import CancelToken, Progress, Report
from core.settings import SIDECARS, SIDECARS_AUTOMATIC, Setting
from desktop_app.workers.lane import Lane
from desktop_app.workers.worker import Done, End, Failed, Worker

if TYPE_CHECKING:
    from core.app import Shiguang

BACKUP, RESTORE, WRITE, READ = "backup", "restore", "write", "read"


@dataclass(frozen=True, slots=True)
class Outside:
    """Sidecars that are written and that wait to be; whether they are written by themselves, and with albums that a
    photo is in by itself."""

    written: int
    waiting: int
    by_itself: bool
    automatic: bool


class Carrier(QObject):
    """Call `begin` once and `finish` before closing the lanes."""

    looked = Signal(object)  # Outside
    began = Signal()
    progress = Signal(object)  # Progress
    ended = Signal()  # `done` says how
    brought = Signal()  # something may have come in: what is shown may be another now
    refused = Signal(object)  # ShiguangError of a setting

    def __init__(self, lane: Lane, reading: Lane, parent: QObject | None = None) -> None:
        """lane: of long tasks; reading: of small questions, which wait for none of those"""
        super().__init__(parent)
        self._lane, self._reading = lane, reading
        self._library: Shiguang | None = None
        self._worker: Worker | None = None
        self._what = ""
        self.done: tuple[str, End] | None = None

    def begin(self, library: Shiguang) -> None:
        self._library = library

    def finish(self) -> None:
        self._library = None

    @property
    def is_busy(self) -> bool:
        return self._worker is not None

    # ---- asked

    @Slot()
    def look(self) -> None:
        """How things are comes as `looked`."""
        if self._library is not None:
            self._reading.run(partial(_look, self._library), self._take_look)

    def write_by_itself(self, value: bool) -> None:
        self._choose(SIDECARS, value)

    def name_automatic(self, value: bool) -> None:
        self._choose(SIDECARS_AUTOMATIC, value)

    def back_up(self, path: Path, *, models: bool) -> None:
        self._start(BACKUP, partial(_back_up, path, models))

    def restore(self, path: Path) -> None:
        self._start(RESTORE, partial(_restore, path))

    def write(self) -> None:
        self._start(WRITE, _write)

    def read(self) -> None:
        self._start(READ, _read)

    def stop(self) -> None:
        if self._worker is not None:
            self._worker.cancel.cancel()

    # ---- inside

    def _choose(self, setting: Setting[bool], value: bool) -> None:
        if self._library is not None:
            self._reading.run(partial(_choose, self._library, setting, value), self._take_look)

    def _start(self, what: str, task: Callable[[Shiguang, Report, CancelToken], Any]) -> None:
        if self._library is None or self._worker is not None:
            return
        self._what, self.done = what, None
        self._worker = self._lane.run(partial(task, self._library), self._take_end, self._pass_progress)
        self.began.emit()

    @Slot(object)
    def _pass_progress(self, progress: Progress) -> None:
        if self._worker is not None and self.sender() is self._worker:
            self.progress.emit(progress)

    @Slot(object)
    def _take_end(self, end: End) -> None:
        self._worker = None
        if self._library is None:
            return
        self.done = self._what, end
        self.ended.emit()
        if self._what in (RESTORE, READ):
            # However it ended: what came until then stays.
            self.brought.emit()
        self.look()

    @Slot(object)
    def _take_look(self, end: End) -> None:
        if isinstance(end, Done):
            self.looked.emit(end.value)
        elif isinstance(end, Failed):
            self.refused.emit(end.error)


def _look(library: Shiguang, report: Report, cancel: CancelToken) -> Outside:
    counts, settings = library.carrying.sidecar_counts(), library.settings
    return Outside(
        counts["written"], counts["waiting"], settings.get(SIDECARS), settings.get(SIDECARS_AUTOMATIC)
    )


def _choose(
    library: Shiguang, setting: Setting[bool], value: bool, report: Report, cancel: CancelToken
) -> Outside:
    library.settings.set(setting, value)
    return _look(library, report, cancel)


def _back_up(path: Path, models: bool, library: Shiguang, report: Report, cancel: CancelToken) -> object:
    return library.carrying.backup(path, report, cancel, models=models)


def _restore(path: Path, library: Shiguang, report: Report, cancel: CancelToken) -> object:
    return library.carrying.restore(path, report, cancel)


def _write(library: Shiguang, report: Report, cancel: CancelToken) -> object:
    library.look_at_roots()
    return library.carrying.write_sidecars(report, cancel)


def _read(library: Shiguang, report: Report, cancel: CancelToken) -> object:
    library.look_at_roots()
    return library.carrying.read_sidecars(report, cancel)
