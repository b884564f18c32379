"""What can be taken back with Ctrl+Z, and with the link that stands for some seconds where it was said."""

from __future__ import annotations

from collections.abc import Callable

Step = Callable[[], None]


class Undo:
    """Steps that take back what was said, the last one on top. An album's own rounds are kept by the album."""

    def __init__(self) -> None:
        self._steps: list[Step] = []

    def remember(self, step: Step) -> None:
        self._steps.append(step)

    def forget_all(self) -> None:
        """Something else was said since, that is taken back first and elsewhere."""
        self._steps.clear()

    def take(self, step: Step) -> None:
        """Take back this one, unless that was done already."""
        if step in self._steps:
            self._steps.remove(step)
            step()

    def take_last(self) -> bool:
        """Take back what was said last; false where there is nothing."""
        if not self._steps:
            return False
        self._steps.pop()()
        return True
