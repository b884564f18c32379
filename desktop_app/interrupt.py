"""Ctrl-C in the terminal closes the window as its button does.

Python runs signal handlers between its own instructions, and while Qt waits for events there are none. The
byte that Python writes for every signal wakes Qt, and with it the handler.
"""

from __future__ import annotations

import signal
import socket
from collections.abc import Callable

from PySide6.QtCore import QObject, QSocketNotifier


class Interrupt(QObject):
    """Calls `quit_now` on SIGINT and SIGTERM, in the window's thread. Give it back with `close`."""

    def __init__(self, quit_now: Callable[[], None], parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._quit_now = quit_now
        self._awake, self._wake = socket.socketpair()
        for end in (self._awake, self._wake):
            end.setblocking(False)
        self._notifier = QSocketNotifier(self._awake.fileno(), QSocketNotifier.Type.Read, self)
        self._notifier.activated.connect(self._read)
        self._old_wake = signal.set_wakeup_fd(self._wake.fileno(), warn_on_full_buffer=False)
        self._old = {number: signal.signal(number, self._take) for number in (signal.SIGINT, signal.SIGTERM)}

    def _take(self, number: int, frame: object) -> None:
        self._quit_now()

    def _read(self) -> None:
        # Only empties the socket: by now Python has seen the signal.
        self._awake.recv(4096)

    def close(self) -> None:
        self._notifier.setEnabled(False)
        signal.set_wakeup_fd(self._old_wake)
        for number, handler in self._old.items():
            signal.signal(number, handler)
        self._awake.close()
        self._wake.close()
