"""One decoding process: reads files, says who they are, decodes those that are wanted.

It holds itself to its limits, ends when its parent does, and is light to start: the decoders are imported after
the limits stand, and neither the window, the database nor the encoder ever is.
"""

from __future__ import annotations

import contextlib
import faulthandler
import importlib
import os
import queue
import signal
import struct
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from core.errors import PhotoFault
from core.photos.containers.take_apart import take_apart
from core.photos.costs import Cost, TooCostly
from core.photos.faults import fault
from core.photos.identity import identify
from core.photos.jobs import DecodePlan, Ended, Identified
from core.photos.kinds import HEAD_BYTES, Kind, format_of
from core.photos.metadata import read_metadata
from core.photos.reading import Contents, read_file

# What a worker may spend on one picture without asking: a picture of 12 megapixels in most formats.
FREE_BYTES = 64 << 20
# Reading comes first and may be slow on a network drive; it gets this long besides the time for decoding.
READ_TIMEOUT_S = 30.0
# Of the processor's time: the wall clock ends a step first, unless several threads decode at once.
_CPU_FACTOR = 4
_NICENESS = 5
# With this a process ends that took too long (faulthandler's own), and with the other one by a fault of ours.
TIMED_OUT, _OUR_FAULT = 1, 70
# The key of the file in hand and when it was taken up, by the system's monotonic clock.
MARK = struct.Struct("<qd")


@dataclass(frozen=True, slots=True)
class Limits:
    """memory_bytes of address space (POSIX), timeout_s of wall clock to decode a file."""

    memory_bytes: int
    timeout_s: float


@dataclass(frozen=True, slots=True)
class Read:
    """To the worker: read this file and say who it is."""

    key: int
    path: bytes


@dataclass(frozen=True, slots=True)
class Go:
    """To the worker: decode the file that was read, whatever it costs (`paid`), or ask first when it is costly."""

    key: int
    paid: bool


@dataclass(frozen=True, slots=True)
class Drop:
    """To the worker: forget the file that was read."""

    key: int


@dataclass(frozen=True, slots=True)
class Costly:
    """From the worker: this file waits for a `Go` that is paid."""

    key: int
    cost: Cost


Asked = Read | Go | Drop
Said = Identified | Costly | Ended
# As `core.photos.decode.decode`.
Decoder = Callable[..., Any]


def serve(jobs: Connection, marks: Connection, plan: DecodePlan, decoder: str, limits: Limits) -> None:
    """The process's whole life; returns never. `decoder` is "module:function" of the kind of `decode.decode`."""
    _cut_off()
    _limit(limits)
    inbox: queue.SimpleQueue[Asked] = queue.SimpleQueue()
    threading.Thread(target=_receive, args=(jobs, inbox), daemon=True).start()
    outbox: queue.SimpleQueue[Said] = queue.SimpleQueue()
    threading.Thread(target=_send, args=(jobs, outbox), daemon=True).start()
    module, _, function = decoder.partition(":")
    decode = getattr(importlib.import_module(module), function)
    desk = _Desk(plan, decode, limits, marks, outbox.put)
    try:
        while True:
            desk.handle(inbox.get())
    except BaseException:  # noqa: BLE001  (the edge of the process)
        os._exit(_OUR_FAULT)


def _cut_off() -> None:
    """Away from the terminal and its signals: decoders print, and Ctrl-C is the parent's to answer."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    with contextlib.suppress(OSError):
        nothing = os.open(os.devnull, os.O_RDWR)
        for stream in (0, 1, 2):
            os.dup2(nothing, stream)
        os.close(nothing)
    # Arrays are small here: a pool of threads for each process would only cost address space.
    os.environ["OPENBLAS_NUM_THREADS"] = "1"


def _limit(limits: Limits) -> None:
    if sys.platform == "win32":
        import ctypes

        below_normal = 0x4000
        ctypes.windll.kernel32.SetPriorityClass(ctypes.windll.kernel32.GetCurrentProcess(), below_normal)
        return
    import resource

    os.nice(_NICENESS)
    # A core dump of a decoder is somebody's photo.
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    # macOS knows the limit and refuses or ignores it.
    with contextlib.suppress(ValueError, OSError):
        resource.setrlimit(resource.RLIMIT_AS, (limits.memory_bytes, limits.memory_bytes))


def _limit_processor_time(seconds: float) -> None:
    if sys.platform == "win32":
        return
    import resource

    used = resource.getrusage(resource.RUSAGE_SELF)
    until = int(used.ru_utime + used.ru_stime + seconds * _CPU_FACTOR) + 1
    with contextlib.suppress(ValueError, OSError):
        resource.setrlimit(resource.RLIMIT_CPU, (until, resource.RLIM_INFINITY))


def _receive(jobs: Connection, inbox: queue.SimpleQueue[Asked]) -> None:
    """In a thread of its own, so that the parent's end is noticed in the middle of a decoding."""
    try:
        while True:
            inbox.put(jobs.recv())
    except (EOFError, OSError):
        os._exit(0)


