"""Tells the library what its owner says of photos: who or what they show, and whether a search found the right ones.

In the order said, on the lane of the albums: names move albums. None of it is ever dropped.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING

from PySide6.QtCore import Signal, Slot

from desktop_app.workers import telling_tasks as tasks
from desktop_app.workers.asker import Asker
from desktop_app.workers.telling_tasks import Judged, Marks, NewName, Told
from desktop_app.workers.worker import Done, End, Failed

if TYPE_CHECKING:
    from core.app import Shiguang
    from core.library.names import Name


class Telling(Asker):
    """The shelf is a list of Given; `refused` tells of what no editor asked for.

    Call `begin` once and `finish` before closing the lane.
    """

    looked = Signal(object)  # Examples
    told = Signal(object, object)  # Told, and the Said that takes it back; None: it took another one back
    judged = Signal(object, object)  # Judged, the same
    moved = Signal()  # answers and albums may be others now
    named = Signal(object)  # Name: what an editor asked for is stored
    not_named = Signal(object)  # ShiguangError: it is not

    def begin(self, library: Shiguang) -> None:
        self._library = library
        self.list_again()

    def finish(self) -> None:
        self._library = None

    # ---- looking

    @Slot()
    def list_again(self) -> None:
        self._run(tasks.shelf, self._take_shelf)

    def look(self, name: Name) -> None:
        """The photos of a name come as `looked`."""
        self._run(partial(tasks.look, name), self._take_look)

    # ---- what the owner says

    def give(self, new: NewName, photos: Sequence[int]) -> None:
        """These photos show it: a new name, or more photos of a known one. `named` or `not_named` comes."""
        self._say(partial(tasks.give, new, tuple(photos)), self._take_given)

    def mark(self, name: Name, marks: Marks) -> None:
        """Photos show the name, do not, or nothing is said of them any more."""
        self._say(partial(tasks.mark, name, marks), self._take_told)

    def _take_back(self, told: Told) -> None:
        if told.is_new:
            self.drop(told.name)
        else:
            self._keep(partial(tasks.mark, told.name, told.before), self._take_told)

    def change(self, new: NewName) -> None:
        """Another word, other names or another kind; the photos stay. `named` or `not_named` comes."""
        self._keep(partial(tasks.change, new), self._take_changed)

    def drop(self, name: Name) -> None:
        """Forget a name with its photos' marks."""
        self._keep(partial(tasks.drop, name), self._take_dropped)

    def judge(self, question: str, marks: Marks) -> None:
        """Photos are what a question asks for, are not, or nothing is said of them any more."""
        self._say(partial(tasks.judge, question, marks), self._take_judged)

    def _take_back_judged(self, judged: Judged) -> None:
        self._keep(partial(tasks.judge, judged.question, judged.before), self._take_judged)

    # ---- what comes back

    @Slot(object)
    def _take_look(self, end: End) -> None:
        examples = self._value(end)
        if examples is not None:
            self.looked.emit(examples)

    @Slot(object)
    def _take_told(self, end: End) -> None:
        told = self._value(end)
        said = self._settle(partial(self._take_back, told) if told is not None else None)
        if told is not None:
            self.told.emit(told, said)
            self._pass_change()

    @Slot(object)
    def _take_given(self, end: End) -> None:
        if isinstance(end, Failed):
            self._settle(None)
            self.not_named.emit(end.error)
            return
        self._take_told(end)
        if isinstance(end, Done):
            self.named.emit(end.value.name)

    @Slot(object)
    def _take_changed(self, end: End) -> None:
        if isinstance(end, Failed):
            self.not_named.emit(end.error)
        elif isinstance(end, Done):
            self._pass_change()
            self.named.emit(end.value)

    @Slot(object)
    def _take_dropped(self, end: End) -> None:
        if self._value(end) is not None:
            self._pass_change()

    @Slot(object)
    def _take_judged(self, end: End) -> None:
        judged = self._value(end)
        said = self._settle(partial(self._take_back_judged, judged) if judged is not None else None)
        if judged is not None:
            self.judged.emit(judged, said)
        # Also where it failed: what the window showed ahead of it did not come true.
        self.moved.emit()

    def _pass_change(self) -> None:
        self.list_again()
        self.moved.emit()
