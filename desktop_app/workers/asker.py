"""What asks the library in a lane and passes answers on: the part that is the same whatever is asked."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QObject, Signal, Slot

from desktop_app.workers.lane import Lane
from desktop_app.workers.worker import Done, End, Failed, Task, Worker

if TYPE_CHECKING:
    from core.app import Shiguang

Ended = Callable[[End], None]


class Asker(QObject):
    """Keeps a list, the shelf, up to date and tells what was refused. Between `begin` and `finish` it has a library."""

    shelved = Signal(object)  # the new shelf
    refused = Signal(object)  # ShiguangError

    def __init__(self, lane: Lane, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._lane = lane
        self._library: Shiguang | None = None
        self.shelf: list[Any] = []

    def _run(self, task: Callable[..., Any], *ended: Ended) -> Worker | None:
        """Run `task(library, report, cancel)`; None where there is no library to ask."""
        if self._library is None:
            return None
        bound: Task = partial(task, self._library)
        return self._lane.run(bound, ended[0], also=ended[1:])

    def _value(self, end: End) -> Any:
        """What was done; what failed is said aloud, what was stopped is forgotten."""
        if isinstance(end, Failed) and self._library is not None:
            self.refused.emit(end.error)
        return end.value if isinstance(end, Done) else None

    @Slot(object)
    def _take_shelf(self, end: End) -> None:
        shelf = self._value(end)
        if shelf is not None:
            self.shelf = shelf
            self.shelved.emit(shelf)
