"""In which numbers a training computes, and how gradients stay within their range."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import torch
from torch import Tensor

PRECISIONS = ("fp32", "bf16", "fp16")
_KINDS = {"bf16": torch.bfloat16, "fp16": torch.float16}


class Arithmetic:
    """One precision on one device. Weights and sums stay in float32; matrix products do not.

    bf16 has float32's range and half its bytes: nothing needs scaling. fp16 has not: small gradients vanish, so
    the loss is multiplied by a factor that grows until a gradient overflows and is halved then (Micikevicius
    et al. 2018); such a step is left out.
    """

    def __init__(self, precision: str = "fp32", device: str = "cpu") -> None:
        if precision not in PRECISIONS:
            raise ValueError(f"{precision} is none of {PRECISIONS}")
        self.precision = precision
        self.device = device
        self._scaler = torch.amp.GradScaler(device, enabled=precision == "fp16")

    def autocast(self) -> AbstractContextManager[Any]:
        """Within it the modules compute in this precision."""
        if self.precision == "fp32":
            return nullcontext()
        return torch.autocast(self.device, _KINDS[self.precision])

    def backward(self, value: Tensor) -> None:
        """Add the gradients of `value`, multiplied by the scaler's factor, to every parameter's."""
        torch.autograd.backward(self._scaler.scale(value))

    def step(
        self, optimiser: torch.optim.Optimizer, parameters: Iterable[torch.nn.Parameter], largest: float
    ) -> None:
        """One step of `optimiser` with the gradients at their true size, cut to the norm `largest` (0: not)."""
        self._scaler.unscale_(optimiser)
        if largest:
            torch.nn.utils.clip_grad_norm_(parameters, largest)
        self._scaler.step(optimiser)
        self._scaler.update()

    def state(self) -> dict[str, Any]:
        return self._scaler.state_dict()

    def restore(self, state: dict[str, Any]) -> None:
        self._scaler.load_state_dict(state)
