"""The one class that runs a core task in a thread, and the three ways in which a task ends."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from PySide6.QtCore import QCoreApplication, QObject, Signal, Slot

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
    """Runs one core task in a lane. `ended` comes exactly once, whatever happens."""

    progress = Signal(object)  # Progress, frozen
    ended = Signal(object)  # End, frozen

    def __init__(self, task: Task) -> None:
        super().__init__()  # no parent: an object with a parent cannot change thread
        self.cancel = CancelToken()
        self._task = task

    @Slot()
    def run(self) -> None:
        end: End
        try:
            self.cancel.check()
            end = Done(self._task(self.progress.emit, self.cancel))
        except Cancelled:
            end = Stopped()
        except ShiguangError as error:
            end = Failed(error)
        except BaseException as error:
            log.exception("a task died")
            end = Failed(Bug.of(error))
        application = QCoreApplication.instance()
        if application is not None:
            # Home again before saying so: then the window's thread may let go of this object.
            self.moveToThread(application.thread())
        self.ended.emit(end)
