"""What happens with a bug of ours: it goes into the log, and a plain dialog says so; the window stays."""

from __future__ import annotations

import sys
import threading
from types import TracebackType

from PySide6.QtCore import QObject, Signal, Slot
from PySide6.QtWidgets import QMessageBox

from core.errors import Bug
from core.log import logger
from desktop_app.dialogs.error_box import show_error

log = logger(__name__)


class CrashReport(QObject):
    """Takes what no `except` took, in any thread; one dialog at a time, because bugs come in swarms."""

    _happened = Signal(object)  # Bug; carries it to the window's thread

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._box: QMessageBox | None = None
        self._happened.connect(self._show)

    def install(self) -> None:
        sys.excepthook = self._take
        threading.excepthook = self._take_from_thread

    def uninstall(self) -> None:
        sys.excepthook = sys.__excepthook__
        threading.excepthook = threading.__excepthook__

    def _take(self, kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
        if issubclass(kind, KeyboardInterrupt):
            sys.__excepthook__(kind, error, trace)
            return
        log.error("a bug", exc_info=(kind, error, trace))
        self._happened.emit(Bug.of(error))

    def _take_from_thread(self, args: threading.ExceptHookArgs) -> None:
        if args.exc_value is not None:
            self._take(args.exc_type, args.exc_value, args.exc_traceback)

    @Slot(object)
    def _show(self, bug: Bug) -> None:
        if self._box is None:
            # Kept here: it has no parent that would keep it, because the window may be gone.
            self._box = show_error(bug)
            self._box.finished.connect(self._say_closed)

    def _say_closed(self) -> None:
        self._box = None
