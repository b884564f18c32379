"""The loop trains what it is given, keeps the best, and can be stopped."""

from __future__ import annotations

import pytest

torch = pytest.importorskip("torch", reason="needs the train extra (torch)")

from core.models.convert.starter.towers import Head  # noqa: E402
from core.progress import Cancelled, CancelToken, Progress, silent  # noqa: E402
from core.training.loop import Settings, train  # noqa: E402
from core.training.loss import LogitScale, contrastive  # noqa: E402

SETTINGS = Settings(epochs=10, steps_an_epoch=5, learning_rate=1e-2, average=0.5, bfloat16=False)


class Toy:
    """Two views of the same 40 points, which two heads must bring together."""

    def __init__(self) -> None:
        torch.manual_seed(0)
        points = torch.randn(40, 8)
        self.left, self.right = points @ torch.randn(8, 12), points @ torch.randn(8, 10)
        self.heads = [Head(12, 16, 32), Head(10, 16, 32)]
        self.scale = LogitScale(10)

    def loss(self, rows: torch.Tensor) -> torch.Tensor:
        return contrastive(self.heads[0](self.left[rows]), self.heads[1](self.right[rows]), self.scale())

    def recall(self) -> float:
        with torch.no_grad():
            similar = self.heads[0](self.left) @ self.heads[1](self.right).T
        return float((similar.argmax(1) == torch.arange(40)).float().mean())

    def run(self, cancel: CancelToken, report: object = silent) -> object:
        def batches(epoch: int) -> list[torch.Tensor]:
            return list(torch.randperm(40).split(8))

        modules = [*self.heads, self.scale]
        return train(modules, batches, self.loss, self.recall, SETTINGS, report, cancel)


def test_what_belongs_together_comes_together() -> None:
    toy = Toy()
    before = toy.recall()

    outcome = toy.run(CancelToken())

    assert outcome.best > before + 0.3
    assert len(outcome.scores) == SETTINGS.epochs


def test_the_best_epoch_is_what_is_left_in_the_modules() -> None:
    toy = Toy()

    outcome = toy.run(CancelToken())

    assert toy.recall() == outcome.best == max(outcome.scores)
    assert not toy.heads[0].training


def test_the_same_seed_gives_the_same_weights() -> None:
    first, second = Toy(), Toy()
    for toy in (first, second):
        torch.manual_seed(3)
        toy.run(CancelToken())

    torch.testing.assert_close(first.heads[0].state_dict(), second.heads[0].state_dict())


def test_progress_ends_at_its_total() -> None:
    told: list[Progress] = []

    Toy().run(CancelToken(), told.append)

    assert (told[-1].done, told[-1].total) == (50, 50)


def test_a_cancelled_training_stops() -> None:
    cancel = CancelToken()
    cancel.cancel()

    with pytest.raises(Cancelled):
        Toy().run(cancel)
