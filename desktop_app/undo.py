"""What can be taken back with Ctrl+Z, and with the link that stands for some seconds where it was said.

What is said gets its place here at once and its way back when the library has it. Ctrl+Z pressed in between means
what was said last all the same: it is taken back as soon as the library has it.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

Step = Callable[[], None]
# More nobody takes back one by one.
MOST = 1_000


class Said:
    """One thing that was said. Exactly one of `came` and `failed` is called, once."""

    def __init__(self, undo: Undo) -> None:
        self._undo = undo
        self._step: Step | None = None
        self._is_wanted_back = False

    def came(self, step: Step) -> None:
        """The library has it; `step` takes it back."""
        self._step = step
        if self._is_wanted_back:
            step()

    def failed(self) -> None:
        """There is nothing to take back."""
        self._undo.forget(self)

    def take_back(self) -> None:
        """Unless that was done already."""
        if self._undo.forget(self):
            self._is_wanted_back = True
            if self._step is not None:
                self._step()


class Undo:
    """Everything that was said in this window, the last on top."""

    def __init__(self) -> None:
        self._said: deque[Said] = deque(maxlen=MOST)

    def expect(self) -> Said:
        """Something is being said now."""
        self._said.append(Said(self))
        return self._said[-1]

    def forget(self, said: Said) -> bool:
        """Whether it was still there."""
        if said not in self._said:
            return False
        self._said.remove(said)
        return True

    def take_last(self) -> None:
        if self._said:
            self._said[-1].take_back()
