"""How much memory a training of encoders takes, counted before it starts, and how much is free."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.autograd.graph import saved_tensors_hooks

from core.models.convert.source import SOURCE_FOLDER, TowerPlan, read_plans
from core.models.convert.towers import image_tower, text_tower
from core.models.encoder import Encoder
from core.models.spec import ModelSpec
from core.training.full import MICRO, WORDS
from core.training.recompute import layers_of
from core.training.sayings import Table

# torch with its libraries, ONNX Runtime and the library itself, measured.
BYTES_AT_REST = 900_000_000
# Beside the weights: gradients, Adam's two means, the running average, the best, the next best while it is copied,
# and the first ones. LoRA keeps those of few weights, but the towers themselves three times, and once more in the
# session that gave the everyday words their embeddings.
TIMES_THE_WEIGHTS = {"full": 8, "lora": 4}
# The starter's encoders in torch and its heads, with the features of everyday words: measured, 2.2 to 2.3 GB in
# all, more on machines with more memory.
STARTER_BYTES = 1_400_000_000
# Everyday words and captions are short, however many tokens a tower could take.
TOKENS = 32


@dataclass(frozen=True, slots=True)
class Need:
    """Bytes at the height of a training.

    thrifty  where layers are computed again on the way back
    beside   of both what stays in the machine's memory, wherever it computes: the library, photos, tables
    """

    plain: int
    thrifty: int
    beside: int = 0

    def on_a_gpu(self) -> Need:
        """What a GPU has to hold of it."""
        return Need(self.plain - self.beside, self.thrifty - self.beside)

    def chosen(self, thrifty: bool | None, free: int) -> tuple[int, bool]:
        """What it takes, and whether it is thrifty: as said, else where it would not fit into `free` bytes."""
        is_thrifty = self.plain > free if thrifty is None else thrifty
        return (self.thrifty if is_thrifty else self.plain), is_thrifty


def need(encoder: Encoder, photos: int, texts: int, *, lora: bool, teacher: Encoder | None = None) -> Need:
    """For training this model's encoders on so many photos and texts. Raises ModelError for a broken `source/`."""
    size = encoder.spec.preprocessing.size_px
    material = photos * 3 * size * size + Table.bytes_of(photos, texts)
    if teacher is not None:
        # Its graphs and its own squares, before the training; both are given back, the system may not take them.
        side = teacher.spec.preprocessing.size_px
        graphs = (teacher.folder / file for file in teacher.spec.sha256 if ".onnx" in file)
        material += photos * 3 * side * side + sum(path.stat().st_size for path in graphs if path.is_file())
    if not (encoder.folder / SOURCE_FOLDER).is_dir():
        both = BYTES_AT_REST + STARTER_BYTES + material
        return Need(both, both, BYTES_AT_REST + material)
    width, *plans = read_plans(encoder.folder)
    with torch.device("meta"):
        image, text = (empty_tower(plan, width, image=i == 0) for i, plan in enumerate(plans))
        # A step is held by a part's photos and by everyday words at once.
        counts = [
            activations(image, torch.empty(MICRO, 3, size, size)),
            activations(text, torch.ones(WORDS, tokens_of(encoder.spec), dtype=torch.int64), None),
        ]
    # The graphs in use may be rounded; what is trained is not.
    weights = sum(4 * one.numel() for tower in (image, text) for one in tower.parameters())
    fixed = BYTES_AT_REST + weights * TIMES_THE_WEIGHTS["lora" if lora else "full"] + material
    plain, thrifty = (sum(column) for column in zip(*counts, strict=True))
    return Need(fixed + plain, fixed + thrifty, BYTES_AT_REST + material)


def tokens_of(spec: ModelSpec) -> int:
    """Of an everyday text, as many as go through the text tower: all it can take where texts are filled up."""
    return spec.context_length if spec.tokenizers[0].full else min(TOKENS, spec.context_length)


def empty_tower(plan: TowerPlan, width: int, *, image: bool) -> nn.Module:
    """A tower of shapes without numbers."""
    build = image_tower if image else text_tower
    return build(plan.architecture, plan.config, width).train()


class _Held:
    """Bytes of the tensors that autograd keeps for the way back, weights left out."""

    def __init__(self, weights: Iterable[Tensor]) -> None:
        self._storages = {one.untyped_storage()._cdata for one in weights}
        # Kept alive: another storage could get a number that was given back.
        self._kept: list[Tensor] = []
        self.bytes = 0

    def __call__(self, one: Tensor) -> Tensor:
        storage = one.untyped_storage()
        if storage._cdata not in self._storages:
            self._storages.add(storage._cdata)
            self._kept.append(one)
            self.bytes += storage.nbytes()
        return one


def activations(tower: nn.Module, *inputs: Tensor | None) -> tuple[int, int]:
    """Bytes held for the way back by all layers, and where each layer's are computed again: inputs, one layer's."""
    held = _Held(tower.parameters())
    entrances: list[int] = []
    inside: list[int] = []

    def enter(layer: nn.Module, given: tuple[Tensor, ...]) -> None:
        entrances.append(given[0].untyped_storage().nbytes())
        inside.append(-held.bytes)

    def leave(layer: nn.Module, given: tuple[Tensor, ...], result: object) -> None:
        inside[-1] += held.bytes

    for layer in layers_of(tower):
        layer.register_forward_pre_hook(enter)
        layer.register_forward_hook(leave)
    with saved_tensors_hooks(held, lambda one: one):
        tower(*inputs)
    return held.bytes, held.bytes - sum(inside) + sum(entrances) + max(inside, default=0)
