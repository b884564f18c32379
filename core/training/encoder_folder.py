"""Trained encoders become a model folder: graphs that give what the modules give, in the forms that are fastest here."""

from __future__ import annotations

import json
import shutil
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from core.errors import DiskFull, ModelError
from core.log import logger
from core.models.agreement import cosines
from core.models.convert.forms import LEAST_PICTURES, optimise
from core.models.encoder import Encoder
from core.models.preprocess import Pixels
from core.models.prompts import neutral_captions
from core.models.spec import SPEC_FILE, ModelSpec, file_sha256
from core.progress import CancelToken, Report, silent
from core.training.encoders import Encoders, SourceEncoders
from core.training.full import embedded

log = logger(__name__)

CARD_FILE = "card.md"
# Photos and texts on which the written graphs are compared with the modules.
TRIED = 32


def write_encoders(
    base: Path,
    encoders: Encoders,
    new: Path,
    trained: ModelSpec,
    why: str,
    squares: Pixels,
    texts: Sequence[str],
    report: Report,
    cancel: CancelToken,
) -> ModelSpec:
    """Fill the empty folder `new` with the whole model; its spec.

    base     the folder of the model that was trained
    trained  its spec with what training changed; precisions and sums are those of what is written
    why      a paragraph for the card
    squares, texts  [n, s, s, 3] uint8 and words of the owner, for comparing
    Raises ModelError when the graphs do not give what the modules give, Cancelled, and what writing raises.
    """
    images, words = encoders.write(new)
    for tokenizer in trained.tokenizers:
        shutil.copyfile(base / tokenizer.file, new / tokenizer.file)
    card = base / CARD_FILE
    told = card.read_text(encoding="utf-8").rstrip() if card.is_file() else f"# {trained.id}"
    (new / CARD_FILE).write_text(f"{told}\n\n## Trained further\n\n{why}\n", encoding="utf-8")
    files = sorted(file for file in new.rglob("*") if file.is_file())
    spec = replace(
        trained,
        image_precision=images,
        text_precision=words,
        source=f"{trained.source}; trained further in this library",
        sha256={file.relative_to(new).as_posix(): file_sha256(file) for file in files},
    )
    content = json.dumps(spec.as_json(), ensure_ascii=False, indent=2) + "\n"
    (new / SPEC_FILE).write_text(content, encoding="utf-8", newline="\n")
    said = [*texts, *neutral_captions()][:TRIED]
    _must_agree(encoders, new, spec, squares[:TRIED], said)
    # The starter's encoders come as they are; whole towers are written in float32, several times slower than need be.
    if isinstance(encoders, SourceEncoders) and len(squares) >= LEAST_PICTURES:
        try:
            for result in optimise(new, squares, texts, report, cancel):
                log.info("%s: %s", spec.id, result)
        except (DiskFull, ModelError) as error:
            # Hours of training are not lost for want of speed.
            log.warning("%s stays as it was written: %s", spec.id, error)
    return ModelSpec.load(new)


def _must_agree(encoders: Encoders, new: Path, spec: ModelSpec, squares: Pixels, said: Sequence[str]) -> None:
    """The written graphs, which may round weights to the bits that `spec` says, against the modules."""
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
