"""An fp32 graph -> the same graph with int8 matrices: QDQ, the form that both runtimes turn into int8 kernels.

The products with a constant matrix (and convolutions) take int8 inputs and int8 weights, one scale a weight's
output channel and one scale an input tensor. What lies between them (attention, softmax, layer norm, GELU) stays
in floating point. Weights are symmetric in [-127, 127]; inputs are, as the runtime likes it:

  symmetric   int8 without zero point. OpenVINO is fastest with it (ViT-B/16: 58 against 51 images/s)
  asymmetric  uint8 with zero point (U8S8). ONNX Runtime has its fastest kernels for it (35 against 19)

Source of the form: Jacob et al. 2018, "Quantization and Training of Neural Networks for Efficient
Integer-Arithmetic-Only Inference"; of moving outliers into the weights (`evened_out`): Xiao et al. 2023, SmoothQuant.
"""

from __future__ import annotations

import tempfile
from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
from onnx import TensorProto, helper, numpy_helper

Floats = npt.NDArray[np.float32]

# Below this a product costs less than turning its input into integers.
SMALLEST_WEIGHT = 4_096


@dataclass(frozen=True, slots=True)
class Product:
    """A node that multiplies by a constant. `name` is its output's, which is unique; `axis` the weight's outputs."""

    name: str
    kind: str
    source: str
    weight: str
    axis: int


@dataclass(frozen=True, slots=True)
class Range:
    """The values of a tensor that int8 shall cover; everything beyond is clipped."""

    low: float
    high: float

    def step(self, symmetric: bool) -> tuple[float, int]:
        """Scale and zero point."""
        low, high = min(self.low, 0.0), max(self.high, 0.0)
        if symmetric:
            return max(-low, high, 1e-9) / 127, 0
        scale = max(high - low, 1e-9) / 255
        return scale, round(-low / scale)


def load_plain(path: Path) -> onnx.ModelProto:
    """The graph with every weight as a plain fp32 initialiser: casts and transposes of constants are worked out.

    Inner types and shapes are left out: exporters write some that shape inference then contradicts.
    """
    model = onnx.load(path)
    graph = model.graph
    del graph.value_info[:]
    constants = {each.name: each for each in graph.initializer}
    taken: set[str] = set()
    left = []
    for node in graph.node:
        if node.op_type in ("Cast", "Transpose") and node.input[0] in constants:
            made = _worked_out(node, numpy_helper.to_array(constants[node.input[0]]))
            if made is not None:
                taken.add(node.input[0])
                constants[node.output[0]] = made
                graph.initializer.append(made)
                continue
        left.append(node)
    del graph.node[:]
    graph.node.extend(left)
    used = {name for node in graph.node for name in node.input} | {each.name for each in graph.output}
    for name in taken - used:
        graph.initializer.remove(constants[name])
    return model


def _worked_out(node: onnx.NodeProto, value: npt.NDArray[Any]) -> onnx.TensorProto | None:
    if node.op_type == "Transpose":
        order = next((list(each.ints) for each in node.attribute if each.name == "perm"), None)
        return numpy_helper.from_array(np.ascontiguousarray(value.transpose(order)), node.output[0])
    to = next(each.i for each in node.attribute if each.name == "to")
    if to != TensorProto.FLOAT or value.size == 0:
        return None
    return numpy_helper.from_array(value.astype(np.float32), node.output[0])


def weights(model: onnx.ModelProto) -> dict[str, Floats]:
    """The float initialisers by name."""
    return {
        each.name: numpy_helper.to_array(each)
        for each in model.graph.initializer
        if each.data_type == TensorProto.FLOAT
    }


def products(model: onnx.ModelProto) -> list[Product]:
    """What can be quantised, in the graph's order."""
    sizes = {
        each.name: (len(each.dims), int(np.prod(each.dims)))
        for each in model.graph.initializer
        if each.data_type == TensorProto.FLOAT
    }
    found = []
    for node in model.graph.node:
        if node.op_type not in ("MatMul", "Gemm", "Conv") or node.input[1] not in sizes:
            continue
        rank, size = sizes[node.input[1]]
        if size < SMALLEST_WEIGHT or (node.op_type != "Conv" and rank != 2):
            continue
        transposed = any(each.name == "transB" and each.i for each in node.attribute)
        axis = 0 if node.op_type == "Conv" or transposed else 1
        found.append(Product(node.output[0], node.op_type, node.input[0], node.input[1], axis))
    return found


def int8_weight(weight: Floats, axis: int) -> tuple[npt.NDArray[np.int8], Floats]:
    """-> int8 of the same shape, and one scale an output channel [n]."""
    others = tuple(i for i in range(weight.ndim) if i != axis)
    scale = np.maximum(np.abs(weight).max(axis=others), 1e-9).astype(np.float32) / np.float32(127)
    shape = [-1 if i == axis else 1 for i in range(weight.ndim)]
    return np.clip(np.rint(weight / scale.reshape(shape)), -127, 127).astype(np.int8), scale


