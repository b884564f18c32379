"""Encoders of every architecture that is read can learn, by all their weights and by LoRA."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="needs the train extra (torch)")
pytest.importorskip("peft", reason="needs the train extra (peft)")
pytest.importorskip("onnxscript", reason="needs the train extra (onnxscript)")

from core.models.convert.huggingface import read_hugging_face  # noqa: E402
from core.models.convert.importing import import_model  # noqa: E402
from core.models.convert.source import open_towers  # noqa: E402
from core.models.encoder import Encoder  # noqa: E402
from core.photos.thumbs import Thumbs  # noqa: E402
from core.progress import CancelToken, silent  # noqa: E402
from core.training.by_encoders import Lessons, learn_by_encoders, squares_of  # noqa: E402
from core.training.encoders import SourceEncoders  # noqa: E402
from core.training.full import Course  # noqa: E402
from core.training.general import General  # noqa: E402
from core.training.lora import add_lora  # noqa: E402
from core.training.loss import contrastive  # noqa: E402
from core.training.pairs import CAPTION, Saying  # noqa: E402
from tests.models.convert.small_models import MODELS, inputs, written  # noqa: E402
from tests.training.made_sets import wall, words_of  # noqa: E402

PHOTOS = 24


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning")
@pytest.mark.parametrize("name", MODELS)
def test_everything_that_lora_adds_learns(tmp_path: Path, name: str) -> None:
    torch.manual_seed(3)
    _, towers, _ = read_hugging_face(written(MODELS[name](), tmp_path / "model"))
    for tower in (towers.image, towers.text):
        add_lora(tower, SourceEncoders.lora_layers)
    pixels, ids, mask = inputs()

    contrastive(towers.image(pixels), towers.text(ids, mask), torch.tensor(10.0)).backward()

    for tower in (towers.image, towers.text):
        # The other of both is multiplied by it, and it begins at nothing.
        added = {part: one.grad for part, one in tower.named_parameters() if "lora_B" in part}
        assert added
        assert [part for part, grad in added.items() if grad is None or not grad.any()] == []


@pytest.mark.parametrize(("name", "lora"), [("openai-vit", True), ("cn-rn", False)])
def test_original_checkpoints_learn_and_are_written(
    shared_data: Path, tmp_path: Path, name: str, lora: bool
) -> None:
    checkpoints = shared_data / "parity" / "checkpoints"
    models, thumbs = tmp_path / "models", Thumbs(tmp_path, writable=True)
    import_model(
        checkpoints / f"{name}.pt",
        models,
        "local:one",
        config=checkpoints / f"{name}.config.json",
        report=silent,
        cancel=CancelToken(),
    )
    before = open_towers(models / "local%3Aone")
    thumbs.put([(photo, wall(photo)) for photo in range(PHOTOS)])
    said = [Saying(photo, words_of(photo), "zh", CAPTION, True, photo) for photo in range(PHOTOS)]
    encoder = Encoder.open(models / "local%3Aone", threads=2)

    result = learn_by_encoders(
        encoder,
        Lessons(said[:12], said[12:], squares_of(thumbs), "personal"),
        General.of(encoder, np.zeros((1, encoder.spec.width), np.float32)),
        Course(lora=lora, epochs=1, rate=1e-3),
        0,
        silent,
        CancelToken(),
        lambda point: None,
    )
    new = tmp_path / "new"
    new.mkdir()
    result.write(new, "local:one+personal").check(new)

    after = open_towers(new)
    for old, now in ((before.image, after.image), (before.text, after.text)):
        pairs = zip(old.parameters(), now.parameters(), strict=True)
        assert not all(torch.equal(one, other) for one, other in pairs)
    encoder.close()
    thumbs.close()
