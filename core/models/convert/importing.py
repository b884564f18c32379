"""Import: a model in any original layout becomes a model folder in the library.

The folder is built under `models/.new-...` and renamed into place when all of it is there and was checked; a
refusal, a full disk or a stop leaves nothing behind.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from uuid import uuid4

from core.disk import full_disk_said
from core.errors import DiskFull, ModelError, NotThere, WrongUse
from core.models.calibration import Calibration
from core.models.convert.card import CARD_FILE, write_card
from core.models.convert.checkpoints import folder_size_bytes
from core.models.convert.export import export_image_tower, export_text_tower
from core.models.convert.finished import copy_finished, is_finished
from core.models.convert.found import FoundModel, as_entry_says, found_checkpoint
from core.models.convert.huggingface import found_folder, is_hugging_face, weight_folders
from core.models.convert.parity import check_parity
from core.models.convert.probe_pictures import probe_pictures
from core.models.convert.quiet import quiet
from core.models.convert.source import save_source
from core.models.entries import Entry
from core.models.preprocess import Pixels
from core.models.prompts import neutral_captions
from core.models.registry import NEW, folder_name, remove_leftovers
from core.models.spec import SPEC_FILE, TOKENIZER_FILE, ModelSpec, file_sha256
from core.progress import CancelToken, Progress, Report

# A first page of ten pictures has to be able to go wrong; more costs a large model minutes.
PICTURES, TEXTS = 32, 48
# A checkpoint in 16 bits becomes graphs of twice its size, and its weights are kept beside them.
_SPACE_FACTOR = 3
_SPACE_MARGIN_BYTES = 64 << 20
_PUBLISHERS = "as its publisher states it; not known here"


def import_model(
    path: Path,
    models: Path,
    model_id: str,
    *,
    config: Path | None = None,
    entry: Entry | None = None,
    pictures: Pixels | None = None,
    texts: Sequence[str] = (),
    report: Report,
    cancel: CancelToken,
) -> ModelSpec:
    """The spec of the model folder `models`/<model_id>, made of the model at `path`, towers in float32.

    path      a checkpoint of openai/CLIP or Chinese-CLIP; a Hugging Face folder; Taiyi's folder of `text/` and
              `image/`; or a folder of two ONNX files with model.json, which is checked and copied
    config    hyper-parameters of a checkpoint whose sizes are none of the published ones
    entry     what the list of models says of it, for one that is on it
    pictures  [n, s, s, 3] uint8, squares of the model's size, to compare its forms on; None: drawn ones
    texts     for the same; none: the neutral captions
    Only the holder of the library's lock may call it: what a stopped import left in `models` is taken away first.
    Raises ModelError for a model that does not fit together, has no tokenizer or would execute code; NotThere,
    WrongUse for an id that is taken, DiskFull, Cancelled. Then `models` is as it was.
    """
    if not path.exists():
        raise NotThere(f"{path} is not there", what_to_do="Check the path of the model's file or folder.")
    if config is not None and not config.is_file():
        raise NotThere(f"{config} is not there", what_to_do="Check the path given with --config.")
    target = models / folder_name(model_id)
    if target.exists():
        raise WrongUse(f"There is a model {model_id} already.", what_to_do="Choose another name with --as.")
    models.mkdir(parents=True, exist_ok=True)
    remove_leftovers(models)
    report(Progress("read"))
    with _new_folder(models, _needed_bytes(path)) as new:
        if path.is_dir() and is_finished(path):
            spec = copy_finished(path, new, model_id, cancel)
        else:
            found = _found(path, config, entry)
            cancel.check()
            spec = _built(new, found, path, model_id, entry, pictures, texts, report, cancel)
        cancel.check()
        new.rename(target)
    report(Progress("done", 1, 1))
    return spec


def _found(path: Path, config: Path | None, entry: Entry | None) -> FoundModel:
    with quiet():
        if path.is_file():
            found = found_checkpoint(path, config)
        elif is_hugging_face(path):
            found = found_folder(path)
        else:
            raise ModelError(
                f"{path} is no model folder: there is neither config.json nor model.json in it",
                what_to_do="Give the checkpoint's file, or the folder as the publisher has it.",
            )
    if entry is None:
        return found
    return as_entry_says(found, entry.width, entry.preprocessing, entry.context_length, path)


def _built(
    new: Path,
    found: FoundModel,
    path: Path,
    model_id: str,
    entry: Entry | None,
    pictures: Pixels | None,
    texts: Sequence[str],
    report: Report,
    cancel: CancelToken,
) -> ModelSpec:
    """The model folder `new`, complete."""
    size_px = found.preprocessing.size_px
    report(Progress("convert", 0, 2))
    export_image_tower(found.towers.image, size_px, new)
    cancel.check()
    report(Progress("convert", 1, 2))
    export_text_tower(found.towers.text, found.context_length, found.text.full, new)
    cancel.check()
    report(Progress("convert", 2, 2))
    found.tokenizer.save(str(new / TOKENIZER_FILE))
    save_source(found.towers, found.weights, new)
    spec = _spec(found, path, model_id, entry)
    given = pictures if pictures is not None and len(pictures) else probe_pictures(PICTURES, size_px)
    parity = check_parity(new, spec, found.towers, given, texts or neutral_captions()[:TEXTS], report, cancel)
    write_card(new, spec, found, parity)
    spec = replace(spec, sha256=_hashes(new))
    content = json.dumps(spec.as_json(), indent=1, ensure_ascii=False)
    (new / SPEC_FILE).write_text(content, encoding="utf-8")
    return ModelSpec.load(new)


def _spec(found: FoundModel, path: Path, model_id: str, entry: Entry | None) -> ModelSpec:
    scale = found.towers.logit_scale
    return ModelSpec(
        id=model_id,
        languages=entry.languages if entry else found.languages,
        width=found.towers.width,
        context_length=found.context_length,
        logit_scale=scale,
        preprocessing=found.preprocessing,
        tokenizers=(found.text,),
        pooling=found.pooling,
        image_precision="fp32",
        text_precision="fp32",
        # Plain softmax against the neutral captions, until somebody fits one to this model.
        calibration=Calibration(scale=scale),
        # The name alone: where a file lay on somebody's disk is nobody else's business.
        source=f"{entry.name}, {path.name}" if entry else path.name,
        licence=entry.licence if entry else _PUBLISHERS,
        sha256={},
    )


def _hashes(folder: Path) -> dict[str, str]:
    """The sha256 of every file, by its path in the folder with "/"; graphs first, the card last."""
    files = sorted(file for file in folder.rglob("*") if file.is_file())
    files.sort(key=lambda file: (file.name == CARD_FILE, file.parent != folder))
    return {file.relative_to(folder).as_posix(): file_sha256(file) for file in files}


def _needed_bytes(path: Path) -> int:
    """How much room the new folder may take."""
    if path.is_dir() and is_finished(path):
        return sum(file.stat().st_size for file in path.rglob("*") if file.is_file())
    if path.is_file():
        return _SPACE_FACTOR * path.stat().st_size
    return _SPACE_FACTOR * sum(folder_size_bytes(folder) for folder in weight_folders(path))


@contextmanager
def _new_folder(models: Path, needed_bytes: int) -> Iterator[Path]:
    """A folder to build in, gone afterwards unless it was renamed. Raises DiskFull before or while it fills up."""
    needed = needed_bytes + _SPACE_MARGIN_BYTES
    free = shutil.disk_usage(models).free
    if free < needed:
        raise DiskFull(
            f"{models} needs {needed / 1e9:.1f} GB for this model, and {free / 1e9:.1f} GB are free"
        )
    # Not by tempfile: its folders are for one user's eyes, and stay so after the renaming.
    new = models / f"{NEW}{uuid4().hex}"
    new.mkdir()
    try:
        with full_disk_said(models):
            yield new
    finally:
        shutil.rmtree(new, ignore_errors=True)
