"""Checkpoints in their original layouts give the references' own features: in torch, through ONNX, and as zero-shot.

2e-6 separates every mistake that was tried on these towers (a wrong activation, epsilon, mask or pooling changes
features by 5e-6 to 0.7); another float32 implementation differs by less than 1e-6.
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

pytest.importorskip("torch")
import onnxruntime as ort
import torch

from core.models.convert.checkpoints import read_weights
from core.models.convert.export import export_image_tower, export_text_tower
from core.models.convert.huggingface import read_hugging_face
from core.models.convert.original import Original, read_config, read_original
from core.models.convert.source import Towers
from core.models.convert.vocabularies import (
    chinese_vocabulary,
    openai_tokenizer,
    with_straight_quotes,
    wordpiece_tokenizer,
)
from core.models.spec import TextInput
from core.models.tokenize import CLEANING, padded

CHECKPOINTS = ("openai-vit", "openai-rn", "openai-jit", "cn-vit", "cn-rn")
FOLDERS = ("chinese-clip", "siglip", "taiyi", "taiyi-bin")
TORCH, ONNX, LOGITS = 2e-6, 1e-4, 2e-4

Floats = npt.NDArray[np.float32]
Arrays = dict[str, npt.NDArray[np.generic]]


@pytest.fixture(scope="module")
def checkpoints(shared_data: Path) -> Path:
    return shared_data / "parity/checkpoints"


@pytest.fixture(scope="module")
def folders(shared_data: Path) -> Path:
    return shared_data / "parity/huggingface"


def original(checkpoints: Path, name: str) -> Original:
    path = checkpoints / f"{name}.pt"
    # OpenAI's layout tells everything; of Chinese-CLIP's, heads are in the configuration alone.
    config = read_config(checkpoints / f"{name}.config.json") if name.startswith("cn") else {}
    return read_original(read_weights(path), path, config)


def goldens(folder: Path, name: str) -> Arrays:
    return dict(np.load(folder / f"{name}.features.npz"))


def folder_goldens(folders: Path, name: str) -> Arrays:
    found = dict(np.load(folders / name.removesuffix("-bin") / "features.npz"))
    # Taiyi's features with padding masked: those of each text alone.
    return found | {
        "text_features_norm": found.get("text_features_masked_norm", found.get("text_features_norm"))
    }


def mask_of(given: Arrays) -> npt.NDArray[np.int64]:
    ids = given["token_ids"]
    return np.asarray(given.get("attention_mask", ids != 0), np.int64)


def features(
    towers: Towers, pixels: Floats, ids: npt.NDArray[np.int64], mask: npt.NDArray[np.int64]
) -> list[Floats]:
    with torch.inference_mode():
        return [
            towers.image(torch.from_numpy(pixels)).numpy(),
            towers.text(torch.from_numpy(ids), torch.from_numpy(mask)).numpy(),
        ]


@pytest.mark.parametrize("name", CHECKPOINTS)
def test_an_original_checkpoint_gives_the_references_features(checkpoints: Path, name: str) -> None:
    given, towers = goldens(checkpoints, name), original(checkpoints, name).towers

    image, text = features(towers, given["pixels"], given["token_ids"], mask_of(given))

    np.testing.assert_allclose(image, given["image_features_norm"], atol=TORCH, rtol=0)
    np.testing.assert_allclose(text, given["text_features_norm"], atol=TORCH, rtol=0)
    assert towers.logit_scale == pytest.approx(float(given["logit_scale_exp"]), rel=1e-6)
    logits = towers.logit_scale * image @ text.T
    np.testing.assert_allclose(logits, given["logits_per_image"], atol=LOGITS, rtol=0)


@pytest.mark.parametrize(("name", "length"), [("cn-vit", 24), ("cn-vit", 64), ("cn-rn", 64)])
def test_the_length_that_texts_are_padded_to_changes_nothing(
    checkpoints: Path, name: str, length: int
) -> None:
    given, towers = goldens(checkpoints, name), original(checkpoints, name).towers
    ids = given[f"token_ids_{length}"]
    raw = given[f"text_features_{length}"]
    expected = raw / np.linalg.norm(raw, axis=1, keepdims=True)

    _, text = features(towers, given["pixels"][:1], ids, (ids != 0).astype(np.int64))

    np.testing.assert_allclose(text, expected, atol=TORCH, rtol=0)


@pytest.mark.parametrize("name", FOLDERS)
def test_a_hugging_face_folder_gives_transformers_features(folders: Path, name: str) -> None:
    given = folder_goldens(folders, name)
    _, towers, _ = read_hugging_face(folders / name)

    image, text = features(towers, given["pixels"], given["token_ids"], mask_of(given))

    np.testing.assert_allclose(image, given["image_features_norm"], atol=TORCH, rtol=0)
    np.testing.assert_allclose(text, given["text_features_norm"], atol=TORCH, rtol=0)
    assert towers.logit_scale == pytest.approx(float(given["logit_scale_exp"].item()), rel=1e-6)


def test_taiyis_published_example_is_what_an_all_ones_mask_gives(folders: Path) -> None:
    given = folder_goldens(folders, "taiyi")
    _, towers, _ = read_hugging_face(folders / "taiyi")

    _, text = features(towers, given["pixels"][:1], given["token_ids"], np.ones_like(given["token_ids"]))

    np.testing.assert_allclose(text, given["text_features_no_mask_norm"], atol=TORCH, rtol=0)


def test_a_taiyi_text_alone_has_the_embedding_it_has_among_others(folders: Path) -> None:
    given = folder_goldens(folders, "taiyi")
    _, towers, _ = read_hugging_face(folders / "taiyi")
    for row, ids, mask in zip(
        given["text_features_norm"], given["token_ids"], given["attention_mask"], strict=True
    ):
        alone = ids[: int(mask.sum())][None]
        _, text = features(towers, given["pixels"][:1], alone, np.ones_like(alone))
        np.testing.assert_allclose(text[0], row, atol=TORCH, rtol=0)


@pytest.mark.parametrize("name", CHECKPOINTS)
def test_an_original_checkpoint_gives_them_through_onnx(checkpoints: Path, tmp_path: Path, name: str) -> None:
    given, found = goldens(checkpoints, name), original(checkpoints, name)
    export_image_tower(found.towers.image, found.size_px, tmp_path)
    export_text_tower(found.towers.text, found.context_length, False, tmp_path)

    check_graphs(tmp_path, given, cut=True)


@pytest.mark.parametrize("name", FOLDERS[:3])
def test_a_hugging_face_folder_gives_them_through_onnx(folders: Path, tmp_path: Path, name: str) -> None:
    given = folder_goldens(folders, name)
    family, towers, _ = read_hugging_face(folders / name)
    export_image_tower(towers.image, 64, tmp_path)
    export_text_tower(towers.text, given["token_ids"].shape[1], family.full, tmp_path)

    check_graphs(tmp_path, given, cut=not family.full)


def check_graphs(folder: Path, given: Arrays, *, cut: bool) -> None:
    """Both graphs in `folder` give the goldens: all at once, and one by one, texts `cut` to their own length."""
    image, text = (ort.InferenceSession(str(folder / f"{name}.onnx")) for name in ("image", "text"))
    pixels, ids, mask = given["pixels"], given["token_ids"], mask_of(given)

    def close(found: Floats, key: str, rows: slice = slice(None)) -> None:
        np.testing.assert_allclose(found, given[key][rows], atol=ONNX, rtol=0)

    close(image.run(["embedding"], {"pixels": pixels})[0], "image_features_norm")
    close(text.run(["embedding"], {"ids": ids, "mask": mask})[0], "text_features_norm")
    close(image.run(["embedding"], {"pixels": pixels[:1]})[0], "image_features_norm", slice(0, 1))
    long = int((ids[0] != 0).sum()) if cut else ids.shape[1]
    one = {"ids": ids[:1, :long], "mask": mask[:1, :long]}
    close(text.run(["embedding"], one)[0], "text_features_norm", slice(0, 1))


@pytest.mark.parametrize("case", ["openai", "chinese-clip"])
def test_zero_shot_is_as_in_the_papers(shared_data: Path, checkpoints: Path, case: str) -> None:
    content = json.loads((shared_data / "parity/maths/zeroshot.json").read_text(encoding="utf-8"))
    given = next(one for one in content["cases"] if one["name"] == case)
    found, arrays = original(checkpoints, given["checkpoint"]), goldens(checkpoints, given["checkpoint"])
    # The texts as a person writes them: cleaning and straight quotes are the tokenizer's work.
    texts = [form.format(name) for name in given["classes"] for form in given["templates"]]
    ids, mask = tokens(case, texts)

    image, text = features(found.towers, arrays["pixels"], ids, mask)
    classes = text.reshape(len(given["classes"]), len(given["templates"]), -1).mean(axis=1)
    classes /= np.linalg.norm(classes, axis=1, keepdims=True)

    np.testing.assert_allclose(classes, given["class_weights"], atol=TORCH, rtol=0)
    for scale, key in ((100.0, "softmax_x100"), (found.towers.logit_scale, "softmax_scale")):
        logits = scale * image @ classes.T
        weights = np.exp(logits - logits.max(axis=1, keepdims=True))
        np.testing.assert_allclose(
            weights / weights.sum(axis=1, keepdims=True), given[key], atol=1e-5, rtol=0
        )


def tokens(case: str, texts: list[str]) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    if case == "openai":
        tokenizer, use = openai_tokenizer(), TextInput("bpe", "tokenizer.json", "", 0, cleaning="openai")
    else:
        tokenizer = with_straight_quotes(wordpiece_tokenizer(chinese_vocabulary()))
        use = TextInput("wordpiece", "tokenizer.json", "", 0, cleaning="chinese-clip")
    return padded([tokenizer.encode(CLEANING[use.cleaning](text)).ids for text in texts], 0)
