"""Two processes train as one does; a stop, a pause and a failure end both."""

from __future__ import annotations

import threading
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="needs the train extra (torch)")
pytest.importorskip("accelerate", reason="needs the train extra (accelerate)")

from transformers import ChineseCLIPConfig  # noqa: E402

from core.models.convert.importing import import_model  # noqa: E402
from core.models.spec import ModelSpec  # noqa: E402
from core.progress import CancelToken, silent  # noqa: E402
from core.training.by_encoders import watched  # noqa: E402
from core.training.encoders import Encoders, open_encoders  # noqa: E402
from core.training.full import BOTH, LIT, Course, Material, train_encoders  # noqa: E402
from core.training.loop import Diverged, Point  # noqa: E402
from core.training.pairs import CAPTION, Saying  # noqa: E402
from core.training.sayings import Table  # noqa: E402
from core.training.several import train_on_several  # noqa: E402
from tests.training.made_sets import COLOURS, SIDE, save, words_of  # noqa: E402

PHOTOS = 21
SMALL = {"hidden_size": 32, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 64}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A Chinese-CLIP without dropout: what it draws would differ between one process and two."""
    home = tmp_path_factory.mktemp("model")
    words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *COLOURS, *"色的墙一张照片物"]
    none = {"hidden_dropout_prob": 0.0, "attention_probs_dropout_prob": 0.0}
    config = ChineseCLIPConfig(
        text_config={**SMALL, **none, "vocab_size": len(words), "max_position_embeddings": 64},
        vision_config={**SMALL, "image_size": SIDE, "patch_size": 16},
        projection_dim=32,
    )
    save(config, words, home / "clip")
    import_model(home / "clip", home / "models", "local:cn", report=silent, cancel=CancelToken())
    return home / "models" / "local%3Acn"


def lessons(folder: Path) -> tuple[Encoders, Material]:
    encoders = open_encoders(folder, ModelSpec.load(folder))
    said = [Saying(i, words_of(i), "zh", CAPTION, True, i) for i in range(PHOTOS)]
    table, cancel = Table.of(said), CancelToken()
    squares = np.random.default_rng(0).integers(0, 256, (PHOTOS, SIDE, SIDE, 3), np.uint8)
    texts = encoders.text_inputs(table.texts, silent, cancel)
    return encoders, Material(table, encoders.photo_inputs(squares, silent, cancel), texts, texts)


def together(
    encoders: Encoders,
    given: Material,
    course: Course,
    cancel: CancelToken | None = None,
    watch: Callable[[Point], None] = lambda point: None,
) -> float:
    scale, _ = train_on_several(
        2, encoders, given, 20.0, course, silent, cancel or CancelToken(), watch, partial(watched, given)
    )
    return scale


def test_two_processes_end_where_one_does(folder: Path) -> None:
    course = Course(stages=(LIT,), epochs=6, rate=1e-3)
    alone, given = lessons(folder)
    torch.manual_seed(0)
    scale, _ = train_encoders(alone, given, 20.0, course, silent, CancelToken())
    before, given = lessons(folder)
    points: list[Point] = []

    torch.manual_seed(0)
    same = together(before, given, course, watch=points.append)

    assert same == pytest.approx(scale, abs=1e-3)
    start, _ = lessons(folder)
    moved = 0.0
    for name, value in alone.text.state_dict().items():
        torch.testing.assert_close(before.text.state_dict()[name], value, rtol=1e-3, atol=1e-5)
        moved = max(moved, float((value - start.text.state_dict()[name]).abs().max()))
    assert moved > 1e-3
    assert [point.step for point in points if point.loss is not None] == list(range(1, 7))
    assert all(0 < point.score <= 1 for point in points if point.score is not None)


def test_a_pause_ends_the_processes_and_they_go_on_where_they_stood(folder: Path, tmp_path: Path) -> None:
    encoders, given = lessons(folder)
    course = Course(stages=(LIT, BOTH), epochs=4, rate=1e-3, checkpoint=tmp_path)
    cancel = CancelToken()
    steps: list[int] = []

    def watch(point: Point) -> None:
        if point.loss is not None:
            steps.append(point.step)
        if len(steps) == 2 and not cancel.is_paused:
            cancel.pause()
            threading.Timer(1.0, cancel.resume).start()

    together(encoders, given, course, cancel, watch)

    # What was said between the last checkpoint and the pause is not said again: the pause has written one.
    assert steps == [1, 2, 3, 4, 1, 2, 3, 4]


def test_what_goes_wrong_in_a_process_is_said(folder: Path) -> None:
    encoders, given = lessons(folder)
    with pytest.raises(Diverged):
        together(encoders, given, Course(stages=(BOTH,), epochs=10, rate=1e30))
