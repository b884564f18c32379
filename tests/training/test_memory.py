"""Computing layers again gives the same gradients in less memory, and what a training takes is counted beforehand."""

from __future__ import annotations

from pathlib import Path

import pytest

torch = pytest.importorskip("torch", reason="needs the train extra (torch)")
pytest.importorskip("transformers", reason="needs the train extra (transformers)")

from torch.autograd.graph import saved_tensors_hooks  # noqa: E402

from core.models.convert.source import TowerPlan  # noqa: E402
from core.models.convert.towers import image_tower, text_tower  # noqa: E402
from core.training import memory  # noqa: E402
from core.training.machine_memory import free_bytes  # noqa: E402
from core.training.memory import Need  # noqa: E402
from core.training.recompute import layers_of, recomputed  # noqa: E402

SMALL = {"hidden_size": 32, "num_hidden_layers": 4, "num_attention_heads": 2, "intermediate_size": 64}
VIT = TowerPlan("chinese-clip", {**SMALL, "image_size": 64, "patch_size": 16})
BERT = TowerPlan("chinese-clip", {**SMALL, "vocab_size": 50, "max_position_embeddings": 16})
RESNET = TowerPlan("resnet", {"layers": [2, 2, 1, 1], "width": 8, "image_size": 64, "heads": 4})


def tower(plan: TowerPlan, *, image: bool) -> torch.nn.Module:
    torch.manual_seed(0)
    return (image_tower if image else text_tower)(plan.architecture, plan.config, 16).train()


def inputs(*, image: bool) -> tuple[torch.Tensor, ...]:
    draw = torch.Generator().manual_seed(1)
    if image:
        return (torch.randn(6, 3, 64, 64, generator=draw),)
    ids = torch.randint(1, 50, (6, 12), generator=draw)
    return ids, torch.ones_like(ids)


def gradients(module: torch.nn.Module, given: tuple[torch.Tensor, ...]) -> dict[str, torch.Tensor]:
    module.zero_grad()
    # Dropout, of which BERT has some, is drawn the same.
    torch.manual_seed(2)
    module(*given)[:, 0].sum().backward()
    return {name: one.grad.clone() for name, one in module.named_parameters() if one.grad is not None}


def held_bytes(module: torch.nn.Module, given: tuple[torch.Tensor, ...]) -> int:
    found: dict[int, int] = {}
    kept = []

    def keep(one: torch.Tensor) -> torch.Tensor:
        kept.append(one)
        found[one.untyped_storage().data_ptr()] = one.untyped_storage().nbytes()
        return one

    with saved_tensors_hooks(keep, lambda one: one):
        module(*given)
    return sum(found.values())


@pytest.mark.parametrize(("plan", "image"), [(VIT, True), (BERT, False), (RESNET, True)])
def test_layers_computed_again_have_the_same_gradients(plan: TowerPlan, image: bool) -> None:
    module, given = tower(plan, image=image), inputs(image=image)
    expected = gradients(module, given)
    plain = held_bytes(module, given)

    with recomputed([module]):
        found = gradients(module, given)
        thrifty = held_bytes(module, given)

    assert found.keys() == expected.keys()
    for name, one in expected.items():
        torch.testing.assert_close(found[name], one, rtol=1e-5, atol=1e-7)
    assert thrifty < plain / 2
    # It is as it was: written graphs know nothing of it.
    assert all("forward" not in vars(layer) for layer in layers_of(module))
    assert len(layers_of(module)) >= 4


@pytest.mark.parametrize(("plan", "image"), [(VIT, True), (BERT, False), (RESNET, True)])
def test_what_is_counted_without_numbers_is_what_is_held(plan: TowerPlan, image: bool) -> None:
    module, given = tower(plan, image=image), inputs(image=image)
    weights = sum(one.numel() * one.element_size() for one in module.parameters())
    with torch.device("meta"):
        empty = memory.empty_tower(plan, 16, image=image)
        shapes = [torch.empty_like(one, device="meta") for one in given]

    plain, thrifty = memory.activations(empty, *(shapes if image else [shapes[0], None]))

    assert plain == pytest.approx(held_bytes(module, given) - weights, rel=0.35)
    assert thrifty < plain


def test_thrift_is_chosen_where_memory_would_not_do() -> None:
    needed = Need(plain=5_000, thrifty=2_000)

    assert needed.chosen(None, 6_000) == (5_000, False)
    assert needed.chosen(None, 4_000) == (2_000, True)
    assert needed.chosen(True, 6_000) == (2_000, True)
    assert needed.chosen(False, 4_000) == (5_000, False)


def test_free_memory_is_a_number_of_this_machine() -> None:
    assert 1 << 24 < free_bytes() < 1 << 50


def test_a_tower_without_layers_has_nothing_to_compute_again(tmp_path: Path) -> None:
    module = torch.nn.Linear(3, 3)

    with recomputed([module]):
        assert layers_of(module) == []
