"""What is installed, what is missing, and is the library whole: the answers of `shiguang doctor`."""

from __future__ import annotations

import importlib.util
import os
import platform
import shutil
import sqlite3
import sys
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from core import __version__
from core.errors import ShiguangError
from core.library.database import FILE, open_for_reading
from core.library.photos import counts
from core.models.registry import STARTER, known_models, model_folder
from core.models.runtime.measured import MEASURED_FILE, recall
from core.models.runtime.providers import available
from core.models.spec import ModelSpec
from core.spaces.index import has_hnswlib

PACKAGES = (
    "numpy",
    "onnxruntime",
    "tokenizers",
    "pillow",
    "pillow-heif",
    "pillow-jxl-plugin",
    "rawpy",
    "numkong",
    "watchdog",
    "exiv2",
)
# Below this a batch of thumbnails may not fit.
LITTLE_SPACE_BYTES = 500_000_000


@dataclass(frozen=True, slots=True)
class Check:
    """One line of the doctor. `ok` is false when something should be done; `detail` says what."""

    name: str
    ok: bool
    detail: str


def checks(library: Path, *, with_names: bool = True) -> list[Check]:
    """Everything worth knowing for a report. with_names=False leaves out paths of this machine."""
    found = [
        Check(
            "program", True, f"Shiguang {__version__}, Python {sys.version.split()[0]}, {platform.platform()}"
        ),
        Check("cores", True, f"{os.cpu_count()}"),
        *_packages(),
        Check("providers", True, ", ".join(available())),
        *_measured(library),
        _hnswlib(),
        _training(),
        _starter(),
    ]
    return found + _library(library, with_names)


def _packages() -> list[Check]:
    found = []
    for package in PACKAGES:
        try:
            found.append(Check(package, True, version(package)))
        except PackageNotFoundError:
            found.append(Check(package, False, "not installed; run packaging/bootstrap.py again"))
    return found


def _hnswlib() -> Check:
    if has_hnswlib():
        return Check("hnswlib", True, version("hnswlib"))
    return Check("hnswlib", True, "not installed (it needs a C++ compiler); exact search serves")


def _training() -> Check:
    missing = [name for name in ("torch", "transformers") if importlib.util.find_spec(name) is None]
    detail = (
        f'{" and ".join(missing)} not installed; pip install "shiguang[train]" adds training'
        if missing
        else "ready"
    )
    return Check("training", True, detail)


def _starter() -> Check:
    try:
        folder = model_folder(STARTER, None)
        spec = ModelSpec.load(folder)
        spec.check(folder)
    except ShiguangError as error:
        return Check("starter model", False, f"{error} {error.what_to_do}")
    return Check("starter model", True, f"{spec.width} wide, {', '.join(spec.languages)}")


def _measured(library: Path) -> list[Check]:
    """What was found fastest on this machine, a line a model that was used."""
    models = library / "models"
    found = []
    for model in known_models(models):
        try:
            spec = ModelSpec.load(model_folder(model, models))
        except ShiguangError:
            continue  # the model's own check says so
        known = recall(models / MEASURED_FILE, spec.space_id)
        if known is not None:
            detail = (
                f"pictures in {spec.image_precision} on {known.image_provider}, {known.images_per_s:.1f} a second; "
                f"texts in {spec.text_precision} on {known.text_provider}, {known.text_ms:.1f} ms"
            )
            found.append(Check(f"speed of {model}", True, detail))
    return found


def _library(folder: Path, with_names: bool) -> list[Check]:
    free = shutil.disk_usage(_nearest(folder)).free
    found = [Check("disk", free > LITTLE_SPACE_BYTES, f"{free / 1e9:.1f} GB free")]
    if not (folder / FILE).exists():
        return [*found, Check("library", True, "none yet" + (f" in {folder}" if with_names else ""))]
    try:
        database = open_for_reading(folder)
    except ShiguangError as error:
        return [*found, Check("library", False, f"{error if with_names else error.code} {error.what_to_do}")]
    try:
        said = database.reader().execute("PRAGMA integrity_check").fetchone()[0]
        here = counts(database.reader())
    except sqlite3.Error as error:
        return [*found, Check("library", False, f"{error}; restore the newest file of `backups`")]
    finally:
        database.close()
    detail = f"{here['photos']} photos, {here['files']} files, {here['failed']} failed, integrity {said}"
    return [*found, Check("library", said == "ok", detail)]


def _nearest(folder: Path) -> Path:
    while not folder.exists() and folder != folder.parent:
        folder = folder.parent
    return folder
