"""The forms of a model side by side in one run, next to torch and to what the machine's matrix units can do.

All forms of a tower are loaded, then run in turn, round after round, and the best round of each counts: a busy
moment meets all alike. Only figures of one run are compared.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import torch
from onnx import TensorProto, helper, numpy_helper
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from core.models.convert.accept import FormResult
from core.models.convert.forms import AT_ONCE, optimise, widest_forms
from core.models.convert.quantise import Range, dynamic, load_plain, quantised, save
from core.models.convert.sized import ImageTower, TextTower, make_folder
from core.models.preprocess import Pixels, normalise
from core.models.prompts import neutral_captions
from core.models.runtime.providers import CPU, OPENVINO, available
from core.models.runtime.session import computes_bf16, open_session
from core.models.runtime.timing import side_by_side
from core.models.spec import IMAGE_FILE, TEXT_FILE, ModelSpec
from core.models.tokenize import Tokenizer
from core.progress import CancelToken, Report

EAGER, FP32, DYNAMIC, CHOSEN = "torch fp32", "ort fp32", "ort dynamic int8", "chosen"
# Large enough that a matrix unit is busy, small enough for its cache: a transformer's own products are alike.
MATRIX = 2_048
ROUNDS = 5

Run = Callable[[], object]


@dataclass(frozen=True, slots=True)
class Row:
    """One figure. `more` stands beside it: ratio to the baseline, agreement, why it is missing."""

    case: str
    form: str
    value: float | None
    unit: str
    more: dict[str, Any] = field(default_factory=dict)


def sized(
    size: str, outliers: str, pictures: Pixels, texts: Sequence[str], report: Report, cancel: CancelToken
) -> Iterator[Row]:
    """The rows of a model of a published size with random weights (core/models/convert/sized.py)."""
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place) / "models" / size
        model = make_folder(folder, outliers)
        towers = {"image": ImageTower(model).eval(), "text": TextTower(model).eval()}
        yield from compared(size, folder, pictures, texts, report, cancel, towers=towers)


def can_compare(folder: Path) -> bool:
    """Whether other forms can be made of a model; not of one that came in integers alone, as the starter does."""
    return bool(widest_forms(folder, ModelSpec.load(folder)))


def given(
    name: str, source: Path, pictures: Pixels, texts: Sequence[str], report: Report, cancel: CancelToken
) -> Iterator[Row]:
    """The rows of a model folder, which stays as it is: its forms are made in a copy."""
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place) / "models" / "copy"
        shutil.copytree(source, folder)
        yield from compared(name, folder, pictures, texts, report, cancel)


def compared(
    name: str,
    folder: Path,
    pictures: Pixels,
    texts: Sequence[str],
    report: Report,
    cancel: CancelToken,
    *,
    towers: Mapping[str, nn.Module] | None = None,
) -> Iterator[Row]:
    """Make the forms in `folder`, then time the chosen ones beside the plain ones, tower by tower."""
    results = optimise(folder, pictures, texts, report, cancel)
    spec = ModelSpec.load(folder)
    pixels = normalise(pictures[:AT_ONCE], spec.preprocessing)
    feeds: dict[str, dict[str, Any]] = {
        "image": {"pixels": pixels},
        "text": dict(Tokenizer(folder, spec)(neutral_captions()[:1])),
    }
    for tower, file, precision in (
        ("image", IMAGE_FILE, spec.image_precision),
        ("text", TEXT_FILE, spec.text_precision),
    ):
        taken = next((one for one in results if one.tower == tower and one.taken), None)
        if taken is None:
            continue
        kept = folder / "fp32" / file
        reference = kept if precision != "fp32" else folder / file
        feed = feeds[tower]
        plain = folder.parent / f"{tower}-dynamic.onnx"
        dynamic(load_plain(reference), plain)
        runs: dict[str, Run] = {}
        if towers is not None:
            runs[EAGER] = _eager(towers[tower], feed)
        runs[FP32] = partial(open_session(reference, CPU).run, feed)
        runs[DYNAMIC] = partial(open_session(plain, CPU).run, feed)
        runs[CHOSEN] = partial(open_session(folder / file, taken.provider, precision=precision).run, feed)
        yield from _rows(f"{name} {tower}", tower, runs, taken, results, cancel)
        del runs
    if towers is not None:
        yield from _limits(name, towers["image"], torch.from_numpy(pixels[:1]), cancel)


def _rows(
    case: str,
    tower: str,
    runs: Mapping[str, Run],
    taken: FormResult,
    results: Sequence[FormResult],
    cancel: CancelToken,
) -> Iterator[Row]:
    times = side_by_side(
        runs, rounds=ROUNDS if tower == "image" else 4 * ROUNDS, budget_s=60.0, cancel=cancel
    )
    baseline = EAGER if EAGER in times else FP32
    for form, took in times.items():
        ratio = {"baseline": baseline, "ratio": round(times[baseline] / took, 2)}
        if form == CHOSEN:
            ratio["ratio_to_dynamic"] = round(times[DYNAMIC] / took, 2)
            ratio["form_chosen"] = taken.name
            ratio["agreement"] = str(taken.agreement or "is the reference")
        if tower == "image":
            yield Row(case, form, AT_ONCE / took, "images/s", ratio)
        else:
            yield Row(case, form, took * 1e3, "ms", ratio)
    if EAGER not in times:
        yield Row(case, EAGER, None, "images/s", {"skipped": "only a model of a size is here in torch"})
    for one in results:
        if one.tower == tower and not one.taken:
            yield Row(
                case,
                one.name,
                one.per_second,
                f"{tower}s/s",
                {"said": one.said, "agreement": str(one.agreement)},
            )


def _eager(tower: nn.Module, feed: Mapping[str, Any]) -> Run:
    inputs = [torch.from_numpy(each) for each in feed.values()]

    def run() -> object:
        with torch.inference_mode():
            return tower(*inputs)

    return run


def _limits(name: str, tower: nn.Module, one: torch.Tensor, cancel: CancelToken) -> Iterator[Row]:
    """GFLOP an image, the machine's matrix rates, and the images a second that these would allow."""
    with FlopCounterMode(display=False) as counter, torch.inference_mode():
        tower(one)
    gflop = counter.get_total_flops() / 1e9
    yield Row(f"{name} image", "work", gflop, "GFLOP/image")
    for form, rate in matrix_rates(cancel).items():
        yield Row("matrix rate", form, rate, "GFLOP/s")
        yield Row(f"{name} image", f"limit by {form}", rate / gflop, "images/s")


