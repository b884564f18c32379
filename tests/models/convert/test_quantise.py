"""Int8 graphs against the formula they come from, and rewritings that must not change a graph's function."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("onnx", reason="needs the train extra")

import onnx
from onnx import numpy_helper

from core.models.agreement import cosines
from core.models.convert.quantise import (
    Range,
    dynamic,
    evened_out,
    in_bf16,
    in_fp16,
    int8_weight,
    load_plain,
    products,
    quantised,
    save,
)
from core.models.convert.quantise_ranges import Seen, best_range, best_ranges, look, noise, rounded
from core.models.preprocess import normalise
from core.models.runtime.providers import CPU
from core.models.runtime.session import open_session
from core.models.spec import ModelSpec
from core.progress import CancelToken, Pace, silent
from tests.models.convert import small_vit


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return small_vit.make(tmp_path_factory.mktemp("plain") / "model")


@pytest.fixture(scope="module")
def feed(folder: Path) -> dict[str, np.ndarray]:
    return {"pixels": normalise(small_vit.pictures(16), ModelSpec.load(folder).preprocessing)}


def embeddings(model: onnx.ModelProto, feed: dict[str, np.ndarray], place: Path) -> np.ndarray:
    save(model, place / "graph.onnx")
    return open_session(place / "graph.onnx", CPU).run(feed)


def seen(model: onnx.ModelProto, feed: dict[str, np.ndarray]) -> dict[str, Seen]:
    return look(model, [feed], CancelToken(), Pace(silent, "look"))


def test_every_product_with_constant_weights_is_found(folder: Path) -> None:
    found = products(load_plain(folder / "image.onnx"))

    # The patches, six a layer; the projection has too few weights to be worth it.
    assert len(found) == 1 + 6 * small_vit.LAYERS
    assert [one.kind for one in found].count("Conv") == 1


def test_weights_come_back_within_half_a_step_of_their_channel() -> None:
    weight = np.random.default_rng(0).normal(size=(64, 80)).astype(np.float32)
    weight[:, 5] *= 100

    whole, scale = int8_weight(weight, axis=1)

    assert whole.dtype == np.int8
    assert scale.shape == (80,)
    assert (np.abs(whole * scale - weight) <= scale / 2 + 1e-6).all()


def test_one_product_in_int8_is_the_product_of_the_rounded(tmp_path: Path) -> None:
    """The graph that the runtime turns into integer kernels, against the formula in numpy."""
    dice = np.random.default_rng(1)
    weight, x = dice.normal(size=(64, 64)).astype(np.float32), dice.normal(size=(8, 64)).astype(np.float32)
    graph = onnx.parser.parse_model(
        '<ir_version: 10, opset_import: ["" : 20]> g (float[n, 64] x) => (float[n, 64] embedding) '
        "{ embedding = MatMul (x, w) }"
    )
    graph.graph.initializer.append(numpy_helper.from_array(weight, "w"))
    covered = Range(float(x.min()), float(x.max()))
    whole, scale = int8_weight(weight, axis=1)
    for symmetric in (True, False):
        model = quantised(graph, {"x": covered}, symmetric=symmetric)
        expected = rounded(x, covered, symmetric) @ (whole * scale)

        np.testing.assert_allclose(embeddings(model, {"x": x}, tmp_path), expected, atol=1e-3)


def test_layers_that_are_kept_stay_exact(folder: Path, feed: dict[str, np.ndarray], tmp_path: Path) -> None:
    model = load_plain(folder / "image.onnx")
    reference = embeddings(model, feed, tmp_path)
    ranges = best_ranges(model, seen(model, feed), symmetric=False)
    everything = [one.name for one in products(model)]

    none = quantised(model, ranges, symmetric=False, kept=everything)
    most = quantised(model, ranges, symmetric=False, kept=everything[1:])

    np.testing.assert_array_equal(embeddings(none, feed, tmp_path), reference)
    assert [node.op_type for node in most.graph.node].count("QuantizeLinear") == 1


def test_evening_out_changes_no_answer_and_takes_the_outliers_away(tmp_path: Path) -> None:
    folder = small_vit.make(tmp_path / "model", outliers="norm")
    feed = {"pixels": normalise(small_vit.pictures(8), ModelSpec.load(folder).preprocessing)}
    model = load_plain(folder / "image.onnx")
    reference, before = embeddings(model, feed, tmp_path), seen(model, feed)

    changed = evened_out(model, {name: one.largest for name, one in before.items()})

    assert len(changed) == 2 * small_vit.LAYERS
    np.testing.assert_allclose(embeddings(model, feed, tmp_path), reference, atol=1e-4)
    after = seen(model, feed)
    norms = [name for name in before if name.startswith("LayerNormalization")]
    assert all(after[name].high < before[name].high / 4 for name in norms)
    # What was seen can be told without looking again.
    for name, factor in changed.items():
        np.testing.assert_allclose(before[name].divided(factor).highs, after[name].highs, atol=1e-3)


def test_noise_is_loudest_where_an_outlier_is(tmp_path: Path) -> None:
    folder = small_vit.make(tmp_path / "model", outliers="norm")
    feed = {"pixels": normalise(small_vit.pictures(8), ModelSpec.load(folder).preprocessing)}
    model = load_plain(folder / "image.onnx")
    values = seen(model, feed)

    found = noise(model, values, best_ranges(model, values, symmetric=False), symmetric=False)

    behind_norms = {one.name for one in products(model) if one.source.startswith("LayerNormalization")}
    loudest = sorted(found, key=lambda name: -found[name])[: len(behind_norms)]
    assert set(loudest) == behind_norms


def test_a_range_clips_a_lone_value_when_that_costs_less() -> None:
    rows = np.random.default_rng(0).normal(size=(256, 64)).astype(np.float32)
    rows[0, 0] = 60.0
    one = Seen(rows.min(axis=0), rows.max(axis=0), rows)

    heavy = np.ones(64, np.float32)
    weightless = heavy.copy()
    weightless[0] = 0.0

    assert best_range(one, weightless, symmetric=True).high < best_range(one, heavy, symmetric=True).high


@pytest.mark.parametrize(("made", "precision"), [(in_bf16, "bf16"), (in_fp16, "fp16")])
def test_halves_agree_and_are_smaller(
    made: object, precision: str, folder: Path, feed: dict[str, np.ndarray], tmp_path: Path
) -> None:
    model = load_plain(folder / "image.onnx")
    reference = embeddings(model, feed, tmp_path)
    whole = (tmp_path / "graph.onnx").stat().st_size

    found = cosines(reference, embeddings(made(model), feed, tmp_path))  # type: ignore[operator]

    assert found.holds(precision)
    assert (tmp_path / "graph.onnx").stat().st_size < 0.7 * whole


def test_bf16_rounds_to_even_as_numpy_does_by_hand(tmp_path: Path) -> None:
    # 1 + 2**-8 lies between two bf16 numbers: to the even one, 1; a hair more goes up.
    value = np.array([1 + 2**-8, 1 + 2**-8 + 2**-12, -1.5], np.float32).repeat(2_000)
    model = onnx.parser.parse_model(
        '<ir_version: 10, opset_import: ["" : 20]> g (float[n] x) => (float[n] embedding) '
        "{ embedding = Add (x, w) }"
    )
    model.graph.initializer.append(numpy_helper.from_array(value, "w"))

    found = embeddings(in_bf16(model), {"x": np.zeros(6_000, np.float32)}, tmp_path)

    np.testing.assert_array_equal(found[::2_000], [1, 1 + 2**-7, -1.5])


def test_plain_dynamic_int8_agrees(folder: Path, feed: dict[str, np.ndarray], tmp_path: Path) -> None:
    model = load_plain(folder / "image.onnx")
    reference = embeddings(model, feed, tmp_path)

    dynamic(model, tmp_path / "dynamic.onnx")

    assert cosines(reference, open_session(tmp_path / "dynamic.onnx", CPU).run(feed)).cosine_min > 0.95
