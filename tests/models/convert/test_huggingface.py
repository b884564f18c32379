"""Folders in the Hugging Face layout become the models that transformers makes of them."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("torch")
import torch
from safetensors.torch import load_file, save_file
from tokenizers import Tokenizer, pre_tokenizers, processors
from tokenizers.models import BPE, WordLevel
from transformers import (
    CLIPVisionConfig,
    PreTrainedModel,
)

from core.errors import ModelError
from core.models.convert.export import export_image_tower, export_text_tower
from core.models.convert.found import CLIP_MEAN
from core.models.convert.huggingface import found_folder, read_hugging_face
from core.models.convert.importing import import_model
from core.models.convert.vocabularies import chinese_vocabulary, openai_tokenizer, wordpiece_tokenizer
from core.models.encoder import Encoder
from core.progress import CancelToken, silent
from tests.models.convert.small_models import MODELS, clip, dual, inputs, siglip2, written


def expected(model: PreTrainedModel, name: str) -> list[np.ndarray]:
    """Embeddings as transformers' own example code makes them."""
    pixels, ids, mask = inputs()
    model.eval()
    with torch.inference_mode():
        if name == "siglip2":
            patches = pixels.reshape(3, 3, 4, 8, 4, 8).permute(0, 2, 4, 3, 5, 1).reshape(3, 16, 192)
            image = model.get_image_features(
                pixel_values=patches,
                pixel_attention_mask=torch.ones(3, 16, dtype=torch.int64),
                spatial_shapes=torch.full((3, 2), 4),
            )
            text = model.get_text_features(input_ids=ids)
        else:
            image = model.get_image_features(pixel_values=pixels)
            text = model.get_text_features(input_ids=ids, attention_mask=mask)
    return [torch.nn.functional.normalize(one.pooler_output, dim=-1).numpy() for one in (image, text)]


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning")
@pytest.mark.parametrize("name", MODELS)
def test_towers_give_what_transformers_gives(tmp_path: Path, name: str) -> None:
    torch.manual_seed(3)
    model = MODELS[name]()
    _, towers, _ = read_hugging_face(written(model, tmp_path / "model"))
    pixels, ids, mask = inputs()

    with torch.inference_mode():
        found = [towers.image(pixels).numpy(), towers.text(ids, mask).numpy()]

    for one, two in zip(found, expected(model, name), strict=True):
        np.testing.assert_allclose(one, two, atol=2e-6, rtol=0)


@pytest.mark.parametrize("name", ["altclip", "siglip2", "dual encoder of ViT and BERT"])
def test_these_towers_can_be_exported(tmp_path: Path, name: str) -> None:
    import onnxruntime as ort

    torch.manual_seed(3)
    model = MODELS[name]()
    family, towers, _ = read_hugging_face(written(model, tmp_path / "model"))
    pixels, ids, mask = (one.numpy() for one in inputs())

    export_image_tower(towers.image, 32, tmp_path)
    export_text_tower(towers.text, 40, family.full, tmp_path)

    image, text = (ort.InferenceSession(str(tmp_path / f"{one}.onnx")) for one in ("image", "text"))
    found = [image.run(None, {"pixels": pixels})[0], text.run(None, {"ids": ids, "mask": mask})[0]]
    for one, two in zip(found, expected(model, name), strict=True):
        np.testing.assert_allclose(one, two, atol=1e-4, rtol=0)


def test_names_of_older_versions_are_understood(tmp_path: Path) -> None:
    torch.manual_seed(3)
    model = dual(CLIPVisionConfig)
    folder = written(model, tmp_path / "model")
    weights = load_file(folder / "model.safetensors")
    old = {}
    for name, value in weights.items():
        name = name.replace("vision_model.", "vision_model.vision_model.", 1)  # noqa: PLW2901
        if "LayerNorm" in name:
            name = name.replace(".weight", ".gamma").replace(".bias", ".beta")  # noqa: PLW2901
        old[name] = value
    save_file(
        old | {"text_model.embeddings.position_ids": torch.arange(40)[None]}, folder / "model.safetensors"
    )

    _, towers, _ = read_hugging_face(folder)
    pixels, ids, mask = inputs()
    with torch.inference_mode():
        found = [towers.image(pixels).numpy(), towers.text(ids, mask).numpy()]

    for one, two in zip(found, expected(model, "dual"), strict=True):
        np.testing.assert_allclose(one, two, atol=2e-6, rtol=0)


def words_tokenizer(size: int) -> Tokenizer:
    ids = {"<pad>": 0, "<s>": 1, "</s>": 2, "<unk>": 3} | {f"w{i}": i for i in range(4, size)}
    tokenizer = Tokenizer(WordLevel(ids, unk_token="<unk>"))
    tokenizer.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    return tokenizer


def merges_tokenizer() -> Tokenizer:
    """A BPE as SigLIP 2's is made: no lower case of its own, a start mark that its settings take away."""
    ids = {"<pad>": 0, "<eos>": 1, "<bos>": 2, "<unk>": 3, "a": 4, "A": 5, "b": 6, " ": 7}
    tokenizer = Tokenizer(BPE(ids, [], unk_token="<unk>"))
    tokenizer.post_processor = processors.TemplateProcessing(single="<bos> $A", special_tokens=[("<bos>", 2)])
    return tokenizer


