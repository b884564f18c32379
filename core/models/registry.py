"""Which models there are, where each one's folder lies, and what may be said of it before it is opened."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from core.errors import ModelError, NotThere, WrongUse
from core.models.entries import Entry, Source, entries
from core.models.runtime.measured import MEASURED_FILE, recall
from core.models.spec import SPEC_FILE, ModelSpec
from core.models.swap import mend
from core.resources import resource

__all__ = [
    "DOWNLOADS",
    "LOCAL",
    "MEASURED_FILE",
    "NEW",
    "STARTER",
    "Entry",
    "KnownModel",
    "Source",
    "download_folder",
    "entries",
    "entry",
    "folder_name",
    "images_per_s",
    "known_model",
    "known_models",
    "listed",
    "local_id",
    "model_folder",
    "remove_leftovers",
]

STARTER = "starter"
LOCAL = "local:"
# The library's `models/` also holds what is under way; a model's folder never begins with a dot.
NEW = ".new-"
DOWNLOADS = ".downloads"


@dataclass(frozen=True, slots=True)
class KnownModel:
    """One model of `models list`.

    state         "here", "available", or "building" while the library's photos are encoded with it
    width, bytes  None where unknown; bytes on disk when here, else of the download
    images_per_s  measured on this machine, None before
    entry         what the list says of it, None for an imported or fine-tuned one
    folder        where it lies, None when it is not here
    """

    id: str
    name: str
    languages: tuple[str, ...]
    state: str
    width: int | None
    bytes: int | None
    licence: str | None
    images_per_s: float | None
    entry: Entry | None
    folder: Path | None

    def as_json(self) -> dict[str, Any]:
        return {
            "id": self.id,
            "languages": list(self.languages),
            "state": self.state,
            "width": self.width,
            "bytes": self.bytes,
            "licence": self.licence,
            "images_per_s": self.images_per_s,
        }


def entry(model_id: str) -> Entry:
    """What the list says of a model. Raises NotThere for one that is not in it."""
    found = entries().get(model_id)
    if found is None:
        raise NotThere(
            f"there is no model {model_id} to be had",
            what_to_do="`shiguang models list` names those there are.",
        )
    return found


def model_folder(model_id: str, library_models: Path | None) -> Path:
    """The folder of `model_id`: the starter ships with the program, others lie in the library.

    library_models  the library's `models/` folder; None without a library
    Raises NotThere when there is no such model, or it is not here yet.
    """
    if model_id == STARTER:
        folder = resource("models", STARTER)
    elif library_models is not None and _is_name(model_id):
        folder = library_models / folder_name(model_id)
    else:
        raise NotThere(f"there is no model {model_id}", what_to_do=_which(library_models))
    if not (folder / SPEC_FILE).is_file():
        if model_id in entries():
            raise NotThere(
                f"the model {model_id} is not here yet", what_to_do=f"Get it: shiguang models get {model_id}"
            )
        raise NotThere(f"the model {model_id} is not here", what_to_do=_which(library_models))
    return folder


def known_models(library_models: Path | None) -> list[str]:
    """The ids of all models that are here, the starter first, the others by name."""
    found = [STARTER] if (resource("models", STARTER) / SPEC_FILE).is_file() else []
    if library_models is not None and library_models.is_dir():
        found += sorted(
            _model_id(folder.name)
            for folder in library_models.iterdir()
            if not folder.name.startswith(".") and (folder / SPEC_FILE).is_file()
        )
    return found


def listed(library_models: Path | None, building: Iterable[str] = ()) -> list[KnownModel]:
    """Every model that is here or in the list: those of the list in its order, then the others by name.

    building  ids of the models that the library is being encoded with now
    A model whose spec does not read is listed with what the list knows, so that it can be dropped.
    """
    here = known_models(library_models)
    ids = [*entries(), *(one for one in here if one not in entries())]
    return [known_model(one, library_models, building) for one in ids]


def known_model(model_id: str, library_models: Path | None, building: Iterable[str] = ()) -> KnownModel:
    """One model of the list or of the library. Raises NotThere for one that is in neither."""
    found = entries().get(model_id)
    if model_id not in known_models(library_models):
        if found is None:
            raise NotThere(f"there is no model {model_id}", what_to_do=_which(library_models))
        return KnownModel(
            id=model_id,
            name=found.name,
            languages=found.languages,
            state="available",
            width=found.width,
            bytes=found.bytes,
            licence=found.licence,
            images_per_s=None,
            entry=found,
            folder=None,
        )
    folder = model_folder(model_id, library_models)
    try:
        spec: ModelSpec | None = ModelSpec.load(folder)
    except ModelError:
        spec = None
    return KnownModel(
        id=model_id,
        name=found.name if found else model_id.removeprefix(LOCAL),
        languages=spec.languages if spec else found.languages if found else (),
        state="building" if model_id in building else "here",
        width=spec.width if spec else found.width if found else None,
        bytes=sum(file.stat().st_size for file in folder.rglob("*") if file.is_file()),
        licence=spec.licence if spec else found.licence if found else None,
        images_per_s=images_per_s(library_models, spec) if spec else None,
        entry=found,
        folder=folder,
    )


def images_per_s(library_models: Path | None, spec: ModelSpec) -> float | None:
    """What this machine was measured to encode with its fastest device, None before."""
    known = recall(library_models / MEASURED_FILE, spec.space_id) if library_models is not None else None
    return known.images_per_s if known is not None else None


def local_id(name: str, library_models: Path) -> str:
    """The id under which an imported model called `name` lies. Raises WrongUse for a name that cannot be, or is taken."""
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}", name) or name.endswith("."):
        raise WrongUse(
            f"{name!r} cannot be a model's name.",
            what_to_do="Take up to 64 letters, digits, points, hyphens and underlines, a letter or digit first: --as NAME",
        )
    model_id = LOCAL + name
    # Two names that differ in case alone would be one folder on Windows and macOS.
    if model_id.lower() in (one.lower() for one in known_models(library_models)):
        raise WrongUse(
            f"There is a model {model_id} already.",
            what_to_do=f"Choose another name with --as, or drop that one: shiguang models drop {model_id}",
        )
    return model_id


def remove_leftovers(library_models: Path) -> None:
    """Take away what a stopped installation left (`.new-*`), put back a model that was being replaced.

    Downloads stay, so that they can go on. Only for the program that holds the library's lock: nobody else builds a folder then.
    """
    mend(library_models)
    if library_models.is_dir():
        for folder in library_models.iterdir():
            if folder.name.startswith(NEW):
                shutil.rmtree(folder, ignore_errors=True)


def download_folder(model_id: str, library_models: Path) -> Path:
    """Where the original files of a model lie while it is fetched; they survive a stop."""
    return library_models / DOWNLOADS / folder_name(model_id)


def folder_name(model_id: str) -> str:
    # Windows has no colon in file names; a plain id never holds "%".
    return model_id.replace(":", "%3A")


def _is_name(model_id: str) -> bool:
    """A model id becomes a folder's name, so it must not lead out of its place."""
    return bool(model_id) and not set(model_id) & set('/\\\0<>"|?*') and model_id.strip(". ") == model_id


def _model_id(name: str) -> str:
    return name.replace("%3A", ":")


def _which(library_models: Path | None) -> str:
    return "Here are: " + (", ".join(known_models(library_models)) or "none; install Shiguang again") + "."
