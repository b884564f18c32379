"""The full recipe learns in two stages, LoRA is added in, and a stopped run goes on."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="needs the train extra (torch)")
pytest.importorskip("peft", reason="needs the train extra (peft)")

from torch import Tensor, nn  # noqa: E402
from torch.nn.functional import normalize  # noqa: E402

from core.models.preprocess import Pixels  # noqa: E402
from core.progress import Cancelled, CancelToken, Report, silent  # noqa: E402
from core.training import full  # noqa: E402
from core.training.arithmetic import Arithmetic  # noqa: E402
from core.training.encoders import Encoders, Inputs  # noqa: E402
from core.training.full import (  # noqa: E402
    Course,
    Material,
    Stage,
    Teacher,
    Watch,
    embedded,
    go,
    train_encoders,
)
from core.training.loop import Point, Settings, train  # noqa: E402
from core.training.lora import add_lora, merge_lora  # noqa: E402
from core.training.loss import LogitScale  # noqa: E402
from core.training.pairs import CAPTION, Saying  # noqa: E402
from core.training.run import set_training  # noqa: E402
from core.training.sayings import Table  # noqa: E402

KINDS, EACH, WIDTH = 6, 8, 16


class Tower(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.norm = nn.BatchNorm1d(WIDTH)
        self.direct = nn.Linear(WIDTH, 32)
        self.out = nn.Linear(32, WIDTH)

    def forward(self, x: Tensor) -> Tensor:
        return normalize(self.out(torch.tanh(self.direct(self.norm(x)))), dim=1)


class Small(Encoders):
    """Two small towers; a photo's square is its numbers, a text is one of KINDS words or an everyday one."""

    lora_layers = ("direct", "nowhere")

    def __init__(self) -> None:
        torch.manual_seed(0)
        self.image, self.text = Tower(), Tower()
        self.words = torch.randn(100, WIDTH)

    def photo_inputs(self, squares: Pixels, report: Report, cancel: CancelToken) -> Inputs:
        return (torch.from_numpy(squares),)

    def text_inputs(self, texts: Sequence[str], report: Report, cancel: CancelToken) -> Inputs:
        return (self.words[[int(text) for text in texts]],)

    def photos(self, inputs: Inputs) -> Tensor:
        return self.image(*inputs)

    def texts(self, inputs: Inputs) -> Tensor:
        return self.text(*inputs)

    def write(self, new: Path) -> tuple[str, str]:
        return "fp32", "fp32"


def material(encoders: Small) -> Material:
    said = [Saying(i, str(i % KINDS), "en", CAPTION, True, i) for i in range(KINDS * EACH)]
    kinds = torch.randn(KINDS, WIDTH, generator=torch.Generator().manual_seed(1))
    photos = kinds.repeat(EACH, 1) + 0.2 * torch.randn(
        KINDS * EACH, WIDTH, generator=torch.Generator().manual_seed(2)
    )
    table = Table.of(said)
    cancel = CancelToken()
    words = encoders.text_inputs([str(i) for i in range(50, 100)], silent, cancel)
    return Material(table, (photos,), encoders.text_inputs(table.texts, silent, cancel), words)


def share_right(encoders: Small, given: Material) -> float:
    for module in (encoders.image, encoders.text):
        module.eval()
    similar = embedded(encoders.photos, given.photos) @ embedded(encoders.texts, given.texts).T
    return float((similar.argmax(1) == np.arange(KINDS * EACH) % KINDS).mean())


def learn(
    encoders: Small,
    given: Material,
    course: Course,
    cancel: CancelToken | None = None,
    watch: Watch = lambda point: None,
) -> float:
    torch.manual_seed(3)
    scale, _ = train_encoders(encoders, given, 20.0, course, silent, cancel or CancelToken(), watch)
    return scale


@pytest.mark.parametrize("lora", [False, True])
def test_both_stages_teach_photos_their_words(lora: bool) -> None:
    encoders = Small()
    given = material(encoders)
    before = share_right(encoders, given)
    names = list(encoders.image.state_dict())

    scale = learn(encoders, given, Course(lora=lora, epochs=60, rate=1e-2))

    assert share_right(encoders, given) > before + 0.4
    assert 0 < scale <= 100
    assert list(encoders.image.state_dict()) == names


def test_the_first_stage_leaves_the_image_tower_identical() -> None:
    encoders = Small()
    given = material(encoders)
    before = copy.deepcopy(encoders.image.state_dict())
    text = copy.deepcopy(encoders.text.state_dict())
    taught = torch.zeros(KINDS * EACH, 50)

    stage = Stage(encoders, given, LogitScale(20), lambda rows, words: taught[rows][:, words], locked=True)
    train(stage, Settings(epochs=5, steps_an_epoch=1, precision="fp32"), silent, CancelToken())

    for name, value in encoders.image.state_dict().items():
        assert torch.equal(value, before[name]), name
    assert not torch.equal(encoders.text.state_dict()["out.weight"], text["out.weight"])


@pytest.mark.parametrize("step", [3, 104])
def test_a_stopped_recipe_ends_like_one_never_stopped(tmp_path: Path, step: int) -> None:
    whole = Small()
    learn(whole, material(whole), Course())
    cancel = CancelToken()
    seen: list[int] = []

    def watch(point: Point) -> None:
        if point.loss is not None:
            seen.append(point.step)
            if len(seen) == step:
                cancel.cancel()

    stopped = Small()
    with pytest.raises(Cancelled):
        learn(stopped, material(stopped), Course(checkpoint=tmp_path), cancel, watch)
    resumed = Small()
    learn(resumed, material(resumed), Course(checkpoint=tmp_path))

    for name, value in whole.text.state_dict().items():
        assert torch.equal(value, resumed.text.state_dict()[name]), name


