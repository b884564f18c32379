"""The pool of decoding processes: a file that crashes, hangs or bloats a decoder costs that file alone.

A pool of our own, since the standard one cannot say which file killed a process. Every worker has a pipe for jobs
and answers and one for marks; a mark names the file that is taken up, so a worker that dies names its killer.
A file is read once: the worker says who it is, the parent says whether it is wanted, and only then is it decoded.
"""

from __future__ import annotations

import contextlib
import multiprocessing
import signal
import sys
import threading
import time
import types
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess

from core.errors import PhotoFault, ShiguangError
from core.log import logger
from core.models.spec import Preprocessing
from core.photos.costs import Cost
from core.photos.faults import fault
from core.photos.jobs import Decoded, DecodePlan, Ended, Identified, Job
from core.photos.worker import MARK, READ_TIMEOUT_S, TIMED_OUT, Costly, Drop, Go, Limits, Read, Said, serve
from core.progress import CancelToken

__all__ = ["DecodePlan", "Decoded", "DecodingPool", "Ended", "Identified", "Job", "decode_plan"]

log = logger(__name__)

DECODER = "core.photos.decode:decode"

# Files in hand at each worker: one decoding, one read and decided, one on its way. More would only hold memory.
_AHEAD = 3
# Decoders leak; a new process costs 0.2 s, so this is less than half a millisecond a file.
_MAX_TASKS = 500
# All costly pictures that are decoded at the same time, together: two HEIC of 48 megapixels. With the workers' own
# 40 to 100 MB each, the encoder and the library the whole stays below 1.5 GB.
_PAID_BYTES = 800 << 20
# Giants get more time: a 200-megapixel HEIC takes 6 s on two cores.
_GIANT_TIMEOUT_S = 30.0
# How long a worker may be silent beyond its own limits before it is killed from outside.
_GRACE_S = 5.0
_POLL_S = 0.1
# Workers that die one after the other before they take up a file: then it is not the files.
_MOST_FRUITLESS = 3
# Longer side of a stored thumbnail: a 320 px grid cell, cropped from a 4:3 picture.
THUMB_PX = 400


@dataclass(slots=True)
class _Task:
    """A job in hand. `wanted` is None until the caller has decided; `alone` once it is known to be a giant."""

    job: Job
    wanted: bool | None = None
    alone: bool = False


@dataclass(slots=True)
class _Worker:
    process: BaseProcess
    jobs: Connection
    marks: Connection
    limits: Limits
    tasks: dict[int, _Task] = field(default_factory=dict)
    taken: int = 0
    mark: tuple[int, float] = (-1, 0.0)
    is_killed: bool = False
    has_died: bool = False
    heard: float = field(default_factory=time.monotonic)

    def ask(self, message: Read | Go | Drop) -> None:
        # A worker that has died is noticed by the end of its pipe; its tasks go to another.
        with contextlib.suppress(OSError):
            self.jobs.send(message)
        self.heard = time.monotonic()

    def messages(self) -> list[Said]:
        """What it has said and nobody has heard yet; `has_died` is set where its pipe has ended."""
        heard: list[Said] = []
        self.look_at_marks()
        try:
            while self.jobs.poll():
                heard.append(self.jobs.recv())
                self.heard = time.monotonic()
        except (EOFError, OSError):
            self.has_died = True
        return heard

    def look_at_marks(self) -> None:
        """Note the file that was taken up last."""
        with contextlib.suppress(EOFError, OSError):
            while self.marks.poll():
                self.mark = MARK.unpack(self.marks.recv_bytes())


class _Run:
    """One call of `DecodingPool.run`: what is to be done, and what waits for memory."""

    def __init__(self, jobs: Iterator[Job], wants: Callable[[Identified], bool]) -> None:
        self.jobs = jobs
        self.wants = wants
        self.again: deque[_Task] = deque()
        self.giants: deque[_Task] = deque()
        self.paid: dict[int, int] = {}
        self.waiting: deque[tuple[_Worker, int, Cost]] = deque()
        self.fruitless = 0

    def next_task(self) -> _Task | None:
        if self.again:
            return self.again.popleft()
        job = next(self.jobs, None)
        return None if job is None else _Task(job)


def decode_plan(preprocessing: Preprocessing, thumb_px: int = THUMB_PX) -> DecodePlan:
    """How photos are decoded for a model, with a thumbnail of that longer side."""
    return DecodePlan(preprocessing.size_px, preprocessing.mode, preprocessing.interpolation, thumb_px)


