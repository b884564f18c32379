"""A training leaves nothing on another device than the one it computes on.

No test machine has a GPU, so torch's `meta` device stands for one: it has no numbers, but an operation on tensors of
it and of the CPU fails as it would on a GPU.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="needs the train extra (torch)")
pytest.importorskip("peft", reason="needs the train extra (peft)")

from torch import Tensor  # noqa: E402

from core.errors import NotThere  # noqa: E402
from core.models.convert.importing import import_model  # noqa: E402
from core.models.encoder import Encoder  # noqa: E402
from core.models.registry import STARTER, model_folder  # noqa: E402
from core.progress import CancelToken, silent  # noqa: E402
from core.training.devices import chosen, free_on  # noqa: E402
from core.training.encoders import Encoders, open_encoders  # noqa: E402
from core.training.full import Course, Material, Teacher, embedded, train_encoders  # noqa: E402
from core.training.pairs import CAPTION, Saying  # noqa: E402
from core.training.sayings import Table  # noqa: E402
from tests.training.made_sets import chinese_clip  # noqa: E402

TEXTS = ("红色的墙", "绿色的墙", "蓝色的墙", "白色的墙", "红的照片", "绿的照片")


def read_zeros(monkeypatch: pytest.MonkeyPatch) -> None:
    """Numbers that a run asks its device for are zeros where it has none."""
    for name in ("item", "cpu", "__float__", "__bool__"):
        real = getattr(Tensor, name)

        def read(self: Tensor, real: object = real, **given: object) -> object:
            return real(torch.zeros(self.shape, dtype=self.dtype) if self.is_meta else self, **given)  # type: ignore[operator]

        monkeypatch.setattr(Tensor, name, read)


def material(encoders: Encoders, size: int) -> Material:
    said = [Saying(i, text, "en", CAPTION, True, i) for i, text in enumerate(TEXTS)]
    table = Table.of(said)
    cancel = CancelToken()
    squares = np.random.default_rng(0).integers(0, 256, (len(TEXTS), size, size, 3), np.uint8)
    photos = encoders.photo_inputs(squares, silent, cancel)
    texts = encoders.text_inputs(table.texts, silent, cancel)
    return Material(table, photos, texts, encoders.text_inputs(TEXTS, silent, cancel))


@pytest.mark.parametrize("lora", [False, True])
@pytest.mark.parametrize("whole", [False, True])
def test_everything_that_meets_is_on_one_device(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, lora: bool, whole: bool
) -> None:
    folder = model_folder(STARTER, None)
    if whole:
        chinese_clip(tmp_path / "clip")
        import_model(tmp_path / "clip", tmp_path / "models", "local:cn", report=silent, cancel=CancelToken())
        folder = tmp_path / "models" / "local%3Acn"
    encoder = Encoder.open(folder)
    encoders = open_encoders(folder, encoder.spec)
    given = material(encoders, encoder.spec.preprocessing.size_px)
    rows = torch.nn.functional.normalize(torch.randn(len(TEXTS), 8), dim=1)
    read_zeros(monkeypatch)
    encoders.to("meta")
    course = Course(lora=lora, epochs=2, thrifty=whole, device="meta", checkpoint=tmp_path / "kept")

    train_encoders(
        encoders,
        replace(given, teacher=Teacher(rows, rows, 20.0)),
        20.0,
        course,
        silent,
        CancelToken(),
    )

    assert all(one.is_meta for module in (encoders.image, encoders.text) for one in module.parameters())
    assert embedded(encoders.photos, given.photos).shape == (len(TEXTS), encoder.spec.width)
    encoder.close()


def test_a_device_that_is_not_here_is_said() -> None:
    if torch.cuda.is_available():
        pytest.skip("there is a CUDA device here")
    assert chosen("auto") == "cpu"
    assert free_on("cpu") > 1 << 24
    with pytest.raises(NotThere, match="no cuda device"):
        chosen("cuda")
