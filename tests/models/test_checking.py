"""`models check` finds what is wrong with a model folder."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from core.errors import ModelError
from core.models.checking import check_model
from core.models.spec import ModelSpec, file_sha256
from core.progress import Cancelled, CancelToken, silent
from tests.made_models import make_model


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    make_model(tmp_path / "model", "local:garden", width=32)
    return tmp_path / "model"


def rewrite(folder: Path, **more: object) -> None:
    """A spec that fits the files as they are now."""

    files = sorted(each for each in folder.rglob("*") if each.is_file() and each.name != "model.json")
    sums = {each.relative_to(folder).as_posix(): file_sha256(each) for each in files}
    spec = replace(ModelSpec.load(folder), sha256=sums, **more)
    (folder / "model.json").write_text(json.dumps(spec.as_json()), encoding="utf-8")


def wrong(folder: Path) -> list[str]:
    return [one.check for one in check_model(folder, None, silent, CancelToken()) if not one.ok]


def test_a_whole_model_has_nothing_wrong(folder: Path) -> None:
    found = check_model(folder, None, silent, CancelToken())
    assert [one.check for one in found] == ["files", "image tower", "text tower"]
    assert all(one.ok for one in found)


def test_a_missing_file_is_named(folder: Path) -> None:
    (folder / "text.onnx").unlink()
    assert wrong(folder) == ["file text.onnx"]


def test_a_graph_that_does_not_load_is_named(folder: Path) -> None:
    (folder / "image.onnx").write_bytes(b"no graph")
    rewrite(folder)
    assert wrong(folder) == ["image tower"]


def test_a_width_that_the_towers_do_not_have_is_named(folder: Path) -> None:
    rewrite(folder, width=31)
    assert wrong(folder) == ["image tower", "text tower"]


def test_a_form_is_held_against_its_kept_reference(folder: Path, tmp_path: Path) -> None:
    (folder / "fp32").mkdir()
    shutil.copy(folder / "image.onnx", folder / "fp32" / "image.onnx")
    rewrite(folder, image_precision="int8")
    [against] = [one for one in check_model(folder, None, silent, CancelToken()) if "against" in one.check]
    assert (against.check, against.ok) == ("image tower against fp32", True)
    # Another model's tower of the same width: both run well, and they are strangers.
    make_model(tmp_path / "other", "local:other", width=32, seed=9)
    shutil.copy(tmp_path / "other" / "image.onnx", folder / "fp32" / "image.onnx")
    rewrite(folder)
    assert wrong(folder) == ["image tower against fp32"]


def test_the_owners_photos_are_asked_where_there_are_any(folder: Path) -> None:
    own = np.zeros((3, 32, 32, 3), np.uint8)
    assert all(one.ok for one in check_model(folder, own, silent, CancelToken()))


def test_a_spec_that_does_not_read_is_an_error(folder: Path) -> None:
    (folder / "model.json").write_text("{", encoding="utf-8")
    with pytest.raises(ModelError):
        check_model(folder, None, silent, CancelToken())


def test_it_can_be_stopped(folder: Path) -> None:
    cancel = CancelToken()
    cancel.cancel()
    with pytest.raises(Cancelled):
        check_model(folder, None, silent, cancel)
