"""Each loss is its formula, and its gradient is the formula's."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="needs the train extra (torch)")

from torch.nn.functional import normalize  # noqa: E402

from core.training import loss  # noqa: E402


def rows(count: int, seed: int, width: int = 6) -> torch.Tensor:
    random = torch.Generator().manual_seed(seed)
    return normalize(torch.randn(count, width, generator=random, dtype=torch.float64), dim=1)


def test_contrastive_is_the_mean_of_both_directions() -> None:
    images, texts, scale = rows(4, 1), rows(4, 2), torch.tensor(7.0)

    logits = 7 * images @ texts.T
    by_hand = 0.0
    for i in range(4):
        by_hand -= math.log(logits[i].softmax(0)[i]) / 8
        by_hand -= math.log(logits[:, i].softmax(0)[i]) / 8

    assert float(loss.contrastive(images, texts, scale)) == pytest.approx(by_hand)


def test_contrastive_is_least_where_pairs_agree() -> None:
    images = rows(5, 3)

    agreeing = loss.contrastive(images, images, torch.tensor(20.0))
    assert agreeing < loss.contrastive(images, images.roll(1, 0), torch.tensor(20.0))


def test_classification_is_zero_at_its_target() -> None:
    images, names, scale = rows(3, 4), rows(5, 5), torch.tensor(9.0)
    target = (9 * images @ names.T).softmax(1)

    assert float(loss.classification(images, names, scale, target)) == pytest.approx(0, abs=1e-9)


def test_a_concept_draws_the_images_that_show_it() -> None:
    images, names = rows(4, 6), rows(3, 7).requires_grad_()
    shown = torch.zeros(4, 3, dtype=torch.float64)
    shown[2, 1] = 1

    value = loss.concepts(images, names, torch.tensor(10.0), shown, torch.ones(3, dtype=torch.float64))
    value.backward()

    # Following the gradient brings the concept nearer to the image that shows it.
    moved = names.grad[1]
    assert float(-moved @ images[2]) > 0


def test_images_that_show_nothing_cost_nothing() -> None:
    nothing = torch.zeros(4, 3, dtype=torch.float64)

    value = loss.concepts(rows(4, 8), rows(3, 9), torch.tensor(10.0), nothing, torch.ones(3))

    assert float(value) == 0


def test_neighbours_leave_out_the_row_itself() -> None:
    found = loss.neighbours(rows(5, 10), 12.0)

    torch.testing.assert_close(found.sum(1), torch.ones(5, dtype=torch.float64))
    assert found.diagonal().max() == 0


def test_relation_is_zero_where_neighbours_agree() -> None:
    words = rows(5, 11)

    assert float(loss.relation(words, loss.neighbours(words, 12.0), 12.0)) == pytest.approx(0, abs=1e-9)


@pytest.mark.parametrize(
    "value",
    [
        lambda a, b: loss.contrastive(a, b, torch.tensor(5.0, dtype=torch.float64)),
        lambda a, b: loss.classification(
            a, b, torch.tensor(5.0), torch.full((4, 4), 0.25, dtype=torch.float64)
        ),
        lambda a, b: loss.concepts(
            a, b, torch.tensor(5.0), torch.full((4, 4), 0.3, dtype=torch.float64), torch.ones(4)
        ),
        loss.imitation,
        lambda a, b: loss.relation(a, loss.neighbours(b.detach(), 5.0), 5.0),
    ],
    ids=["contrastive", "classification", "concepts", "imitation", "relation"],
)
def test_gradients_are_those_of_small_steps(value: object) -> None:
    images, texts = rows(4, 12, 3).requires_grad_(), rows(4, 13, 3).requires_grad_()

    assert torch.autograd.gradcheck(lambda a: value(a, texts), (images,))


def test_the_logit_scale_stays_at_most_a_hundred() -> None:
    scale = loss.LogitScale(20)
    assert scale().item() == pytest.approx(20)

    with torch.no_grad():
        scale.log.fill_(50)
    assert scale().item() == pytest.approx(100)


def test_among_single_pairs_it_is_the_plain_contrastive_loss() -> None:
    images, texts, scale = rows(5, 20), rows(5, 21), torch.tensor(9.0, dtype=torch.float64)

    found = loss.contrastive_among(images, texts, scale, torch.eye(5, dtype=torch.bool))

    torch.testing.assert_close(found, loss.contrastive(images, texts, scale))


def test_a_text_of_several_images_is_no_wrong_answer_for_any_of_them() -> None:
    texts = rows(2, 22)
    images = texts.repeat_interleave(2, 0)
    true = torch.tensor([[1, 0], [1, 0], [0, 1], [0, 1]], dtype=torch.bool)
    scale = torch.tensor(60.0, dtype=torch.float64)

    # Two images share each text evenly: by columns no better than ln 2, by rows nothing is left to learn.
    found = float(loss.contrastive_among(images, texts, scale, true))
    assert found == pytest.approx(math.log(2) / 2, abs=1e-3)
    assert float(loss.contrastive_among(images, texts.flip(0), scale, true)) > 5


def test_a_rejected_pair_weighs_more_than_another_wrong_one() -> None:
    images, texts = rows(3, 23).requires_grad_(), rows(3, 24)
    scale = torch.tensor(5.0, dtype=torch.float64)
    true = torch.eye(3, dtype=torch.bool)
    rejected = torch.zeros(3, 3, dtype=torch.bool)
    rejected[0, 2] = True

    plain = torch.autograd.grad(loss.contrastive_among(images, texts, scale, true), images)[0]
    warned = torch.autograd.grad(loss.contrastive_among(images, texts, scale, true, rejected), images)[0]

    # Following the gradient leads image 0 away from text 2 faster.
    assert float(warned[0] @ texts[2]) > float(plain[0] @ texts[2])


def test_distillation_is_zero_at_the_teacher() -> None:
    images, texts, scale = rows(4, 25), rows(6, 26), torch.tensor(8.0, dtype=torch.float64)

    assert float(loss.distillation(images, texts, scale, 8 * images @ texts.T)) == pytest.approx(0, abs=1e-12)
    assert float(loss.distillation(images, texts, scale, 8 * images @ texts.roll(1, 0).T)) > 0.01


def among(images: torch.Tensor, texts: torch.Tensor, scale: torch.Tensor) -> torch.Tensor:
    """The loss that a personal training uses, each text true of its own image alone."""
    return loss.contrastive_among(images, texts, scale, torch.eye(len(images), dtype=torch.bool))


@pytest.mark.parametrize("formula", [loss.contrastive, among])
def test_loss_and_gradients_are_those_of_the_reference(
    shared_data: Path, formula: Callable[..., torch.Tensor]
) -> None:
    given = np.load(shared_data / "parity" / "maths" / "contrastive_loss.npz")
    for case in given["cases"].tolist():
        image, text, log_scale = (
            torch.tensor(given[f"{case}/{name}"], dtype=torch.float64, requires_grad=True)
            for name in ("image", "text", "log_scale")
        )
        scale = loss.LogitScale(1.0)
        scale.log = torch.nn.Parameter(log_scale.detach().clone())

        value = formula(normalize(image, dim=1), normalize(text, dim=1), scale())
        value.backward()

        assert float(value.detach()) == pytest.approx(float(given[f"{case}/loss"]), abs=1e-6), case
        for name, found in (("image", image.grad), ("text", text.grad), ("log_scale", scale.log.grad)):
            expected = torch.tensor(given[f"{case}/grad_{name}"])
            torch.testing.assert_close(found, expected, rtol=0, atol=1e-6, msg=f"{case} {name}")
