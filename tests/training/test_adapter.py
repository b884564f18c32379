"""The adapter is the same in torch, in numpy and in the graphs, and leaves alone what nobody spoke of."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="needs the train extra (torch)")
pytest.importorskip("onnx", reason="needs the train extra (onnx)")

from core.errors import ModelError  # noqa: E402
from core.models.calibration import Calibration  # noqa: E402
from core.models.encoder import Encoder  # noqa: E402
from core.models.spec import ModelSpec  # noqa: E402
from core.training.adapted import append, write_adapted  # noqa: E402
from core.training.adapter import Adapted, Adapter  # noqa: E402
from core.training.by_vectors import Knowledge  # noqa: E402
from core.training.general import FEWEST_UNSPOKEN, General, normalised  # noqa: E402
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

    calibration = Calibration(20.0, slope=0.0, cosine=30.0, offset=-9.0)
    spec = write_adapted(
        tmp_path / "base", tmp_path / "new", "local:tiny+mine", adapted, calibration, "On a test."
    )

    assert ModelSpec.load(tmp_path / "new") == spec
    assert spec.calibration == calibration
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

    adapted = Adapted(None, learned(4).residual())
    spec = write_adapted(tmp_path / "base", tmp_path / "new", "m", adapted, before.calibration, "")

    assert spec.sha256["image.onnx"] == before.sha256["image.onnx"]
    assert spec.sha256["text.onnx"] != before.sha256["text.onnx"]


def test_what_is_no_tower_is_refused(tmp_path: Path) -> None:
    (tmp_path / "broken.onnx").write_bytes(b"no graph")

    with pytest.raises(ModelError):
        append(tmp_path / "broken.onnx", tmp_path / "out.onnx", learned(5).residual())


@pytest.mark.parametrize("photos", [4 * FEWEST_UNSPOKEN, 10])
def test_photos_nobody_spoke_of_stay_as_likely_as_they_were(tiny: Encoder, photos: int) -> None:
    general = General.of(tiny, np.zeros((1, tiny.spec.width), np.float32))
    random = np.random.default_rng(0).normal(size=(photos, tiny.spec.width)).astype(np.float32)
    known = Knowledge.of(general, normalised(random))
    # Everything comes nearer to everything else.
    drawn = Adapter(tiny.spec.width, 8)
    with torch.no_grad():
        drawn.up.bias.fill_(0.2)
    adapted = Adapted(drawn.residual(), drawn.residual())
    fitted = Calibration(20.0, slope=0.0, cosine=20.0, offset=-4.0)
    words = general.judging.embeddings
    seen = known.judging if len(known.judging) >= FEWEST_UNSPOKEN else general.judging.as_photos(general.gap)

    def logits(calibration: Calibration, cosines: np.ndarray) -> np.ndarray:
        return calibration.cosine * cosines + calibration.offset

    before, after = words @ seen.T, adapted.texts(words) @ adapted.photos(seen).T
    expected, found = logits(fitted, before), logits(known.carried(fitted, adapted), after)
    assert logits(fitted, after).mean() > expected.mean() + 1
    assert found.mean() == pytest.approx(expected.mean(), abs=1e-3)
    assert found.std() == pytest.approx(expected.std(), rel=1e-3)