def matrix_rates(cancel: CancelToken) -> dict[str, float]:
    """GFLOP/s of one product of two MATRIX x MATRIX matrices, by form: what no tower can be faster than."""
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        plain = _product_graph()
        save(plain, folder / "fp32.onnx")
        spread = {each: Range(-4.0, 4.0) for each in ("x", *(f"y{i}" for i in range(_PRODUCTS)))}
        for how, symmetric in (("symmetric", True), ("asymmetric", False)):
            save(quantised(plain, spread, symmetric=symmetric), folder / f"{how}.onnx")
        wanted = [("fp32, ort", "fp32", CPU, "fp32"), ("int8, ort", "asymmetric", CPU, "int8")]
        if OPENVINO in available():
            wanted.append(("int8, openvino", "symmetric", OPENVINO, "int8"))
            if computes_bf16():
                wanted.append(("bf16, openvino", "fp32", OPENVINO, "bf16"))
        feed = {"x": np.random.default_rng(0).standard_normal((MATRIX, MATRIX), np.float32)}
        runs: dict[str, Run] = {
            form: partial(open_session(folder / f"{file}.onnx", provider, precision=precision).run, feed)
            for form, file, provider, precision in wanted
        }
        work = 2 * _PRODUCTS * MATRIX**3 / 1e9
        return {form: work / took for form, took in side_by_side(runs, rounds=4, cancel=cancel).items()}


# One after the other, so that handing the first input over weighs little.
_PRODUCTS = 8


def _product_graph() -> onnx.ModelProto:
    """x [m, m] times a constant, _PRODUCTS times; the sum of it is `embedding`."""
    weight = np.random.default_rng(1).normal(0, MATRIX**-0.5, (MATRIX, MATRIX)).astype(np.float32)
    nodes = []
    source = "x"
    weights = []
    for i in range(_PRODUCTS):
        weights.append(numpy_helper.from_array(weight, f"w{i}"))
        nodes.append(helper.make_node("MatMul", [source, f"w{i}"], [f"y{i}"]))
        source = f"y{i}"
    nodes.append(helper.make_node("ReduceMean", [source], ["embedding"], keepdims=1))
    graph = helper.make_graph(
        nodes,
        "products",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [MATRIX, MATRIX])],
        [helper.make_tensor_value_info("embedding", TensorProto.FLOAT, [1, 1])],
        weights,
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=10)
