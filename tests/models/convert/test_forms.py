"""The fast forms of a small model: taken only where they agree, and the folder is as before or complete."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("onnx", reason="needs the train extra")

from core.errors import ModelError
from core.models.agreement import cosines
from core.models.convert import forms
from core.models.convert.forms import optimise
from core.models.encoder import Encoder
from core.models.runtime.providers import CPU, available
from core.models.spec import ModelSpec
from core.models.swap import mend
from core.progress import Cancelled, CancelToken, silent
from tests.models.convert import small_vit

TEXTS = ["a dog on the beach", "sunset", "two children", "a red car"]


def content(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()
    }


@pytest.fixture
def small(tmp_path: Path) -> Path:
    return small_vit.make(tmp_path / "models" / "local%3Asmall")


def test_a_fast_form_agrees_with_the_reference_that_stays_beside_it(small: Path) -> None:
    pixels = small_vit.pictures(96)
    before = Encoder.open(small).encode_images(pixels)

    results = optimise(small, pixels, TEXTS, silent, CancelToken())

    spec = ModelSpec.load(small)
    spec.check(small)
    assert sum(one.taken for one in results) == 2
    tried = [one for one in results if one.tower == "image" and one.precision == "int8"]
    assert tried and all(one.agreement is not None and one.agreement.holds("int8") for one in tried)
    assert cosines(before, Encoder.open(small).encode_images(pixels)).holds(spec.image_precision)
    exact = Encoder.open(small, precision="fp32").encode_images(pixels)
    np.testing.assert_allclose(exact, before, atol=1e-5)
    assert "Forms on this machine" in (small / "card.md").read_text(encoding="utf-8")
    assert (small / "source" / "config.json").is_file()
    assert [path.name for path in small.parent.iterdir() if path.name.startswith(".")] == []


def test_outliers_behind_a_layer_norm_move_into_the_weights(tmp_path: Path) -> None:
    folder = small_vit.make(tmp_path / "models" / "outliers", outliers="norm")

    results = optimise(folder, small_vit.pictures(96), TEXTS, silent, CancelToken(), providers=(CPU,))

    good = [one for one in results if one.precision == "int8" and one.tower == "image" and one.seconds]
    assert good and not good[0].kept


def test_outliers_that_nothing_can_move_bring_mixed_precision_or_a_safer_form(tmp_path: Path) -> None:
    folder = small_vit.make(tmp_path / "models" / "outliers", outliers="everywhere")
    pixels = small_vit.pictures(96)
    before = Encoder.open(folder).encode_images(pixels)

    results = optimise(folder, pixels, TEXTS, silent, CancelToken(), providers=(CPU,))

    image = [one for one in results if one.tower == "image"]
    whole = next(one for one in image if one.precision == "int8" and not one.kept)
    assert whole.said.startswith("does not agree")
    (taken,) = [one for one in image if one.taken]
    assert taken.kept or taken.precision != "int8"
    now = Encoder.open(folder).encode_images(pixels)
    assert cosines(before, now).holds(taken.precision)


@pytest.mark.parametrize("count", [5, 9])
def test_with_few_pictures_nothing_is_calibrated_on_them(small: Path, count: int) -> None:
    results = optimise(small, small_vit.pictures(count), TEXTS, silent, CancelToken(), providers=(CPU,))

    assert {one.how for one in results if one.tower == "image" and one.precision == "int8"} == {"dynamic"}


def test_without_pictures_only_texts_are_looked_at(small: Path) -> None:
    results = optimise(small, small_vit.pictures(0), TEXTS, silent, CancelToken(), providers=(CPU,))

    assert {one.tower for one in results} == {"text"}
    assert ModelSpec.load(small).image_precision == "fp32"


def test_a_second_call_begins_from_the_reference_again(small: Path) -> None:
    pixels = small_vit.pictures(64)
    before = Encoder.open(small).encode_images(pixels)
    optimise(small, pixels, TEXTS, silent, CancelToken())

    optimise(small, pixels, TEXTS, silent, CancelToken())

    exact = Encoder.open(small, precision="fp32").encode_images(pixels)
    np.testing.assert_allclose(exact, before, atol=1e-5)
    assert (small / "card.md").read_text(encoding="utf-8").count("Forms on this machine") == 1


def test_stopping_leaves_the_folder_as_it_was(small: Path) -> None:
    before = content(small)
    cancel = CancelToken()

    with pytest.raises(Cancelled):
        optimise(small, small_vit.pictures(64), TEXTS, lambda progress: cancel.cancel(), cancel)

    assert content(small) == before
    assert list(small.parent.iterdir()) == [small]


@pytest.mark.parametrize("after", [1, 2])
def test_a_crash_in_the_swap_leaves_a_whole_folder(small: Path, after: int) -> None:
    """Between the two renames, and after both."""
    new = small.parent / ".new-x"
    new.mkdir()
    (new / "model.json").write_text("{}")
    small.rename(small.parent / f".old-{small.name}")
    if after == 2:
        new.rename(small)

    mend(small.parent)

    assert (small / "model.json").is_file()
    assert (small / "image.onnx").is_file() == (after == 1)
    assert not list(small.parent.glob(".old-*"))


def test_without_a_reference_nothing_is_made(small: Path) -> None:
    optimise(small, small_vit.pictures(64), TEXTS, silent, CancelToken(), providers=(CPU,))
    spec = ModelSpec.load(small)
    # As after a copy without them; which form was the fastest of so small a model is luck.
    (small / "model.json").write_text(
        json.dumps(replace(spec, image_precision="int8", text_precision="int8").as_json()), encoding="utf-8"
    )
    shutil.rmtree(small / "fp32", ignore_errors=True)

    with pytest.raises(ModelError, match="fp32"):
        optimise(small, small_vit.pictures(64), TEXTS, silent, CancelToken())


def test_every_installed_provider_was_tried(small: Path) -> None:
    results = optimise(small, small_vit.pictures(64), TEXTS, silent, CancelToken())

    assert {one.provider for one in results} == set(available())
    assert forms.LEAST_PICTURES <= 64
