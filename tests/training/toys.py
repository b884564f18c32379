"""Two small towers and pairs that they can learn, for the tests of training."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import torch
from torch import Tensor, nn
from torch.nn.functional import normalize

from core.training.arithmetic import Arithmetic
from core.training.loss import LogitScale, contrastive
from core.training.micro import learn_in_parts
from core.training.processes import Processes


class Tower(nn.Module):
    """[n, inputs] -> [n, 16], L2-normalised, with dropout on the way; `norm` puts a batch norm in front."""

    def __init__(self, inputs: int, dropout: float = 0.0, *, norm: bool = False) -> None:
        super().__init__()
        self.norm = nn.BatchNorm1d(inputs) if norm else nn.Identity()
        self.up = nn.Linear(inputs, 32)
        self.dropout = nn.Dropout(dropout)
        self.down = nn.Linear(32, 16)

    def forward(self, x: Tensor) -> Tensor:
        return normalize(self.down(self.dropout(torch.tanh(self.up(self.norm(x))))), dim=1)


class Pairs:
    """40 pairs of two views of the same points, learned by two towers; batches of 8 in `micro` parts."""

    def __init__(
        self, *, dropout: float = 0.2, micro: int = 1, locked: bool = False, norm: bool = False
    ) -> None:
        torch.manual_seed(0)
        points = torch.randn(40, 8)
        self.left, self.right = points @ torch.randn(8, 12), points @ torch.randn(8, 10)
        self.image, self.text = Tower(12, dropout, norm=norm), Tower(10, dropout, norm=norm)
        self.scale = LogitScale(10)
        self.micro = micro
        self.processes = Processes()
        self.learned: list[list[int]] = []
        if locked:
            self.image.requires_grad_(False).eval()
        self.locked = locked

    @property
    def parts(self) -> Sequence[nn.Module]:
        return [self.text, self.scale] if self.locked else [self.image, self.text, self.scale]

    @property
    def rates(self) -> dict[nn.Module, float]:
        return {}

    def batches(self, epoch: int) -> Iterable[Tensor]:
        return torch.randperm(40).split(8)

    def learn(self, rows: Tensor, arithmetic: Arithmetic) -> float:
        self.learned.append(rows.tolist())

        def part(own: Tensor) -> tuple[Tensor, ...]:
            return self.image(self.left[own]), self.text(self.right[own])

        def loss(both: tuple[Tensor, ...]) -> Tensor:
            return contrastive(both[0], both[1], self.scale())

        own = self.processes.share(rows).tensor_split(self.micro)
        parts = [lambda chosen=chosen: part(chosen) for chosen in own]
        return learn_in_parts(parts, loss, [self.image, self.text], arithmetic, self.processes)

    def validate(self) -> float:
        with torch.no_grad():
            similar = self.image(self.left) @ self.text(self.right).T
        return float((similar.argmax(1) == torch.arange(40)).float().mean())

    def gradients(self) -> list[Tensor]:
        modules = (self.image, self.text, self.scale)
        return [p.grad for module in modules for p in module.parameters() if p.grad is not None]
