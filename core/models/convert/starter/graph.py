"""Builds ONNX graphs node by node, weights stored small and named as the torch parameters they come from.

Four ways to hold weights, all computed in float32:
    half    float16 initialiser and a Cast, which ONNX Runtime folds away when the session is made
    octets  8 bits with a float32 scale for each run of them, a Cast and a product, folded away just so
    blocks  4 bits in blocks of 32 with a float16 scale, multiplied by MatMulNBits as they are
    table   4 bits in blocks of 32, looked up row by row (GatherBlockQuantized)
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
from onnx import TensorProto, helper, numpy_helper

from core.models.convert.starter.e5 import BLOCK, BlockMatrix

Floats = npt.NDArray[np.float32]
# What ONNX Runtime 1.24 and every later one understands.
OPSET = 21
IR_VERSION = 10
CONTRIB = "com.microsoft"


class Graph:
    """One graph in the making. Methods add a node and give the name of its output."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._nodes: list[onnx.NodeProto] = []
        self._initialisers: dict[str, onnx.TensorProto] = {}
        self._inputs: list[onnx.ValueInfoProto] = []
        self._count = 0

    def input(self, name: str, kind: int, shape: Sequence[int | str]) -> str:
        self._inputs.append(helper.make_tensor_value_info(name, kind, list(shape)))
        return name

    def node(self, op: str, *inputs: str, domain: str = "", output: str = "", **attributes: Any) -> str:
        return self.nodes(op, 1, *inputs, domain=domain, output=output, **attributes)[0]

    def nodes(
        self, op: str, outputs: int, *inputs: str, domain: str = "", output: str = "", **attributes: Any
    ) -> list[str]:
        names = [output] if output else [f"{op.lower()}_{self._count}_{i}" for i in range(outputs)]
        self._count += 1
        self._nodes.append(helper.make_node(op, list(inputs), names, domain=domain, **attributes))
        return names

    def constant(self, values: npt.ArrayLike, kind: type[np.generic] = np.int64, name: str = "") -> str:
        """A small constant, or a weight under its own name. The same small constant is stored once."""
        array = np.asarray(values, kind)
        name = name or f"{array.dtype}{list(array.shape)}:{array.ravel().tolist()}"
        if name not in self._initialisers:
            self._initialisers[name] = numpy_helper.from_array(array, name)
        return name

    def weight(self, name: str, values: Floats) -> str:
        """A float32 weight as it is (norms and biases: few and exact)."""
        return self.constant(values, np.float32, name)

    def half(self, name: str, values: Floats) -> str:
        """A weight stored in float16, used in float32."""
        return self.node("Cast", self.constant(values, np.float16, name), to=TensorProto.FLOAT)

    def octets(self, name: str, values: Floats, axes: tuple[int, ...]) -> str:
        """Weights stored in 8 bits, those along `axes` with one scale, used in float32."""
        steps, scale = to_octets(values, axes)
        wide = self.node("Cast", self.constant(steps, np.int8, name + ".q8"), to=TensorProto.FLOAT)
        return self.node("Mul", wide, self.constant(scale, np.float32, name + ".scale"))

    def blocks(self, x: str, name: str, matrix: BlockMatrix, bias: Floats | None) -> str:
        """x [.., columns] @ matrix.T + bias, the matrix [rows, columns] staying in 4 bits."""
        rows, columns = matrix.nibbles.shape
        packed = self.constant(
            _packed(matrix).reshape(rows, columns // BLOCK, BLOCK // 2), np.uint8, name + ".q4"
        )
        scale = self.node(
            "Cast", self.constant(matrix.scale, np.float16, name + ".scale"), to=TensorProto.FLOAT
        )
        y = self.node(
            "MatMulNBits",
            x,
            packed,
            scale,
            domain=CONTRIB,
            K=columns,
            N=rows,
            bits=4,
            block_size=BLOCK,
            accuracy_level=ACCURACY,
        )
        if bias is None:
            return y
        return self.node("Add", y, self.weight(name.removesuffix("weight") + "bias", bias))

    def table(self, name: str, matrix: BlockMatrix, ids: str) -> str:
        """The rows `ids` of a matrix in 4 bits, float32."""
        rows, columns = matrix.nibbles.shape
        # Flipping the high bit turns a nibble of offset 8 into the signed one: -8..7 without a zero point.
        raw = (_packed(matrix) ^ 0x88).tobytes()
        data = helper.make_tensor(name + ".q4", TensorProto.INT4, (rows, columns), raw, raw=True)
        self._initialisers[data.name] = data
        scale = self.constant(matrix.scale, np.float16, name + ".scale")
        found = self.node(
            "GatherBlockQuantized",
            data.name,
            ids,
            scale,
            domain=CONTRIB,
            block_size=BLOCK,
            gather_axis=0,
            quantize_axis=1,
        )
        return self.node("Cast", found, to=TensorProto.FLOAT)

    def linear(self, x: str, name: str, weight: Floats, bias: Floats | None) -> str:
        """x [.., inputs] @ weight.T + bias; weight [outputs, inputs], stored in float16 as torch has it."""
        y = self.node("MatMul", x, self.node("Transpose", self.half(name + ".weight", weight), perm=[1, 0]))
        return y if bias is None else self.node("Add", y, self.weight(name + ".bias", bias))

    def small_linear(self, x: str, name: str, weight: Floats, bias: Floats) -> str:
        """As `linear`, the weight in 8 bits and runs of 64 along its rows."""
        rows, columns = weight.shape
        runs = self.octets(name + ".weight", weight.reshape(rows, columns // RUN, RUN), (2,))
        matrix = self.node("Reshape", runs, self.constant([rows, columns]))
        y = self.node("MatMul", x, self.node("Transpose", matrix, perm=[1, 0]))
        return self.node("Add", y, self.weight(name + ".bias", bias))

    def normalised(self, x: str, output: str = "") -> str:
        """x [n, d] with rows of length 1."""
        length = self.node("ReduceL2", x, self.constant([1]), keepdims=1)
        floor = self.constant(1e-12, np.float32)
        return self.node("Div", x, self.node("Max", length, floor), output=output)

    def save(self, path: Path, output: str, shape: Sequence[int | str]) -> None:
        """Check the graph and write it as one file."""
        value = helper.make_tensor_value_info(output, TensorProto.FLOAT, list(shape))
        graph = helper.make_graph(
            self._nodes, self._name, self._inputs, [value], list(self._initialisers.values())
        )
        imports = [helper.make_opsetid("", OPSET), helper.make_opsetid(CONTRIB, 1)]
        model = helper.make_model(
            graph, opset_imports=imports, ir_version=IR_VERSION, producer_name="shiguang"
        )
        onnx.checker.check_model(model)
        path.write_bytes(model.SerializeToString(deterministic=True))


# How MatMulNBits computes: 4 would round activations to 8 bits too; 1 keeps them float32.
ACCURACY = 1
# Weights of a matrix in 8 bits that share a scale.
RUN = 64
# A convolution's weights [outputs, inputs, kernel, kernel] that share a scale: those of one output.
CONV_AXES = (1, 2, 3)


def _packed(matrix: BlockMatrix) -> npt.NDArray[np.uint8]:
    """Nibbles two to a byte, the even column low."""
    return np.ascontiguousarray(matrix.nibbles[:, 0::2] | (matrix.nibbles[:, 1::2] << 4), dtype=np.uint8)


def to_octets(weights: Floats, axes: tuple[int, ...]) -> tuple[npt.NDArray[np.int8], Floats]:
    """Weights rounded to steps -127..127 of one scale along `axes`, which it keeps with length 1.

    A scale has eleven bits, so that 127 steps of it are exact in float32: weights that already are of this form
    come out as they went in.
    """
    fraction, exponent = np.frexp(np.abs(weights).max(axis=axes, keepdims=True) / np.float32(127))
    scale = np.ldexp(np.rint(fraction * 2048) / 2048, exponent).astype(np.float32)
    steps = np.rint(weights / np.where(scale == 0, 1, scale))
    return np.clip(steps, -127, 127).astype(np.int8), scale


def in_octets(weights: Floats, axes: tuple[int, ...]) -> Floats:
    """The weights as they are after that rounding."""
    steps, scale = to_octets(weights, axes)
    return steps * scale


def to_blocks(weights: Floats) -> BlockMatrix:
    """Weights [rows, columns] rounded to 4 bits in blocks of 32, each block by the scale that errs least.

    A matrix that already is of that form comes out as it went in: its own scale is among those tried.
    """
    rows, columns = weights.shape
    blocks = weights.reshape(rows, columns // BLOCK, BLOCK)
    peak = np.take_along_axis(blocks, np.abs(blocks).argmax(2)[:, :, None], 2)[:, :, 0]
    best_error = np.full(peak.shape, np.inf, np.float32)
    best_scale = np.zeros(peak.shape, np.float16)
    best_nibbles = np.full(blocks.shape, 8, np.uint8)
    for reach in (-8.0, 7.0, -7.0, 6.0, -6.0, -7.5, 7.5, -6.5, 6.5):
        scale = (peak / reach).astype(np.float16)
        wide = scale.astype(np.float32)[:, :, None]
        with np.errstate(divide="ignore", invalid="ignore"):
            steps = np.where(wide == 0, 0, np.rint(blocks / wide))
        nibbles = (np.clip(steps, -8, 7) + 8).astype(np.uint8)
        error = (((nibbles.astype(np.float32) - 8) * wide - blocks) ** 2).sum(2)
        better = error < best_error
        best_error[better], best_scale[better], best_nibbles[better] = (
            error[better],
            scale[better],
            nibbles[better],
        )
    return BlockMatrix(best_scale, best_nibbles.reshape(rows, columns))
