"""Who works on the library when: imports, builds of a second space, and the change of the model."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator

from core.progress import CancelToken


class Turns:
    """Imports go first. A build works between them, and the model changes while none is under way."""

    def __init__(self) -> None:
        self._condition = threading.Condition()
        self._imports = 0
        self._changing = False

    @contextlib.contextmanager
    def importing(self) -> Iterator[None]:
        with self._condition:
            self._condition.wait_for(lambda: not self._changing)
            self._imports += 1
        try:
            yield
        finally:
            with self._condition:
                self._imports -= 1
                self._condition.notify_all()

    @property
    def is_importing(self) -> bool:
        return self._imports > 0

    def wait(self, cancel: CancelToken) -> None:
        """Until no import is under way. Raises Cancelled."""
        with self._condition:
            while self._imports:
                cancel.check()
                self._condition.wait(0.2)
        cancel.check()

    @contextlib.contextmanager
    def alone(self, cancel: CancelToken) -> Iterator[None]:
        """Wait for the import under way; the next one waits for us. Raises Cancelled while waiting."""
        with self._condition:
            while self._imports:
                cancel.check()
                self._condition.wait(0.2)
            self._changing = True
        try:
            yield
        finally:
            with self._condition:
                self._changing = False
                self._condition.notify_all()
