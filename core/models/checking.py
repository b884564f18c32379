"""Is an installed model whole, and does what runs still agree with its reference?"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from core.errors import ModelError
from core.models.agreement import LIMITS, cosines
from core.models.encoder import Encoder
from core.models.preprocess import Pixels
from core.models.prompts import neutral_captions
from core.models.spec import ModelSpec, file_sha256
from core.progress import CancelToken, Pace, Report

Embeddings = npt.NDArray[np.float32]
Encode = Callable[[Encoder], Embeddings]

REFERENCE = "fp32"
# Enough to meet a broken layer, few enough for the largest model on a slow machine.
MOST_PICTURES = 16
MOST_TEXTS = 32
# bf16 towers normalise to some 1e-3.
LENGTH_OFF = 0.02
# Drawn pictures lie far from photos, where low precision differs more; below this something is broken.
LEAST_ON_DRAWN = 0.9


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at. `detail` says what was found."""

    check: str
    ok: bool
    detail: str


def check_model(
    folder: Path, own_pictures: Pixels | None, report: Report, cancel: CancelToken
) -> list[Finding]:
    """Everything that can be known of the model in `folder` without its source; each finding with its verdict.

    own_pictures  [n, s, s, 3] uint8 of the owner's photos; None or n 0: drawn ones serve
    Raises ModelError when the spec itself does not read, Cancelled.
    """
    spec = ModelSpec.load(folder)
    found = _files(spec, folder, report, cancel)
    if not all(one.ok for one in found):
        return found
    own = own_pictures is not None and len(own_pictures) > 0
    pictures = (
        own_pictures[:MOST_PICTURES]
        if own_pictures is not None and own
        else drawn(spec.preprocessing.size_px)
    )
    texts = neutral_captions()[:MOST_TEXTS]
    runs: dict[str, Encode] = {
        "image": lambda encoder: _one_by_one(encoder, pictures, cancel),
        "text": lambda encoder: encoder.encode_texts(texts),
    }
    encoder = Encoder.open(folder)
    try:
        for tower, run in runs.items():
            cancel.check()
            found += _tower(encoder, tower, run, own=own or tower == "text")
    finally:
        encoder.close()
    return found


def drawn(size_px: int, count: int = MOST_PICTURES) -> Pixels:
    """`count` pictures of coloured squares, always the same, [n, s, s, 3] uint8."""
    coarse = np.random.default_rng(0).integers(0, 256, (count, 8, 8, 3), np.uint8)
    place = np.arange(size_px) * 8 // size_px
    return np.ascontiguousarray(coarse[:, place][:, :, place])


def _files(spec: ModelSpec, folder: Path, report: Report, cancel: CancelToken) -> list[Finding]:
    """A finding for every file that is missing or changed, one for all when they are whole."""
    pace = Pace(report, "check", len(spec.sha256))
    wrong = []
    for name, expected in spec.sha256.items():
        cancel.check()
        try:
            same = file_sha256(folder / name) == expected
            said = "not the file that model.json describes"
        except OSError as error:
            same, said = False, f"cannot be read: {error.strerror or error}"
        if not same:
            wrong.append(Finding(f"file {name}", False, said))
        pace.step()
    pace.flush()
    return wrong or [Finding("files", True, f"{len(spec.sha256)} files, all as model.json has them")]


def _tower(encoder: Encoder, tower: str, run: Encode, *, own: bool) -> list[Finding]:
    spec = encoder.spec
    precision = spec.image_precision if tower == "image" else spec.text_precision
    try:
        embeddings = run(encoder)
    # ValueError: what came out is not as wide as the spec says, and the encoder gathers rows of that width.
    except (ModelError, ValueError) as error:
        return [Finding(f"{tower} tower", False, str(error))]
    lengths = np.linalg.norm(embeddings, axis=1)
    right = embeddings.shape[1] == spec.width and bool((np.abs(lengths - 1) < LENGTH_OFF).all())
    said = f"{precision}, {embeddings.shape[1]} wide, lengths {lengths.min():.4f} to {lengths.max():.4f}"
    found = [
        Finding(
            f"{tower} tower", right, said if right else f"{said}; {spec.width} wide of length 1 is wanted"
        )
    ]
    if right and REFERENCE in encoder.forms()[tower][1:]:
        found.append(_against_reference(encoder, tower, precision, run, embeddings, own=own))
    return found


def _against_reference(
    encoder: Encoder, tower: str, precision: str, run: Encode, embeddings: Embeddings, *, own: bool
) -> Finding:
    name = f"{tower} tower against {REFERENCE}"
    reference = Encoder.open(encoder.folder, precision=REFERENCE)
    try:
        agreement = cosines(run(reference), embeddings)
    except ModelError as error:
        return Finding(name, False, str(error))
    finally:
        reference.close()
    least = LIMITS[precision].cosine if own else LEAST_ON_DRAWN
    on = "" if own else " on drawn pictures"
    return Finding(name, agreement.cosine_min >= least, f"{agreement}{on} ({least} is asked)")


def _one_by_one(encoder: Encoder, pictures: Pixels, cancel: CancelToken) -> Embeddings:
    rows = []
    for one in pictures:
        cancel.check()
        rows.append(encoder.encode_images(one[None]))
    return np.concatenate(rows)
