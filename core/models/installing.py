"""A model comes into the library: fetched or given, converted, made fast on the owner's photos, measured.

The only place that imports `core.models.convert` (torch), inside a function, so that without the extra the
message says what to install. A model folder is renamed into place when it is whole; what is stopped before
leaves the download to go on with, and nothing else.
"""

from __future__ import annotations

import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from core.errors import ModelError, NotThere
from core.log import logger
from core.models.encoder import Encoder
from core.models.entries import Entry
from core.models.fetch import Route, fetch
from core.models.preprocess import Pixels
from core.models.registry import (
    MEASURED_FILE,
    download_folder,
    entry,
    known_models,
    local_id,
    model_folder,
    remove_leftovers,
)
from core.models.spec import ModelSpec, Preprocessing
from core.progress import CancelToken, Progress, Report

if TYPE_CHECKING:
    from types import ModuleType

log = logger(__name__)

# The weights beside the graphs (4 bytes), the fp32 graphs (4), and room to make the fast forms in (4).
BYTES_A_PARAMETER = 12
# With fewer photos of their own a static quantisation would fit those few alone.
FEWEST_PICTURES = 64


class Samples(Protocol):
    """The owner's photos and words that forms are tried on (core/photos/samples.py)."""

    def pictures(self, preprocessing: Preprocessing, cancel: CancelToken) -> Pixels: ...

    def texts(self) -> list[str]: ...


def get_model(
    found: Entry,
    models: Path,
    route: Route,
    samples: Samples,
    report: Report,
    cancel: CancelToken,
) -> ModelSpec:
    """Fetch and install a model of the list; its spec. One that is here already is left as it is.

    models  the library's `models/` folder; the caller holds the library's lock
    Raises NotThere (nothing to convert with, a server that cannot be reached), ModelError,
    DiskFull, Cancelled; what was fetched is kept and gone on with by the next call.
    """
    model_id = found.id
    if model_id in known_models(models):
        return ModelSpec.load(model_folder(model_id, models))
    importing = _conversion("importing")
    remove_leftovers(models)
    room = BYTES_A_PARAMETER * (found.parameters or 0)
    folder = download_folder(model_id, models)
    original = fetch(found, folder, route, report, cancel, room_bytes=room)
    importing.import_model(original, models, model_id, config=None, entry=found, report=report, cancel=cancel)
    # From here on the model is in place and works; what it came from is in its `source/`.
    shutil.rmtree(folder, ignore_errors=True)
    if not any(folder.parent.iterdir()):
        folder.parent.rmdir()
    return _finished(model_id, models, samples, report, cancel)


def import_given(
    path: Path,
    name: str | None,
    models: Path,
    config: Path | None,
    samples: Samples,
    report: Report,
    cancel: CancelToken,
) -> ModelSpec:
    """Install a model from files on this machine as `local:<name>`; its spec.

    path    a checkpoint, or a folder in one of the layouts that docs/models.md names
    name    None: that of the file or folder
    config  hyper-parameters of a checkpoint of none of the published sizes
    Raises WrongUse for a name that cannot be or is taken, NotThere, ModelError, DiskFull, Cancelled; then
    nothing is left behind.
    """
    if not path.exists():
        raise NotThere(f"There is no file or folder {path}.", what_to_do="Check its name.")
    model_id = local_id(_plain(path) if name is None else name, models)
    importing = _conversion("importing")
    importing.import_model(
        path, models, model_id, config=config, entry=_alike(name), report=report, cancel=cancel
    )
    return _finished(model_id, models, samples, report, cancel)


def _finished(
    model_id: str, models: Path, samples: Samples, report: Report, cancel: CancelToken
) -> ModelSpec:
    """Make a model that is in place fast, and measure it. Stopped in between it works, more slowly."""
    folder = model_folder(model_id, models)
    pictures = samples.pictures(ModelSpec.load(folder).preprocessing, cancel)
    if len(pictures) >= FEWEST_PICTURES:
        for result in _conversion("forms").optimise(folder, pictures, samples.texts(), report, cancel):
            log.info("%s: %s", model_id, result)
    report(Progress("measure"))
    encoder = Encoder.open(folder, remembered=models / MEASURED_FILE)
    try:
        encoder.measure(cancel)
    except ModelError as error:
        # It was run while it was converted; a device that fails here is left out when the model is used.
        log.warning("%s could not be measured: %s", model_id, error)
    finally:
        encoder.close()
    return encoder.spec


def _alike(name: str | None) -> Entry | None:
    """What the list says of a model that was put here by hand under its own name."""
    try:
        return entry(name) if name else None
    except NotThere:
        return None


def _plain(path: Path) -> str:
    """A name made of a file's: what cannot stand in a name becomes a hyphen."""
    stem = path.resolve().name if path.is_dir() else path.stem
    kept = "".join(sign if sign.isascii() and (sign.isalnum() or sign in "._-") else "-" for sign in stem)
    return kept.strip(".-_")[:64] or "model"


def _conversion(part: str) -> ModuleType:
    """`core.models.convert.<part>`. Raises NotThere with the command that installs what it needs."""
    try:
        # Heavy and optional: torch takes seconds to import and a gigabyte on the disk.
        if part == "forms":
            from core.models.convert import forms

            return forms
        from core.models.convert import importing

        return importing
    except ModuleNotFoundError as error:
        missing = (error.name or "").partition(".")[0]
        if missing in ("core", ""):
            raise
        raise NotThere(
            f"Converting a model needs {missing}, which is not installed.",
            what_to_do=f'Install what training and converting need: "{sys.executable}" -m pip install "shiguang[train]"',
        ) from error
