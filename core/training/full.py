"""The full recipe: contrastive training of the encoders themselves, as Chinese-CLIP trains (Yang et al. 2022).

Two stages: first the image tower is locked (LiT, Zhai et al. 2022) and texts learn to meet the photos, then both
towers learn. A larger model may teach: what it finds alike in a batch is followed beside what was said (Hinton et al.
2015; Chinese-CLIP's distillation). What the model knew is held by distillation from where it began, over the owner's
photos and everyday words, and by going only part of the way at the end (WiSE-FT, Wortsman et al. 2022).
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from core.progress import CancelToken, Report
from core.training import loss
from core.training.arithmetic import Arithmetic
from core.training.encoders import Encoders, Inputs
from core.training.loop import Point, Settings, train
from core.training.lora import add_lora, merge_lora
from core.training.loss import LogitScale
from core.training.micro import exact_kind, learn_in_parts
from core.training.processes import Processes
from core.training.recompute import recomputed
from core.training.sayings import Table

Floats = npt.NDArray[np.float32]
Watch = Callable[[Point], None]
State = dict[str, Tensor]

# Photos of one batch, all of them each other's negatives.
BATCH = 256
# Photos that a step is held by, and rows of an evaluation at once.
MICRO = 32
# Everyday words that a step is held by.
WORDS = 128
# What staying with where it began, and following a teacher, count beside the contrastive loss.
HOLD = 1.0
FOLLOW = 1.0
# LiT first, then both, the image tower more slowly; heads on features learn in hundreds of steps.
LIT, BOTH = "lit", "full"
STAGES = {
    LIT: Settings(epochs=20, learning_rate=3e-4, warm_up=0.1, average=0.9, largest_gradient=1.0),
    BOTH: Settings(epochs=20, learning_rate=1e-4, warm_up=0.1, average=0.9, largest_gradient=1.0),
}
# Of a stage, however few photos there are.
LEAST_STEPS = 100
# Whole towers learn gently: Chinese-CLIP's own fine-tuning takes 5e-5 at batches of thousands. Adam's numbers are
# those of its transformers, and CLIP's (Radford et al. 2021, table 18).
TOWERS_SHARE = 0.1
TOWERS_BETA2, TOWERS_EPSILON = 0.98, 1e-6
IMAGE_SHARE = 0.3
# Few numbers begin at nothing and have a longer way.
LORA_SHARE = 3.0


@dataclass(frozen=True, slots=True)
class Teacher:
    """What another model, a larger one, makes of the same photos and texts.

    photos [n, d], texts [m, d]: in its own space, L2-normalised; scale: its logit scale
    """

    photos: Tensor
    texts: Tensor
    scale: float

    def logits(self, photos: Tensor, texts: Tensor) -> Tensor:
        """Of photos and texts by their rows."""
        return self.scale * self.photos[photos] @ self.texts[texts].T


@dataclass(frozen=True, slots=True)
class Material:
    """What the encoders are fed: rows of `photos` and `texts` are those of `table`; `words` are everyday words."""

    table: Table
    photos: Inputs
    texts: Inputs
    words: Inputs
    teacher: Teacher | None = None


@dataclass(frozen=True, slots=True)
class Course:
    """How encoders are trained.

    lora        low-rank changes learn instead of all weights
    stages      names of STAGES in the order they are gone through
    epochs      of each stage; None: STAGES', and LEAST_STEPS at least
    rate        the largest learning rate of each stage; None: STAGES', a share of it by what learns
    precision   in which matrices are multiplied: fp32, bf16, or fp16 with a scaler (core/training/arithmetic.py)
    thrifty     layers are computed again on the way back instead of being kept: a third more work, little memory;
                None: where it would not fit into memory otherwise (`TowerTraining` decides)
    device      where it computes: core/training/devices.py; only a CPU repeats a run bit for bit
    checkpoint  a folder for what is needed to go on after a stop, the caller takes it away; None: nothing is kept
    """

    lora: bool = False
    stages: tuple[str, ...] = (LIT, BOTH)
    epochs: int | None = None
    rate: float | None = None
    precision: str = "fp32"
    thrifty: bool | None = None
    device: str = "cpu"
    checkpoint: Path | None = None


class Stage:
    """The objective of one stage. `locked` leaves the image tower as it is, batch-norm statistics included."""

    def __init__(
        self,
        encoders: Encoders,
        material: Material,
        scale: LogitScale,
        taught: Callable[[Tensor, Tensor], Tensor],
        *,
        locked: bool,
        processes: Processes | None = None,
    ) -> None:
        """taught: the teacher's logits of photos (rows of the material) and words (rows), [n, m]."""
        self._encoders = encoders
        self._material = material
        self._scale = scale
        self._taught = taught
        self._locked = locked
        self._processes = processes or Processes()
        self._true = torch.from_numpy(material.table.true)
        self._rejected = torch.from_numpy(material.table.rejected)
        if locked:
            encoders.image.eval()

    @property
    def parts(self) -> Sequence[nn.Module]:
        learning = [self._encoders.text, self._scale]
        return learning if self._locked else [self._encoders.image, *learning]

    @property
    def rates(self) -> dict[nn.Module, float]:
        return {self._encoders.image: IMAGE_SHARE}

    def batches(self, epoch: int) -> list[tuple[Tensor, Tensor, Tensor]]:
        """(photos, one text each, words) as rows; every photo once an epoch."""
        photos = torch.randperm(len(self._true))
        said = (self._true | self._rejected).float()
        found = []
        # As even as can be: a last batch of a few has hardly any wrong answers.
        for rows in photos.tensor_split(-(-len(photos) // BATCH)):
            texts = torch.multinomial(said[rows], 1)[:, 0]
            words = torch.randperm(len(self._material.words[0]))[:WORDS]
            found.append((rows, texts, words))
        return found

    def learn(self, batch: tuple[Tensor, Tensor, Tensor], arithmetic: Arithmetic) -> float:
        rows, texts, words = batch
        size = self._encoders.at_once
        own_rows, own_texts = self._processes.share(rows), self._processes.share(texts)
        parts = [
            self._part(*chosen)
            for chosen in zip(torch.split(own_rows, size), torch.split(own_texts, size), strict=True)
        ]
        # Before the parts: what these add up over the processes, is all that was gathered.
        held = self._hold(rows[:MICRO], words, arithmetic)
        value = learn_in_parts(
            parts,
            lambda both: self._contrastive(both, rows, texts),
            [self._encoders.image, self._encoders.text],
            arithmetic,
            self._processes,
        )
        return value + held

    def validate(self) -> float:
        """The photos that judge are the gate's: the last averaged weights count."""
        return 0.0

    def _part(self, rows: Tensor, texts: Tensor) -> Callable[[], tuple[Tensor, ...]]:
        def run() -> tuple[Tensor, ...]:
            with torch.set_grad_enabled(torch.is_grad_enabled() and not self._locked):
                photos = self._encoders.photos(_rows(self._material.photos, rows))
            return photos, self._encoders.texts(_rows(self._material.texts, texts))

        return run

    def _contrastive(self, both: tuple[Tensor, ...], rows: Tensor, texts: Tensor) -> Tensor:
        photos, embeddings = both
        # The same text twice would be its own wrong answer: its first place stands for all.
        first = torch.tensor([i for i, text in enumerate(texts.tolist()) if text not in texts[:i].tolist()])
        columns = texts[first]
        value = loss.contrastive_among(
            photos,
            embeddings[first],
            self._scale(),
            self._true[rows][:, columns].to(photos.device),
            self._rejected[rows][:, columns].to(photos.device),
        )
        teacher = self._material.teacher
        if teacher is None:
            return value
        taught = teacher.logits(rows, columns).to(photos.device)
        return value + FOLLOW * loss.distillation(photos, embeddings[first], self._scale(), taught)

    def _hold(self, rows: Tensor, words: Tensor, arithmetic: Arithmetic) -> float:
        """Add the gradients of staying with the teacher on everyday words, of several processes a share each."""
        with arithmetic.autocast():
            photos = self._part_of(rows)
            texts = self._encoders.texts(_rows(self._material.words, words))
        taught = self._taught(rows, words).to(photos.device)
        exact = exact_kind(photos)
        held = HOLD * loss.distillation(photos.to(exact), texts.to(exact), self._scale().detach(), taught)
        arithmetic.backward(held / self._processes.count)
        return float(held.detach())

    def _part_of(self, rows: Tensor) -> Tensor:
        with torch.set_grad_enabled(not self._locked):
            return self._encoders.photos(_rows(self._material.photos, rows))


def train_encoders(
    encoders: Encoders,
    material: Material,
    logit_scale: float,
    course: Course,
    report: Report,
    cancel: CancelToken,
    watch: Watch = lambda point: None,
    processes: Processes | None = None,
) -> tuple[float, tuple[State, State]]:
    """All stages; the encoders hold the end of the way. The learned logit scale, and the states of the beginning.

    A stage that ended before a stop is not done again. Raises Diverged, Cancelled, DiskFull.
    processes  that train together, each calling this (core/training/several.py); the first keeps the checkpoint
    """
    start = start_of(encoders)
    scale = LogitScale(logit_scale).to(encoders.device)
    taught = _teacher(encoders, material, logit_scale)
    modules = (encoders.image, encoders.text)
    if course.lora:
        for module in modules:
            add_lora(module, encoders.lora_layers)
    with ExitStack() as stack:
        if course.thrifty:
            stack.enter_context(recomputed(modules))
        for i, name in enumerate(course.stages):
            stage = Stage(encoders, material, scale, taught, locked=name == LIT, processes=processes)
            told = _settings(course, name, len(material.table.photos), gentle=encoders.gentle)
            path = course.checkpoint / f"{i + 1}-{name}.pt" if course.checkpoint is not None else None
            keeps = processes is None or processes.rank == 0
            train(stage, told, report, cancel, checkpoint=path, keeps=keeps, watch=watch)
    if course.lora:
        for module in modules:
            merge_lora(module)
    for module in modules:
        module.eval()
    return float(scale().detach()), start


def start_of(encoders: Encoders) -> tuple[State, State]:
    """The states of both modules as they are."""
    return copy.deepcopy(encoders.image.state_dict()), copy.deepcopy(encoders.text.state_dict())


def _settings(course: Course, stage: str, photos: int, *, gentle: bool) -> Settings:
    """A stage's numbers for so many photos."""
    given = STAGES[stage]
    steps = -(-photos // BATCH)
    epochs = course.epochs or max(given.epochs, -(-LEAST_STEPS // steps))
    share = (TOWERS_SHARE if gentle else 1.0) * (LORA_SHARE if course.lora else 1.0)
    rate = course.rate or given.learning_rate * share
    if gentle:
        given = replace(given, beta2=TOWERS_BETA2, epsilon=TOWERS_EPSILON)
    return replace(given, epochs=epochs, steps_an_epoch=steps, learning_rate=rate, precision=course.precision)


def go(module: nn.Module, start: State, end: State, strength: float) -> None:
    """Put `module` at that share of the way from `start` to `end` (WiSE-FT); counters stay at the end."""
    module.load_state_dict(
        {
            name: torch.lerp(start[name].to(value.device), value, strength)
            if value.is_floating_point()
            else value
            for name, value in end.items()
        }
    )


def embedded(encode: Callable[[Inputs], Tensor], inputs: Inputs) -> Floats:
    """[n, d] of all rows, MICRO at a time, without a gradient."""
    with torch.inference_mode():
        parts = [encode(tuple(one[i : i + MICRO] for one in inputs)) for i in range(0, len(inputs[0]), MICRO)]
        return np.asarray(torch.cat(parts).float().cpu().numpy(), np.float32)


def _teacher(encoders: Encoders, material: Material, scale: float) -> Callable[[Tensor, Tensor], Tensor]:
    for module in (encoders.image, encoders.text):
        module.eval()
    photos = torch.from_numpy(embedded(encoders.photos, material.photos))
    words = torch.from_numpy(embedded(encoders.texts, material.words))
    return lambda rows, chosen: scale * photos[rows] @ words[chosen].T


def _rows(inputs: Inputs, rows: Tensor) -> Inputs:
    return tuple(one[rows] for one in inputs)
