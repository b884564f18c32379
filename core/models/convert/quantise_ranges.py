"""What the products of a graph get to see: the calibration of int8, from the owner's own pictures or texts.

One pass of the fp32 graph gives, for every product's input, its extremes and a sample of its rows. The range that
int8 covers is then the one that costs the products least (`best_range`), and `noise` tells how much each product
loses by it: the order in which layers are kept in floating point.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
import onnxruntime as ort
from onnx import TensorProto, helper

from core.models.convert.quantise import Floats, Product, Range, int8_weight, products, weights
from core.progress import CancelToken, Pace

# Of each tensor this many rows are kept to choose its range by and to measure the noise on.
ROWS = 256
# From this share of the largest magnitude on downwards, a narrower range is tried: a few clipped values may cost
# less than coarse steps for all others.
SHARES = (1.0, 0.9, 0.8, 0.7, 0.6, 0.5, 0.4, 0.3, 0.2)

Feed = Mapping[str, npt.NDArray[Any]]


@dataclass(slots=True)
class Seen:
    """One tensor: the extremes of each channel [k], and `rows` [at most ROWS, k] of it."""

    lows: Floats
    highs: Floats
    rows: Floats

    @property
    def low(self) -> float:
        return float(self.lows.min())

    @property
    def high(self) -> float:
        return float(self.highs.max())

    @property
    def largest(self) -> Floats:
        """The largest magnitude of each channel [k]."""
        return np.maximum(np.abs(self.lows), np.abs(self.highs))

    def divided(self, factor: Floats) -> Seen:
        """What is seen where each channel is divided by `factor` [k], which is positive."""
        return Seen(self.lows / factor, self.highs / factor, self.rows / factor)


def look(model: onnx.ModelProto, batches: Iterable[Feed], cancel: CancelToken, pace: Pace) -> dict[str, Seen]:
    """Run a plain graph over `batches` and note what its products get. `pace` counts the batches."""
    chosen = products(model)
    sources = sorted({each.source for each in chosen})
    channels_first = {each.source for each in chosen if each.kind == "Conv"}
    picks = np.random.default_rng(0)
    seen: dict[str, Seen] = {}
    kept: dict[str, list[Floats]] = {name: [] for name in sources}
    with tempfile.TemporaryDirectory() as folder:
        # The first product may read the graph's own input, which cannot be its output as well.
        inner = [name for name in sources if name not in {each.name for each in model.graph.input}]
        session = _session_that_shows(model, inner, Path(folder))
        for feed in batches:
            cancel.check()
            # A run that asks for no output is an error to ONNX Runtime.
            shown = dict(zip(inner, session.run(inner, dict(feed)), strict=True)) if inner else {}
            for name in sources:
                value = shown[name] if name in shown else feed[name]
                rows = np.moveaxis(value, 1, -1) if name in channels_first else value
                rows = rows.reshape(-1, rows.shape[-1])
                _note(seen, name, rows)
                kept[name].append(rows[picks.integers(0, len(rows), min(len(rows), 32))])
            pace.step()
    for name, one in seen.items():
        rows = np.concatenate(kept[name])
        one.rows = rows[picks.permutation(len(rows))[:ROWS]]
    pace.flush()
    return seen


def _session_that_shows(model: onnx.ModelProto, names: list[str], folder: Path) -> ort.InferenceSession:
    """A session whose outputs are those tensors. From a file: a graph above 2 GB cannot be handed over in memory."""
    copy = onnx.ModelProto()
    copy.CopyFrom(model)
    del copy.graph.output[:]
    copy.graph.output.extend(helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in names)
    path = folder / "shown.onnx"
    onnx.save(copy, path, save_as_external_data=True, location="shown.data")
    options = ort.SessionOptions()
    options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_ENABLE_BASIC
    options.add_session_config_entry("session.force_spinning_stop", "1")
    options.log_severity_level = 3
    return ort.InferenceSession(os.fspath(path), options, providers=["CPUExecutionProvider"])


def _note(seen: dict[str, Seen], name: str, rows: Floats) -> None:
    lows, highs = rows.min(axis=0), rows.max(axis=0)
    if name in seen:
        lows, highs = np.minimum(seen[name].lows, lows), np.maximum(seen[name].highs, highs)
    seen[name] = Seen(lows, highs, rows[:0])


def best_ranges(model: onnx.ModelProto, seen: Mapping[str, Seen], *, symmetric: bool) -> dict[str, Range]:
    """The range of each product's source that costs its products least."""
    values = weights(model)
    readers: dict[str, list[Product]] = {}
    for each in products(model):
        readers.setdefault(each.source, []).append(each)
    return {
        name: best_range(seen[name], _heaviness(seen[name], reading, values), symmetric)
        for name, reading in readers.items()
    }


def best_range(seen: Seen, heaviness: Floats, symmetric: bool) -> Range:
    """The share of the extremes with the least error of the products, as their sample shows it.

    heaviness  [k]: how much an error in that channel counts, the squared length of the weights' row
    """
    best, least = Range(seen.low, seen.high), float("inf")
    for share in SHARES:
        tried = Range(seen.low * share, seen.high * share)
        error = seen.rows - rounded(seen.rows, tried, symmetric)
        cost = float((error**2 @ heaviness).sum())
        if cost < least:
            best, least = tried, cost
    return best


def rounded(rows: Floats, covered: Range, symmetric: bool) -> Floats:
    """`rows` as int8 gives them back."""
    scale, zero = covered.step(symmetric)
    low, high = (-128, 127) if symmetric else (-zero, 255 - zero)
    whole: Floats = np.clip(np.rint(rows / np.float32(scale)), low, high).astype(np.float32)
    return whole * np.float32(scale)


def noise(
    model: onnx.ModelProto, seen: Mapping[str, Seen], ranges: Mapping[str, Range], *, symmetric: bool
) -> dict[str, float]:
    """By product: the power of the error that int8 brings into its output, over the power of the output.

    Of a convolution, whose patches the sample does not hold, the sum of its input's and its weights' own shares.
    """
    values = weights(model)
    found = {}
    for each in products(model):
        rows, weight = seen[each.source].rows, values[each.weight]
        whole, scale = int8_weight(weight, each.axis)
        shape = [-1 if i == each.axis else 1 for i in range(weight.ndim)]
        coarse = whole.astype(np.float32) * scale.reshape(shape)
        near = rounded(rows, ranges[each.source], symmetric)
        if each.kind == "Conv":
            found[each.name] = _share(near - rows, rows) + _share(coarse - weight, weight)
            continue
        exact = rows @ (weight if each.axis == 1 else weight.T)
        found[each.name] = _share(near @ (coarse if each.axis == 1 else coarse.T) - exact, exact)
    return found


def _heaviness(seen: Seen, reading: list[Product], values: Mapping[str, Floats]) -> Floats:
    """By channel: the squared length of the rows of all weights that read it; of convolutions all alike."""
    if any(each.kind == "Conv" for each in reading):
        return np.ones(len(seen.lows), np.float32)
    total: Floats = np.sum([(values[each.weight] ** 2).sum(axis=each.axis) for each in reading], axis=0)
    return total


def _share(error: Floats, signal: Floats) -> float:
    power = float(np.square(signal, dtype=np.float64).sum())
    return float(np.square(error, dtype=np.float64).sum()) / max(power, 1e-30)
