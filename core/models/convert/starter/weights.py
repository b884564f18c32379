"""Reads the towers of a starter folder back into torch modules: training starts from the weights that ship.

The graphs are not interpreted: their initialisers bear the torch parameters' names (`export.py`). A matrix of
4 bits comes back exactly as it is multiplied, and is written again without a further loss (`graph.to_blocks`).
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt
import onnx
import torch
from onnx import numpy_helper
from torch import Tensor, nn

from core.errors import ModelError
from core.models.convert.starter.e5 import BlockMatrix
from core.models.convert.starter.towers import FORMS, Bert, ImageTower, TextTower, Use
from core.models.spec import IMAGE_FILE, TEXT_FILE

# The sizes of multilingual-e5-small that no weight's shape tells.
E5_HEADS = 12
E5_EPSILON = 1e-12


def image_tower(folder: Path) -> ImageTower:
    """The image tower of a starter folder, in evaluation mode. Raises ModelError when it does not fit."""
    weights = {_of_first_encoder(name): one for name, one in _weights(folder / IMAGE_FILE).items()}
    encoders = sum(name.endswith(".stem.weight") for name in weights)
    tower = ImageTower(FORMS[:encoders])
    _fill(tower, weights, folder / IMAGE_FILE)
    return tower.eval()


def _of_first_encoder(name: str) -> str:
    """The starter's first edition, which owners' models may come from, had one encoder, called `lite`."""
    part, _, rest = name.partition(".")
    return f"lite.encoders.0.{rest}" if part == "lite" and not rest.startswith("encoders.") else name


def text_tower(folder: Path) -> TextTower:
    """The text tower of a starter folder, in evaluation mode. Raises ModelError when it does not fit."""
    path = folder / TEXT_FILE
    weights = _weights(path)
    try:
        pieces, width = weights["e5.words.weight"].shape
        layers = sum(name.endswith("qkv.weight") for name in weights)
        inner = weights["e5.layers.0.up.weight"].shape[0]
        positions = weights["e5.positions.weight"].shape[0]
        pieces2, width2 = weights["use.words.weight"].shape
    except KeyError as error:
        raise ModelError(f"{path} is not a text tower of the starter's form: no {error}") from error
    e5 = Bert(pieces, width, layers, E5_HEADS, inner, positions, E5_EPSILON)
    tower = TextTower(e5, Use(pieces2, width2))
    _fill(tower, weights, path)
    return tower.eval()


def _fill(tower: nn.Module, weights: dict[str, Tensor], path: Path) -> None:
    # The standardisation of features is folded into the head's layers, so its buffers stay 0 and 1.
    given = tower.state_dict() | weights
    try:
        tower.load_state_dict(given)
    except RuntimeError as error:
        raise ModelError(f"{path} is not a tower of the starter's form: {error}") from error
    missing = {name for name, _ in tower.named_parameters()} - set(weights)
    if missing:
        raise ModelError(f"{path} has no weight {sorted(missing)[0]}")


def _weights(path: Path) -> dict[str, Tensor]:
    """The named weights of a graph, float32; small constants (their names hold a colon) are left out."""
    try:
        model = onnx.load(path)
    except Exception as error:
        raise ModelError(f"{path} is not an ONNX graph that can be read: {error}") from error
    arrays = {one.name: one for one in model.graph.initializer if ":" not in one.name}
    found: dict[str, Tensor] = {}
    for name, one in arrays.items():
        if name.endswith(".scale"):
            continue
        if name.endswith(".q8"):
            plain = name.removesuffix(".q8")
            scale = numpy_helper.to_array(arrays[plain + ".scale"])
            runs = numpy_helper.to_array(one) * scale
            # A matrix lies there in runs; a convolution as it is.
            found[plain] = torch.from_numpy(runs.reshape(len(runs), -1) if runs.ndim == 3 else runs)
        elif name.endswith(".q4"):
            plain = name.removesuffix(".q4")
            scale = numpy_helper.to_array(arrays[plain + ".scale"])
            found[plain] = torch.from_numpy(BlockMatrix(scale, _nibbles(one)).dense())
        else:
            found[name] = torch.from_numpy(numpy_helper.to_array(one).astype(np.float32))
    return found


def _nibbles(one: onnx.TensorProto) -> npt.NDArray[np.uint8]:
    """A 4-bit matrix's nibbles, 0..15 with 8 for zero, in the order of its columns."""
    packed = np.frombuffer(one.raw_data, np.uint8)
    if one.data_type == onnx.TensorProto.INT4:
        packed = packed ^ np.uint8(0x88)
    rows = one.dims[0]
    return np.stack([packed & 15, packed >> 4], axis=1).reshape(rows, -1)
