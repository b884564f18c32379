"""Imported encoders are trained in two stages on what the owner said, written as a model folder, and agree with it."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="needs the train extra (torch)")
pytest.importorskip("peft", reason="needs the train extra (peft)")
pytest.importorskip("onnxscript", reason="needs the train extra (onnxscript)")

from PIL import Image  # noqa: E402

from core.models.convert.importing import import_model  # noqa: E402
from core.models.convert.source import open_towers  # noqa: E402
from core.models.encoder import Encoder  # noqa: E402
from core.models.spec import ModelSpec  # noqa: E402
from core.photos.thumbs import Thumbs  # noqa: E402
from core.progress import CancelToken, silent  # noqa: E402
from core.training import by_encoders, full  # noqa: E402
from core.training.by_encoders import Result, learn_by_encoders  # noqa: E402
from core.training.general import General  # noqa: E402
from core.training.loop import Settings  # noqa: E402
from core.training.pairs import CAPTION, Saying  # noqa: E402

COLOURS = {"红": (220, 20, 20), "绿": (20, 200, 20), "蓝": (20, 20, 220), "白": (240, 240, 240)}
PHOTOS = 48


@pytest.fixture
def thumbs(tmp_path: Path) -> Thumbs:
    """Squares of four colours with a little noise."""
    draw = np.random.default_rng(0)
    found = Thumbs(tmp_path, writable=True)
    jpegs = []
    for photo in range(PHOTOS):
        colour = np.array(list(COLOURS.values())[photo % 4])
        noisy = np.clip(colour + draw.normal(0, 25, (64, 64, 3)), 0, 255).astype(np.uint8)
        file = io.BytesIO()
        Image.fromarray(noisy).save(file, "JPEG")
        jpegs.append((photo, file.getvalue()))
    found.put(jpegs)
    return found


def said(photos: range) -> list[Saying]:
    return [
        Saying(photo, f"{list(COLOURS)[photo % 4]}色的墙", "zh", CAPTION, True, photo) for photo in photos
    ]


def learn(folder: Path, thumbs: Thumbs, checkpoint: Path, *, lora: bool) -> Result:
    encoder = Encoder.open(folder, threads=2)
    torch.manual_seed(0)
    side = encoder.spec.preprocessing.size_px
    some = encoder.encode_images(np.random.default_rng(1).integers(0, 256, (8, side, side, 3), np.uint8))
    result = learn_by_encoders(
        encoder,
        thumbs,
        said(range(36)),
        said(range(36, PHOTOS)),
        General.of(encoder, some),
        lora=lora,
        seed=0,
        checkpoint=checkpoint,
        report=silent,
        cancel=CancelToken(),
        watch=lambda point: None,
    )
    encoder.close()
    return result


@pytest.mark.parametrize("lora", [False, True])
def test_an_imported_chinese_clip_is_trained_and_written(
    shared_data: Path, tmp_path: Path, thumbs: Thumbs, monkeypatch: pytest.MonkeyPatch, lora: bool
) -> None:
    # Random weights need larger steps than trained ones.
    quick = Settings(epochs=15, learning_rate=2e-2, average=0.5, precision="fp32", largest_gradient=1.0)
    monkeypatch.setattr(full, "STAGES", (quick, quick))
    monkeypatch.setattr(full, "LEAST_STEPS", 15)
    original = shared_data / "parity" / "checkpoints" / "cn-vit.pt"
    import_model(original, tmp_path / "models", "local:cn", report=silent, cancel=CancelToken())
    folder = tmp_path / "models" / "local%3Acn"
    before = open_towers(folder)

    result = learn(folder, thumbs, tmp_path / "kept", lora=lora)
    new = tmp_path / "new"
    new.mkdir()
    spec = result.write(new, "local:cn+personal")

    assert result.verdict.before is not None and result.verdict.after is not None
    assert result.verdict.after.top1 > result.verdict.before.top1
    assert ModelSpec.load(new) == spec
    spec.check(new)
    # It can be trained on from here: the weights beside the graphs are the new ones.
    after = open_towers(new)
    assert [name for name, _ in after.image.named_parameters()] == [
        name for name, _ in before.image.named_parameters()
    ]
    changed = [
        name
        for (name, one), (_, other) in zip(
            before.image.named_parameters(), after.image.named_parameters(), strict=True
        )
        if not torch.equal(one, other)
    ]
    assert changed
    assert by_encoders.memory_bytes(Encoder.open(new), PHOTOS, lora=lora) < 4_000_000_000
    thumbs.close()
