"""Each loss is its formula, and its gradient is the formula's."""

from __future__ import annotations

import math

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
