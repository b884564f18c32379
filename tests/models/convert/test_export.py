"""Graphs are what makes forms of them expects: plain operators, any batch, weights beside the graph where they are large."""

from __future__ import annotations

import json
import shutil
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("torch")
import onnx

from core.models.convert import export
from core.models.convert.importing import import_model
from core.models.convert.probe_pictures import probe_pictures
from core.models.encoder import Encoder
from core.models.spec import ModelSpec
from core.progress import CancelToken, silent

# Two layers a tower: what each of them has to show.
LAYERS = 2


@pytest.mark.parametrize("name", ["image.onnx", "text.onnx"])
def test_attention_and_norms_are_plain_operators(imported: Path, name: str) -> None:
    model = onnx.load(imported / name)
    found = Counter(node.op_type for node in model.graph.node)

    assert found["Softmax"] == LAYERS
    assert found["LayerNormalization"] >= 2 * LAYERS
    assert found["MatMul"] + found["Gemm"] >= 8 * LAYERS
    assert "ReduceMean" not in found
    assert max(one.version for one in model.opset_import if one.domain == "") >= 20
    assert {node.domain for node in model.graph.node} == {""}


def test_inputs_and_outputs_are_those_of_a_model_folder(imported: Path) -> None:
    def shapes(values: list[onnx.ValueInfoProto]) -> dict[str, list[object]]:
        return {
            one.name: [dim.dim_param or dim.dim_value for dim in one.type.tensor_type.shape.dim]
            for one in values
        }

    image, text = (onnx.load(imported / name).graph for name in ("image.onnx", "text.onnx"))

    assert shapes(image.input) == {"pixels": ["n", 3, 224, 224]}
    assert shapes(image.output) == {"embedding": ["n", 64]}
    assert shapes(text.input) == {"ids": ["n", "t"], "mask": ["n", "t"]}
    assert shapes(text.output) == {"embedding": ["n", 64]}


def test_any_number_of_pictures_and_texts_goes_through(imported: Path) -> None:
    encoder = Encoder.open(imported, threads=2, provider="cpu")
    pictures, texts = probe_pictures(5, 224), ["猫", "海边的日落" * 20, "", "a", "狗"]

    images, words = encoder.encode_images(pictures), encoder.encode_texts(texts)

    for i in range(5):
        np.testing.assert_allclose(encoder.encode_images(pictures[i : i + 1])[0], images[i], atol=1e-5)
        np.testing.assert_allclose(encoder.encode_texts(texts[i : i + 1])[0], words[i], atol=1e-5)
    np.testing.assert_allclose(np.linalg.norm(np.concatenate([images, words]), axis=1), 1, atol=1e-5)
    encoder.close()


def test_large_weights_lie_beside_their_graph_and_are_part_of_the_model(
    golden_folder: Callable[[str], Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The limit is the file format's 2 GB: a model above it takes minutes.
    monkeypatch.setattr(export, "EXTERNAL_FROM_BYTES", 1000)
    folder = golden_folder("chinese-clip")

    spec = import_model(folder, tmp_path / "models", "local:large", report=silent, cancel=CancelToken())

    here = tmp_path / "models/local%3Alarge"
    assert {"image.onnx", "image.onnx.data", "text.onnx", "text.onnx.data"} <= set(spec.sha256)
    assert (here / "image.onnx.data").stat().st_size > 50_000
    # Handed on as a folder of two ONNX files, the weights go with it.
    given = tmp_path / "given"
    shutil.copytree(here, given)
    again = import_model(given, tmp_path / "models", "local:again", report=silent, cancel=CancelToken())
    assert again.space_id == spec.space_id
    encoders = [
        Encoder.open(tmp_path / "models" / name, provider="cpu")
        for name in ("local%3Alarge", "local%3Aagain")
    ]
    one, two = (encoder.encode_texts(["[CLS]"]) for encoder in encoders)
    np.testing.assert_array_equal(one, two)
    for encoder in encoders:
        encoder.close()


def test_probe_pictures_are_the_same_every_time_and_all_different() -> None:
    first, again = probe_pictures(24, 64), probe_pictures(32, 64)

    np.testing.assert_array_equal(first, again[:24])
    assert len({picture.tobytes() for picture in again}) == 32
    assert first.dtype == np.uint8
    assert probe_pictures(0, 64).shape == (0, 64, 64, 3)


def test_the_spec_of_an_import_reads_back_as_it_was_written(imported: Path) -> None:
    content = json.loads((imported / "model.json").read_text(encoding="utf-8"))

    assert ModelSpec.load(imported).as_json() == content
