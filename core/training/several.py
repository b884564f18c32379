"""One training on several GPUs: a process for each, started and followed by the one that asked.

Each holds the whole encoders and takes its share of every batch (core/training/processes.py); the first of them
keeps the checkpoints and says how far it is, and hands the trained weights back in a file. A pause ends them, and what
follows goes on from the checkpoint: processes that wait for each other time out.
"""

from __future__ import annotations

import os
import signal
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from multiprocessing import parent_process
from multiprocessing.connection import Connection
from multiprocessing.synchronize import Event
from pathlib import Path
from typing import Any

import torch
from torch.multiprocessing import get_context
from torch.multiprocessing.spawn import ProcessException, start_processes

from core.errors import ModelError, ShiguangError
from core.progress import Cancelled, CancelToken, Report
from core.training import checkpoint
from core.training.devices import let_go, no_room
from core.training.encoders import Encoders
from core.training.full import Course, Material, State, start_of, train_encoders
from core.training.loop import Point
from core.training.processes import Processes

Watch = Callable[[Point], None]
# The watch of a process, made where the encoders are that learn: `make(encoders, watch)`.
WatchMaker = Callable[[Encoders, Watch], Watch]

LOOK_EVERY_S = 0.2
END, STOPPED = "end", "stopped"
# What the first process says.
PROGRESS, POINT, OVER = "progress", "point", "over"


def train_on_several(
    count: int,
    encoders: Encoders,
    material: Material,
    logit_scale: float,
    course: Course,
    report: Report,
    cancel: CancelToken,
    watch: Watch,
    watched: WatchMaker,
) -> tuple[float, tuple[State, State]]:
    """`train_encoders` over `count` processes, each on its own device. Raises as that does.

    course   with a checkpoint: from there it goes on after a pause
    watched  makes what is called after each step in the first process, from its encoders and what tells us a point
    """
    # What is on a GPU now would stand beside what the processes need.
    encoders.to("cpu")
    let_go()
    start = start_of(encoders)
    # All draw the same batches: from the numbers that one process would draw.
    given = encoders, material, logit_scale, course, watched, checkpoint.random_state()
    while True:
        cancel.check()
        with tempfile.TemporaryDirectory() as folder:
            trained = Path(folder) / "trained.pt"
            said = _follow(count, given, trained, report, cancel, watch)
            if said == STOPPED:
                continue
            if said != END:
                cancel.check()
                raise ModelError("the processes of the training ended before it was over")
            state = torch.load(trained, weights_only=True)
        for module, own in zip((encoders.image, encoders.text), state["towers"], strict=True):
            module.load_state_dict(own)
            module.eval()
        return state["scale"], start


def _follow(
    count: int, given: tuple[Any, ...], trained: Path, report: Report, cancel: CancelToken, watch: Watch
) -> str:
    """Start the processes and pass on what the first one says until all have ended."""
    context = get_context("spawn")
    ours, theirs = context.Pipe(duplex=False)
    meeting = trained.with_name("meeting")
    stop = context.Event()
    group = start_processes(  # type: ignore[no-untyped-call]
        _work,
        (count, meeting, given, trained, theirs, stop),
        nprocs=count,
        join=False,
        start_method="spawn",
    )
    theirs.close()
    last: Any = None
    has_ended = False
    try:
        while not has_ended:
            if cancel.is_cancelled or cancel.is_paused:
                stop.set()
            has_ended = group.join(LOOK_EVERY_S)
            for kind, value in _news(ours):
                if kind == PROGRESS:
                    report(value)
                elif kind == POINT:
                    watch(value)
                else:
                    last = value
    except ProcessException as error:
        # One that failed takes the others with it; what the first one has said is the reason.
        last = next((value for kind, value in _news(ours) if kind == OVER), last)
        if not isinstance(last, ShiguangError):
            raise ModelError(f"a process of the training ended: {error}") from error
    finally:
        for process in group.processes:
            process.terminate()
    if isinstance(last, ShiguangError):
        raise last
    return str(last)


def _news(pipe: Connection) -> Iterator[tuple[str, Any]]:
    """What was sent and not read yet."""
    with suppress(EOFError, OSError):
        while pipe.poll():
            yield pipe.recv()


def _work(
    rank: int,
    count: int,
    meeting: Path,
    given: tuple[Encoders, Material, float, Course, WatchMaker, checkpoint.State],
    trained: Path,
    said: Connection,
    stop: Event,
) -> None:
    """One of the processes."""
    # The one who asked stops them, also at Ctrl-C; and where it is gone, nobody does.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_follow_parent, daemon=True).start()
    encoders, material, logit_scale, course, watched, drawn = given
    processes = Processes.started(rank, count, meeting, cpu=course.device == "cpu")
    checkpoint.set_random_state(drawn)
    if processes.device == "cpu":
        torch.set_num_threads(max(1, (os.cpu_count() or 1) // count))
    is_first = rank == 0

    def say(kind: str, value: object) -> None:
        if is_first:
            said.send((kind, value))

    end: object = END
    try:
        encoders.to(processes.device)
        scale, _ = train_encoders(
            encoders,
            material,
            logit_scale,
            course,
            lambda progress: say(PROGRESS, progress),
            Agreed(processes, stop),
            watched(encoders, lambda point: say(POINT, point)) if is_first else lambda point: None,
            processes,
        )
        if is_first:
            encoders.to("cpu")
            towers = [module.state_dict() for module in (encoders.image, encoders.text)]
            torch.save({"towers": towers, "scale": scale}, trained)
    except Cancelled:
        end = STOPPED
    except (ShiguangError, torch.OutOfMemoryError) as error:
        # Raised, too: then the others, who wait for this one, are ended.
        say(OVER, no_room(error) if isinstance(error, torch.OutOfMemoryError) else error)
        raise
    say(OVER, end)
    torch.distributed.destroy_process_group()


def _follow_parent() -> None:
    parent = parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


class Agreed(CancelToken):
    """Stops all processes at the same step: one that waited for another that has stopped would wait for ever."""

    def __init__(self, processes: Processes, stop: Event) -> None:
        super().__init__()
        self._processes, self._asked = processes, stop

    def check(self) -> None:
        if self._processes.any_of(self._asked.is_set()):
            raise Cancelled
