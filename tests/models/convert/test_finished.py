"""A folder of two ONNX files with model.json is checked by running it, and copied as it is."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("torch")
import onnx
from onnx import helper

from core.errors import ModelError
from core.models.convert.importing import import_model
from core.models.encoder import Encoder
from core.models.spec import ModelSpec, file_sha256
from core.progress import CancelToken, silent


@pytest.fixture
def folder(starter_folder: Path, tmp_path: Path) -> Path:
    target = tmp_path / "given"
    shutil.copytree(starter_folder, target)
    return target


def run(folder: Path) -> tuple[ModelSpec, Path]:
    models = folder.parent / "models"
    spec = import_model(folder, models, "local:mine", report=silent, cancel=CancelToken())
    return spec, models / "local%3Amine"


def refused(folder: Path, match: str) -> None:
    with pytest.raises(ModelError, match=match):
        run(folder)
    assert list((folder.parent / "models").iterdir()) == []


def rewrite(folder: Path, change: dict[str, Any]) -> None:
    """model.json with some values changed, and the hashes of the files as they are now."""
    path = folder / "model.json"
    content = json.loads(path.read_text(encoding="utf-8")) | change
    content["sha256"] = {name: file_sha256(folder / name) for name in content["sha256"]}
    path.write_text(json.dumps(content), encoding="utf-8")


def test_it_is_taken_over_with_its_space(folder: Path, starter_folder: Path) -> None:
    spec, here = run(folder)

    assert spec.id == "local:mine"
    assert spec.space_id == ModelSpec.load(starter_folder).space_id
    encoder = Encoder.open(here, provider="cpu")
    assert encoder.encode_texts(["a dog"]).shape == (1, spec.width)
    encoder.close()


def test_a_wrong_width_is_refused_with_both(folder: Path) -> None:
    rewrite(folder, {"width": 256})

    refused(folder, "has 512 numbers, not the 256")


def test_embeddings_that_are_not_normalised_are_refused(folder: Path) -> None:
    model = onnx.load(folder / "text.onnx")
    for node in model.graph.node:
        node.output[:] = ["inside" if name == "embedding" else name for name in node.output]
    model.graph.initializer.append(helper.make_tensor("three", onnx.TensorProto.FLOAT, [1], [3.0]))
    model.graph.node.append(helper.make_node("Mul", ["inside", "three"], ["embedding"]))
    onnx.save(model, folder / "text.onnx")
    rewrite(folder, {})

    refused(folder, "not L2-normalised")


def test_a_tower_with_other_inputs_is_refused(folder: Path) -> None:
    shutil.copyfile(folder / "text.onnx", folder / "image.onnx")
    rewrite(folder, {})

    refused(folder, "cannot be run")


@pytest.mark.parametrize("name", ["../image.onnx", "/etc/passwd", "a\\b", "C:x"])
def test_files_that_do_not_lie_in_the_folder_are_refused(folder: Path, name: str) -> None:
    path = folder / "model.json"
    content = json.loads(path.read_text(encoding="utf-8"))
    content["sha256"][name] = "0" * 64
    path.write_text(json.dumps(content), encoding="utf-8")

    refused(folder, "does not lie in the folder")


def test_a_file_that_differs_from_its_hash_or_is_missing_is_refused(folder: Path) -> None:
    (folder / "card.md").write_text("another", encoding="utf-8")
    refused(folder, "is not the file that model.json describes")
    (folder / "card.md").unlink()
    refused(folder, "is missing")


def test_an_unknown_key_is_refused(folder: Path) -> None:
    rewrite(folder, {"colour": "red"})

    refused(folder, "colour is not known")
