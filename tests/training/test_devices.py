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
from core.training import devices  # noqa: E402
from core.training.devices import chosen, count, fits  # noqa: E402
from core.training.encoders import Encoders, open_encoders  # noqa: E402
from core.training.full import Course, Material, Teacher, embedded, train_encoders  # noqa: E402
from core.training.memory import Need  # noqa: E402
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


def test_without_a_gpu_the_cpu_is_taken_and_a_gpu_that_was_asked_for_is_refused() -> None:
    if torch.cuda.is_available():
        pytest.skip("there is a CUDA device here")
    assert chosen("auto", Need(3, 2, 1)) == "cpu"
    assert count("cpu") == count("cuda") == 1
    with pytest.raises(NotThere, match="no cuda device"):
        chosen("cuda", Need(3, 2, 1))


def test_a_gpu_that_computes_nothing_or_is_too_small_is_passed_over(monkeypatch: pytest.MonkeyPatch) -> None:
    """As a GPU is that is older than the torch that is installed: it is there, and every kernel fails."""

    def fail(*asked: object, **given: object) -> None:
        raise RuntimeError("no kernel image is available for execution on the device")

    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch, "ones", fail)
    assert chosen("auto", Need(3, 2, 1)) == "cpu"
    with pytest.raises(NotThere, match="that it can use"):
        chosen("cuda", Need(3, 2, 1))

    monkeypatch.setattr(devices, "works", lambda device: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda i: ((8, 4)[i] * 10**9, 8 * 10**9))
    # 5 and 9 GB, of which 2 stay in the machine's memory; the smaller GPU has 4.
    need = Need(9 * 10**9, 5 * 10**9, 2 * 10**9)
    assert chosen("auto", need) == "cuda"
    assert fits(need, None, "cuda") == (3 * 10**9, True)
    assert chosen("auto", Need(9 * 10**9, 7 * 10**9, 2 * 10**9)) == "cpu"
