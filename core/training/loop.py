"""The one training loop: batches in, the best state out. What is trained and by which loss, the objective says."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from core.log import logger
from core.progress import Cancelled, CancelToken, Pace, Report
from core.training.objective import Objective, Settings
from core.training.run import Diverged, Run

log = logger(__name__)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What training reached: the best validation score, the validation it came from (1 the first), all in order.

    losses  of every step
    """

    best: float
    epoch: int
    scores: tuple[float, ...]
    losses: tuple[float, ...] = ()


@dataclass(frozen=True, slots=True)
class Point:
    """What is drawn while it trains: the loss of a step, or the score of a validation after it."""

    step: int
    loss: float | None = None
    score: float | None = None


def train(
    objective: Objective,
    settings: Settings,
    report: Report,
    cancel: CancelToken,
    *,
    checkpoint: Path | None = None,
    keeps: bool = True,
    watch: Callable[[Point], None] = lambda point: None,
) -> Outcome:
    """Train the objective's parts and leave the best validated weights in them.

    checkpoint  where to keep what is needed to go on; a file of the same settings that is there already is gone
                on from, on a CPU bit for bit as if it had never stopped. At the end it holds the end, so that
                what follows can be stopped, too: the caller takes it away
    keeps       False: the file is gone on from, and another process writes it
    Raises Diverged, Cancelled (after the checkpoint was written), or DiskFull.
    """
    run = Run(objective, settings, checkpoint, keeps=keeps)
    pace = Pace(report, "train", settings.steps, already=run.step)
    while run.epoch < settings.epochs:
        for batch in run.batches_left():
            try:
                cancel.check()
            except Cancelled:
                # Also of one that was paused first: it waits inside the check.
                run.save()
                raise
            loss = objective.learn(batch, run.arithmetic)
            run.update(loss)
            pace.step()
            watch(Point(run.step, loss=loss))
            if run.is_to_validate():
                run.validate(lambda score: watch(Point(run.step, score=score)))
                log.info("step %d: loss %.4f, validation %.4f", run.step, loss, run.scores[-1])
            run.save_if_due()
        run.end_epoch()
    pace.flush()
    run.end()
    return Outcome(
        max(run.scores), run.scores.index(max(run.scores)) + 1, tuple(run.scores), tuple(run.losses)
    )


__all__ = ["Diverged", "Objective", "Outcome", "Point", "Settings", "train"]
