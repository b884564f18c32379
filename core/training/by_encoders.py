"""Learning by the full recipe or LoRA: from thumbnails and sayings to new towers, measured on what was held out."""

from __future__ import annotations

import copy
import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from PIL import Image, UnidentifiedImageError

from core.models.calibration import Calibration
from core.models.encoder import Encoder
from core.models.preprocess import Pixels, square
from core.models.spec import ModelSpec
from core.photos.thumbs import Thumbs
from core.progress import CancelToken, Pace, Progress, Report
from core.training.by_vectors import STRENGTHS
from core.training.calibrate import carried_over
from core.training.devices import count
from core.training.encoder_folder import write_encoders
from core.training.encoders import Encoders, Inputs, open_encoders
from core.training.full import MICRO, Course, Material, State, Teacher, Watch, embedded, go, train_encoders
from core.training.gate import MOST_FORGOTTEN, Figures, Verdict, better, figures, forgotten, judge
from core.training.general import FEWEST_UNSPOKEN, General, Words, normalised
from core.training.loop import Point
from core.training.pairs import Saying
from core.training.sayings import Table
from core.training.several import train_on_several

Floats = npt.NDArray[np.float32]
# Photos on which the written graphs are compared with the modules, and faster forms with the graphs.
MOST_TRIED = 1_000


@dataclass(frozen=True, slots=True)
class Result:
    """The verdict, and what writes the new model into an empty folder (its id given) where it was accepted."""

    verdict: Verdict
    write: Callable[[Path, str], ModelSpec]


@dataclass(frozen=True, slots=True)
class Lessons:
    """What is learned from: sayings that teach, sayings that judge, and their photos.

    squares  of some photos by their numbers, as the model takes them: those that can be had, in that order, and
             [n, s, s, 3] uint8
    others   photos nobody spoke of, by which is seen what was forgotten
    name     what models trained on this are called behind their "+"
    teacher  another model, a larger one, whose answers to what teaches are followed too
    in_use   the model that serves now, where that is another one than what is trained: it is to be beaten, too
    """

    training: Sequence[Saying]
    held_out: Sequence[Saying]
    squares: Callable[[Sequence[int], ModelSpec, CancelToken], tuple[list[int], Pixels]]
    name: str
    others: Sequence[int] = ()
    teacher: Encoder | None = None
    in_use: Encoder | None = None


def learn_by_encoders(
    encoder: Encoder,
    lessons: Lessons,
    general: General,
    course: Course,
    seed: int,
    report: Report,
    cancel: CancelToken,
    watch: Watch,
) -> Result:
    """Train and judge. Raises Diverged, Cancelled, ModelError, DiskFull."""
    encoders = open_encoders(encoder.folder, encoder.spec)
    material = partial(_material, encoders, lessons, encoder.spec, report=report, cancel=cancel)
    teaching = material(lessons.training, general.holding)
    judging = material(lessons.held_out, general.judging)
    _, squares = lessons.squares(lessons.others, encoder.spec, cancel)
    others = encoders.photo_inputs(squares, report, cancel)
    encoders.to(course.device)
    gate = Judging.of(encoders, general, teaching, judging, others)
    before = gate.figures(encoders)
    in_use = None
    if lessons.in_use is not None:
        answers = _answers(lessons, lessons.in_use, judging.table, report, cancel)
        in_use = figures(judging.table, *answers, 0.0)
    if lessons.teacher is not None:
        photos, texts = _answers(lessons, lessons.teacher, teaching.table, report, cancel)
        lessons.teacher.close()
        teacher = Teacher(torch.from_numpy(photos), torch.from_numpy(texts), lessons.teacher.spec.logit_scale)
        teaching = replace(teaching, teacher=teacher)
    scale, start = _train(
        encoders, teaching, judging, encoder.spec.logit_scale, course, report, cancel, watch
    )
    report(Progress("judge"))
    strength, after = _strongest(encoders, start, before, lambda: gate.figures(encoders))
    verdict = judge(better(before, in_use), after, seed, strength)

    def write(new: Path, model_id: str) -> ModelSpec:
        encoders.to("cpu")
        known = [*teaching.table.photos, *judging.table.photos, *lessons.others]
        _, squares = lessons.squares(known[:MOST_TRIED], encoder.spec, cancel)
        calibration = gate.carried(encoder.spec.calibration, encoders)
        trained = replace(encoder.spec, id=model_id, logit_scale=scale, calibration=calibration)
        texts = [*teaching.table.texts, *judging.table.texts]
        return write_encoders(
            encoder.folder, encoders, new, trained, verdict.why, squares, texts, report, cancel
        )

    return Result(verdict, write)


def _material(
    encoders: Encoders,
    lessons: Lessons,
    spec: ModelSpec,
    said: Sequence[Saying],
    words: Words,
    *,
    report: Report,
    cancel: CancelToken,
) -> Material:
    """What was said of photos that can be looked at now, and `words`, as the encoders take them."""
    photos, squares = lessons.squares(list(dict.fromkeys(each.photo for each in said)), spec, cancel)
    here = set(photos)
    table = Table.of([each for each in said if each.photo in here])
    inputs = encoders.photo_inputs(squares, report, cancel)
    texts = encoders.text_inputs(table.texts, report, cancel)
    return Material(table, inputs, texts, encoders.text_inputs(words.texts, report, cancel))