def test_a_folder_becomes_a_model_that_encodes(golden_folder: Callable[[str], Path], tmp_path: Path) -> None:
    for name, pooling, mode in (("chinese-clip", "cls", "squash"), ("taiyi-bin", "classifier", "crop")):
        folder = golden_folder(name)
        spec = import_model(folder, tmp_path / "models", f"local:{name}", report=silent, cancel=CancelToken())

        assert (spec.pooling, spec.preprocessing.mode, spec.preprocessing.size_px) == (pooling, mode, 64)
        assert (spec.width, spec.languages, spec.tokenizers[0].kind) == (24, ("zh",), "wordpiece")
        encoder = Encoder.open(tmp_path / "models" / f"local%3A{name}", provider="cpu")
        texts = ["[CLS]", "。"]
        one_by_one = np.concatenate([encoder.encode_texts([text]) for text in texts])
        np.testing.assert_allclose(encoder.encode_texts(texts), one_by_one, atol=1e-5)
        encoder.close()


def test_siglip_texts_are_lower_case_padded_in_full_and_marked_as_the_settings_say(tmp_path: Path) -> None:
    torch.manual_seed(3)
    folder = written(siglip2(), tmp_path / "model")
    merges_tokenizer().save(str(folder / "tokenizer.json"))
    settings = {
        "add_bos_token": False,
        "add_eos_token": True,
        "bos_token": "<bos>",
        "pad_token": {"content": "<pad>"},
    }
    settings["eos_token"] = "<eos>"
    (folder / "tokenizer_config.json").write_text(json.dumps(settings), encoding="utf-8")

    found = found_folder(folder)

    assert found.text.full
    assert found.text.pad_id == 0
    assert found.tokenizer.encode("A b").ids == [4, 7, 6, 1]
    assert found.context_length == 40
    one = found.preprocessing
    assert (one.mode, one.size_px, one.interpolation, one.mean) == ("squash", 32, "bilinear", (0.5, 0.5, 0.5))


def test_texts_padded_on_the_left_are_refused(tmp_path: Path) -> None:
    folder = written(siglip2(), tmp_path / "model")
    merges_tokenizer().save(str(folder / "tokenizer.json"))
    (folder / "tokenizer_config.json").write_text('{"padding_side": "left"}', encoding="utf-8")

    with pytest.raises(ModelError, match="padded at their beginning"):
        found_folder(folder)


def test_the_known_vocabularies_are_read_by_the_references_rules(tmp_path: Path) -> None:
    from core.models.convert.folder_tokenizer import folder_tokenizer

    for made, cleaning in (
        (openai_tokenizer(), "openai"),
        (wordpiece_tokenizer(chinese_vocabulary()), "chinese-clip"),
        (wordpiece_tokenizer(chinese_vocabulary()[:900]), ""),
    ):
        made.save(str(tmp_path / "tokenizer.json"))
        _, text = folder_tokenizer(tmp_path, pad_id=5, full=False, straight_quotes=False, lower=False)
        assert text.cleaning == cleaning
        assert text.pad_id == 5


def test_a_tokenizer_with_more_ids_than_the_tower_knows_is_refused(tmp_path: Path) -> None:
    folder = written(clip(), tmp_path / "model")
    openai_tokenizer().save(str(folder / "tokenizer.json"))

    with pytest.raises(ModelError, match="49,408 ids, but the text tower knows 600"):
        found_folder(folder)


def test_a_kind_of_tokenizer_that_is_not_known_is_refused(tmp_path: Path) -> None:
    folder = written(clip(), tmp_path / "model")
    words_tokenizer(600).save(str(folder / "tokenizer.json"))

    with pytest.raises(ModelError, match="'WordLevel' is not known"):
        found_folder(folder)


@pytest.fixture
def chinese(golden_folder: Callable[[str], Path]) -> Path:
    return golden_folder("chinese-clip")


@pytest.mark.parametrize(
    ("given", "mode", "interpolation"),
    [
        ({}, "squash", "bicubic"),
        ({"do_center_crop": False, "size": {"height": 64, "width": 64}, "resample": 2}, "squash", "bilinear"),
        (
            {"do_center_crop": True, "size": {"shortest_edge": 64}, "crop_size": 64, "resample": 3},
            "crop",
            "bicubic",
        ),
        ({"do_center_crop": True, "size": 64, "crop_size": {"height": 64, "width": 64}}, "crop", "bicubic"),
    ],
)
def test_preprocessing_is_what_the_folder_says(
    chinese: Path, given: dict[str, Any], mode: str, interpolation: str
) -> None:
    (chinese / "preprocessor_config.json").write_text(json.dumps(given), encoding="utf-8")

    found = found_folder(chinese).preprocessing

    assert (found.mode, found.interpolation, found.size_px) == (mode, interpolation, 64)
    assert found.mean == CLIP_MEAN


@pytest.mark.parametrize(
    "given",
    [
        {"size": {"height": 224, "width": 224}},
        {"size": {"height": 64, "width": 48}},
        {"do_center_crop": True, "size": {"shortest_edge": 80}, "crop_size": 64},
        {"resample": 9},
        {"rescale_factor": 1},
        {"image_mean": [0.5]},
    ],
)
def test_preprocessing_that_cannot_be_followed_is_refused(chinese: Path, given: dict[str, Any]) -> None:
    (chinese / "preprocessor_config.json").write_text(json.dumps(given), encoding="utf-8")

    with pytest.raises(ModelError, match=r"preprocessor_config\.json"):
        found_folder(chinese)
