"""Which models there are, and where each one's folder lies."""

from __future__ import annotations

from pathlib import Path

from core.errors import NotThere
from core.models.spec import SPEC_FILE
from core.resources import resource

STARTER = "starter"


def model_folder(model_id: str, library_models: Path | None) -> Path:
    """The folder of `model_id`: the starter ships with the program, others lie in the library.

    library_models  the library's `models/` folder; None without a library
    Raises NotThere when there is no such model.
    """
    if model_id == STARTER:
        folder = resource("models", STARTER)
    elif library_models is not None and _is_name(model_id):
        folder = library_models / _folder_name(model_id)
    else:
        raise NotThere(f"there is no model {model_id}", what_to_do=_which(library_models))
    if not (folder / SPEC_FILE).is_file():
        raise NotThere(f"the model {model_id} is not here", what_to_do=_which(library_models))
    return folder


def known_models(library_models: Path | None) -> list[str]:
    """The ids of all models that are here, the starter first, the others by name."""
    found = [STARTER] if (resource("models", STARTER) / SPEC_FILE).is_file() else []
    if library_models is not None and library_models.is_dir():
        found += sorted(
            _model_id(folder.name) for folder in library_models.iterdir() if (folder / SPEC_FILE).is_file()
        )
    return found


def _is_name(model_id: str) -> bool:
    """A model id becomes a folder's name, so it must not lead out of its place."""
    return bool(model_id) and not set(model_id) & set('/\\\0<>"|?*') and model_id.strip(". ") == model_id


def _folder_name(model_id: str) -> str:
    # Windows has no colon in file names; a plain id never holds "%".
    return model_id.replace(":", "%3A")


def _model_id(folder_name: str) -> str:
    return folder_name.replace("%3A", ":")


def _which(library_models: Path | None) -> str:
    return "Here are: " + (", ".join(known_models(library_models)) or "none; install Shiguang again") + "."
