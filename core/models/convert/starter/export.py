"""The starter's towers as ONNX graphs: `image.onnx` and `text.onnx` of a model folder.

Initialisers bear the torch parameters' names, so that `weights.py` reads the towers back and training goes
on from exactly what is shipped. Batch norms are folded into convolutions and the heads' standardisation into
their first layers.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from onnx import TensorProto
from torch import Tensor, nn

from core.models.convert.starter.graph import CONTRIB, CONV_AXES, Floats, Graph, to_blocks
from core.models.convert.starter.towers import (
    SIZE_PX,
    Bert,
    BertLayer,
    Block,
    Head,
    ImageTower,
    Lite,
    Lites,
    SameConv,
    TextTower,
    Use,
    UseBranch,
    parts,
)


def export_image_tower(tower: ImageTower, path: Path) -> None:
    """Write `tower` as `pixels` float32 [n, 3, 224, 224] -> `embedding` float32 [n, d]."""
    graph = Graph("image tower")
    _head(graph, _lites(graph, tower.lite), tower.head)
    graph.save(path, "embedding", ["n", tower.head.direct.out_features])


def export_features(lite: Lite, path: Path) -> None:
    """Write an encoder alone: `pixels` -> `features` [n, width]. Training computes them once, fast, and keeps them."""
    graph = Graph("image features")
    features = graph.node("Identity", _lite(graph, _pixels(graph), "lite", lite), output="features")
    graph.save(path, features, ["n", lite.width])


def _pixels(graph: Graph) -> str:
    return graph.input("pixels", TensorProto.FLOAT, ["n", 3, SIZE_PX, SIZE_PX])


def _lites(graph: Graph, lites: Lites) -> str:
    pixels = _pixels(graph)
    features = [
        _lite(graph, pixels, f"lite.encoders.{i}", each) for i, each in enumerate(parts(lites.encoders, Lite))
    ]
    return graph.node("Concat", *features, axis=1)


def _lite(graph: Graph, x: str, name: str, lite: Lite) -> str:
    if lite.size_px != SIZE_PX:
        sides = graph.constant([lite.size_px] * 2)
        x = graph.node("Resize", x, "", "", sides, axes=[2, 3], mode="linear")
    x = _clipped(graph, _conv(graph, x, f"{name}.stem", lite.stem))
    for i, block in enumerate(parts(lite.blocks, Block)):
        x = _block(graph, x, f"{name}.blocks.{i}", block)
    top = _clipped(graph, _conv(graph, x, f"{name}.top", lite.top))
    features = graph.node("Flatten", graph.node("GlobalAveragePool", top), axis=1)
    if not lite.corners:
        return features
    step_px = lite.map_px // 2
    quarters = graph.node("AveragePool", x, kernel_shape=[lite.map_px - step_px] * 2, strides=[step_px] * 2)
    return graph.node("Concat", features, graph.node("Flatten", quarters, axis=1), axis=1)


def _conv(graph: Graph, x: str, name: str, conv: SameConv) -> str:
    weight = graph.octets(f"{name}.weight", _array(conv.weight), CONV_AXES)
    assert conv.bias is not None
    bias = graph.weight(f"{name}.bias", _array(conv.bias))
    pads = [conv.before, conv.before, conv.after, conv.after]
    return graph.node(
        "Conv",
        x,
        weight,
        bias,
        kernel_shape=list(conv.kernel_size),
        strides=list(conv.stride),
        pads=pads,
        group=conv.groups,
    )


def _clipped(graph: Graph, x: str) -> str:
    return graph.node("Clip", x, graph.constant(0, np.float32), graph.constant(6, np.float32))


def _block(graph: Graph, x: str, name: str, block: Block) -> str:
    y = x
    if block.expand is not None:
        y = _clipped(graph, _conv(graph, y, f"{name}.expand", block.expand))
    y = _clipped(graph, _conv(graph, y, f"{name}.depthwise", block.depthwise))
    y = _conv(graph, y, f"{name}.project", block.project)
    return graph.node("Add", x, y) if block.residual else y


def export_text_tower(tower: TextTower, path: Path) -> None:
    """Write `tower` as `ids`, `mask`, `ids2`, `mask2` int64 [n, t] -> `embedding` float32 [n, d]."""
    graph = Graph("text tower")
    _head(graph, _both(graph, tower), tower.head)
    graph.save(path, "embedding", ["n", tower.head.direct.out_features])


def export_text_features(tower: TextTower, path: Path) -> None:
    """Write both encoders without the head: the text tower's inputs -> `features` [n, 896]."""
    graph = Graph("text features")
    features = graph.node("Identity", _both(graph, tower), output="features")
    graph.save(path, features, ["n", tower.head.direct.in_features])


def _both(graph: Graph, tower: TextTower) -> str:
    ids, mask = (graph.input(name, TensorProto.INT64, ["n", "t"]) for name in ("ids", "mask"))
    ids2, mask2 = (graph.input(name, TensorProto.INT64, ["n", "t2"]) for name in ("ids2", "mask2"))
    first = graph.normalised(_bert(graph, ids, mask, tower.e5))
    second = _use(graph, ids2, mask2, tower.use)
    return graph.node("Concat", first, second, axis=1)


