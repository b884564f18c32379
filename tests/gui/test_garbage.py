"""Reference cycles with widgets in them end in the window's thread, whichever thread allocates."""

from __future__ import annotations

import threading

from PySide6.QtWidgets import QLabel
from pytestqt.qtbot import QtBot

from core.progress import CancelToken, Report
from desktop_app.workers.lane import Lane
from tests.gui.conftest import LONG_MS


class Told(QLabel):
    """Says in which thread its Python half ended."""

    def __init__(self, ended_in: list[int]) -> None:
        super().__init__()
        self.ended_in = ended_in
        self.itself = self

    def __del__(self) -> None:
        self.ended_in.append(threading.get_ident())


def test_a_busy_thread_never_ends_a_widget(qtbot: QtBot) -> None:
    kept: list[list[int]] = []

    def allocate_much(report: Report, cancel: CancelToken) -> None:
        """Enough containers for many collections of all ages."""
        kept.extend([] for _ in range(300_000))

    ended_in: list[int] = []
    lane = Lane("busy")
    Told(ended_in)
    lane.run(allocate_much)
    qtbot.waitUntil(lambda: len(kept) == 300_000, timeout=LONG_MS)
    assert lane.close()
    qtbot.waitUntil(lambda: bool(ended_in), timeout=LONG_MS)
    assert set(ended_in) == {threading.get_ident()}
