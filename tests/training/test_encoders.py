"""Imported encoders are trained in two stages on what the owner said, written as a model folder, and agree with it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="needs the train extra (torch)")
pytest.importorskip("peft", reason="needs the train extra (peft)")
pytest.importorskip("onnxscript", reason="needs the train extra (onnxscript)")

from core.models.convert.importing import import_model  # noqa: E402
from core.models.convert.source import open_towers  # noqa: E402
from core.models.encoder import Encoder  # noqa: E402
from core.models.spec import ModelSpec  # noqa: E402
from core.photos.thumbs import Thumbs  # noqa: E402
from core.progress import CancelToken, silent  # noqa: E402
from core.resources import resource  # noqa: E402
from core.training.by_encoders import Lessons, Result, learn_by_encoders, squares_of  # noqa: E402
from core.training.full import Course  # noqa: E402
from core.training.gate import CHANCE, NO_GAIN  # noqa: E402
from core.training.general import General  # noqa: E402
from core.training.loop import Diverged  # noqa: E402
from core.training.memory import need  # noqa: E402
from core.training.pairs import CAPTION, Saying  # noqa: E402
from tests.training.made_sets import chinese_clip, wall, words_of  # noqa: E402

# That teach and that judge; of so many together faster forms are tried, of fewer none.
TEACH, JUDGE = 64, 20
FEW = 48, 15


@pytest.fixture
def thumbs(tmp_path: Path) -> Iterator[Thumbs]:
    found = Thumbs(tmp_path, writable=True)
    found.put([(photo, wall(photo)) for photo in range(TEACH + JUDGE)])
    yield found
    found.close()


def said(photos: range, words: Callable[[int], str] = words_of) -> list[Saying]:
    return [Saying(photo, words(photo), "zh", CAPTION, True, photo) for photo in photos]


def learn(
    folder: Path,
    thumbs: Thumbs,
    *,
    lora: bool,
    checkpoint: Path | None = None,
    teacher: Encoder | None = None,
    photos: tuple[int, int] = (TEACH, JUDGE),
    words: Callable[[int], str] = words_of,
    rate: float | None = None,
) -> Result:
    encoder = Encoder.open(folder, threads=2)
    torch.manual_seed(0)
    side = encoder.spec.preprocessing.size_px
    some = encoder.encode_images(np.random.default_rng(1).integers(0, 256, (8, side, side, 3), np.uint8))
    teach, judge = photos
    given = said(range(teach + judge), words)
    try:
        return learn_by_encoders(
            encoder,
            Lessons(given[:teach], given[teach:], squares_of(thumbs), "personal", teacher=teacher),
            General.of(encoder, some),
            # Random weights need larger steps than trained ones.
            Course(lora=lora, epochs=15, rate=rate or (6e-3 if lora else 2e-3), checkpoint=checkpoint),
            0,
            silent,
            CancelToken(),
            lambda point: None,
        )
    finally:
        encoder.close()


@pytest.mark.parametrize(("layout", "lora"), [("original", False), ("folder", True)])
def test_an_imported_chinese_clip_is_trained_and_written(
    shared_data: Path, tmp_path: Path, thumbs: Thumbs, layout: str, lora: bool
) -> None:
    original = shared_data / "parity" / "checkpoints" / "cn-vit.pt"
    if layout == "folder":
        original = tmp_path / "clip"
        chinese_clip(original)
    import_model(original, tmp_path / "models", "local:cn", report=silent, cancel=CancelToken())
    folder = tmp_path / "models" / "local%3Acn"
    before = open_towers(folder)

    # One of the two with a teacher, whose space and pixels are others.
    teacher = Encoder.open(resource("models", "starter")) if lora else None
    photos = (TEACH, JUDGE) if layout == "folder" else FEW
    result = learn(folder, thumbs, lora=lora, checkpoint=tmp_path / "kept", teacher=teacher, photos=photos)
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
    assert need(Encoder.open(new), 48, 4, lora=lora).plain < 4_000_000_000
    # Of enough photos the forms that are fast here are found anew.
    card = (new / "card.md").read_text(encoding="utf-8")
    assert ("Forms on this machine" in card) == (layout == "folder")


@pytest.fixture(scope="module")
def imported(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a small Chinese-CLIP."""
    place = tmp_path_factory.mktemp("models")
    chinese_clip(place / "clip")
    import_model(place / "clip", place, "local:cn", report=silent, cancel=CancelToken())
    return place / "local%3Acn"


@pytest.mark.parametrize("lora", [False, True])
def test_shuffled_captions_teach_encoders_nothing(imported: Path, thumbs: Thumbs, lora: bool) -> None:
    order = np.random.default_rng(3).permutation(TEACH + JUDGE)

    verdict = learn(imported, thumbs, lora=lora, words=lambda photo: words_of(int(order[photo]))).verdict

    assert not verdict.accepted
    assert verdict.reason in (NO_GAIN, CHANCE)


@pytest.mark.parametrize("lora", [False, True])
def test_encoders_that_run_away_are_stopped(imported: Path, thumbs: Thumbs, lora: bool) -> None:
    with pytest.raises(Diverged):
        learn(imported, thumbs, lora=lora, rate=1e4)
