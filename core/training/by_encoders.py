"""Learning by the full recipe or LoRA: from thumbnails and sayings to new towers, measured on what was held out."""

from __future__ import annotations

import copy
import io
import json
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from PIL import Image, UnidentifiedImageError

from core.errors import ModelError
from core.models.agreement import cosines
from core.models.encoder import Encoder
from core.models.preprocess import Pixels, square
from core.models.spec import SPEC_FILE, ModelSpec, file_sha256
from core.photos.thumbs import Thumbs
from core.progress import CancelToken, Pace, Progress, Report, silent
from core.training.by_vectors import STRENGTHS
from core.training.devices import count
from core.training.encoders import Encoders, Inputs, open_encoders
from core.training.full import MICRO, Course, Material, State, Teacher, Watch, embedded, go, train_encoders
from core.training.gate import MOST_FORGOTTEN, Figures, Verdict, better, figures, forgotten, judge
from core.training.general import General, Words, normalised
from core.training.loop import Point
from core.training.pairs import Saying
from core.training.sayings import Table
from core.training.several import train_on_several

Floats = npt.NDArray[np.float32]
CARD_FILE = "card.md"
# Photos on which the written graphs are compared with the modules.
TRIED = 4


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

    def material(said: Sequence[Saying], words: Words) -> tuple[Material, Pixels]:
        photos, squares = lessons.squares(
            list(dict.fromkeys(each.photo for each in said)), encoder.spec, cancel
        )
        here = set(photos)
        table = Table.of([each for each in said if each.photo in here])
        inputs = encoders.photo_inputs(squares, report, cancel)
        texts = encoders.text_inputs(table.texts, report, cancel)
        return Material(table, inputs, texts, encoders.text_inputs(words.texts, report, cancel)), squares[
            :TRIED
        ].copy()

    teaching, tried = material(lessons.training, general.holding)
    judging, _ = material(lessons.held_out, general.judging)
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
    after = _strongest(encoders, start, before, lambda: gate.figures(encoders))
    verdict = judge(better(before, in_use), after, seed)

    def write(new: Path, model_id: str) -> ModelSpec:
        encoders.to("cpu")
        return _write(encoder, encoders, new, model_id, scale, verdict.why, tried)

    return Result(verdict, write)


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
) -> Figures:
    """As far on the way as little enough is forgotten; by that alone, so that judging stays fair."""
    end = copy.deepcopy(encoders.image.state_dict()), copy.deepcopy(encoders.text.state_dict())
    for strength in STRENGTHS:
        for module, first, last in zip((encoders.image, encoders.text), start, end, strict=True):
            go(module, first, last, strength)
        after = measured()
        if forgotten(before, after) <= MOST_FORGOTTEN:
            break
    return after


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


def _write(
    encoder: Encoder, encoders: Encoders, new: Path, model_id: str, scale: float, why: str, squares: Pixels
) -> ModelSpec:
    """The whole model folder. Raises ModelError when the graphs do not give what the modules give."""
    base = encoder.spec
    images, texts = encoders.write(new)
    for text in base.tokenizers:
        shutil.copyfile(encoder.folder / text.file, new / text.file)
    card = encoder.folder / CARD_FILE
    told = card.read_text(encoding="utf-8").rstrip() if card.is_file() else f"# {model_id}"
    (new / CARD_FILE).write_text(f"{told}\n\n## Trained further\n\n{why}\n", encoding="utf-8")
    files = sorted(file for file in new.rglob("*") if file.is_file())
    spec = replace(
        base,
        id=model_id,
        logit_scale=scale,
        image_precision=images,
        text_precision=texts,
        source=f"{base.source}; trained further in this library",
        sha256={file.relative_to(new).as_posix(): file_sha256(file) for file in files},
    )
    content = json.dumps(spec.as_json(), ensure_ascii=False, indent=2) + "\n"
    (new / SPEC_FILE).write_text(content, encoding="utf-8", newline="\n")
    _must_agree(encoders, new, spec, squares)
    return spec


def _must_agree(encoders: Encoders, new: Path, spec: ModelSpec, squares: Pixels) -> None:
    """The written graphs, which may round weights to the bits that `spec` says, against the modules."""
    said = ["a photo of a dog", "一张照片", "snow"]
    cancel = CancelToken()
    made = Encoder.open(new)
    try:
        for tower, precision, expected, found in (
            (
                "image",
                spec.image_precision,
                embedded(encoders.photos, encoders.photo_inputs(squares, silent, cancel)),
                made.encode_images(squares),
            ),
            (
                "text",
                spec.text_precision,
                embedded(encoders.texts, encoders.text_inputs(said, silent, cancel)),
                made.encode_texts(said),
            ),
        ):
            agreement = cosines(expected, found)
            if not agreement.holds(precision):
                raise ModelError(f"the {tower} tower that was written gives something else: {agreement}")
    finally:
        made.close()
