"""What a training is told: an objective to make smaller, and the numbers of the loop."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from torch import nn

from core.training.arithmetic import Arithmetic


class Objective(Protocol):
    """What is trained, on what, and how good it is.

    parts     the modules whose parameters learn (those that ask for a gradient)
    rates     a module's share of the learning rate, where it is not 1
    batches   of one epoch, given its number: any objects that `learn` understands, as many as fit a list
    learn     adds the gradients of one batch to the parameters' and gives its loss
    validate  a score, the more the better; the modules are in evaluation mode
    Random numbers are the global generators': seed before for a run that can be repeated.
    """

    @property
    def parts(self) -> Sequence[nn.Module]: ...
    @property
    def rates(self) -> dict[nn.Module, float]: ...
    def batches(self, epoch: int) -> Iterable[Any]: ...
    def learn(self, batch: Any, arithmetic: Arithmetic) -> float: ...
    def validate(self) -> float: ...


@dataclass(frozen=True, slots=True)
class Settings:
    """The loop's numbers."""

    # Passes over the pairs.
    epochs: int = 80
    # Steps of each pass; the length of one pass of batches.
    steps_an_epoch: int = 5
    # Largest learning rate, for heads that start from nothing; parts may take a share of it.
    learning_rate: float = 2e-3
    # Share of the steps in which it rises from nothing; then it falls along a cosine (Chinese-CLIP's schedule).
    warm_up: float = 0.3
    # Decoupled (AdamW); on matrices alone, as norms, biases and scales have nothing to shrink.
    weight_decay: float = 0.05
    # Adam's memory of squares, and what keeps it from dividing by nothing.
    beta2: float = 0.999
    epsilon: float = 1e-8
    # The kept weights are a running mean over about 1 / (1 - average) steps, from the first validation on;
    # 0 keeps the last ones as they are.
    average: float = 0.98
    # Matrices are multiplied in bfloat16: twice as fast on CPUs that can, the same result within noise.
    precision: str = "bf16"
    # Gradients together are cut to this norm; 0 leaves them.
    largest_gradient: float = 0.0
    # Steps between validations; 0: after each epoch.
    validate_every: int = 0
    # Seconds of work that a crash may cost.
    checkpoint_every_s: float = 60.0

    @property
    def steps(self) -> int:
        return self.epochs * self.steps_an_epoch

    def rate(self, step: int) -> float:
        """The learning rate's share, 0..1, of step 0, 1, ..."""
        rising = self.warm_up * self.steps
        if step < rising:
            return (step + 1) / (rising + 1)
        gone = (step - rising) / max(1.0, self.steps - rising)
        return 0.5 + 0.5 * math.cos(math.pi * min(1.0, gone))
