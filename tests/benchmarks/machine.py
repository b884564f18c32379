"""What every benchmark prints beside its figures, and how a process tree's memory is measured."""

from __future__ import annotations

import json
import os
import platform
import threading
from pathlib import Path
from typing import Any


def machine() -> str:
    """The processor's name and the number of cores."""
    name = platform.processor() or platform.machine()
    try:
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                name = line.partition(":")[2].strip()
                break
    except OSError:
        pass
    return f"{name}, {os.cpu_count()} cores"


def row(bench: str, case: str, value: float, unit: str, **more: Any) -> None:
    """One figure as a JSON line."""
    print(
        json.dumps(
            {
                "bench": bench,
                "case": case,
                "value": round(value, 3),
                "unit": unit,
                **more,
                "machine": machine(),
            }
        ),
        flush=True,
    )


class PeakMemory(threading.Thread):
    """Samples the proportional set size (PSS) of a process and all its descendants twice a second (reading it costs
    the measured machine some milliseconds each time). Linux only."""

    def __init__(self, pid: int) -> None:
        super().__init__(daemon=True)
        self._pid = pid
        self._done = threading.Event()
        self.peak_bytes = 0

    def run(self) -> None:
        while not self._done.wait(0.5):
            self.peak_bytes = max(self.peak_bytes, sum(_pss(pid) for pid in _tree(self._pid)))

    def stop(self) -> int:
        self._done.set()
        self.join()
        return self.peak_bytes


def _tree(pid: int) -> list[int]:
    found = [pid]
    for each in found:
        try:
            children = Path(f"/proc/{each}/task/{each}/children").read_text().split()
        except OSError:
            continue
        # Threads other than the main one may have started processes too.
        for task in Path(f"/proc/{each}/task").glob("*/children"):
            try:
                children += task.read_text().split()
            except OSError:
                continue
        found += [int(child) for child in set(children) if int(child) not in found]
    return found


def _pss(pid: int) -> int:
    try:
        for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
            if line.startswith("Pss:"):
                return int(line.split()[1]) * 1024
    except OSError:
        pass
    return 0
