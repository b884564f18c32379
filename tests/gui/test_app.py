"""The program as it is started: light, one window a library, ended by Ctrl-C."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from PySide6.QtCore import QTimer
from PySide6.QtWidgets import QApplication, QMessageBox
from pytestqt.qtbot import QtBot

from core.app import open_library
from core.errors import LibraryMissing
from desktop_app.crash import CrashReport
from desktop_app.single_instance import FirstInstance, hand_over, name_of

# A start on a machine that does other things too.
LONG_S = 60.0
HEAVY = (
    "numpy",
    "onnxruntime",
    "sqlite_utils",
    "tokenizers",
    "PIL",
    "watchdog",
    "core.app",
    "torch",
    "transformers",
)


def start(library: Path, *arguments: str) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "desktop_app", "--library", str(library), *arguments]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE)


def wait_for(condition: Callable[[], bool]) -> None:
    until = time.monotonic() + LONG_S
    while not condition():
        assert time.monotonic() < until
        time.sleep(0.05)


def photos_in(library: Path) -> int:
    try:
        opened = open_library(library, writable=False)
    except LibraryMissing:
        return 0
    try:
        return opened.counts()["photos"]
    finally:
        opened.close()


def test_nothing_heavy_is_imported_before_the_window_is_up() -> None:
    code = f"import sys, desktop_app.app; print([name for name in {HEAVY} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


@pytest.mark.skipif(os.name != "posix", reason="Windows has no SIGINT between processes")
def test_a_second_start_hands_its_folder_to_the_first_and_ctrl_c_ends_that(
    tmp_path: Path, photos: Callable[..., Path]
) -> None:
    library = tmp_path / "library"
    first = start(library)
    try:
        wait_for((library / "library.db").exists)
        second = start(library, str(photos(2)))
        _, complaint = second.communicate(timeout=LONG_S)
        assert (second.returncode, complaint.replace(b"This plugin does not support raise()\n", b"")) == (
            0,
            b"",
        )
        wait_for(lambda: photos_in(library) == 2)
        first.send_signal(signal.SIGINT)
        first.communicate(timeout=LONG_S)
        assert first.returncode == 130
    finally:
        first.kill()
        first.communicate()


def test_folders_are_handed_over_whatever_their_bytes(qtbot: QtBot, tmp_path: Path) -> None:
    called: list[list[str]] = []
    answers: list[bytes] = []

    def take(folders: list[str]) -> None:
        called.append(folders)
        # The second start is answered before its folders are dealt with, however long that keeps the first.
        answers.append(second.communicate(timeout=LONG_S)[0])

    first = FirstInstance(tmp_path)
    first.called.connect(take)
    folders = [os.fsdecode(b"/photos/\xff"), "/照片"]
    code = (
        "import sys; from pathlib import Path; from PySide6.QtCore import QCoreApplication;"
        "from desktop_app.single_instance import hand_over; application = QCoreApplication([]);"
        "print(hand_over(Path(sys.argv[1]), sys.argv[2:]))"
    )
    second = subprocess.Popen([sys.executable, "-c", code, str(tmp_path), *folders], stdout=subprocess.PIPE)
    qtbot.waitUntil(lambda: bool(answers), timeout=30_000)
    assert [answer.strip() for answer in answers] == [b"True"]
    assert called == [folders]
    first.close()


def test_calls_without_a_result_give_no_reference_to_none_away(qtbot: QtBot) -> None:
    # PySide6 6.12 under Python 3.11 does, until there is no None left.
    timer = QTimer()
    before = sys.getrefcount(None)
    for _ in range(1000):
        timer.setSingleShot(True)
    assert sys.getrefcount(None) > before - 500


def test_without_a_first_window_nothing_is_handed_over(qtbot: QtBot, tmp_path: Path) -> None:
    assert not hand_over(tmp_path, [])


def test_two_libraries_have_two_windows(tmp_path: Path) -> None:
    assert name_of(tmp_path / "one") != name_of(tmp_path / "two")
    assert name_of(tmp_path / "one") == name_of(tmp_path / "two" / ".." / "one")


def test_what_no_one_caught_is_logged_and_shown(
    qtbot: QtBot, caplog: pytest.LogCaptureFixture, english: None
) -> None:
    report = CrashReport()
    try:
        raise ZeroDivisionError("by nothing")
    except ZeroDivisionError as error:
        report._take(type(error), error, error.__traceback__)
    assert "by nothing" in caplog.text
    boxes = [box for box in message_boxes() if "Something went wrong" in box.text()]
    assert len(boxes) == 1
    assert "ZeroDivisionError" in boxes[0].detailedText()
    boxes[0].close()


def message_boxes() -> list[QMessageBox]:
    return [widget for widget in QApplication.topLevelWidgets() if isinstance(widget, QMessageBox)]
