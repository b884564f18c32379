"""Towers as ONNX graphs: `image.onnx` and `text.onnx` of a model folder, in float32 (CONTRACTS: a model folder).

Any number of pictures or texts, texts of any length up to the context length; the output is L2-normalised in the
graph. Weights beyond what one protobuf can hold (2 GB) go into a file beside the graph, named in it.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import onnx_ir
import torch
from torch import Tensor, nn

from core.models.convert.quiet import quiet
from core.models.spec import IMAGE_FILE, TEXT_FILE

# LayerNormalization is an operator of its own from 17 on, Gelu from 20 on: what makes forms faster looks for them.
OPSET = 20
EMBEDDING = "embedding"
# A protobuf ends at 2 GiB; the graph itself needs some of it.
EXTERNAL_FROM_BYTES = 2_000_000_000


def export_image_tower(tower: nn.Module, size_px: int, folder: Path) -> None:
    """Write `folder`/image.onnx: `pixels` float32 [n, 3, size, size] -> `embedding` float32 [n, d]."""
    pixels = torch.zeros(2, 3, size_px, size_px)
    n = torch.export.Dim("n", min=1)
    _export(tower, (pixels,), ["pixels"], {"pixels": {0: n}}, folder / IMAGE_FILE)


def export_text_tower(tower: nn.Module, context_length: int, full: bool, folder: Path) -> None:
    """Write `folder`/text.onnx: `ids`, `mask` int64 [n, t] -> `embedding` float32 [n, d].

    full  whether t is the context length always
    """
    # Neither 0, 1 nor the full length, which the tracer might take for a constant.
    t = context_length if full else min(context_length - 1, 7)
    ids = torch.ones(2, t, dtype=torch.int64)
    n = torch.export.Dim("n", min=1)
    sizes: dict[int, Any] = {0: n} if full else {0: n, 1: torch.export.Dim("t", min=2, max=context_length)}
    shapes = {"ids": sizes, "mask": sizes}
    _export(_Both(tower), (ids, torch.ones_like(ids)), ["ids", "mask"], shapes, folder / TEXT_FILE)


class _Both(nn.Module):
    """Keeps `mask` an input of the graph, also for towers that do not mask."""

    def __init__(self, tower: nn.Module) -> None:
        super().__init__()
        self.tower = tower

    def forward(self, ids: Tensor, mask: Tensor) -> Tensor:
        embedding: Tensor = self.tower(ids, mask)
        return embedding


def _export(
    tower: nn.Module, inputs: tuple[Tensor, ...], names: list[str], shapes: dict[str, Any], path: Path
) -> None:
    with torch.no_grad(), quiet():
        program = torch.onnx.export(
            tower,
            inputs,
            input_names=names,
            output_names=["unit"],
            dynamic_shapes=shapes,
            opset_version=OPSET,
            dynamo=True,
            verbose=False,
        )
    assert program is not None
    _name_output(program.model)
    large = sum(value.numel() * value.element_size() for value in tower.state_dict().values())
    program.save(path, external_data=large > EXTERNAL_FROM_BYTES)


def _name_output(model: onnx_ir.Model) -> None:
    """The output becomes `embedding`: the exporter may have given that name to a value inside already."""
    inside = [value for node in model.graph for value in node.outputs]
    inside += list(model.graph.initializers.values())
    for i, value in enumerate(value for value in inside if value.name == EMBEDDING):
        value.name = f"{EMBEDDING} inside {i}"
    model.graph.outputs[0].name = EMBEDDING
