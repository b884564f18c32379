"""Keeps Python's collector of reference cycles to the window's thread.

The collector runs in whichever thread happens to allocate. Where it finds a widget there, the binding puts the
widget's end off until the window's thread comes by; has Qt deleted the widget with its parent in between, the
program dies (seen: a segmentation fault in Shiboken::BindingManager::runDeletionInMainThread). So the collector
is off while there is a window, and a timer of the window's thread does its work, by its own thresholds.
"""

from __future__ import annotations

import gc

from PySide6.QtCore import QObject, QTimer

# Rare enough to cost nothing, often enough that little is collected at a time.
EVERY_MS = 500


class Garbage(QObject):
    """Collects in the thread it is made in, until `close`."""

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        gc.disable()
        self._timer = QTimer(self)
        self._timer.timeout.connect(self._collect_due)
        self._timer.start(EVERY_MS)

    def _collect_due(self) -> None:
        """The oldest generation that is due, as the collector itself would; it takes the younger ones with it."""
        counts, thresholds = gc.get_count(), gc.get_threshold()
        due = [age for age, (count, most) in enumerate(zip(counts, thresholds, strict=True)) if count > most]
        if due:
            gc.collect(due[-1])

    def close(self) -> None:
        """Give the collector back its freedom; what is garbage until now goes here."""
        self._timer.stop()
        gc.collect()
        gc.enable()
