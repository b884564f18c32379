"""Follow watched folders: what changed is handed on once it lies still, and what events missed is found in time.

Events come from watchdog. Where the system has none (a network share, too many folders) the folders are looked
through at short intervals instead, by the same way as the timed re-scan: the folder itself is handed on.
"""

from __future__ import annotations

import errno
import logging
import os
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

from watchdog.events import FileSystemEvent, FileSystemEventHandler
from watchdog.observers import Observer
from watchdog.observers.api import BaseObserver, ObservedWatch
from watchdog.observers.polling import PollingObserver

from core.log import logger
from core.photos.settling import Change, Settling, is_unfinished
from core.photos.volumes import volume_of

log = logger(__name__)

# A folder without events is looked through this often: a walk of a large share takes a minute itself.
POLL_S = 120.0
# One stat a root: how soon an unplugged or returned drive is noticed.
LOOK_AT_ROOTS_S = 3.0
# Stopping waits this long for a thread that hangs on a dead share, then leaves it (it is a daemon).
STOP_WITHIN_S = 10.0

# watchdog tells a lost event only in its log.
OVERFLOW_WORD = "overflowed"


@dataclass(frozen=True, slots=True)
class WatchState:
    """How changes are noticed, and for "polling" why not by events, in words for the owner."""

    kind: Literal["stopped", "starting", "events", "polling"]
    reason: str = ""


@dataclass(slots=True)
class _Root:
    path: bytes
    real_path: bytes
    identity: tuple[int, int] | None = None  # device and inode; None while nothing is there
    watch: ObservedWatch | None = None
    trouble: str = ""  # why there are no events; empty when there are
    scan_at: float = 0.0


