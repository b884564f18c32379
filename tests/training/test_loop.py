"""The loop trains what it is given, keeps the best, can be stopped, and goes on as if it never was."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

torch = pytest.importorskip("torch", reason="needs the train extra (torch)")

from core.progress import Cancelled, CancelToken, Progress, silent  # noqa: E402
from core.training.arithmetic import Arithmetic  # noqa: E402
from core.training.loop import Diverged, Outcome, Point, Settings, train  # noqa: E402
from tests.training.toys import Pairs  # noqa: E402

SETTINGS = Settings(epochs=10, steps_an_epoch=5, learning_rate=1e-2, average=0.5, precision="fp32")


def run(pairs: Pairs, settings: Settings = SETTINGS, **more: object) -> Outcome:
    return train(pairs, settings, silent, CancelToken(), **more)


def weights(pairs: Pairs) -> list[torch.Tensor]:
    return [one.clone() for part in pairs.parts for one in part.state_dict().values()]


def test_what_belongs_together_comes_together() -> None:
    pairs = Pairs()
    before = pairs.validate()

    outcome = run(pairs)

    assert outcome.best > before + 0.3
    assert len(outcome.scores) == SETTINGS.epochs
    assert len(outcome.losses) == SETTINGS.steps


def test_the_best_validation_is_what_is_left_in_the_modules() -> None:
    pairs = Pairs()

    outcome = run(pairs)

    assert pairs.validate() == outcome.best == max(outcome.scores)
    assert not pairs.image.training


def test_the_same_seed_gives_the_same_weights() -> None:
    first, second = Pairs(), Pairs()
    for pairs in (first, second):
        torch.manual_seed(3)
        run(pairs)

    for one, other in zip(weights(first), weights(second), strict=True):
        assert torch.equal(one, other)


@pytest.mark.parametrize("precision", ["bf16", "fp16"])
def test_half_precision_learns_too(precision: str) -> None:
    pairs = Pairs()
    before = pairs.validate()

    outcome = run(pairs, replace(SETTINGS, precision=precision))

    assert outcome.best > before + 0.3


def test_progress_ends_at_its_total_and_every_step_is_shown() -> None:
    told: list[Progress] = []
    seen: list[Point] = []

    train(Pairs(), SETTINGS, told.append, CancelToken(), watch=seen.append)

    assert (told[-1].done, told[-1].total) == (50, 50)
    assert [point.step for point in seen if point.loss is not None] == list(range(1, 51))
    assert [point.step for point in seen if point.score is not None] == list(range(5, 51, 5))


def test_validation_comes_every_so_many_steps() -> None:
    outcome = run(Pairs(), replace(SETTINGS, validate_every=8))

    assert len(outcome.scores) == 50 // 8


def stopped_after(steps: int) -> tuple[CancelToken, Callable[[Point], None]]:
    cancel = CancelToken()

    def watch(point: Point) -> None:
        if point.step == steps:
            cancel.cancel()

    return cancel, watch


@pytest.mark.parametrize("steps", [1, 5, 23])
def test_a_stopped_and_resumed_training_ends_like_one_never_stopped(tmp_path: Path, steps: int) -> None:
    whole = Pairs()
    torch.manual_seed(5)
    expected = run(whole)
    path = tmp_path / "run.pt"

    stopped = Pairs()
    torch.manual_seed(5)
    cancel, watch = stopped_after(steps)
    with pytest.raises(Cancelled):
        train(stopped, SETTINGS, silent, cancel, checkpoint=path, watch=watch)
    resumed = Pairs()
    torch.manual_seed(99)
    outcome = run(resumed, checkpoint=path)

    assert outcome == expected
    for one, other in zip(weights(whole), weights(resumed), strict=True):
        assert torch.equal(one, other)


def test_a_training_that_ended_is_not_done_again(tmp_path: Path) -> None:
    path = tmp_path / "run.pt"
    first = Pairs()
    outcome = run(first, checkpoint=path)
    second = Pairs()

    assert run(second, checkpoint=path) == outcome
    assert second.learned == []
    for one, other in zip(weights(first), weights(second), strict=True):
        assert torch.equal(one, other)


def test_a_checkpoint_of_other_settings_is_left_aside(tmp_path: Path) -> None:
    path = tmp_path / "run.pt"
    cancel, watch = stopped_after(7)
    with pytest.raises(Cancelled):
        train(Pairs(), SETTINGS, silent, cancel, checkpoint=path, watch=watch)

    outcome = run(Pairs(), replace(SETTINGS, learning_rate=2e-2), checkpoint=path)

    assert len(outcome.losses) == SETTINGS.steps


def test_a_crash_costs_the_work_since_the_last_checkpoint(tmp_path: Path) -> None:
    path = tmp_path / "run.pt"
    whole = Pairs()
    torch.manual_seed(5)
    run(whole)

    def crash(point: Point) -> None:
        if point.step == 31:
            raise RuntimeError("power cut")

    crashed = Pairs()
    torch.manual_seed(5)
    with pytest.raises(RuntimeError, match="power cut"):
        run(crashed, replace(SETTINGS, checkpoint_every_s=0.0), checkpoint=path, watch=crash)
    resumed = Pairs()
    run(resumed, replace(SETTINGS, checkpoint_every_s=0.0), checkpoint=path)

    assert len(resumed.learned) == SETTINGS.steps - 30
    for one, other in zip(weights(whole), weights(resumed), strict=True):
        assert torch.equal(one, other)


class Valley:
    """A weight that should become zero."""

    def __init__(self) -> None:
        self.parts = (torch.nn.Linear(1, 1),)
        self.rates: dict[torch.nn.Module, float] = {}

    def batches(self, epoch: int) -> range:
        return range(5)

    def learn(self, batch: int, arithmetic: Arithmetic) -> float:
        value = (self.parts[0].weight ** 2).sum()
        arithmetic.backward(value)
        return float(value.detach())

    def validate(self) -> float:
        return -float(self.parts[0].weight.detach().abs())


def test_a_learning_rate_far_too_large_is_noticed() -> None:
    with pytest.raises(Diverged, match="ran away"):
        train(Valley(), replace(SETTINGS, learning_rate=30.0), silent, CancelToken())


def test_a_loss_that_is_no_number_is_noticed() -> None:
    pairs = Pairs()
    pairs.left[3, 2] = float("nan")

    with pytest.raises(Diverged, match="nan"):
        run(pairs)


def test_a_locked_tower_stays_as_it_is_batch_norm_statistics_included() -> None:
    pairs = Pairs(locked=True, norm=True)
    before = {name: value.clone() for name, value in pairs.image.state_dict().items()}
    text = pairs.text.up.weight.detach().clone()

    run(pairs)

    for name, value in pairs.image.state_dict().items():
        assert torch.equal(value, before[name]), name
    assert not torch.equal(pairs.text.up.weight, text)


def test_batch_norms_of_a_trained_tower_keep_their_statistics() -> None:
    pairs = Pairs(norm=True)

    run(pairs)

    assert pairs.image.norm.running_mean.abs().sum() == 0


def test_weight_decay_is_for_matrices_alone() -> None:
    pairs = Pairs()
    before = weights(pairs)

    # No gradient: decay alone moves a weight.
    pairs.learn = lambda rows, arithmetic: float(  # type: ignore[method-assign]
        sum((one.sum() * 0 for part in pairs.parts for one in part.parameters()), torch.zeros(())).backward()
        or 1.0
    )
    run(pairs, replace(SETTINGS, average=0.0, epochs=1, weight_decay=0.5))

    for old, new in zip(before, weights(pairs), strict=True):
        assert torch.equal(old, new) == (old.ndim <= 1)


def test_the_learning_rate_rises_and_falls_along_a_cosine() -> None:
    settings = Settings(epochs=10, steps_an_epoch=10, warm_up=0.2)
    rates = [settings.rate(step) for step in range(100)]

    assert rates[:20] == sorted(rates[:20])
    assert rates[20] == pytest.approx(1)
    assert rates[60] == pytest.approx(0.5)
    assert rates[20:] == sorted(rates[20:], reverse=True)
    assert rates[99] < 0.001
