"""Start: one window a library, up before anything heavy is loaded; and the end of everything it started."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from PySide6.QtCore import QObject, Qt, QTimer, Slot
from PySide6.QtWidgets import QApplication

from core.errors import ShiguangError
from core.log import logger, start_log
from core.settings import FILE_NAME, LANGUAGE, LOG_VERBOSE, SETTINGS, THEME, Settings, default_folder
from desktop_app.crash import CrashReport
from desktop_app.garbage import Garbage
from desktop_app.i18n import speak
from desktop_app.interrupt import Interrupt
from desktop_app.session import Session
from desktop_app.single_instance import FirstInstance, hand_over
from desktop_app.theme.dress import Dress
from desktop_app.window import Window

log = logger(__name__)

# While other threads run Python the window's thread gets its turn after this long. Python's own 5 ms, at every
# call into Qt that lets go of the lock, add up to a dropped frame.
LOCK_SWITCH_S = 0.0005
# The ends of the process as `shiguang` has them: done, and stopped by Ctrl-C.
DONE, STOPPED = 0, 130


def main(argv: Sequence[str]) -> int:
    """Open the window and stay until it is closed; what the process ends with. `argv` without the program's name."""
    sys.setswitchinterval(LOCK_SWITCH_S)
    options = _parser().parse_args(argv)
    folder = options.library or default_folder()
    folders = [os.path.abspath(each) for each in options.folders]
    application = QApplication(sys.argv[:1])
    application.setApplicationName("shiguang")
    application.setApplicationDisplayName("")  # else every title says it twice
    application.setQuitOnLastWindowClosed(False)  # the library is given back first
    if hand_over(folder, folders):
        return DONE
    running = Running(folder, folders, verbose=options.verbose)
    try:
        application.exec()
    finally:
        running.end()
    if not running.has_stopped:
        # A thread that hangs (a dead network share) must not keep the process; everything is written.
        os._exit(1)
    return STOPPED if running.was_interrupted else DONE


class Running(QObject):
    """The window with everything around it, from its first picture to the last thread's end."""

    def __init__(self, folder: Path, folders: Sequence[str], *, verbose: bool) -> None:
        super().__init__()
        self._folder, self._folders = folder, folders
        self.has_stopped = True
        self.was_interrupted = False
        settings, complaint = _settings_of(folder)
        start_log(folder / "log", verbose=verbose or settings.get(LOG_VERBOSE))
        speak(settings.get(LANGUAGE))
        application = QApplication.instance()
        assert isinstance(application, QApplication)
        self._garbage = Garbage(self)
        self._crash = CrashReport(self)
        self._crash.install()
        self._interrupt = Interrupt(self._take_interrupt, self)
        self._first = FirstInstance(folder, self)
        self._first.called.connect(self._take_call)
        self._session = Session(self)
        self.window = Window(self._session, settings, Dress(application, settings.get(THEME)))
        self.window.closed.connect(self._quit)
        self.window.show()
        if complaint is not None:
            self.window.show_error(complaint)
        # After the first picture is on the screen; then the library may take its time.
        QTimer.singleShot(0, self._open)

    def _open(self) -> None:
        self._session.open(self._folder, self._folders)

    @Slot(object)
    def _take_call(self, folders: list[str]) -> None:
        """A second start: come to the front and take its folders."""
        window = self.window
        window.setWindowState(window.windowState() & ~Qt.WindowState.WindowMinimized)
        window.show()
        window.raise_()
        window.activateWindow()
        window.folders.add(folders)

    def _take_interrupt(self) -> None:
        self.was_interrupted = True
        self.window.close()

    @Slot(bool)
    def _quit(self, has_stopped: bool) -> None:
        self.has_stopped = has_stopped
        QApplication.quit()

    def end(self) -> None:
        self.window.close()
        self._first.close()
        self._interrupt.close()
        self._crash.uninstall()
        self._garbage.close()


def _settings_of(folder: Path) -> tuple[Settings, ShiguangError | None]:
    """The library's settings; where they cannot be used, the defaults and why."""
    try:
        return Settings.load(folder), None
    except ShiguangError as error:
        return Settings(folder / FILE_NAME, SETTINGS, {}), error


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="shiguang", description="Shiguang 拾光: a desktop photo library")
    parser.add_argument("folders", nargs="*", metavar="FOLDER", help="folders of photos to watch")
    parser.add_argument("--library", type=Path, metavar="DIR", help="where the library lies")
    parser.add_argument("-v", "--verbose", action="store_true", help="write more into the log and to stderr")
    return parser
