"""When a changed file lies still: half-copied files wait, and many events become one.

Only a state and a clock that is handed in; `watch` feeds it with events and asks it what is ready.
"""

from __future__ import annotations

import os
import stat
import sys
import threading
from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum

# Told by its name: browsers, sync programs and editors write to it and rename it when it is whole.
UNFINISHED_ENDINGS = (b".part", b".partial", b".crdownload", b".download", b".tmp", b"~")
UNFINISHED_BEGINNINGS = (b"~$", b".~", b".goutputstream-", b".syncthing.", b".com.google.Chrome.")

# How many times in a row, `settle_s` apart, a file must look the same before it is taken for whole.
# Once, when the system told that its writer closed it or that it was renamed; twice, when nothing was told;
# and when its writer has it open (it may pause, or keep it open for ever) or it is still empty, six times.
LOOKS_WHEN_WHOLE = 1
LOOKS_WHEN_UNSURE = 2
LOOKS_WHEN_WRITTEN = 6

# Only Linux tells when a writer closes a file; elsewhere every look counts as unsure.
CLOSING_IS_TOLD = sys.platform.startswith("linux")

# Above this many waiting paths the folders they were made in are looked through instead.
MOST_WAITING = 20_000


class Change(Enum):
    """What an event says of a path."""

    MADE = "made"  # linked, or the beginning of a copy
    WRITTEN = "written"  # and its writer may have it open
    WHOLE = "whole"  # closed by its writer, renamed, or deleted
    TOUCHED = "touched"  # its mode, owner or times; says nothing of whether it is whole
    FOLDER = "folder"


@dataclass(slots=True)
class _Waiting:
    due: float
    change: Change
    seen: tuple[int, int] | None = None  # size, mtime_ns
    looks: int = 0


def is_unfinished(path: bytes) -> bool:
    """Whether a file's name says that it will be renamed when it is whole."""
    name = os.path.basename(path)
    return name.endswith(UNFINISHED_ENDINGS) or name.startswith(UNFINISHED_BEGINNINGS)


class Settling:
    """Paths that changed and are not yet to be looked at. `now` is any clock that never goes back, in seconds."""

    def __init__(self, settle_s: float, closing_is_told: bool = CLOSING_IS_TOLD) -> None:
        self._settle_s = settle_s
        self._closing_is_told = closing_is_told
        self._waiting: dict[bytes, _Waiting] = {}
        self._lock = threading.Lock()

    def note(self, path: bytes, change: Change, now: float) -> bool:
        """An event came for `path`: its quiet time begins anew. True when nothing waited before it."""
        with self._lock:
            was_idle = not self._waiting
            known = self._waiting.get(path)
            if change is Change.TOUCHED:
                change = known.change if known else Change.WHOLE
            self._waiting[path] = _Waiting(now + self._settle_s, change)
            return was_idle

    def forget(self, path: bytes) -> None:
        """The path waits no longer: it was renamed, and its new name waits instead."""
        with self._lock:
            self._waiting.pop(path, None)

    def collapse(self, folders: Iterable[bytes], now: float) -> None:
        """When very many paths wait, let `folders`, which hold them all, wait in their place."""
        with self._lock:
            if len(self._waiting) > MOST_WAITING:
                due = now + self._settle_s
                self._waiting = {folder: _Waiting(due, Change.FOLDER) for folder in folders}

    def waiting(self) -> frozenset[bytes]:
        """The paths that are not still yet."""
        with self._lock:
            return frozenset(self._waiting)

    def next_look(self) -> float | None:
        """When something may become ready; None while nothing waits."""
        with self._lock:
            return min((one.due for one in self._waiting.values()), default=None)

    def ready(self, now: float) -> frozenset[bytes]:
        """The paths that lie still now; they wait no longer. Costs one stat for each path whose time has come."""
        with self._lock:
            due = [(path, one) for path, one in self._waiting.items() if one.due <= now]
        still = set()
        folders = []
        for path, one in due:
            looked = _look(path)
            if looked is None or self._lies_still(one, looked, now):
                still.add(path)
            elif looked.is_folder:
                folders.append(path)
        with self._lock:
            # An event that came while we looked has put another entry in the place of ours.
            done = {path for path, one in due if path in still and self._waiting.get(path) is one}
            for path in done:
                del self._waiting[path]
            # A folder waits for all that is below it, so that copying a folder hands on no half-copied file.
            for path in folders:
                one = self._waiting[path]
                if any(other.startswith(path + os.sep.encode()) for other in self._waiting):
                    one.due = now + self._settle_s
                else:
                    del self._waiting[path]
                    done.add(path)
        return frozenset(done)

    def _lies_still(self, one: _Waiting, looked: _Looked, now: float) -> bool:
        if looked.is_folder:
            return False
        one.looks = one.looks + 1 if looked.seen == one.seen or one.seen is None else 1
        one.seen = looked.seen
        wanted = LOOKS_WHEN_UNSURE
        if looked.is_held or looked.seen[0] == 0 or (one.change is Change.WRITTEN and self._closing_is_told):
            wanted = LOOKS_WHEN_WRITTEN
        elif one.change is Change.WHOLE and self._closing_is_told:
            wanted = LOOKS_WHEN_WHOLE
        if one.looks < wanted:
            one.due = now + self._settle_s
            return False
        return True


@dataclass(frozen=True, slots=True)
class _Looked:
    seen: tuple[int, int]
    is_folder: bool
    is_held: bool


def _look(path: bytes) -> _Looked | None:
    """What lies there now; None when nothing does, or nothing that we may see."""
    try:
        status = os.stat(path)
    except OSError:
        return None
    return _Looked((status.st_size, status.st_mtime_ns), stat.S_ISDIR(status.st_mode), _is_held(path))


def _is_held(path: bytes) -> bool:
    """Windows sets a copy's full size at once, but lets nobody read it before the copy is done."""
    if sys.platform == "win32":
        try:
            os.close(os.open(path, os.O_RDONLY))
        except PermissionError:
            return not os.path.isdir(path)
        except OSError:
            return False
    return False
