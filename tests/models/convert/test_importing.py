"""Import builds a whole model folder or leaves nothing: whatever does not fit is refused with its reason."""

from __future__ import annotations

import json
import os
import pickle
import shutil
import zipfile
from collections import namedtuple
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("torch")
import torch

from core.errors import DiskFull, ModelError, NotThere, WrongUse
from core.models.convert.importing import import_model
from core.models.convert.source import open_towers
from core.models.encoder import Encoder
from core.models.spec import ModelSpec
from core.progress import Cancelled, CancelToken, Progress, silent


def run(path: Path, models: Path, model_id: str = "local:new", **named: object) -> ModelSpec:
    given = {"report": silent, "cancel": CancelToken()} | named
    return import_model(path, models, model_id, **given)  # type: ignore[arg-type]


def refused(
    path: Path, models: Path, match: str | None, kind: type[Exception] = ModelError, **named: object
) -> Exception:
    """The error of an import, which has to leave nothing behind."""
    before = sorted(models.iterdir()) if models.exists() else []
    with pytest.raises(kind, match=match) as caught:
        run(path, models, **named)
    assert (sorted(models.iterdir()) if models.exists() else []) == before
    return caught.value


def saved(path: Path, weights: dict[str, torch.Tensor], config: Path | None = None) -> Path:
    torch.save({"state_dict": weights}, path)
    if config:
        shutil.copyfile(config, path.with_name(path.stem + ".config.json"))
    return path


@pytest.fixture
def chinese(checkpoints: Path) -> dict[str, torch.Tensor]:
    """The weights of the golden checkpoint `cn-vit`."""
    loaded = torch.load(checkpoints / "cn-vit.pt", weights_only=True)
    weights: dict[str, torch.Tensor] = loaded["state_dict"]
    return weights


def test_an_imported_checkpoint_encodes_as_its_reference(checkpoints: Path, imported: Path) -> None:
    golden = np.load(checkpoints / "cn-vit.features.npz")
    encoder = Encoder.open(imported, threads=2, provider="cpu")
    one = encoder.spec.preprocessing
    levels = np.rint((golden["pixels"].transpose(0, 2, 3, 1) * one.std + one.mean) * 255).astype(np.uint8)

    images, texts = (
        encoder.encode_images(levels),
        encoder.encode_texts([str(text) for text in golden["texts"]]),
    )
    encoder.close()

    np.testing.assert_allclose(images, golden["image_features_norm"], atol=1e-4)
    np.testing.assert_allclose(texts, golden["text_features_norm"], atol=1e-4)


def test_the_folder_is_complete_and_its_files_are_those_of_the_spec(imported: Path) -> None:
    spec = ModelSpec.load(imported)

    spec.check(imported)
    files = {file.relative_to(imported).as_posix() for file in imported.rglob("*") if file.is_file()}
    assert files == {*spec.sha256, "model.json"}
    assert set(spec.sha256) == {
        "image.onnx",
        "text.onnx",
        "tokenizer.json",
        "card.md",
        "source/config.json",
        "source/model.safetensors",
    }
    assert (spec.id, spec.languages, spec.width, spec.context_length) == ("local:cn-vit", ("zh",), 64, 52)
    assert (spec.preprocessing.mode, spec.pooling) == ("squash", "cls")


def test_nothing_in_the_folder_tells_where_the_file_lay(checkpoints: Path, imported: Path) -> None:
    for name in ("model.json", "card.md", "source/config.json"):
        assert str(checkpoints) not in (imported / name).read_text(encoding="utf-8")


def test_towers_come_back_from_the_folder_as_they_were(checkpoints: Path, imported: Path) -> None:
    golden = np.load(checkpoints / "cn-vit.features.npz")
    towers = open_towers(imported)
    ids = torch.from_numpy(golden["token_ids"])

    with torch.inference_mode():
        images = towers.image(torch.from_numpy(golden["pixels"])).numpy()
        texts = towers.text(ids, (ids != 0).long()).numpy()

    np.testing.assert_allclose(images, golden["image_features_norm"], atol=2e-6)
    np.testing.assert_allclose(texts, golden["text_features_norm"], atol=2e-6)
    assert towers.logit_scale == pytest.approx(ModelSpec.load(imported).logit_scale)
    assert any(name.endswith("self_attn.q_proj") for name, _ in towers.image.named_modules())


def test_weights_that_came_in_16_bits_are_kept_in_16_bits(checkpoints: Path, imported: Path) -> None:
    kept = (imported / "source/model.safetensors").stat().st_size

    assert kept < (checkpoints / "cn-vit.pt").stat().st_size * 1.02


