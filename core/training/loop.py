"""The one training loop: batches in, the best state out. What is trained and by which loss, the caller says."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from core.log import logger
from core.progress import CancelToken, Pace, Report

log = logger(__name__)


@dataclass(frozen=True, slots=True)
class Settings:
    """The loop's numbers."""

    # Passes over the pairs.
    epochs: int = 80
    # Steps of each pass; the length of one pass of batches.
    steps_an_epoch: int = 5
    # Largest learning rate of the one cycle (Smith, Topin 2018), for heads that start from nothing.
    learning_rate: float = 2e-3
    # Decoupled (AdamW); on matrices alone, as norms, biases and scales have nothing to shrink.
    weight_decay: float = 0.05
    # The kept weights are a running mean over about 1 / (1 - average) steps, from the first validation on;
    # 0 keeps the last ones as they are.
    average: float = 0.98
    # Matrices are multiplied in bfloat16: twice as fast on CPUs that can, the same result within noise.
    bfloat16: bool = True


@dataclass(frozen=True, slots=True)
class Outcome:
    """What training reached: the best validation score, the epoch it came from, and all scores in order."""

    best: float
    epoch: int
    scores: tuple[float, ...]


def train(
    modules: Sequence[nn.Module],
    batches: Callable[[int], Iterable[Any]],
    loss: Callable[[Any], Tensor],
    validate: Callable[[], float],
    settings: Settings,
    report: Report,
    cancel: CancelToken,
) -> Outcome:
    """Train `modules` and leave the best validated weights in them.

    batches   of one epoch, given its number; any objects `loss` understands
    loss      of one batch, to be made smaller; it runs the modules itself
    validate  a score, the more the better; modules are in evaluation mode
    Random numbers are torch's own: seed before for a run that can be repeated.
    """
    parameters = [one for module in modules for one in module.parameters() if one.requires_grad]
    optimiser = torch.optim.AdamW(_groups(parameters, settings.weight_decay), lr=settings.learning_rate)
    steps = settings.epochs * settings.steps_an_epoch
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, settings.learning_rate, total_steps=steps)
    averages = [parameter.detach().clone() for parameter in parameters]
    kept = _state(modules)
    scores: list[float] = []
    pace = Pace(report, "train", steps)
    for epoch in range(settings.epochs):
        _set_training(modules, True)
        for batch in batches(epoch):
            cancel.check()
            with torch.autocast("cpu", torch.bfloat16, enabled=settings.bfloat16):
                value = loss(batch)
            optimiser.zero_grad()
            torch.autograd.backward(value)
            optimiser.step()
            schedule.step()
            _average(averages, parameters, settings.average)
            pace.step()
        with _swapped(parameters, averages):
            _set_training(modules, False)
            scores.append(validate())
            if scores[-1] == max(scores):
                kept = _state(modules)
        log.info("epoch %d: loss %.4f, validation %.4f", epoch + 1, float(value.detach()), scores[-1])
    pace.flush()
    _set_training(modules, False)
    for module, state in zip(modules, kept, strict=True):
        module.load_state_dict(state)
    return Outcome(max(scores), scores.index(max(scores)) + 1, tuple(scores))


def _groups(parameters: list[nn.Parameter], weight_decay: float) -> list[dict[str, Any]]:
    return [
        {"params": [one for one in parameters if one.ndim > 1], "weight_decay": weight_decay},
        {"params": [one for one in parameters if one.ndim <= 1], "weight_decay": 0.0},
    ]


def _average(averages: list[Tensor], parameters: list[nn.Parameter], share: float) -> None:
    with torch.no_grad():
        for mean, parameter in zip(averages, parameters, strict=True):
            mean.lerp_(parameter, 1 - share)


@contextmanager
def _swapped(parameters: list[nn.Parameter], averages: list[Tensor]) -> Iterator[None]:
    """Within it the parameters have the averages' values; after it their own again."""
    _swap(parameters, averages)
    try:
        yield
    finally:
        _swap(parameters, averages)


def _swap(parameters: list[nn.Parameter], averages: list[Tensor]) -> None:
    for parameter, mean in zip(parameters, averages, strict=True):
        parameter.data, mean.data = mean.data, parameter.data


def _state(modules: Sequence[nn.Module]) -> list[dict[str, Tensor]]:
    return [copy.deepcopy(module.state_dict()) for module in modules]


def _set_training(modules: Sequence[nn.Module], training: bool) -> None:
    for module in modules:
        module.train(training)