def quantised(
    model: onnx.ModelProto, ranges: Mapping[str, Range], *, symmetric: bool, kept: Collection[str] = ()
) -> onnx.ModelProto:
    """A copy of a plain graph with int8 products.

    ranges     of every product's source
    symmetric  how inputs are quantised, see above
    kept       names of products that stay in floating point
    """
    chosen = {each.name: each for each in products(model) if each.name not in kept}
    copy = _without_weights(model, {each.weight for each in chosen.values()})
    values = weights(model)
    inputs = _Inputs(ranges, symmetric)
    nodes: list[onnx.NodeProto] = []
    added: dict[str, onnx.TensorProto] = {}
    for node in copy.graph.node:
        product = chosen.get(node.output[0])
        if product is not None:
            nodes += inputs.quantise(product.source)
            source, weight = product.source, product.weight
            if weight + "_scale" not in added:
                nodes.append(_dequantised_weight(weight, values[weight], product.axis, added))
            node.input[0], node.input[1] = source + "_int8", weight + "_int8"
            if product.kind == "Conv" and len(node.input) > 2 and node.input[2]:
                nodes.append(_dequantised_bias(node, inputs.scale(source), values, added))
        nodes.append(node)
    del copy.graph.node[:]
    copy.graph.node.extend(nodes)
    copy.graph.initializer.extend([*added.values(), *inputs.constants])
    return copy


def _without_weights(model: onnx.ModelProto, names: set[str]) -> onnx.ModelProto:
    """A copy that leaves those initialisers out, unless a node beside the products reads them."""
    read_elsewhere = {
        name
        for node in model.graph.node
        for place, name in enumerate(node.input)
        if name in names and place != 1
    }
    copy = _copied(model)
    left = [each for each in copy.graph.initializer if each.name not in names - read_elsewhere]
    kept = [onnx.TensorProto.FromString(each.SerializeToString()) for each in left]
    del copy.graph.initializer[:]
    copy.graph.initializer.extend(kept)
    return copy


class _Inputs:
    """Each source is quantised once, however many products read it."""

    def __init__(self, ranges: Mapping[str, Range], symmetric: bool) -> None:
        self._ranges = ranges
        self._symmetric = symmetric
        self._done: set[str] = set()
        self.constants: list[onnx.TensorProto] = []

    def scale(self, source: str) -> float:
        return self._ranges[source].step(self._symmetric)[0]

    def quantise(self, source: str) -> list[onnx.NodeProto]:
        if source in self._done:
            return []
        self._done.add(source)
        scale, zero = self._ranges[source].step(self._symmetric)
        kind = np.int8 if self._symmetric else np.uint8
        self.constants += [
            numpy_helper.from_array(np.array(scale, np.float32), source + "_step"),
            numpy_helper.from_array(np.array(zero, kind), source + "_zero"),
        ]
        both = [source + "_step", source + "_zero"]
        return [
            helper.make_node("QuantizeLinear", [source, *both], [source + "_whole"]),
            helper.make_node("DequantizeLinear", [source + "_whole", *both], [source + "_int8"]),
        ]


def _dequantised_weight(
    name: str, value: Floats, axis: int, added: dict[str, onnx.TensorProto]
) -> onnx.NodeProto:
    whole, scale = int8_weight(value, axis)
    zero = np.zeros(len(scale), np.int8)
    for suffix, array in (("_whole", whole), ("_scale", scale), ("_zero", zero)):
        added[name + suffix] = numpy_helper.from_array(array, name + suffix)
    return helper.make_node(
        "DequantizeLinear", [name + "_whole", name + "_scale", name + "_zero"], [name + "_int8"], axis=axis
    )


def _dequantised_bias(
    node: onnx.NodeProto, step: float, values: Mapping[str, Floats], added: dict[str, onnx.TensorProto]
) -> onnx.NodeProto:
    """ONNX Runtime's integer convolution takes its bias in the accumulator's own steps, int32."""
    bias, name = values[node.input[2]], node.output[0] + "_bias"
    weight = node.input[1].removesuffix("_int8")
    scale = (numpy_helper.to_array(added[weight + "_scale"]) * np.float32(step)).astype(np.float32)
    whole = np.clip(np.rint(bias / scale), -(2**31) + 1, 2**31 - 1).astype(np.int32)
    zero = np.zeros(len(scale), np.int32)
    for suffix, array in (("_whole", whole), ("_scale", scale), ("_zero", zero)):
        added[name + suffix] = numpy_helper.from_array(array, name + suffix)
    node.input[2] = name
    return helper.make_node(
        "DequantizeLinear", [name + "_whole", name + "_scale", name + "_zero"], [name], axis=0
    )