def test_a_checkpoint_of_unknown_sizes_asks_for_its_configuration(
    checkpoints: Path, chinese: dict[str, torch.Tensor], tmp_path: Path
) -> None:
    path = saved(tmp_path / "model.pt", chinese)

    error = refused(path, tmp_path / "models", "none of the published ones")

    assert "--config" in error.what_to_do  # type: ignore[attr-defined]
    config = checkpoints / "cn-vit.config.json"
    assert run(path, tmp_path / "models", config=config).width == 64


@pytest.mark.parametrize(
    ("name", "value", "tensor"),
    [
        ("vision_width", 128, r"visual\.conv1\.weight"),
        ("vision_layers", 3, r"visual\.transformer\.resblocks\.1"),
        ("image_resolution", 336, r"visual\.positional_embedding"),
        ("text_hidden_size", 768, r"bert\.embeddings"),
        ("vocab_size", 9, r"bert\.embeddings"),
        ("embed_dim", 512, "text_projection"),
        ("vision_head_width", 7, "does not divide"),
        ("text_num_attention_heads", "two", "does not divide"),
    ],
)
def test_a_configuration_that_contradicts_the_tensors_is_refused(
    checkpoints: Path, tmp_path: Path, name: str, value: object, tensor: str
) -> None:
    content = json.loads((checkpoints / "cn-vit.config.json").read_text(encoding="utf-8"))
    given = content["vision"] | content["text"] | {name: value}
    config = tmp_path / "config.json"
    config.write_text(json.dumps(given), encoding="utf-8")

    refused(checkpoints / "cn-vit.pt", tmp_path / "models", tensor, config=config)


@pytest.mark.parametrize(
    ("name", "change", "match"),
    [
        ("module.visual.ln_pre.weight", None, r"tensor visual\.ln_pre\.weight is missing"),
        ("module.bert.encoder.layer.1.output.dense.bias", None, "is missing"),
        ("module.logit_scale", None, "logit_scale"),
        ("module.logit_scale", torch.tensor(float("nan")), "logit_scale"),
        ("module.visual.ln_post.bias", torch.zeros(63), r"has the shape \[63\], not \[64\]"),
        ("module.visual.positional_embedding", torch.zeros(190, 64), "190 places"),
        ("module.visual.ln_post.bias", torch.full((64,), torch.inf), "not numbers"),
        ("module.text_projection", torch.zeros(64, 32), "has 64 numbers, the text tower's 32"),
        ("module.visual.proj", torch.zeros(64, 48), "has 48 numbers, the text tower's 64"),
        ("module.visual.transformer.resblocks.1.attn.magic", torch.zeros(2), "is not known"),
        ("module.bert.embeddings.word_embeddings.weight", torch.zeros(64), "where 2 numbers"),
    ],
)
def test_tensors_that_are_missing_or_do_not_fit_are_named(
    checkpoints: Path,
    chinese: dict[str, torch.Tensor],
    tmp_path: Path,
    name: str,
    change: torch.Tensor | None,
    match: str,
) -> None:
    weights = {**chinese, name: change} if change is not None else chinese
    if change is None:
        weights = {key: value for key, value in chinese.items() if key != name}
    path = saved(tmp_path / "model.pt", weights, checkpoints / "cn-vit.config.json")

    refused(path, tmp_path / "models", match)


@pytest.mark.parametrize("name", ["openai-rn", "openai-jit"])
def test_a_checkpoint_with_another_vocabulary_has_no_tokenizer(
    checkpoints: Path, tmp_path: Path, name: str
) -> None:
    refused(checkpoints / f"{name}.pt", tmp_path / "models", "no tokenizer: its text tower knows 256 ids")


@pytest.mark.parametrize("name", ["chinese-clip", "siglip", "taiyi", "taiyi-bin"])
def test_a_folder_without_a_tokenizer_is_refused(shared_data: Path, tmp_path: Path, name: str) -> None:
    refused(shared_data / "parity/huggingface" / name, tmp_path / "models", "has no tokenizer")


class Payload:
    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Callable[[str, int], int], tuple[str, int]]:
        return os.open, (str(self.path), os.O_CREAT)


def test_code_is_refused_wherever_it_hides_and_never_runs(
    tmp_path: Path, golden_folder: Callable[[str], Path]
) -> None:
    payload, path = pickle.dumps({"state_dict": Payload(tmp_path / "ran")}), tmp_path / "model.pt"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("model/data.pkl", payload)
    refused(path, tmp_path / "models", "asks to run")
    path.write_bytes(payload)
    refused(path, tmp_path / "models", "asks to run")

    folder = golden_folder("taiyi-bin")
    (folder / "image/pytorch_model.bin").write_bytes(payload)
    refused(folder, tmp_path / "models", "asks to run")

    folder = golden_folder("chinese-clip")
    config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    config["auto_map"] = {"AutoModel": "modeling.Model"}
    (folder / "config.json").write_text(json.dumps(config), encoding="utf-8")
    (folder / "modeling.py").write_text(f"open({str(tmp_path / 'ran')!r}, 'w')", encoding="utf-8")
    refused(folder, tmp_path / "models", "code of its own")

    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize("share", [0.0, 0.1, 0.5, 0.99])
