"""Model folders that are real and tiny: two ONNX graphs of some kB that know six colours, to test with.

The image tower takes a picture's average colours, the text tower the colours that a text names; both turn them
into embeddings by one drawn matrix, so that words find pictures. Needs onnx.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tokenizers import Tokenizer
from tokenizers.models import WordPiece
from tokenizers.pre_tokenizers import Whitespace

from core.models.calibration import Calibration
from core.models.spec import ModelSpec, Preprocessing, TextInput, file_sha256

COLOURS = {
    "red": (1, 0, 0),
    "green": (0, 1, 0),
    "blue": (0, 0, 1),
    "yellow": (1, 1, 0),
    "pink": (1, 0, 1),
    "white": (1, 1, 1),
}
GRID = 4


def make_model(
    folder: Path,
    model: str = "local:tiny",
    *,
    width: int = 48,
    side: int = 32,
    seed: int = 0,
    deaf: bool = False,
) -> ModelSpec:
    """Write a model folder. `deaf`: its text tower gives every text the same embedding, so it finds nothing."""
    onnx = pytest.importorskip("onnx")
    folder.mkdir(parents=True)
    dice = np.random.default_rng(seed)
    colour = dice.normal(size=(3, width))
    # What a part of the picture shows counts a little, so that pictures of one colour still differ.
    parts = np.tile(colour, (GRID * GRID, 1)) / GRID**2 + dice.normal(size=(GRID * GRID * 3, width)) * 0.01
    named = (2 * np.array(list(COLOURS.values())) - 1) @ colour
    table = np.concatenate([dice.normal(size=(2, width)) * 0.05, named])
    if deaf:
        table[:] = dice.normal(size=width)
    for name, graph in (
        ("image.onnx", _image_graph(onnx, parts.astype(np.float32), side)),
        ("text.onnx", _text_graph(onnx, table.astype(np.float32))),
    ):
        made = onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", 17)], ir_version=8)
        onnx.checker.check_model(made)
        onnx.save(made, folder / name)
    words = ["[PAD]", "[UNK]", *COLOURS]
    tokenizer = Tokenizer(WordPiece({word: i for i, word in enumerate(words)}, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = Whitespace()
    tokenizer.save(str(folder / "tokenizer.json"))
    (folder / "card.md").write_text("# Tiny\n\nKnows six colours.\n", encoding="utf-8")
    return write_spec(folder, model, width, side)


def _image_graph(onnx: Any, parts: np.ndarray, side: int) -> Any:
    """pixels [n, 3, side, side] -> embedding [n, width], by the average of each cell of a grid."""
    node, tensor = onnx.helper.make_node, onnx.helper.make_tensor_value_info
    cell = [side // GRID] * 2
    return onnx.helper.make_graph(
        [
            node("AveragePool", ["pixels"], ["grid"], kernel_shape=cell, strides=cell),
            node("Transpose", ["grid"], ["last"], perm=[0, 2, 3, 1]),
            node("Flatten", ["last"], ["flat"], axis=1),
            node("MatMul", ["flat", "parts"], ["mixed"]),
            node("LpNormalization", ["mixed"], ["embedding"], axis=-1, p=2),
        ],
        "image",
        [tensor("pixels", onnx.TensorProto.FLOAT, ["n", 3, side, side])],
        [tensor("embedding", onnx.TensorProto.FLOAT, ["n", parts.shape[1]])],
        [onnx.numpy_helper.from_array(parts, "parts")],
    )


def _text_graph(onnx: Any, table: np.ndarray) -> Any:
    """ids, mask [n, t] -> embedding [n, width], the sum of the words' rows of `table`."""
    node, tensor = onnx.helper.make_node, onnx.helper.make_tensor_value_info
    width = table.shape[1]
    constants = {
        "table": table,
        "last": np.array([2], np.int64),
        "first": np.array([1], np.int64),
        "bit": np.full(width, 0.01, np.float32),  # a text of no words has an embedding too
    }
    return onnx.helper.make_graph(
        [
            node("Gather", ["table", "ids"], ["words"]),
            node("Cast", ["mask"], ["ones"], to=onnx.TensorProto.FLOAT),
            node("Unsqueeze", ["ones", "last"], ["weights"]),
            node("Mul", ["words", "weights"], ["weighed"]),
            node("ReduceSum", ["weighed", "first"], ["sum"], keepdims=0),
            node("Add", ["sum", "bit"], ["some"]),
            node("LpNormalization", ["some"], ["embedding"], axis=-1, p=2),
        ],
        "text",
        [tensor(name, onnx.TensorProto.INT64, ["n", "t"]) for name in ("ids", "mask")],
        [tensor("embedding", onnx.TensorProto.FLOAT, ["n", width])],
        [onnx.numpy_helper.from_array(value, name) for name, value in constants.items()],
    )


def write_spec(folder: Path, model: str, width: int, side: int) -> ModelSpec:
    """Describe the files that lie in the folder now."""
    names = ("image.onnx", "text.onnx", "tokenizer.json", "card.md")
    spec = ModelSpec(
        id=model,
        languages=("en",),
        width=width,
        context_length=16,
        logit_scale=50.0,
        preprocessing=Preprocessing("squash", side, "bilinear", (0.5,) * 3, (0.5,) * 3),  # type: ignore[arg-type]
        tokenizers=(TextInput("wordpiece", "tokenizer.json", "", 0),),
        pooling="mean",
        image_precision="fp32",
        text_precision="fp32",
        calibration=Calibration(scale=50.0),
        source="drawn",
        licence="none",
        sha256={name: file_sha256(folder / name) for name in names},
    )
    (folder / "model.json").write_text(json.dumps(spec.as_json(), indent=1), encoding="utf-8")
    return spec