def _bert(graph: Graph, ids: str, mask: str, bert: Bert) -> str:
    x = graph.table("e5.words.weight", to_blocks(_array(bert.words.weight)), ids)
    length = graph.node("Shape", ids, start=1, end=2)
    table = graph.half("e5.positions.weight", _array(bert.positions.weight))
    places = graph.node("Slice", table, graph.constant([0]), length, graph.constant([0]))
    x = _norm(graph, graph.node("Add", x, places), "e5.norm", bert.norm)
    keys = graph.node("Cast", mask, to=TensorProto.INT32)
    for i, layer in enumerate(parts(bert.layers, BertLayer)):
        name = f"e5.layers.{i}"
        mixed = _blocks(graph, x, f"{name}.qkv", layer.qkv)
        q, k, v = graph.nodes("Split", 3, mixed, axis=2, num_outputs=3)
        mixed = graph.node("MultiHeadAttention", q, k, v, "", keys, domain=CONTRIB, num_heads=layer.heads)
        x = graph.node("Add", x, _blocks(graph, mixed, f"{name}.out", layer.out))
        x = _norm(graph, x, f"{name}.norm1", layer.norm1)
        up = graph.node("Gelu", _blocks(graph, x, f"{name}.up", layer.up))
        x = graph.node("Add", x, _blocks(graph, up, f"{name}.down", layer.down))
        x = _norm(graph, x, f"{name}.norm2", layer.norm2)
    weight, count = _weights(graph, mask)
    total = graph.node("ReduceSum", graph.node("Mul", x, weight), graph.constant([1]), keepdims=0)
    return graph.node("Div", total, count)


def _weights(graph: Graph, mask: str) -> tuple[str, str]:
    """The mask as float [n, t, 1], and the number of tokens of each text, [n, 1], at least 1."""
    floats = graph.node("Cast", mask, to=TensorProto.FLOAT)
    count = graph.node("ReduceSum", floats, graph.constant([1]), keepdims=1)
    count = graph.node("Max", count, graph.constant(1, np.float32))
    return graph.node("Unsqueeze", floats, graph.constant([2])), count


def _use(graph: Graph, ids: str, mask: str, use: Use) -> str:
    words = graph.table("use.words.weight", to_blocks(_array(use.words.weight)), ids)
    weight, count = _weights(graph, mask)
    branches = [
        _use_branch(graph, words, weight, f"use.branches.{i}", branch)
        for i, branch in enumerate(parts(use.branches, UseBranch))
    ]
    x = _norm(graph, graph.node("Concat", words, *branches, axis=2), "use.norm", use.norm)
    x = graph.node("ReduceSum", graph.node("Mul", x, weight), graph.constant([1]), keepdims=0)
    root = graph.node("Sqrt", count)
    mixed = graph.node("Div", graph.linear(x, "use.mix", _array(use.mix.weight), None), root)
    bias = graph.weight("use.mix.bias", _array(use.mix.bias))
    mean = graph.node("Add", mixed, graph.node("Mul", root, bias))

    def linear(x: str, name: str) -> str:
        return graph.linear(x, f"use.{name}", _array(getattr(use, name).weight), None)

    y0 = graph.node("Relu", linear(mean, "d0"))
    y1 = graph.node("Relu", graph.node("Add", linear(mean, "p1"), linear(y0, "d1")))
    y2 = graph.node("Relu", linear(y1, "d2"))
    return graph.normalised(graph.node("Tanh", graph.node("Add", linear(y1, "p3"), linear(y2, "d3"))))


def _use_branch(graph: Graph, words: str, weight: str, name: str, branch: UseBranch) -> str:
    x = graph.linear(words, f"{name}.project", _array(branch.project.weight), _array(branch.project.bias))
    x = _norm(graph, x, f"{name}.norm", branch.norm)
    for part in ("first", "second"):
        linear: nn.Linear = getattr(branch, part)
        near = _neighbours(graph, graph.node("Mul", x, weight), branch)
        y = graph.linear(near, f"{name}.{part}", _array(linear.weight), _array(linear.bias))
        x = graph.node("Add", x, graph.node("Relu", y))
    return x


def _neighbours(graph: Graph, x: str, branch: UseBranch) -> str:
    left, right = branch.pad
    padded = graph.node("Pad", x, graph.constant([0, left, 0, 0, right, 0]))
    length = graph.node("Shape", x, start=1, end=2)
    pieces = []
    for i in range(branch.window):
        end = graph.node("Add", length, graph.constant([i]))
        pieces.append(graph.node("Slice", padded, graph.constant([i]), end, graph.constant([1])))
    return graph.node("Concat", *pieces, axis=2)


def _head(graph: Graph, x: str, head: Head) -> str:
    direct_weight, direct_bias = _folded(head.direct, head)
    up_weight, up_bias = _folded(head.up, head)
    direct = graph.small_linear(x, "head.direct", direct_weight, direct_bias)
    up = graph.node("Gelu", graph.small_linear(x, "head.up", up_weight, up_bias))
    down = graph.small_linear(up, "head.down", _array(head.down.weight), _array(head.down.bias))
    return graph.normalised(graph.node("Add", direct, down), output="embedding")


def _folded(linear: nn.Linear, head: Head) -> tuple[Floats, Floats]:
    """Weight and bias of the layer that does the same on features that are not standardised."""
    weight = linear.weight.detach() / head.spread
    return _array(weight), _array(linear.bias.detach() - weight @ head.mean)


def _blocks(graph: Graph, x: str, name: str, linear: nn.Linear) -> str:
    return graph.blocks(x, name + ".weight", to_blocks(_array(linear.weight)), _array(linear.bias))


def _norm(graph: Graph, x: str, name: str, norm: nn.LayerNorm) -> str:
    weight = graph.weight(name + ".weight", _array(norm.weight))
    bias = graph.weight(name + ".bias", _array(norm.bias))
    return graph.node("LayerNormalization", x, weight, bias, axis=-1, epsilon=norm.eps)


def _array(parameter: Tensor) -> Floats:
    values: Floats = parameter.detach().to(torch.float32).numpy()
    return values
