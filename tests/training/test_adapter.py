"""The adapter is the same in torch, in numpy and in the graphs, and leaves alone what nobody spoke of."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="needs the train extra (torch)")
pytest.importorskip("onnx", reason="needs the train extra (onnx)")

from core.errors import ModelError  # noqa: E402
from core.models.encoder import Encoder  # noqa: E402
from core.models.spec import ModelSpec  # noqa: E402
from core.training.adapted import append, write_adapted  # noqa: E402
from core.training.adapter import Adapted, Adapter  # noqa: E402
from core.training.general import normalised  # noqa: E402
from tests.made_models import make_model  # noqa: E402

WIDTH = 48


def learned(seed: int) -> Adapter:
    """An adapter that does change something."""
    torch.manual_seed(seed)
    adapter = Adapter(WIDTH, 8)
    with torch.no_grad():
        adapter.up.weight.normal_(0, 0.3)
        adapter.up.bias.normal_(0, 0.1)
    return adapter


def rows(count: int) -> np.ndarray:
    return normalised(np.random.default_rng(0).normal(size=(count, WIDTH)).astype(np.float32))


def test_an_adapter_begins_as_no_change() -> None:
    given = rows(5)

    np.testing.assert_allclose(Adapter(WIDTH).residual()(given), given, atol=1e-6)


def test_numpy_gives_what_torch_gives() -> None:
    adapter, given = learned(0), rows(7)

    with torch.no_grad():
        expected = adapter(torch.from_numpy(given)).numpy()

    np.testing.assert_allclose(adapter.residual()(given), expected, atol=1e-6)


def test_at_no_strength_nothing_moves_and_half_way_lies_between() -> None:
    residual, given = learned(1).residual(), rows(4)

    np.testing.assert_allclose(residual.at(0.0)(given), given, atol=1e-6)
    whole = (given * residual(given)).sum(1)
    half = (given * residual.at(0.5)(given)).sum(1)
    assert (whole < half).all()
    assert (half < 1).all()


def test_the_written_model_gives_what_the_adapter_gives(tmp_path: Path) -> None:
    make_model(tmp_path / "base", "local:tiny", width=WIDTH)
    adapted = Adapted(learned(2).residual(), learned(3).residual())
    (tmp_path / "new").mkdir()

    spec = write_adapted(tmp_path / "base", tmp_path / "new", "local:tiny+mine", adapted, "On a test.")

    assert ModelSpec.load(tmp_path / "new") == spec
    spec.check(tmp_path / "new")
    base, new = Encoder.open(tmp_path / "base"), Encoder.open(tmp_path / "new")
    assert spec.space_id != base.spec.space_id
    squares = np.random.default_rng(1).integers(0, 256, (3, 32, 32, 3), np.uint8)
    texts = ["red", "green pink", ""]
    np.testing.assert_allclose(
        new.encode_images(squares), adapted.photos(base.encode_images(squares)), atol=1e-5
    )
    np.testing.assert_allclose(new.encode_texts(texts), adapted.texts(base.encode_texts(texts)), atol=1e-5)
    assert "On a test." in (tmp_path / "new" / "card.md").read_text(encoding="utf-8")
    base.close()
    new.close()


def test_a_side_that_did_not_learn_keeps_its_file(tmp_path: Path) -> None:
    before = make_model(tmp_path / "base", "local:tiny", width=WIDTH)
    (tmp_path / "new").mkdir()

    spec = write_adapted(tmp_path / "base", tmp_path / "new", "m", Adapted(None, learned(4).residual()), "")

    assert spec.sha256["image.onnx"] == before.sha256["image.onnx"]
    assert spec.sha256["text.onnx"] != before.sha256["text.onnx"]


def test_what_is_no_tower_is_refused(tmp_path: Path) -> None:
    (tmp_path / "broken.onnx").write_bytes(b"no graph")

    with pytest.raises(ModelError):
        append(tmp_path / "broken.onnx", tmp_path / "out.onnx", learned(5).residual())
