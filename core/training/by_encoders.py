"""Learning by the full recipe or LoRA: from thumbnails and sayings to new towers, measured on what was held out."""

from __future__ import annotations

import copy
import io
import json
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image, UnidentifiedImageError

from core.errors import ModelError
from core.models.agreement import LIMITS, cosines
from core.models.convert.source import SOURCE_FOLDER
from core.models.encoder import Encoder
from core.models.preprocess import Pixels, square
from core.models.spec import IMAGE_FILE, SPEC_FILE, TEXT_FILE, ModelSpec, file_sha256
from core.photos.thumbs import Thumbs
from core.progress import CancelToken, Progress, Report, silent
from core.training.encoders import Encoders, SourceEncoders, open_encoders
from core.training.full import MICRO, Material, embedded, go, train_encoders
from core.training.gate import MOST_FORGOTTEN, Figures, Verdict, figures, judge
from core.training.general import General, normalised
from core.training.loop import Point
from core.training.pairs import Saying
from core.training.sayings import Table

Floats = npt.NDArray[np.float32]
CARD_FILE = "card.md"
STRENGTHS = (1.0, 0.75, 0.5, 0.25)
# Beside the weights: Adam's two means, gradients, the running average, the best and the first ones. LoRA and
# heads keep those of few weights, but the towers themselves twice.
TIMES_THE_WEIGHTS = {"full": 7, "lora": 3, "starter": 4}
# torch with its libraries, ONNX Runtime and the library itself, measured.
BYTES_AT_REST = 900_000_000


@dataclass(frozen=True, slots=True)
class Result:
    """The verdict, and what writes the new model into an empty folder (its id given) where it was accepted."""

    verdict: Verdict
    write: Callable[[Path, str], ModelSpec]


def memory_bytes(encoder: Encoder, photos: int, *, lora: bool) -> int:
    """About what training this model's encoders on so many photos takes: weights, photos, one micro-batch."""
    size = encoder.spec.preprocessing.size_px
    graphs = sum((encoder.folder / name).stat().st_size for name in (IMAGE_FILE, TEXT_FILE))
    kind = ("lora" if lora else "full") if (encoder.folder / SOURCE_FOLDER).is_dir() else "starter"
    # Activations of a tower in training: some 60 times its input's floats, of a micro-batch.
    activations = MICRO * 3 * size * size * 4 * 60
    return BYTES_AT_REST + graphs * TIMES_THE_WEIGHTS[kind] + photos * 3 * size * size + activations


def learn_by_encoders(
    encoder: Encoder,
    thumbs: Thumbs,
    training: Sequence[Saying],
    held_out: Sequence[Saying],
    general: General,
    *,
    lora: bool,
    seed: int,
    checkpoint: Path,
    report: Report,
    cancel: CancelToken,
    watch: Callable[[Point], None],
) -> Result:
    """Train and judge. Raises Diverged, Cancelled, ModelError, DiskFull."""
    encoders = open_encoders(encoder.folder, encoder.spec)
    squares = _squares(thumbs, encoder.spec, [each.photo for each in (*training, *held_out)], cancel)
    tables = [Table.of([each for each in said if each.photo in squares]) for said in (training, held_out)]
    material, judging = (
        Material(
            table=table,
            photos=encoders.photo_inputs(_stacked(squares, table, encoder.spec), report, cancel),
            texts=encoders.text_inputs(table.texts, report, cancel),
            words=encoders.text_inputs(words.texts, report, cancel),
        )
        for table, words in zip(tables, (general.holding, general.judging), strict=True)
    )
    gap = _gap(encoders, material)
    before = _figures(encoders, judging, general, gap)
    scale, start = train_encoders(
        encoders,
        material,
        encoder.spec.logit_scale,
        lora=lora,
        gentle=isinstance(encoders, SourceEncoders),
        report=report,
        cancel=cancel,
        checkpoint=checkpoint,
        watch=watch,
    )
    report(Progress("judge"))
    end = copy.deepcopy(encoders.image.state_dict()), copy.deepcopy(encoders.text.state_dict())
    for strength in STRENGTHS:
        for module, first, last in zip((encoders.image, encoders.text), start, end, strict=True):
            go(module, first, last, strength)
        after = _figures(encoders, judging, general, gap)
        if before.general - after.general <= MOST_FORGOTTEN:
            break
    verdict = judge(before, after, len(tables[1].photos), seed)

    def write(new: Path, model_id: str) -> ModelSpec:
        return _write(
            encoder, encoders, new, model_id, scale, verdict.why, _stacked(squares, tables[0], encoder.spec)
        )

    return Result(verdict, write)


def _squares(
    thumbs: Thumbs, spec: ModelSpec, photos: Sequence[int], cancel: CancelToken
) -> dict[int, Pixels]:
    """Squares of the photos that have a thumbnail: drives may be away, and thumbnails are at hand."""
    found = {}
    for photo in dict.fromkeys(photos):
        cancel.check()
        try:
            with Image.open(io.BytesIO(thumbs.get([photo]).get(photo, b""))) as image:
                found[photo] = square(image, spec.preprocessing)
        except (UnidentifiedImageError, OSError):
            continue
    return found


def _stacked(squares: dict[int, Pixels], table: Table, spec: ModelSpec) -> Pixels:
    if not table.photos:
        size = spec.preprocessing.size_px
        return np.zeros((0, size, size, 3), np.uint8)
    return np.stack([squares[photo] for photo in table.photos])


def _gap(encoders: Encoders, material: Material) -> Floats:
    """From everyday words to this library's photos, as the model has it before it is trained."""
    photos, words = embedded(encoders.photos, material.photos), embedded(encoders.texts, material.words)
    return np.asarray(photos.mean(axis=0) - words.mean(axis=0), np.float32)


def _figures(encoders: Encoders, judging: Material, general: General, gap: Floats) -> Figures:
    for module in (encoders.image, encoders.text):
        module.eval()
    words = embedded(encoders.texts, judging.words)
    kept = general.kept(words, normalised(words + gap))
    photos, texts = (
        (embedded(encode, inputs) if len(inputs[0]) else np.zeros((0, words.shape[1]), np.float32))
        for encode, inputs in ((encoders.photos, judging.photos), (encoders.texts, judging.texts))
    )
    return figures(judging.table, photos, texts, kept)


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
    _must_agree(encoders, new, squares[:4])
    return spec


def _must_agree(encoders: Encoders, new: Path, squares: Pixels) -> None:
    """The written graphs, which may round weights to 16 bits, against the modules."""
    said = ["a photo of a dog", "一张照片", "snow"]
    cancel = CancelToken()
    made = Encoder.open(new)
    try:
        for tower, expected, found in (
            (
                "image",
                embedded(encoders.photos, encoders.photo_inputs(squares, silent, cancel)),
                made.encode_images(squares),
            ),
            (
                "text",
                embedded(encoders.texts, encoders.text_inputs(said, silent, cancel)),
                made.encode_texts(said),
            ),
        ):
            agreement = cosines(expected, found)
            if agreement.cosine_min < LIMITS["fp16"].cosine:
                raise ModelError(f"the {tower} tower that was written gives something else: {agreement}")
    finally:
        made.close()
