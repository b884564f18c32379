"""What was measured on this machine, remembered in `<library>/models/measured.json`.

A cache: it may be deleted at any time, and whatever in it cannot be read counts as not measured. An entry holds
for one machine with one set of runtimes and one model's content (its space's id); anything else is measured anew.
"""

from __future__ import annotations

import hashlib
import json
import os
import platform
import threading
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path
from typing import Any

from core.disk import written_whole
from core.errors import DiskFull
from core.log import logger
from core.models.runtime.providers import available, versions

log = logger(__name__)

MEASURED_FILE = "measured.json"
# What is measured, and how, has this number; another one voids what an older program wrote.
_EDITION = 2
_writing = threading.Lock()


@dataclass(frozen=True, slots=True)
class Tried:
    """One provider on one tower: its time, or why it is not taken. `seconds` is of one batch or one text."""

    tower: str
    provider: str
    seconds: float | None
    load_s: float | None
    said: str


@dataclass(frozen=True, slots=True)
class Measured:
    """What is best for one model here.

    image_provider, text_provider  the fastest that agrees with the CPU
    threads                        for the image tower; None: the runtime's choice
    images_at_once                 the batch that gave `images_per_s`
    images_per_s                   of the image tower alone, pixels in memory
    text_ms                        one short text, tokenizer not counted
    tried                          everything that was compared
    """

    image_provider: str
    text_provider: str
    threads: int | None
    images_at_once: int
    images_per_s: float
    text_ms: float
    tried: tuple[Tried, ...] = ()


def recall(file: Path, space_id: str) -> Measured | None:
    """What is remembered of a model on this machine, or None. Never raises."""
    try:
        entry = _content(file)[fingerprint()][space_id]
        tried = tuple(Tried(**one) for one in entry.pop("tried"))
        found = Measured(**entry, tried=tried)
        if {found.image_provider, found.text_provider} <= set(available()) and found.images_at_once > 0:
            return found
    except (KeyError, TypeError, AttributeError, ValueError):
        pass
    return None


def remember(file: Path, space_id: str, measured: Measured) -> None:
    """Write it down, beside what is known of other models. A disk that refuses costs only the memory."""
    with _writing:
        content = _content(file)
        here = content.setdefault(fingerprint(), {})
        if not isinstance(here, dict):
            here = content[fingerprint()] = {}
        here[space_id] = asdict(measured)
        try:
            with written_whole(file, shared=True) as new:
                new.write(json.dumps(content, indent=1).encode())
        except (OSError, DiskFull) as error:
            log.warning("what was measured cannot be remembered in %s: %s", file, error)


@cache
def fingerprint() -> str:
    """This machine and its runtimes, 16 hex digits: what a speed measured here holds for."""
    parts = {
        "edition": _EDITION,
        "machine": platform.machine(),
        "processor": processor(),
        "cores": os.cpu_count(),
        "providers": available(),
        "versions": versions(),
    }
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()[:16]


def processor() -> str:
    """The processor's name as the system tells it; Python alone does not know it on Linux."""
    try:
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    except OSError:
        pass
    return platform.processor() or platform.machine()


def _content(file: Path) -> dict[str, Any]:
    try:
        content = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return content if isinstance(content, dict) else {}