class Watcher:
    """Calls `changed` with absolute paths, as bytes, of files and folders to look at again.

    `changed` is called in the watcher's own thread and should hand the work on; what it raises is logged. A file
    comes when it has lain still, a folder (made, moved, deleted, or a root due for its re-scan) stands for
    everything below it, a path may be gone by then. Start it before the first scan, so that nothing falls between.

    settle_s  how long a file lies still before it is handed on; one that is being written waits longer
    rescan_s  how often every root is handed on, whatever the events said
    poll      use no events at all
    """

    def __init__(
        self,
        roots: Sequence[bytes | str],
        changed: Callable[[frozenset[bytes]], None],
        *,
        settle_s: float = 2.0,
        rescan_s: float = 1800.0,
        poll: bool = False,
        poll_s: float = POLL_S,
        look_at_roots_s: float = LOOK_AT_ROOTS_S,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        paths = [os.path.abspath(os.fsencode(root)) for root in roots]
        # The real path is what a link leads to, what is watched, and on macOS what events name. Once each.
        by_real_path = {os.path.realpath(path): path for path in reversed(paths)}
        self._roots = [_Root(path, real) for real, path in reversed(by_real_path.items())]
        self._changed = changed
        self._rescan_s = rescan_s
        self._poll_s = min(poll_s, rescan_s)
        self._poll = poll
        self._look_at_roots_s = look_at_roots_s
        self._clock = clock
        self._settling = Settling(settle_s)
        self._observer: BaseObserver | None = None
        self._thread: threading.Thread | None = None
        self._stop = threading.Event()
        self._wake = threading.Event()
        self._watching = threading.Event()
        self._fault = ""
        self._overflow = threading.Event()
        self._overheard = _Overheard(self._overflow, self._wake)

    @property
    def state(self) -> WatchState:
        """How changes are noticed now. "polling" when it is so for at least one root."""
        if self._thread is None:
            return WatchState("stopped")
        if self._fault:
            return WatchState("stopped", self._fault)
        if not self._watching.is_set():
            return WatchState("starting")
        reasons = [f"{os.fsdecode(root.path)}: {root.trouble}" for root in self._roots if root.trouble]
        return WatchState("polling", "; ".join(reasons)) if reasons else WatchState("events")

    @property
    def unsettled(self) -> frozenset[bytes]:
        """Paths that changed and do not lie still yet: a scan meanwhile does well to leave them out."""
        return self._settling.waiting()

    def start(self) -> None:
        """Begin in a thread of its own; returns at once (watching a large tree takes seconds to set up)."""
        if self._thread is not None:
            return
        self._stop.clear()
        self._watching.clear()
        self._fault = ""
        self._thread = threading.Thread(target=self._run, name="watch", daemon=True)
        self._thread.start()

    def wait_until_watching(self, timeout_s: float) -> bool:
        """Wait until every root is watched or polled: what changes from then on is noticed."""
        return self._watching.wait(timeout_s)

    def stop(self) -> None:
        """End all threads; what still waits is left to the next scan. Harmless when not started."""
        thread, self._thread = self._thread, None
        if thread is None:
            return
        self._stop.set()
        self._wake.set()
        thread.join(STOP_WITHIN_S)
        if thread.is_alive():
            log.warning("the watcher still waits for a disk that does not answer; it is left behind")

    def _run(self) -> None:
        logging.getLogger("watchdog").addHandler(self._overheard)
        try:
            self._begin()
            self._follow_changes()
        except Exception as error:  # the edge of a worker: the state tells, the program goes on
            log.exception("the watcher ended")
            self._fault = f"{type(error).__name__}: {error}"
        finally:
            self._close_observer()
            logging.getLogger("watchdog").removeHandler(self._overheard)

    def _begin(self) -> None:
        if not self._poll:
            self._observer = _open_observer()
        for root in self._roots:
            root.identity = _identity(root.path)
            self._follow(root)
        self._watching.set()

    def _follow_changes(self) -> None:
        look_at = self._clock() + self._look_at_roots_s
        while not self._stop.is_set():
            now = self._clock()
            due = self._settling.ready(now) | self._due_for_scan(now)
            if now >= look_at:
                due |= self._look_at_roots()
                look_at = self._clock() + self._look_at_roots_s
            self._hand_on(due)
            self._sleep_until(min([look_at, *(root.scan_at for root in self._roots)]))

    def _sleep_until(self, when: float) -> None:
        settled = self._settling.next_look()
        when = when if settled is None else min(when, settled)
        # Never a busy loop, even when a clock stands still.
        self._wake.wait(max(when - self._clock(), 0.01))
        self._wake.clear()

    def _hand_on(self, paths: frozenset[bytes]) -> None:
        if not paths:
            return
        try:
            self._changed(paths)
        except Exception:  # the edge of a worker: the next change must still be noticed
            log.exception("handing on %d changed paths failed", len(paths))

    # Roots

    def _follow(self, root: _Root) -> None:
        """Watch a root by events if that can be; else say why in `root.trouble`."""
        self._let_go(root)
        root.real_path = os.path.realpath(root.path)
        root.trouble = self._watch(root)
        if root.trouble:
            log.info(
                "%s is looked through every %.0f s: %s", os.fsdecode(root.path), self._poll_s, root.trouble
            )
        root.scan_at = self._clock() + (self._poll_s if root.trouble else self._rescan_s)

    def _watch(self, root: _Root) -> str:
        if root.identity is None:
            return "" if self._observer else "this system tells no changes"
        if self._poll:
            return "asked for"
        if self._observer is None:
            return "this system tells no changes, or no more programs may ask for them"
        path = os.fsdecode(root.real_path)
        if volume_of(path).kind == "network":
            return "a network folder tells nothing of what others change"
        try:
            root.watch = self._observer.schedule(_Handler(self._note), path, recursive=True)
        except OSError as error:
            return _why(error)
        return _why(OSError(errno.ENOSPC, "")) if _watches_used_up(self._observer) else ""

    def _let_go(self, root: _Root) -> None:
        if root.watch is not None and self._observer is not None:
            self._observer.unschedule(root.watch)
        root.watch = None

    def _look_at_roots(self) -> frozenset[bytes]:
        """The roots that went, came back or are another folder now, or whose events have ended."""
        alive = (
            {emitter.watch for emitter in self._observer.emitters if emitter.is_alive()}
            if self._observer
            else set()
        )
        changed = set()
        for root in self._roots:
            identity = _identity(root.path)
            has_died = root.watch is not None and root.watch not in alive
            if identity != root.identity or has_died:
                root.identity = identity
                self._follow(root)
                changed.add(root.path)
        return frozenset(changed)

    def _due_for_scan(self, now: float) -> frozenset[bytes]:
        if self._overflow.is_set():
            self._overflow.clear()
            log.info("so much changed that events were lost; all folders are looked through")
            for root in self._roots:
                root.scan_at = now
        due = frozenset(root.path for root in self._roots if root.scan_at <= now)
        for root in self._roots:
            if root.path in due:
                root.scan_at = now + (self._poll_s if root.trouble else self._rescan_s)
        return due

    def _close_observer(self) -> None:
        if self._observer is not None:
            self._observer.stop()
            self._observer.join()
            self._observer = None
        for root in self._roots:
            root.watch = None

    # Events, in watchdog's thread

    def _note(self, event: FileSystemEvent) -> None:
        """Take in one event. What comes without a name or only says that something was read is passed over."""
        now = self._clock()
        source, target = (self._own(path) for path in (event.src_path, event.dest_path))
        for path, change in changes_of(event, source, target):
            if self._settling.note(path, change, now):
                self._wake.set()
        self._settling.collapse([root.path for root in self._roots], now)

    def _own(self, path: bytes | str) -> bytes:
        """The path as its root was named."""
        told = os.fsencode(path)
        for root in self._roots:
            if told == root.real_path or told.startswith(root.real_path + os.sep.encode()):
                return root.path + told[len(root.real_path) :]
        return told


def changes_of(event: FileSystemEvent, source: bytes, target: bytes) -> list[tuple[bytes, Change]]:
    """What an event says of which paths; a move says something of both."""
    kind = event.event_type
    # A folder's own "modified" only repeats what its files say, and a folder that is handed on stands for these.
    if (
        kind in ("opened", "closed_no_write")
        or event.is_synthetic
        or (event.is_directory and kind in ("modified", "attrib"))
    ):
        return []
    if event.is_directory:
        return [(path, Change.FOLDER) for path in (source, target) if path]
    if kind == "moved":
        return [(path, Change.WHOLE) for path in (source, target) if path and not is_unfinished(path)]
    if is_unfinished(source):
        return []
    said = {
        "created": Change.MADE,
        "modified": Change.WRITTEN,
        "closed": Change.WHOLE,
        "deleted": Change.WHOLE,
        "attrib": Change.TOUCHED,
    }
    return [(source, said[kind])] if kind in said else []


class _Handler(FileSystemEventHandler):
    def __init__(self, note: Callable[[FileSystemEvent], None]) -> None:
        self._note_event = note

    def on_any_event(self, event: FileSystemEvent) -> None:
        self._note_event(event)


class _Overheard(logging.Handler):
    """Listens to watchdog's own log: for lost events, and so that nothing of it reaches the terminal."""

    def __init__(self, overflow: threading.Event, wake: threading.Event) -> None:
        super().__init__(logging.WARNING)
        self._overflow = overflow
        self._wake = wake

    def emit(self, record: logging.LogRecord) -> None:
        if OVERFLOW_WORD in str(record.msg):
            self._overflow.set()
            self._wake.set()


def _open_observer() -> BaseObserver | None:
    """The system's own source of events, running; None where there is none or it cannot be had."""
    try:
        if sys.platform == "linux":
            from watchdog.observers.inotify import InotifyObserver

            # "Full" events tell a file that was moved in from one that is being written.
            observer: BaseObserver = InotifyObserver(generate_full_events=True)
        else:
            observer = Observer()
        if isinstance(observer, PollingObserver):
            return None
        observer.start()
    except (OSError, ImportError) as error:
        log.warning("no events of changes: %s", error)
        return None
    return observer


def _watches_used_up(observer: BaseObserver) -> bool:
    """Whether the system's limit of watched folders is reached: watchdog itself passes over what it cannot watch."""
    if sys.platform != "linux":
        return False
    with tempfile.TemporaryDirectory(prefix="shiguang-") as folder:
        try:
            watch = observer.schedule(FileSystemEventHandler(), folder)
        except OSError as error:
            return error.errno == errno.ENOSPC
        observer.unschedule(watch)
    return False


def _why(error: OSError) -> str:
    if error.errno == errno.ENOSPC:
        return "the system's limit of watched folders is reached (sysctl fs.inotify.max_user_watches)"
    return f"the system refused to watch it ({error.strerror or error})"


def _identity(path: bytes) -> tuple[int, int] | None:
    try:
        status = os.stat(path)
    except OSError:
        return None
    return status.st_dev, status.st_ino