def evened_out(
    model: onnx.ModelProto, largest: Mapping[str, Floats], share: float = 0.5
) -> dict[str, Floats]:
    """Move outlier channels behind layer norms from the inputs into the weights, in place.

    Gives the tensors that changed, with what each channel [k] was divided by.

    A norm whose output goes to products alone may have its gain and bias divided by any factor a channel, if the
    products' rows are multiplied by it: the function stays the same, and inputs without outliers lose less in
    int8.

    largest  by tensor: the largest magnitude seen of each channel [k]
    share    how much of the difference the weights take over (SmoothQuant's alpha)
    """
    values = weights(model)
    by_source: dict[str, list[Product]] = {}
    for each in products(model):
        by_source.setdefault(each.source, []).append(each)
    readers = Counter(name for node in model.graph.node for name in node.input)
    changed: dict[str, Floats] = {}
    factors: dict[str, Floats] = {}
    for node in model.graph.node:
        out, constants = node.output[0], list(node.input[1:3])
        reading = by_source.get(out, [])
        own = (*constants, *(each.weight for each in reading))
        if (
            node.op_type != "LayerNormalization"
            or out not in largest
            or any(one not in values for one in own)
        ):
            continue
        if readers[out] != len(reading) or any(readers[name] != 1 for name in own):
            continue  # something else reads it, which would see other values
        rows = [
            values[each.weight] if each.axis == 1 else values[each.weight].T for each in reading
        ]  # [k, n]
        heaviest = np.maximum.reduce([np.abs(one).max(axis=1) for one in rows])
        factor = np.maximum(largest[out], 1e-5) ** share / np.maximum(heaviest, 1e-5) ** (1 - share)
        factors[out] = factor = (factor / np.exp(np.log(factor).mean())).astype(np.float32)
        changed |= {name: values[name] / factor for name in constants}
        for each in reading:
            shape = (-1, 1) if each.axis == 1 else (1, -1)
            changed[each.weight] = values[each.weight] * factor.reshape(shape)
    for initialiser in model.graph.initializer:
        if initialiser.name in changed:
            initialiser.CopyFrom(numpy_helper.from_array(changed[initialiser.name], initialiser.name))
    return factors


def in_bf16(model: onnx.ModelProto) -> onnx.ModelProto:
    """A copy whose large weights are stored in bf16 and cast when loaded: half the disk, and what a runtime that
    computes in bf16 would make of them anyway."""
    values = weights(model)
    wide = {name for name, value in values.items() if value.size >= SMALLEST_WEIGHT}
    copy = _copied(model)
    casts = []
    for each in copy.graph.initializer:
        if each.name in wide:
            casts.append(helper.make_node("Cast", [each.name + "_bf16"], [each.name], to=TensorProto.FLOAT))
            raw = _bf16_bytes(values[each.name])
            each.CopyFrom(
                helper.make_tensor(each.name + "_bf16", TensorProto.BFLOAT16, each.dims, raw, raw=True)
            )
    nodes = [*casts, *copy.graph.node]
    del copy.graph.node[:]
    copy.graph.node.extend(nodes)
    return copy


def _bf16_bytes(value: Floats) -> bytes:
    """The upper half of each float, rounded to even."""
    bits = np.ascontiguousarray(value, np.float32).view(np.uint32)
    rounded = bits + 0x7FFF + ((bits >> 16) & 1)
    return (rounded >> 16).astype("<u2").tobytes()


def in_fp16(model: onnx.ModelProto) -> onnx.ModelProto:
    """A copy that computes in fp16 and takes and gives fp32: for devices. Norms and softmax are left to the device."""
    from onnxruntime.transformers.float16 import convert_float_to_float16

    made: onnx.ModelProto = convert_float_to_float16(
        _copied(model), keep_io_types=True, disable_shape_infer=True
    )
    return made


def dynamic(model: onnx.ModelProto, path: Path) -> None:
    """Write the plain dynamic int8 form: ONNX Runtime's own, inputs scaled anew at every run, one scale a weight."""
    from onnxruntime.quantization import QuantType, quantize_dynamic

    with tempfile.TemporaryDirectory(dir=path.parent) as folder:
        plain = Path(folder) / "plain.onnx"
        save(model, plain)
        quantize_dynamic(plain, path, weight_type=QuantType.QInt8, use_external_data_format=_is_large(model))


# One protobuf message holds less than 2 GiB; larger weights lie in a file of their own beside the graph.
LARGEST_MESSAGE_BYTES = 2_000_000_000


def save(model: onnx.ModelProto, path: Path) -> None:
    """Write a graph, its weights beside it as `<name>.data` where one file cannot hold them."""
    if _is_large(model):
        onnx.save(_copied(model), path, save_as_external_data=True, location=path.name + ".data")
    else:
        onnx.save(model, path)


def _is_large(model: onnx.ModelProto) -> bool:
    return sum(len(each.raw_data) for each in model.graph.initializer) > LARGEST_MESSAGE_BYTES


def _copied(model: onnx.ModelProto) -> onnx.ModelProto:
    copy = onnx.ModelProto()
    copy.CopyFrom(model)
    return copy