def test_a_stage_that_ended_is_not_done_again(tmp_path: Path) -> None:
    cancel = CancelToken()
    steps: list[int] = []

    def watch(point: Point) -> None:
        if point.loss is not None:
            steps.append(point.step)
            if steps.count(1) == 2:
                cancel.cancel()

    stopped = Small()
    with pytest.raises(Cancelled):
        learn(stopped, material(stopped), Course(checkpoint=tmp_path), cancel, watch)
    steps.clear()
    resumed = Small()
    learn(resumed, material(resumed), Course(checkpoint=tmp_path), watch=watch)

    assert steps == list(range(2, full.LEAST_STEPS + 1))


def test_one_stage_alone_is_a_course(tmp_path: Path) -> None:
    encoders = Small()
    before = copy.deepcopy(encoders.image.state_dict())

    learn(encoders, material(encoders), Course(stages=(full.LIT,), epochs=3))

    for name, value in encoders.image.state_dict().items():
        assert torch.equal(value, before[name]), name


def test_what_a_teacher_finds_alike_is_found_alike_though_nobody_said_it() -> None:
    # To the teacher words 0 and 1 are one thing; what was said keeps them apart.
    sight = torch.eye(KINDS)
    sight[1] = sight[0]
    likeness = {}
    for taught in (False, True):
        encoders = Small()
        given = material(encoders)
        kinds = torch.arange(KINDS * EACH) % KINDS
        teacher = Teacher(sight[kinds], sight[[int(text) for text in given.table.texts]], 20.0)
        learn(encoders, replace(given, teacher=teacher if taught else None), Course(epochs=60, rate=1e-2))
        share_right(encoders, given)  # evaluation mode
        similar = embedded(encoders.photos, given.photos) @ embedded(encoders.texts, given.texts).T
        own, other = given.table.texts.index("0"), given.table.texts.index("1")
        apart = similar[kinds.numpy() == 0][:, [own, other]].mean(0)
        likeness[taught] = apart[0] - apart[1]

    assert likeness[True] < likeness[False] / 2


def test_lora_begins_as_no_change_and_is_added_in_exactly() -> None:
    encoders = Small()
    encoders.image.eval()
    x = torch.randn(5, WIDTH)
    plain = encoders.image(x)
    add_lora(encoders.image, encoders.lora_layers)

    assert torch.equal(encoders.image(x), plain)
    learning = [name for name, one in encoders.image.named_parameters() if one.requires_grad]
    assert learning and all("lora_" in name for name in learning)
    with torch.no_grad():
        for name, one in encoders.image.named_parameters():
            if "lora_" in name:
                one.normal_()
    changed = encoders.image(x)
    merge_lora(encoders.image)

    torch.testing.assert_close(encoders.image(x), changed)
    assert not torch.allclose(changed, plain)
    assert [type(module) for module in encoders.image.modules()] == [
        type(module) for module in Tower().modules()
    ]


def test_half_the_way_is_the_mean_of_both_ends() -> None:
    start, end, tower = Tower(), Tower(), Tower()

    go(tower, start.state_dict(), end.state_dict(), 0.5)

    torch.testing.assert_close(tower.out.weight, (start.out.weight + end.out.weight) / 2)


def gradients(at_once: int, *, locked: bool) -> tuple[float, list[Tensor]]:
    """Of one batch of a stage with everything in it, in float64."""
    encoders = Small()
    encoders.at_once = at_once
    for module in (encoders.image, encoders.text):
        module.double()
    encoders.words = encoders.words.double()
    given = material(encoders)
    rejected = ~given.table.true & (np.arange(KINDS * EACH)[:, None] % 3 == np.arange(KINDS) % 3)
    kinds = torch.arange(KINDS * EACH) % KINDS
    sight = torch.randn(KINDS, 4, generator=torch.Generator().manual_seed(7)).double()
    given = replace(
        given,
        table=replace(given.table, rejected=rejected),
        photos=tuple(one.double() for one in given.photos),
        teacher=Teacher(sight[kinds], sight, 20.0),
    )
    taught = torch.randn(KINDS * EACH, 50, generator=torch.Generator().manual_seed(8)).double()
    scale = LogitScale(20).double()
    stage = Stage(encoders, given, scale, lambda rows, words: taught[rows][:, words], locked=locked)
    set_training(stage.parts, True)
    torch.manual_seed(5)
    value = stage.learn(stage.batches(0)[0], Arithmetic())
    learning = [one for module in (encoders.image, encoders.text, scale) for one in module.parameters()]
    return value, [one.grad for one in learning if one.grad is not None]


@pytest.mark.parametrize("locked", [False, True])
def test_a_batch_in_parts_gives_the_whole_batchs_gradients(locked: bool) -> None:
    whole, expected = gradients(1_000, locked=locked)
    # 48 photos in parts of 7, the last one of 6.
    parts, found = gradients(7, locked=locked)

    assert parts == pytest.approx(whole, abs=1e-12)
    assert len(found) == len(expected) == (7 if locked else 13)
    for one, other in zip(found, expected, strict=True):
        torch.testing.assert_close(one, other, atol=1e-12, rtol=1e-9)
