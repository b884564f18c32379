"""model.json is read strictly: what is missing, unknown or wrong is an error that names file and value."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from core.errors import ModelError, NotThere
from core.models.registry import STARTER, known_models, model_folder
from core.models.spec import SPEC_FILE, ModelSpec


@pytest.fixture
def given(starter_folder: Path) -> dict[str, Any]:
    content: dict[str, Any] = json.loads((starter_folder / SPEC_FILE).read_text(encoding="utf-8"))
    return content


def load(folder: Path, content: object) -> ModelSpec:
    (folder / SPEC_FILE).write_text(json.dumps(content), encoding="utf-8")
    return ModelSpec.load(folder)


def test_a_spec_written_out_reads_back_the_same(given: dict[str, Any], tmp_path: Path) -> None:
    spec = load(tmp_path, given)

    assert load(tmp_path, spec.as_json()) == spec


@pytest.mark.parametrize("name", ["id", "width", "preprocessing", "tokenizers", "calibration", "sha256"])
def test_a_missing_value_is_named(given: dict[str, Any], tmp_path: Path, name: str) -> None:
    del given[name]

    with pytest.raises(ModelError, match=rf"model\.json: {name} is missing"):
        load(tmp_path, given)


def test_an_unknown_value_is_named(given: dict[str, Any], tmp_path: Path) -> None:
    given["preprocessing"]["blur"] = 2

    with pytest.raises(ModelError, match=r"preprocessing\.blur is not known"):
        load(tmp_path, given)


@pytest.mark.parametrize(
    ("at", "value"),
    [
        (("preprocessing", "mode"), "stretch"),
        (("preprocessing", "mean"), [0.5, 0.5]),
        (("languages",), ["en", "tlh"]),
        (("width",), "512"),
        (("logit_scale",), True),
        (("precision", "image"), "fp12"),
        (("pooling",), "max"),
    ],
)
def test_a_wrong_value_is_named(
    given: dict[str, Any], tmp_path: Path, at: tuple[str, ...], value: object
) -> None:
    inner = given
    for step in at[:-1]:
        inner = inner[step]
    inner[at[-1]] = value

    with pytest.raises(ModelError, match=r"\.".join(at)):
        load(tmp_path, given)


def test_a_file_that_is_no_json_is_an_error_with_its_path(tmp_path: Path) -> None:
    (tmp_path / SPEC_FILE).write_bytes(b"\xff{")

    with pytest.raises(ModelError, match=r"model\.json"):
        ModelSpec.load(tmp_path)


def test_the_starter_is_the_files_its_spec_describes(starter_folder: Path) -> None:
    ModelSpec.load(starter_folder).check(starter_folder)


def test_a_changed_file_is_found(starter_folder: Path, tmp_path: Path) -> None:
    folder = tmp_path / "model"
    shutil.copytree(starter_folder, folder)
    with (folder / "tokenizer.json").open("ab") as file:
        file.write(b" ")

    with pytest.raises(ModelError, match=r"tokenizer\.json is not the file"):
        ModelSpec.load(folder).check(folder)


def test_the_space_is_another_when_weights_change_and_the_same_when_the_card_does(
    given: dict[str, Any], tmp_path: Path
) -> None:
    first = load(tmp_path, given).space_id
    given["sha256"]["card.md"] = "0" * 64
    assert load(tmp_path, given).space_id == first

    given["sha256"]["image.onnx"] = "0" * 64
    assert load(tmp_path, given).space_id != first


def test_the_starter_fits_into_sixty_four_megabytes(starter_folder: Path) -> None:
    assert sum(file.stat().st_size for file in starter_folder.iterdir()) <= 64_000_000


def test_the_starter_is_known_without_a_library() -> None:
    assert known_models(None) == [STARTER]


def test_a_model_of_the_library_is_found_by_its_id(starter_folder: Path, tmp_path: Path) -> None:
    folder = tmp_path / "local%3Afamily"
    folder.mkdir()
    shutil.copy(starter_folder / SPEC_FILE, folder)

    assert known_models(tmp_path) == [STARTER, "local:family"]
    assert model_folder("local:family", tmp_path) == folder


@pytest.mark.parametrize("model_id", ["local:nobody", "../starter", "", "a/b", ".."])
def test_a_model_that_is_not_there_is_said_with_those_that_are(model_id: str, tmp_path: Path) -> None:
    with pytest.raises(NotThere) as caught:
        model_folder(model_id, tmp_path)

    assert STARTER in caught.value.what_to_do


def test_a_known_model_that_is_not_here_yet_says_how_to_get_it(tmp_path: Path) -> None:
    with pytest.raises(NotThere) as caught:
        model_folder("cn-clip-rn50", tmp_path)

    assert "models get cn-clip-rn50" in caught.value.what_to_do
