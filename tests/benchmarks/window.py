"""How quickly the window is up, and how long it ever stands still, with many photos in the library.

    .venv/bin/python -m tests.benchmarks.window [--photos 100000] [--fresh 400]

The library holds random vectors, dates and a few real thumbnails repeated; the folder of its photos is away,
so they are all shown as offline. `--fresh` photos of 12 megapixels are indexed while the window is measured.
Stalls are how late a 5 ms timer of the window's thread comes.
"""

from __future__ import annotations

import argparse
import io
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from PIL import Image

from tests.benchmarks.machine import row

TICK_MS = 5
STARTS = 5
THUMBS = 16


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--photos", type=int, default=100_000)
    parser.add_argument("--fresh", type=int, default=400)
    parser.add_argument("--library", type=Path, help="one made by an earlier run, kept")
    parser.add_argument("--started-at", type=float, help=argparse.SUPPRESS)
    options = parser.parse_args()
    os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
    if options.started_at is not None:
        _time_to_window(options.library, options.started_at)
        return
    with tempfile.TemporaryDirectory() as temp:
        library = options.library or Path(temp) / "library"
        if not library.exists():
            _fill(library, options.photos)
        _starts(library, options.photos)
        fresh = Path(temp) / "fresh"
        _write_photos(fresh, options.fresh)
        _measure(library, fresh, options.photos)


# ---- what is measured on


def _fill(library: Path, count: int) -> None:
    from core.app import open_library
    from tests.benchmarks.search import fill

    fill(library, count)
    library.with_name("photos").rmdir()
    opened = open_library(library, writable=True)
    dice = np.random.default_rng(1)
    jpegs = [_jpeg(dice, 400, 300) for _ in range(THUMBS)]
    for begin in range(1, count + 1, 5000):
        photos = range(begin, min(begin + 5000, count + 1))
        opened.thumbs.put([(photo, jpegs[photo % THUMBS]) for photo in photos])
    opened.close()


def _write_photos(folder: Path, count: int) -> None:
    """Pictures that no library knows yet: in a kept one, those of an earlier run would not be decoded again."""
    folder.mkdir()
    dice = np.random.default_rng(time.time_ns())
    for i in range(count):
        (folder / f"IMG_{i:05}.jpg").write_bytes(_jpeg(dice, 4000, 3000))


def _jpeg(dice: np.random.Generator, width: int, height: int) -> bytes:
    blotches = Image.fromarray(dice.integers(0, 256, (30, 40, 3), np.uint8))
    file = io.BytesIO()
    blotches.resize((width, height), Image.Resampling.BICUBIC).save(file, "JPEG", quality=85)
    return file.getvalue()


# ---- from the start of the process to the window


def _starts(library: Path, photos: int) -> None:
    took = []
    for _ in range(STARTS):
        command = [sys.executable, "-m", "tests.benchmarks.window", "--library", str(library)]
        done = subprocess.run(
            [*command, "--started-at", str(time.time())], capture_output=True, text=True, check=True
        )
        took.append([float(number) for number in done.stdout.split()])
    case = f"{photos} photos, process start to"
    row("window", f"{case} the window's first picture", 1000 * statistics.median(t[0] for t in took), "ms")
    row("window", f"{case} photos in the grid", 1000 * statistics.median(t[1] for t in took), "ms")


def _time_to_window(library: Path, started_at: float) -> None:
    from PySide6.QtCore import QEvent, QObject
    from PySide6.QtWidgets import QApplication

    from desktop_app.app import Running

    application = QApplication(sys.argv[:1])
    application.setQuitOnLastWindowClosed(False)
    running = Running(library, [], verbose=False)
    seen: list[float] = []

    class FirstPaint(QObject):
        def eventFilter(self, watched: QObject, event: QEvent) -> bool:
            if event.type() == QEvent.Type.Paint and not seen:
                seen.append(time.time() - started_at)
            return False

    first = FirstPaint()
    running.window.centralWidget().installEventFilter(first)

    def loaded() -> None:
        seen.append(time.time() - started_at)
        running.window.close()

    running._session.keeping.loaded.connect(loaded)
    application.exec()
    running.end()
    print(*seen)


# ---- stalls and frames


class Probe:
    """How late a timer of the window's thread comes, in ms."""

    def __init__(self) -> None:
        from PySide6.QtCore import Qt, QTimer

        self.late: list[float] = []
        self._last = time.perf_counter()
        self._timer = QTimer()
        self._timer.setTimerType(Qt.TimerType.PreciseTimer)
        self._timer.setInterval(TICK_MS)
        self._timer.timeout.connect(self._tick)
        self._timer.start()

    def _tick(self) -> None:
        now = time.perf_counter()
        self.late.append(max(0.0, 1000 * (now - self._last) - TICK_MS))
        self._last = now

    def take(self, case: str) -> None:
        late, self.late = sorted(self.late), []
        if late:
            row("window", f"{case}: stalls, 99th percentile", late[int(0.99 * (len(late) - 1))], "ms")
            row("window", f"{case}: stalls, worst", late[-1], "ms")


def _measure(library: Path, fresh: Path, photos: int) -> None:
    from PySide6.QtCore import QEventLoop, QTimer
    from PySide6.QtWidgets import QApplication

    from desktop_app.app import LOCK_SWITCH_S, Running

    sys.setswitchinterval(LOCK_SWITCH_S)
    application = QApplication(sys.argv[:1])
    application.setQuitOnLastWindowClosed(False)
    running = Running(library, [], verbose=False)
    session, grid = running._session, running.window.room.grid
    probe = Probe()

    def wait(seconds: float = 0.0, signal: object = None) -> None:
        loop = QEventLoop()
        if signal is not None:
            signal.connect(loop.quit)
        if seconds:
            QTimer.singleShot(round(1000 * seconds), loop.quit)
        loop.exec()

    wait(signal=session.indexing.ran)
    wait(3)
    probe.take(f"{photos} photos, opening")
    for width, height in ((1200, 800), (2560, 1440)):
        running.window.resize(width, height)
        wait(1)
        _frames(grid, f"{photos} photos, {width} x {height}", wait)
        probe.take(f"{photos} photos, {width} x {height}, scrolling")
    running.window.resize(1200, 800)
    session.indexing.add_folder(str(fresh))
    wait(signal=session.indexing.ran)
    if session.indexing.error is not None:
        raise session.indexing.error  # a figure of a run that did nothing would be a lie
    wait(1)
    probe.take(f"{photos} photos, indexing {len(os.listdir(fresh))} of 12 megapixels")
    begin = time.perf_counter()
    running.window.close()
    row("window", "closing", 1000 * (time.perf_counter() - begin), "ms")
    running.end()


def _frames(grid: object, case: str, wait: object) -> None:
    """Scrolls through the timeline by a third of a cell a frame, and by pages."""
    bar, took = grid.verticalScrollBar(), []
    bar.setValue(0)
    for step in range(300):
        begin = time.perf_counter()
        bar.setValue(bar.value() + (60 if step % 10 else grid.viewport().height()))
        grid.viewport().repaint()
        took.append(1000 * (time.perf_counter() - begin))
        wait(0.005)
    took.sort()
    row("window", f"{case}: a frame while scrolling, median", statistics.median(took), "ms")
    row("window", f"{case}: a frame while scrolling, 99th percentile", took[int(0.99 * len(took))], "ms")


if __name__ == "__main__":
    main()