class DecodingPool:
    """Decodes in `workers` processes. One run at a time; the processes stay for the next run until `close`."""

    def __init__(
        self,
        plan: DecodePlan,
        workers: int,
        *,
        timeout_s: float = 10.0,
        memory_bytes: int = 1536 << 20,
        giant_memory_bytes: int = 4 << 30,
        decoder: str = DECODER,
    ) -> None:
        """
        timeout_s           wall clock to decode one file; a giant gets at least 30 s
        memory_bytes        address space of a worker (POSIX), giant_memory_bytes of the one that decodes a giant
        decoder             "module:function" with the signature of `core.photos.decode.decode`
        """
        self._plan = plan
        # A giant has all processors to itself; other pictures share them, a process each.
        self._giant_plan = replace(plan, threads=max(1, workers))
        self._decoder = decoder
        self._count = max(1, workers)
        self._limits = Limits(memory_bytes, timeout_s)
        self._giant_limits = Limits(giant_memory_bytes, max(timeout_s, _GIANT_TIMEOUT_S))
        self._workers: list[_Worker] = []
        self._context = multiprocessing.get_context("spawn")

    def run(
        self, jobs: Iterator[Job], wants: Callable[[Identified], bool], cancel: CancelToken
    ) -> Iterator[Identified | Ended]:
        """Decode the files of `jobs`, in any order: for each at most one Identified, then exactly one Ended.

        jobs    pulled as there is room: three files a worker are in hand at most
        wants   asked in this thread for every picture that was read; False ends it with None
        Raises Cancelled; and ShiguangError where no decoder can be started. Closing the generator at any point
        stops the processes that have work.
        """
        run = _Run(jobs, wants)
        try:
            while True:
                cancel.check()
                self._feed(run)
                if any(worker.tasks for worker in self._workers):
                    yield from self._gather(run)
                elif run.giants:
                    yield from self._decode_alone(run, run.giants.popleft(), cancel)
                else:
                    return
        finally:
            for worker in [worker for worker in self._workers if worker.tasks]:
                self._end(worker)

    def close(self) -> None:
        """End all processes. The pool can be used again."""
        for worker in list(self._workers):
            self._end(worker)

    def _feed(self, run: _Run) -> None:
        """Give every worker its fill, one file each in turn, so that few files spread over all."""
        for worker in [worker for worker in self._workers if worker.taken >= _MAX_TASKS and not worker.tasks]:
            self._end(worker)
        for room in range(1, _AHEAD + 1):
            for at in range(self._count):
                known = self._workers[at] if at < len(self._workers) else None
                if known is not None and (len(known.tasks) >= room or known.taken >= _MAX_TASKS):
                    continue
                task = run.next_task()
                if task is None:
                    return
                self._give(known or self._start(self._limits), task)

    def _give(self, worker: _Worker, task: _Task) -> None:
        worker.tasks[task.job.key] = task
        worker.taken += 1
        worker.ask(Read(task.job.key, task.job.path))

    def _gather(self, run: _Run) -> list[Identified | Ended]:
        """What the workers have said since the last time, after answering it."""
        events: list[Identified | Ended] = []
        ready = wait([worker.jobs for worker in self._workers], _POLL_S)
        for worker in [worker for worker in self._workers if worker.jobs in ready]:
            for said in worker.messages():
                events += self._hear(run, worker, said)
            if worker.has_died:
                events += self._bury(run, worker)
        self._pay(run)
        if not ready:
            self._kill_silent(run)
        return events

    def _kill_silent(self, run: _Run) -> None:
        """The second wall: a worker that its own clock has not stopped. Its pipe ends, and the next round buries it."""
        for worker in self._workers:
            waiting = sum(1 for other, _, _ in run.waiting if other is worker)
            longest = max(worker.limits.timeout_s, READ_TIMEOUT_S) + _GRACE_S
            if len(worker.tasks) > waiting and time.monotonic() - worker.heard > longest:
                worker.is_killed = True
                worker.process.kill()

    def _hear(self, run: _Run, worker: _Worker, said: Said) -> list[Identified | Ended]:
        task = worker.tasks[said.key]
        run.fruitless = 0
        if isinstance(said, Identified):
            return self._decide(run, worker, task, said)
        if isinstance(said, Costly):
            if said.cost.alone or said.cost.memory_bytes > _PAID_BYTES:
                worker.ask(Drop(said.key))
                self._put_off(run, worker, task)
            else:
                run.waiting.append((worker, said.key, said.cost))
            return []
        run.paid.pop(said.key, None)
        if isinstance(said.result, PhotoFault) and said.result.code == "no-memory" and not task.alone:
            self._put_off(run, worker, task)  # with all the memory to itself it may succeed
            return []
        del worker.tasks[said.key]
        return [said]

    def _decide(self, run: _Run, worker: _Worker, task: _Task, said: Identified) -> list[Identified | Ended]:
        """Answer a worker that has read a file; a file that comes a second time is not asked about again."""
        is_new = not task.wanted
        if is_new:
            task.wanted = said.identity is not None and run.wants(said)
        if task.wanted:
            worker.ask(Go(said.key, paid=task.alone))
            return [said] if is_new else []
        if said.identity is not None:
            worker.ask(Drop(said.key))
        del worker.tasks[said.key]
        return [said, Ended(said.key, None, 0.0)]

    def _put_off(self, run: _Run, worker: _Worker, task: _Task) -> None:
        del worker.tasks[task.job.key]
        task.alone = True
        run.giants.append(task)

    def _pay(self, run: _Run) -> None:
        """Let costly pictures begin, in their order, as far as the memory for them goes."""
        while run.waiting:
            worker, key, cost = run.waiting[0]
            if run.paid and sum(run.paid.values()) + cost.memory_bytes > _PAID_BYTES:
                return
            run.waiting.popleft()
            run.paid[key] = cost.memory_bytes
            worker.ask(Go(key, paid=True))

    def _decode_alone(self, run: _Run, task: _Task, cancel: CancelToken) -> Iterator[Identified | Ended]:
        """A giant, with no other process beside it and in a new one, so that all memory is its own."""
        self.close()
        worker = self._start(self._giant_limits)
        self._give(worker, task)
        while worker.tasks and worker in self._workers:
            cancel.check()
            yield from self._gather(run)
        self.close()

    def _bury(self, run: _Run, worker: _Worker) -> list[Ended]:
        """A worker has died: the file in its hands is at fault, its other files go to another worker."""
        worker.look_at_marks()
        worker.process.join(_GRACE_S)
        self._end(worker)
        run.waiting = deque(entry for entry in run.waiting if entry[0] is not worker)
        key, began = worker.mark
        culprit = worker.tasks.pop(key, None)
        for task in worker.tasks.values():
            run.paid.pop(task.job.key, None)
            (run.giants if task.alone else run.again).append(task)
        if culprit is None:
            run.fruitless += 1
            log.warning("a decoder died between two files: exit code %s", worker.process.exitcode)
            if run.fruitless > _MOST_FRUITLESS:
                raise ShiguangError(
                    "The processes that decode photos end as soon as they start.",
                    what_to_do="Run `shiguang doctor`; a virus scanner may be in the way.",
                )
            return []
        run.paid.pop(key, None)
        log.warning("a decoder died: exit code %s", worker.process.exitcode)
        return [Ended(key, _fault_of_death(worker), max(0.0, time.monotonic() - began))]

    def _start(self, limits: Limits) -> _Worker:
        plan = self._plan if limits is self._limits else self._giant_plan
        jobs, their_jobs = self._context.Pipe()
        marks, their_marks = self._context.Pipe(duplex=False)
        process = self._context.Process(
            target=serve, args=(their_jobs, their_marks, plan, self._decoder, limits), daemon=True
        )
        try:
            with _program_hidden():
                process.start()
        except OSError as error:
            raise ShiguangError(
                f"No process to decode photos could be started: {error.strerror}.",
                what_to_do="Close other programs.",
            ) from error
        their_jobs.close()
        their_marks.close()
        worker = _Worker(process, jobs, marks, limits)
        self._workers.append(worker)
        return worker

    def _end(self, worker: _Worker) -> None:
        """End one process: an idle one by closing its pipe, one at work by force."""
        if worker.tasks and worker.process.exitcode is None:
            worker.process.kill()
        worker.jobs.close()
        worker.process.join(_GRACE_S)
        if worker.process.exitcode is None:
            worker.process.kill()
            worker.process.join(_GRACE_S)  # what even this does not end hangs in the kernel, on a dead disk
        worker.marks.close()
        self._workers.remove(worker)


def _fault_of_death(worker: _Worker) -> PhotoFault:
    code = worker.process.exitcode
    if worker.is_killed or code in (TIMED_OUT, -getattr(signal, "SIGXCPU", 0)):
        return fault("timeout", "Decoding the picture took too long and was stopped.")
    if code == -getattr(signal, "SIGKILL", 0):
        return fault("crashed", "The decoder was killed by the system, perhaps because memory ran out.")
    return fault("crashed", f"The decoder crashed on this file (exit code {code}).")


# Two threads that hid the program at the same time could leave it hidden.
_STARTING = threading.Lock()


@contextlib.contextmanager
def _program_hidden() -> Iterator[None]:
    """While a process starts, the program's main module is out of sight.

    `spawn` imports it again in every new process, and with it the window and its libraries: 100 MB and a second
    each. The worker needs nothing of it.
    """
    with _STARTING:
        program = sys.modules["__main__"]
        sys.modules["__main__"] = types.ModuleType("__main__")
        try:
            yield
        finally:
            sys.modules["__main__"] = program
