"""A window as the program makes it, on a real library, and a folder of small real photos."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from PIL import Image
from PySide6.QtCore import QThread
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from core.settings import Settings
from desktop_app.garbage import Garbage
from desktop_app.i18n import speak
from desktop_app.session import Session
from desktop_app.theme.dress import Dress
from desktop_app.window import Window

# Loading the model and starting decoders, on a machine that does other things too.
LONG_MS = 60_000


@pytest.fixture
def photos(tmp_path: Path) -> Callable[..., Path]:
    """`photos(3)` writes three small photos that differ, `photos(1, "more")` into a folder of that name."""
    written = 0

    def write(count: int, folder: str = "照片 photos") -> Path:
        nonlocal written
        here = tmp_path / folder
        here.mkdir(exist_ok=True)
        for _ in range(count):
            written += 1
            picture = Image.effect_mandelbrot((96, 64), (-2.0, -1.0, 1.0, 1.0 / written), 20).convert("RGB")
            picture.putpixel((0, 0), (written % 256, written // 256, 0))
            picture.save(here / f"photo {written}.jpg", quality=90)
        return here

    return write


@pytest.fixture
def english() -> Iterator[None]:
    speak("en")
    yield
    speak("en")


class Opened:
    """A window with its session; `open` may be given folders to watch, as the command line does."""

    def __init__(self, qtbot: QtBot, library: Path) -> None:
        application = QApplication.instance()
        assert isinstance(application, QApplication)
        self.qtbot = qtbot
        self.library = library
        self.session = Session()
        self.window = Window(self.session, Settings.load(library), Dress(application, "light"))
        self.window.show()
        self.is_closed = False

    def open(self, *folders: Path) -> None:
        self.session.open(self.library, [str(folder) for folder in folders])

    def open_and_index(self, *folders: Path) -> None:
        with self.qtbot.waitSignal(self.session.indexing.ran, timeout=LONG_MS):
            self.open(*folders)

    def wait_for(self, condition: Callable[[], bool]) -> None:
        self.qtbot.waitUntil(condition, timeout=LONG_MS)

    def shows(self, count: int) -> bool:
        return self.session.timeline.rowCount() == count

    def close(self) -> bool:
        """Close the window as its button does; whether every thread stopped."""
        if self.is_closed:
            return True
        self.is_closed = True
        with self.qtbot.waitSignal(self.window.closed, timeout=LONG_MS) as closed:
            self.window.close()
        return bool(closed.args[0])


@pytest.fixture
def opened(qtbot: QtBot, tmp_path: Path, english: None) -> Iterator[Opened]:
    """A window on a new library, not opened yet. Afterwards no thread of it may be left."""
    made = Opened(qtbot, tmp_path / "library")
    yield made
    assert made.close()
    assert not [thread for thread in made.session.findChildren(QThread) if thread.isRunning()]
    made.window.deleteLater()
    made.session.deleteLater()


@pytest.fixture(autouse=True)
def _widgets_die_in_the_thread_of_the_window(qapp: QApplication) -> Iterator[None]:
    garbage = Garbage()
    yield
    garbage.close()


@pytest.fixture(scope="session", autouse=True)
def _no_window_on_the_screen() -> None:
    assert os.environ["QT_QPA_PLATFORM"] == "offscreen"
