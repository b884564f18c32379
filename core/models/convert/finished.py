"""A folder of two ONNX towers with `model.json`: checked by running it, then copied."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path, PurePosixPath

import numpy as np

from core.errors import ModelError
from core.models.encoder import Embeddings, Encoder
from core.models.spec import IMAGE_FILE, SPEC_FILE, TEXT_FILE, ModelSpec
from core.progress import CancelToken

# How far from 1 a length may be: of towers in 16 bits.
_LENGTH_TOLERANCE = 2e-2
_TEXTS = ("a dog on the beach", "一只猫", "")


def is_finished(folder: Path) -> bool:
    return (folder / SPEC_FILE).is_file()


def copy_finished(folder: Path, new: Path, model_id: str, cancel: CancelToken) -> ModelSpec:
    """Copy what `folder`/model.json lists into `new`, under the id `model_id`, and run both towers once.

    Raises ModelError when the spec does not read, a file is missing or another than it describes, the towers do
    not run, their widths differ from the spec's, or what they give is not L2-normalised.
    """
    spec = ModelSpec.load(folder)
    for name in (IMAGE_FILE, TEXT_FILE, *(text.file for text in spec.tokenizers)):
        if name not in spec.sha256:
            raise ModelError(f"{folder / SPEC_FILE}: sha256.{name} is missing")
    for name in spec.sha256:
        path = PurePosixPath(name)
        if "\\" in name or path.is_absolute() or ".." in path.parts or ":" in name or name == SPEC_FILE:
            raise ModelError(f"{folder / SPEC_FILE}: the file {name!r} does not lie in the folder")
        cancel.check()
        (new / name).parent.mkdir(parents=True, exist_ok=True)
        try:
            shutil.copyfile(folder / name, new / name)
        except FileNotFoundError as error:
            raise ModelError(f"{folder / name} is missing") from error
    # The copies, not the originals: what was compared is what stays.
    spec.check(new)
    spec = replace(spec, id=model_id)
    content = json.dumps(spec.as_json(), indent=1, ensure_ascii=False)
    (new / SPEC_FILE).write_text(content, encoding="utf-8")
    _try(new, folder)
    return spec


def _try(new: Path, folder: Path) -> None:
    encoder = Encoder.open(new, threads=1, provider="cpu")
    size_px, width = encoder.spec.preprocessing.size_px, encoder.spec.width
    try:
        squares = np.random.default_rng(0).integers(0, 256, (2, size_px, size_px, 3), np.uint8)
        _check(folder / IMAGE_FILE, encoder.encode_images(squares), width)
        _check(folder / TEXT_FILE, encoder.encode_texts(_TEXTS), width)
    finally:
        encoder.close()


def _check(path: Path, embeddings: Embeddings, width: int) -> None:
    if embeddings.ndim != 2 or embeddings.shape[1] != width:
        found = embeddings.shape[-1] if embeddings.ndim else 0
        raise ModelError(f"{path}: its embedding has {found} numbers, not the {width} of {SPEC_FILE}")
    lengths = np.linalg.norm(embeddings, axis=1)
    # Written so that a NaN fails too.
    if not (np.abs(lengths - 1) <= _LENGTH_TOLERANCE).all():
        raise ModelError(f"{path}: its embeddings are not L2-normalised: one has the length {lengths[0]:.3g}")
