"""What the command line prints: results to stdout, progress and messages to stderr."""

from __future__ import annotations

import json
import sys
import time
from typing import Any

from core.progress import Progress

# Terminals flicker above this; a log file grows.
TERMINAL_EVERY_S, FILE_EVERY_S = 0.1, 2.0


class Output:
    """`result` prints an object of --json, or its readable line."""

    def __init__(self, *, as_json: bool) -> None:
        self.as_json = as_json
        self._last = 0.0
        self._stage = ""
        self._open_line = False
        for stream in (sys.stdout, sys.stderr):
            reconfigure = getattr(stream, "reconfigure", None)
            if reconfigure is not None:
                # A path may hold bytes that are no text; a terminal may not know Chinese.
                reconfigure(
                    encoding="utf-8" if stream is sys.stdout and as_json else None, errors="backslashreplace"
                )

    def result(self, value: dict[str, Any], line: str | None = None) -> None:
        """One object a line with --json, else `line` (nothing when None)."""
        if self.as_json:
            # ASCII: undecodable bytes of a path travel as lone surrogates, which no encoding carries.
            print(json.dumps(value, ensure_ascii=True), flush=value.get("event") is not None)
        elif line is not None:
            self._end_line()
            print(line)

    def say(self, message: str) -> None:
        """A message for the person, on stderr."""
        self._end_line()
        print(message, file=sys.stderr, flush=True)

    def progress(self, progress: Progress) -> None:
        """One line that is written over on a terminal; with --json an event too."""
        terminal = sys.stderr.isatty()
        done = progress.total is not None and progress.done >= progress.total
        now = time.monotonic()
        began = progress.stage != self._stage
        self._stage = progress.stage
        if not done and not began and now - self._last < (TERMINAL_EVERY_S if terminal else FILE_EVERY_S):
            return
        self._last = now
        if self.as_json:
            event = {
                "event": "progress",
                "stage": progress.stage,
                "done": progress.done,
                "total": progress.total,
            }
            print(json.dumps(event), flush=True)
        line = _line(progress)
        if terminal:
            print(f"\r\x1b[K{line}", end="", file=sys.stderr, flush=True)
            self._open_line = True
        elif not self.as_json:
            print(line, file=sys.stderr, flush=True)

    def _end_line(self) -> None:
        if self._open_line:
            print(file=sys.stderr)
            self._open_line = False


def _line(progress: Progress) -> str:
    parts = [progress.stage]
    if progress.total:
        width = 24
        full = round(width * progress.done / progress.total)
        parts.append(
            f"[{'█' * full}{'·' * (width - full)}] {_amount(progress, progress.done)}/{_amount(progress, progress.total)}"
        )
    else:
        parts.append(_amount(progress, progress.done))
    if progress.rate:
        parts.append(f"{_amount(progress, round(progress.rate))}/s")
    left = progress.seconds_left
    if left is not None and left >= 1:
        parts.append(f"{int(left // 60)}:{int(left % 60):02} left")
    if progress.device:
        parts.append(f"on {progress.device}")
    if progress.failed:
        parts.append(f"{progress.failed} failed")
    return "  ".join(parts)


def _amount(progress: Progress, count: int) -> str:
    """A count as it is, bytes in megabytes."""
    return f"{count / 1e6:,.1f} MB" if progress.unit == "byte" else f"{count:,}"
