"""Model folders in a backup: those that were imported or fine-tuned here, which nobody can download again."""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Callable
from pathlib import Path, PurePosixPath

from core.backup.archive import Archive, ArchiveWriter, saying_what_is_wrong
from core.errors import DiskFull, ModelError
from core.models.registry import LOCAL, folder_name, known_models, model_folder
from core.models.spec import SPEC_FILE, ModelSpec
from core.models.swap import new_folder_for
from core.progress import CancelToken

FOLDER = "models"


def own_models(library_models: Path) -> list[str]:
    """The ids of models that exist nowhere else: imported (`local:…`) and fine-tuned (`…+…`)."""
    return [one for one in known_models(library_models) if one.startswith(LOCAL) or "+" in one]


def put_models(
    archive: ArchiveWriter, library_models: Path, cancel: CancelToken, step: Callable[[], None]
) -> int:
    """Every own model's files; how many models. Raises Cancelled, DiskFull or WrongUse."""
    models = own_models(library_models)
    for model in models:
        folder = model_folder(model, library_models)
        for file in sorted(file for file in folder.rglob("*") if file.is_file()):
            inside = file.relative_to(library_models)
            if not any(part.startswith(".") for part in inside.parts):
                archive.add_file(f"{FOLDER}/{inside.as_posix()}", file, cancel)
        step()
    return len(models)


def unpack_models(archive: Archive, library_models: Path, cancel: CancelToken) -> list[tuple[Path, Path]]:
    """(unpacked and checked, its place) of every model of the backup that is not here. `place_models` or
    `forget_models` them.

    Raises DiskFull, BackupDamaged or Cancelled; then nothing is left behind.
    """
    wanted: dict[str, list[str]] = {}
    for name in archive.entries:
        parts = PurePosixPath(name).parts
        if parts[0] == FOLDER and not (library_models / parts[1]).exists():
            wanted.setdefault(parts[1], []).append(name)
    needed = sum(archive.entries[name].size_bytes for names in wanted.values() for name in names)
    was_there = library_models.exists()
    if wanted:
        library_models.mkdir(parents=True, exist_ok=True)
        if shutil.disk_usage(library_models).free < needed:
            raise DiskFull("The library's disk is too full for the models of this backup.")
    done: list[tuple[Path, Path]] = []
    try:
        for folder, names in wanted.items():
            place = library_models / folder
            done.append((new_folder_for(place), place))
            with saying_what_is_wrong(place):
                _unpack(archive, names, done[-1][0], cancel)
    except BaseException:
        forget_models(done)
        if not was_there:
            with contextlib.suppress(OSError):
                library_models.rmdir()
        raise
    return done


def _unpack(archive: Archive, names: list[str], folder: Path, cancel: CancelToken) -> None:
    for name in names:
        target = folder.joinpath(*PurePosixPath(name).parts[2:])
        target.parent.mkdir(parents=True, exist_ok=True)
        with target.open("wb") as file:
            for part in archive.parts(name):
                cancel.check()
                file.write(part)
            file.flush()
            os.fsync(file.fileno())
    try:
        if not (folder / SPEC_FILE).is_file():
            raise ModelError(f"there is no {SPEC_FILE}")
        spec = ModelSpec.load(folder)
        if folder_name(spec.id) != PurePosixPath(names[0]).parts[1]:
            raise ModelError(f"it says that it is {spec.id}")
        spec.check(folder)
    except ModelError as error:
        raise archive.damaged(f"a model in it does not fit together ({error})") from error


def place_models(unpacked: list[tuple[Path, Path]]) -> int:
    """Put unpacked models in their places; how many."""
    for new, place in unpacked:
        with saying_what_is_wrong(place):
            os.rename(new, place)
    return len(unpacked)


def forget_models(unpacked: list[tuple[Path, Path]]) -> None:
    for new, _ in unpacked:
        shutil.rmtree(new, ignore_errors=True)
