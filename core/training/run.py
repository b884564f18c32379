"""One training under way: where it stands, what it has kept, and how all of it goes to the disk and back."""

from __future__ import annotations

import copy
import math
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from core.errors import ShiguangError
from core.log import logger
from core.training import checkpoint
from core.training.arithmetic import Arithmetic
from core.training.objective import Objective, Settings

log = logger(__name__)

# The first steps set the mark; the running mean (over about 1 / (1 - SMOOTH) steps) may not pass it by more.
FIRST_STEPS = 5
SMOOTH = 0.9
RUNAWAY_BY = 1.0
RUNAWAY_TIMES = 1.5
# Checkpoints of large towers have gigabytes: where one took longer than this, the next comes that much later.
SAVING_S = 3.0


class Diverged(ShiguangError):
    """The loss ran away or is no number any more."""

    code = "diverged"
    what_to_do = "Train again with a smaller learning rate; the model is as it was."


class Run:
    """The state of one training. Attributes that may be read: step, epoch, scores, losses, arithmetic."""

    def __init__(
        self, objective: Objective, settings: Settings, path: Path | None, *, keeps: bool = True
    ) -> None:
        """Goes on from the file at `path` where it is one of the same settings; keeps: and writes it."""
        self._objective = objective
        self._settings = settings
        self._path, self._keeps = path, keeps
        self._parts = list(objective.parts)
        self._parameters = [one for part in self._parts for one in part.parameters() if one.requires_grad]
        device = self._parameters[0].device.type
        self.arithmetic = Arithmetic(settings.precision, device)
        self._optimiser = torch.optim.AdamW(
            _groups(objective, settings), betas=(0.9, settings.beta2), eps=settings.epsilon
        )
        self._averages = [parameter.detach().clone() for parameter in self._parameters]
        self._kept = _state(self._parts)
        self.step = self.epoch = self._in_epoch = 0
        self._is_drawn = False
        self.scores: list[float] = []
        self.losses: list[float] = []
        self._epoch_began = checkpoint.random_state()
        self._saved_at = time.monotonic()
        self._saving_s = 0.0
        self._is_saved_end = False
        if path is not None and (state := checkpoint.load(path)) is not None:
            self._restore(state)

    def batches_left(self) -> list[Any]:
        """The epoch's batches that were not learned from yet; the modules go into training mode.

        They are drawn anew with the random numbers the epoch began with, so a resumed run draws the same.
        """
        set_training(self._parts, True)
        if not self._is_drawn:
            self._is_drawn = True
            self._epoch_began = checkpoint.random_state()
            return list(self._objective.batches(self.epoch))
        now = checkpoint.random_state()
        checkpoint.set_random_state(self._epoch_began)
        batches = list(self._objective.batches(self.epoch))
        checkpoint.set_random_state(now)
        return batches[self._in_epoch :]

    def update(self, loss: float) -> None:
        """One step with the gradients that were gathered. Raises Diverged."""
        self.losses.append(loss)
        self._must_converge()
        rate = self._settings.rate(self.step) * self._settings.learning_rate
        for group in self._optimiser.param_groups:
            group["lr"] = rate * group["share"]
        self.arithmetic.step(self._optimiser, self._parameters, self._settings.largest_gradient)
        self._optimiser.zero_grad()
        with torch.no_grad():
            for mean, parameter in zip(self._averages, self._parameters, strict=True):
                mean.lerp_(parameter, 1 - self._settings.average)
        self.step += 1
        self._in_epoch += 1

    def is_to_validate(self) -> bool:
        settings = self._settings
        return self.step % (settings.validate_every or settings.steps_an_epoch) == 0

    def validate(self, seen: Callable[[float], None] = lambda score: None) -> None:
        """Score the averaged weights, which are kept where none was better; `seen` is called while they are in place."""
        with _swapped(self._parameters, self._averages):
            set_training(self._parts, False)
            self.scores.append(self._objective.validate())
            if self.scores[-1] == max(self.scores):
                self._kept = _state(self._parts)
            seen(self.scores[-1])
        set_training(self._parts, True)

    def end_epoch(self) -> None:
        self.epoch += 1
        self._in_epoch = 0
        self._is_drawn = False

    def end(self) -> None:
        """Put the best weights into the modules, in evaluation mode; the checkpoint holds the end from here on."""
        if not self.scores:
            self.validate()
        set_training(self._parts, False)
        for part, state in zip(self._parts, self._kept, strict=True):
            part.load_state_dict(state)
        if not self._is_saved_end:
            self.save()

    def save_if_due(self) -> None:
        waited = time.monotonic() - self._saved_at
        if waited >= self._settings.checkpoint_every_s * max(1.0, self._saving_s / SAVING_S):
            self.save()

    def save(self) -> None:
        """Write the checkpoint, where one is wanted."""
        if self._path is None or not self._keeps:
            return
        began = time.monotonic()
        checkpoint.save(
            self._path,
            {
                "settings": asdict(self._settings),
                "parts": [part.state_dict() for part in self._parts],
                "optimiser": self._optimiser.state_dict(),
                "scaler": self.arithmetic.state(),
                "averages": self._averages,
                "kept": self._kept,
                "position": [self.step, self.epoch, self._in_epoch, self._is_drawn],
                "scores": self.scores,
                "losses": self.losses,
                "epoch_began": self._epoch_began,
                "random": checkpoint.random_state(),
            },
        )
        self._saved_at = time.monotonic()
        self._saving_s = self._saved_at - began

    def _restore(self, state: checkpoint.State) -> None:
        if state["settings"] != asdict(self._settings):
            log.info("the checkpoint is of other settings and is left aside")
            return
        for part, own in zip(self._parts, state["parts"], strict=True):
            part.load_state_dict(own)
        self._optimiser.load_state_dict(state["optimiser"])
        self.arithmetic.restore(state["scaler"])
        for mean, saved in zip(self._averages, state["averages"], strict=True):
            mean.copy_(saved)
        self._kept = state["kept"]
        self.step, self.epoch, self._in_epoch, self._is_drawn = state["position"]
        self.scores, self.losses = state["scores"], state["losses"]
        self._epoch_began = state["epoch_began"]
        checkpoint.set_random_state(state["random"])
        self._is_saved_end = self.epoch == self._settings.epochs

    def _must_converge(self) -> None:
        if not math.isfinite(self.losses[-1]):
            raise Diverged(f"The loss is {self.losses[-1]} at step {self.step + 1}.")
        first = sum(self.losses[:FIRST_STEPS]) / len(self.losses[:FIRST_STEPS])
        smooth = self.losses[0]
        for loss in self.losses[-100:]:
            smooth = SMOOTH * smooth + (1 - SMOOTH) * loss
        if len(self.losses) > 2 * FIRST_STEPS and smooth > max(RUNAWAY_TIMES * first, first + RUNAWAY_BY):
            raise Diverged(f"The loss ran away from {first:.2f} to {smooth:.2f} in {self.step + 1} steps.")


def _groups(objective: Objective, settings: Settings) -> list[dict[str, Any]]:
    """Matrices with weight decay, the rest without, each module with its share of the learning rate."""
    groups: list[dict[str, Any]] = []
    for part in objective.parts:
        share = objective.rates.get(part, 1.0)
        own = [one for one in part.parameters() if one.requires_grad]
        for chosen, decay in (
            ([one for one in own if one.ndim > 1], settings.weight_decay),
            ([one for one in own if one.ndim <= 1], 0.0),
        ):
            if chosen:
                groups.append({"params": chosen, "weight_decay": decay, "share": share})
    return groups


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


def set_training(modules: Sequence[nn.Module], training: bool) -> None:
    """Training mode or evaluation mode; batch norms stay in evaluation mode.

    Their statistics of a few dozen photos would be noise, and micro-batches would each have other ones.
    """
    for module in modules:
        module.train(training)
        for inner in module.modules():
            if isinstance(inner, nn.modules.batchnorm._BatchNorm):
                inner.eval()