def _send(jobs: Connection, outbox: queue.SimpleQueue[Said]) -> None:
    """In a thread of its own, so that a busy parent does not hold up the next decoding."""
    try:
        while True:
            jobs.send(outbox.get())
    except OSError:
        os._exit(0)


@dataclass(slots=True)
class _Held:
    """A file that has been read; `seconds` is what it has cost so far."""

    name: str
    contents: Contents
    seconds: float


class _Desk:
    """The files that have been read and wait for a decision, and the two steps of the work."""

    def __init__(
        self,
        plan: DecodePlan,
        decode: Decoder,
        limits: Limits,
        marks: Connection,
        say: Callable[[Said], None],
    ) -> None:
        self._plan = plan
        self._decode = decode
        self._limits = limits
        self._marks = marks
        self._say = say
        self._held: dict[int, _Held] = {}

    def handle(self, message: Asked) -> None:
        """Do what is asked, and say what came of it."""
        if isinstance(message, Drop):
            self._held.pop(message.key, None)
            return
        began = time.monotonic()
        self._marks.send_bytes(MARK.pack(message.key, began))
        seconds = READ_TIMEOUT_S if isinstance(message, Read) else self._limits.timeout_s
        # A C thread that needs no interpreter lock: it ends the process in the middle of anything.
        faulthandler.dump_traceback_later(seconds, exit=True, file=2)
        _limit_processor_time(seconds)
        try:
            said = self._read(message, began) if isinstance(message, Read) else self._go(message, began)
        except PhotoFault as error:
            said = Ended(message.key, _alone(error), time.monotonic() - began)
        except MemoryError:
            said = Ended(message.key, fault("no-memory", "There is not enough memory to read the file."), 0.0)
        # The edge of this worker: our own fault with one file costs that file, not the run.
        except Exception as error:  # noqa: BLE001
            reason = (
                f"Reading the file failed through a fault of this program ({type(error).__name__}: {error})."
            )
            said = Ended(message.key, fault("crashed", reason), time.monotonic() - began)
        finally:
            faulthandler.cancel_dump_traceback_later()
        if isinstance(said, Ended):
            self._held.pop(message.key, None)
        self._say(said)

    def _read(self, message: Read, began: float) -> Said:
        name = Path(os.fsdecode(message.path)).name
        contents = read_file(message.path)
        data, kind = contents.data, contents.kind
        if kind not in (Kind.PHOTO, Kind.RAW):
            return Identified(message.key, kind, None, None, contents.mtime_ns, contents.size_bytes)
        parts = take_apart(data, format_of(bytes(data[:HEAD_BYTES])) or "")
        identity = identify(data, parts)
        metadata = read_metadata(data, name, mtime_ns=contents.mtime_ns, parts=parts)
        self._held[message.key] = _Held(name, contents, time.monotonic() - began)
        return Identified(message.key, kind, identity, metadata, contents.mtime_ns, contents.size_bytes)

    def _go(self, message: Go, began: float) -> Said:
        held = self._held[message.key]

        def afford(cost: Cost) -> None:
            if not message.paid and (cost.alone or cost.memory_bytes > FREE_BYTES):
                raise TooCostly(cost)

        try:
            decoded = self._decode(
                held.contents.data, held.name, self._plan, mtime_ns=held.contents.mtime_ns, afford=afford
            )
        except TooCostly as error:
            return Costly(message.key, error.cost)
        return Ended(message.key, decoded, held.seconds + time.monotonic() - began)


def _alone(error: PhotoFault) -> PhotoFault:
    """The fault without the exceptions it came from, which hold whole pictures and may not travel."""
    return fault(error.code, str(error))
