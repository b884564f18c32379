"""The one class that runs a core task in a thread, and the three ways in which a task ends."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from PySide6.QtCore import QObject, Signal

from core.errors import Bug, ShiguangError
from core.log import logger
from core.progress import Cancelled, CancelToken, Report

log = logger(__name__)


@dataclass(frozen=True, slots=True)
class Done:
    """The task came to its end; `value` is what it returned."""

    value: Any


@dataclass(frozen=True, slots=True)
class Stopped:
    """The task was asked to stop, and did; what it had done is kept."""


@dataclass(frozen=True, slots=True)
class Failed:
    """The world or a bug of ours got in the way."""

    error: ShiguangError


End = Done | Stopped | Failed
Task = Callable[[Report, CancelToken], Any]


class Worker(QObject):
    """Runs one core task in a lane. `ended` comes exactly once, whatever happens.

    The object itself stays in the window's thread and is never moved: only `run` is called elsewhere, and what
    it emits there is queued to its receivers. With PySide6 6.12, `moveToThread` while Python's lock is held was
    seen to wait for ever for a window that waited for that lock.
    """

    progress = Signal(object)  # Progress, frozen
    ended = Signal(object)  # End, frozen

    def __init__(self, task: Task, *, keeps: bool = False) -> None:
        """keeps: what somebody said is stored by it; closing waits for that"""
        super().__init__()
        self.cancel = CancelToken()
        self.keeps = keeps
        self._task = task

    def run(self) -> None:
        self.ended.emit(self._end())

    def _end(self) -> End:
        # Returned, not kept in a variable: an error knows this frame, and the two would keep each other alive.
        try:
            self.cancel.check()
            return Done(self._task(self.progress.emit, self.cancel))
        except Cancelled:
            return Stopped()
        except ShiguangError as error:
            return Failed(error)
        except BaseException as error:
            # Even a library's sys.exit() must not leave the window waiting.
            log.exception("a task died")
            return Failed(Bug.of(error))