def _answers(
    lessons: Lessons, model: Encoder, table: Table, report: Report, cancel: CancelToken
) -> tuple[Floats, Floats]:
    """What another model makes of a table's photos [n, d] and texts [m, d]; its image tower's memory is given back."""
    _, squares = lessons.squares(table.photos, model.spec, cancel)
    pace = Pace(report, "photos", len(squares))
    found = []
    for begin in range(0, len(squares), MICRO):
        cancel.check()
        found.append(model.encode_images(squares[begin : begin + MICRO]))
        pace.step(len(found[-1]))
    pace.flush()
    model.unload_images()
    photos = np.concatenate([*found, np.zeros((0, model.spec.width), np.float32)])
    return photos, model.encode_texts(table.texts)


def _train(
    encoders: Encoders,
    teaching: Material,
    judging: Material,
    logit_scale: float,
    course: Course,
    report: Report,
    cancel: CancelToken,
    watch: Watch,
) -> tuple[float, tuple[State, State]]:
    """On all GPUs where there are several; heads on features learn in a minute on one."""
    several = count(course.device) if encoders.gentle else 1
    if several == 1:
        seen = watched(judging, encoders, watch)
        return train_encoders(encoders, teaching, logit_scale, course, report, cancel, seen)
    found = train_on_several(
        several, encoders, teaching, logit_scale, course, report, cancel, watch, partial(watched, judging)
    )
    encoders.to(course.device)
    return found


def watched(judging: Material, encoders: Encoders, watch: Watch) -> Watch:
    """Scores are the average precision on the photos held out: to be looked at, nothing is chosen by them."""

    def seen(point: Point) -> None:
        if point.score is not None:
            modes = [
                (one, one.training) for tower in (encoders.image, encoders.text) for one in tower.modules()
            ]
            for tower in (encoders.image, encoders.text):
                tower.eval()
            photos, texts = _embedded(encoders, judging)
            each = figures(judging.table, photos, texts, 0.0).each
            point = replace(point, score=float(each.mean()) if len(each) else None)
            for one, mode in modes:
                one.training = mode
        watch(point)

    return seen


def _strongest(
    encoders: Encoders, start: tuple[State, State], before: Figures, measured: Callable[[], Figures]
) -> tuple[float, Figures]:
    """As far on the way as little enough is forgotten; by that alone, so that judging stays fair."""
    end = copy.deepcopy(encoders.image.state_dict()), copy.deepcopy(encoders.text.state_dict())
    for strength in STRENGTHS:
        for module, first, last in zip((encoders.image, encoders.text), start, end, strict=True):
            go(module, first, last, strength)
        after = measured()
        if forgotten(before, after) <= MOST_FORGOTTEN:
            break
    return strength, after


def squares_of(thumbs: Thumbs) -> Callable[[Sequence[int], ModelSpec, CancelToken], tuple[list[int], Pixels]]:
    """Squares of the photos that have a thumbnail: drives may be away, and thumbnails are at hand."""

    def squares(photos: Sequence[int], spec: ModelSpec, cancel: CancelToken) -> tuple[list[int], Pixels]:
        size = spec.preprocessing.size_px
        found: list[int] = []
        room = np.empty((len(photos), size, size, 3), np.uint8)
        for photo in photos:
            cancel.check()
            try:
                with Image.open(io.BytesIO(thumbs.get([photo]).get(photo, b""))) as image:
                    room[len(found)] = square(image, spec.preprocessing)
            except (UnidentifiedImageError, OSError):
                continue
            found.append(photo)
        return found, room[: len(found)]

    return squares


@dataclass(frozen=True, slots=True)
class Judging:
    """What a model is judged by before and after: the sayings held out, and what it knew.

    gap     from everyday words to this library's photos, as the model has it before it is trained
    others  photos nobody spoke of
    before  those and the judging words as embedded before the training
    """

    material: Material
    general: General
    gap: Floats
    others: Inputs
    before: tuple[Floats, Floats]

    @classmethod
    def of(
        cls, encoders: Encoders, general: General, teaching: Material, judging: Material, others: Inputs
    ) -> Judging:
        photos, words = embedded(encoders.photos, teaching.photos), embedded(encoders.texts, teaching.words)
        gap = np.asarray(photos.mean(axis=0) - words.mean(axis=0), np.float32)
        return cls(judging, general, gap, others, _known(encoders, others, judging.words))

    def carried(self, fitted: Calibration, encoders: Encoders) -> Calibration:
        """The calibration of the model as it was, for the encoders as they are: see `Knowledge.carried`."""
        before, after = self.before, _known(encoders, self.others, self.material.words)
        if len(before[0]) < FEWEST_UNSPOKEN:
            before, after = ((normalised(words + self.gap), words) for _, words in (before, after))
        cosines = [words @ photos.T for photos, words in (before, after)]
        return carried_over(fitted, fitted.scale, *cosines)

    def figures(self, encoders: Encoders) -> Figures:
        """Of the encoders as they are now."""
        for module in (encoders.image, encoders.text):
            module.eval()
        _, words = now = _known(encoders, self.others, self.material.words)
        kept = self.general.kept(words, normalised(words + self.gap))
        photos, texts = _embedded(encoders, self.material)
        return figures(self.material.table, photos, texts, kept, self.general.still(self.before, now))


def _known(encoders: Encoders, others: Inputs, words: Inputs) -> tuple[Floats, Floats]:
    """Photos nobody spoke of [n, d] and everyday words [m, d]."""
    found = embedded(encoders.photos, others) if len(others[0]) else np.zeros((0, 0), np.float32)
    return found, embedded(encoders.texts, words)


def _embedded(encoders: Encoders, judging: Material) -> tuple[Floats, Floats]:
    """Photos [n, d] and texts [m, d] of the judging ones; where there are none, [0, 0] both."""
    if not judging.table.photos:
        return np.zeros((0, 0), np.float32), np.zeros((0, 0), np.float32)
    return embedded(encoders.photos, judging.photos), embedded(encoders.texts, judging.texts)
