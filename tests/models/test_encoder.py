"""The starter as it ships: two towers, one space, safe in any order and from any thread."""

from __future__ import annotations

import shutil
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from core.errors import ModelError, NotThere
from core.models.encoder import Encoder
from core.models.prompts import neutral_captions
from core.models.spec import ModelSpec

TEXTS = [
    "a dog runs on the beach",
    "一只狗在沙滩上奔跑",
    "sunset",
    "",
    "two children playing football in a park",
]


def squares(count: int) -> np.ndarray:
    return np.random.default_rng(count).integers(0, 256, (count, 224, 224, 3), np.uint8)


def test_embeddings_are_rows_of_length_one(starter: Encoder) -> None:
    for embeddings in (starter.encode_texts(TEXTS), starter.encode_images(squares(3))):
        assert embeddings.dtype == np.float32
        assert embeddings.shape[1] == starter.spec.width
        np.testing.assert_allclose(np.linalg.norm(embeddings, axis=1), 1, atol=1e-4)


def test_a_batch_gives_what_one_by_one_gives(starter: Encoder) -> None:
    # Padding and the batch's size only change the order of sums.
    one_by_one = np.concatenate([starter.encode_texts([text]) for text in TEXTS])
    np.testing.assert_allclose(starter.encode_texts(TEXTS), one_by_one, atol=1e-4)

    pixels = squares(3)
    one_by_one = np.concatenate([starter.encode_images(pixels[i : i + 1]) for i in range(3)])
    np.testing.assert_allclose(starter.encode_images(pixels), one_by_one, atol=1e-4)


def test_nothing_gives_no_rows(starter: Encoder) -> None:
    assert starter.encode_texts([]).shape == (0, starter.spec.width)
    assert starter.encode_images(squares(0)).shape == (0, starter.spec.width)


def test_the_same_meaning_in_both_languages_is_close(starter: Encoder) -> None:
    pairs = [
        ("a dog", "一只狗"),
        ("sunset at the beach", "海边的日落"),
        ("a child on a swing", "荡秋千的孩子"),
    ]
    english = starter.encode_texts([one for one, _ in pairs])
    chinese = starter.encode_texts([two for _, two in pairs])

    similar = english @ chinese.T
    assert (similar.argmax(axis=1) == np.arange(len(pairs))).all()
    assert similar.diagonal().mean() > 0.7


def test_sentences_for_everyday_photos_lie_beside_their_translations(starter: Encoder) -> None:
    captions = neutral_captions()
    english, chinese = starter.encode_texts(captions[::2]), starter.encode_texts(captions[1::2])
    assert np.einsum("nd,nd->n", english, chinese).mean() > 0.85


def test_towers_given_back_are_loaded_again(starter_folder: Path) -> None:
    encoder = Encoder.open(starter_folder, threads=1)
    before = encoder.encode_images(squares(1))
    encoder.unload_images()
    np.testing.assert_array_equal(encoder.encode_images(squares(1)), before)
    encoder.close()
    assert encoder.encode_texts(["again"]).shape == (1, encoder.spec.width)
    encoder.close()


def test_threads_share_one_encoder(starter_folder: Path) -> None:
    encoder = Encoder.open(starter_folder, threads=1)
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda text: encoder.encode_texts([text])[0], TEXTS * 2))
    encoder.close()

    np.testing.assert_allclose(found[: len(TEXTS)], found[len(TEXTS) :], atol=1e-4)


def test_opening_loads_no_tower_and_a_broken_graph_is_an_error_with_its_path(
    starter_folder: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "model"
    shutil.copytree(starter_folder, folder)
    (folder / "image.onnx").write_bytes(b"not a graph")
    (folder / "text.onnx").write_bytes(b"not a graph")
    encoder = Encoder.open(folder)

    with pytest.raises(ModelError, match=r"image\.onnx"):
        encoder.encode_images(squares(1))
    with pytest.raises(ModelError, match=r"text\.onnx"):
        encoder.encode_texts(["a dog"])


def test_a_provider_that_is_not_installed_is_said(starter_folder: Path) -> None:
    with pytest.raises(ModelError, match="steam"):
        Encoder.open(starter_folder, provider="steam")


def test_a_form_that_is_not_here_is_said_with_what_is(starter_folder: Path) -> None:
    with pytest.raises(NotThere, match="bf16") as caught:
        Encoder.open(starter_folder, precision="bf16")
    assert ModelSpec.load(starter_folder).image_precision in caught.value.what_to_do


def test_another_form_is_opened_from_its_folder(starter_folder: Path, tmp_path: Path) -> None:
    folder = tmp_path / "model"
    shutil.copytree(starter_folder, folder)
    (folder / "fp32").mkdir()
    shutil.move(folder / "image.onnx", folder / "fp32" / "image.onnx")
    encoder = Encoder.open(folder, precision="fp32")

    assert encoder.forms() == {"image": (encoder.spec.image_precision, "fp32"), "text": ("int4",)}
    assert encoder.encode_images(squares(1)).shape == (1, encoder.spec.width)
    # This tower is not here in it, and another is never run instead.
    with pytest.raises(NotThere, match="fp32"):
        encoder.encode_texts(["a dog"])


def test_an_idle_image_tower_gives_its_memory_back(starter_folder: Path) -> None:
    encoder = Encoder.open(starter_folder)
    assert not encoder.unload_idle_images(0)
    encoder.encode_images(squares(1))

    assert not encoder.unload_idle_images(3600)
    assert encoder.unload_idle_images(0)
    assert len(encoder.encode_images(squares(1))) == 1
