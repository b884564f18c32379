"""What asks the library in a lane, tells it what was said, and passes answers on: the part that is always the same."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QObject, Signal, Slot

from desktop_app.undo import Said, Step, Undo
from desktop_app.workers.lane import Lane
from desktop_app.workers.worker import Done, End, Failed, Task, Worker

if TYPE_CHECKING:
    from core.app import Shiguang

Ended = Callable[[End], None]


class Asker(QObject):
    """Keeps a list, the shelf, up to date and tells what was refused. Between `begin` and `finish` it has a library.

    What is said with `_say` can be taken back from then on; whoever hears of its end calls `_settle`.
    """

    shelved = Signal(object)  # the new shelf
    refused = Signal(object)  # ShiguangError

    def __init__(self, lane: Lane, undo: Undo, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._lane, self._undo = lane, undo
        self._saying: dict[QObject, Said] = {}
        self._library: Shiguang | None = None
        self.shelf: list[Any] = []

    def _run(self, task: Callable[..., Any], *ended: Ended, keeps: bool = False) -> Worker | None:
        """Run `task(library, report, cancel)`; None where there is no library to ask."""
        if self._library is None:
            return None
        bound: Task = partial(task, self._library)
        return self._lane.run(bound, ended[0], also=ended[1:], keeps=keeps)

    def _keep(self, task: Callable[..., Any], *ended: Ended) -> Worker | None:
        """The same for what was said: it is stored though the window is closed meanwhile."""
        return self._run(task, *ended, keeps=True)

    def _say(self, task: Callable[..., Any], ended: Ended) -> Said | None:
        """The same for what can be taken back; None where there is no library."""
        worker = self._keep(task, ended)
        if worker is None:
            return None
        said = self._saying[worker] = self._undo.expect()
        return said

    def _settle(self, step: Step | None) -> Said | None:
        """In a slot of `ended`: the library has what was said, and `step` takes it back; None: it failed.

        What it was, None where it was itself a step back.
        """
        said = self._saying.pop(self.sender(), None)
        if said is None:
            return None
        if step is None:
            said.failed()
        else:
            said.came(step)
        return said

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