def test_a_cut_off_checkpoint_is_refused(checkpoints: Path, tmp_path: Path, share: float) -> None:
    content = (checkpoints / "cn-vit.pt").read_bytes()
    path = tmp_path / "half.pt"
    path.write_bytes(content[: int(len(content) * share)])
    shutil.copyfile(checkpoints / "cn-vit.config.json", tmp_path / "half.config.json")

    refused(path, tmp_path / "models", "cut off")


def test_folders_and_files_of_other_kinds_are_refused(tmp_path: Path) -> None:
    folder = tmp_path / "empty"
    folder.mkdir()
    refused(folder, tmp_path / "models", "no model folder")
    (folder / "config.json").write_text('{"model_type": "llama"}', encoding="utf-8")
    refused(folder, tmp_path / "models", "'llama' is not known")
    (folder / "config.json").write_text("[]", encoding="utf-8")
    refused(folder, tmp_path / "models", "not an object")
    other = saved(tmp_path / "other.pt", {"weight": torch.zeros(2)})
    refused(other, tmp_path / "models", "none of the known layouts")
    refused(tmp_path / "nothing.pt", tmp_path / "models", "is not there", NotThere)


def test_mispaired_taiyi_folders_are_refused_with_both_widths(
    tmp_path: Path, golden_folder: Callable[[str], Path], shared_data: Path
) -> None:
    folder = golden_folder("taiyi")
    config = folder / "image/config.json"
    # The image tower of another model: 32 numbers wide.
    content = json.loads(config.read_text(encoding="utf-8")) | {"projection_dim": 32}
    config.write_text(json.dumps(content), encoding="utf-8")
    from safetensors.torch import load_file, save_file

    weights = load_file(folder / "image/model.safetensors")
    weights["visual_projection.weight"] = torch.zeros(32, 32)
    save_file(weights, folder / "image/model.safetensors")

    refused(folder, tmp_path / "models", "has 32 numbers, the text tower's 24")


def test_an_id_that_is_taken_is_not_overwritten(imported: Path, checkpoints: Path) -> None:
    before = (imported / "model.json").read_bytes()

    refused(checkpoints / "cn-vit.pt", imported.parent, "already", WrongUse, model_id="local:cn-vit")

    assert (imported / "model.json").read_bytes() == before


def test_a_disk_with_too_little_room_is_said_before_anything_is_written(
    checkpoints: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage(10**9, 10**9, 1000))

    refused(checkpoints / "cn-vit.pt", tmp_path / "models", "GB are free", DiskFull)


def test_a_disk_that_fills_up_leaves_nothing(
    checkpoints: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = Path.write_text

    def full(path: Path, *given: object, **named: object) -> int:
        if path.name == "config.json":
            raise OSError(28, "No space left on device")
        return real(path, *given, **named)  # type: ignore[arg-type]

    monkeypatch.setattr(Path, "write_text", full)

    refused(checkpoints / "cn-vit.pt", tmp_path / "models", "disk is full", DiskFull)


@pytest.mark.parametrize("stage", ["read", "convert", "check"])
def test_a_stopped_import_leaves_nothing(checkpoints: Path, tmp_path: Path, stage: str) -> None:
    cancel = CancelToken()

    def stop(progress: Progress) -> None:
        if progress.stage == stage:
            cancel.cancel()

    refused(checkpoints / "cn-vit.pt", tmp_path / "models", None, Cancelled, report=stop, cancel=cancel)


def test_what_a_crash_left_is_taken_away(checkpoints: Path, tmp_path: Path) -> None:
    left = tmp_path / "models/.new-left"
    left.mkdir(parents=True)
    (left / "image.onnx").write_bytes(b"half")

    with pytest.raises(ModelError):
        run(checkpoints / "openai-rn.pt", tmp_path / "models")

    assert not left.exists()


def test_the_list_of_models_is_held_against_the_file(checkpoints: Path, tmp_path: Path) -> None:
    from core.models.entries import entries

    entry = replace(entries()["cn-clip-vit-b-16"], id="cn-clip-vit-b-16")

    refused(
        checkpoints / "cn-vit.pt", tmp_path / "models", "is not the model that was asked for", entry=entry
    )
