"""A model is dropped: its vectors, and where asked its folder."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from sqlite_utils import Database as Tables

from core.errors import ModelError, NotThere, WrongUse
from core.library import spaces
from core.library.database import Database
from core.models.registry import NEW, STARTER, model_folder
from core.models.trained import read_note
from core.search.open_model import MODELS, SPACES
from core.spaces.sweeping import sweep


def needed_by_the_one_in_use(database: Database, models: Path) -> set[str]:
    """Of a model that was trained here the one that it began from: the next training does, and undoing may go there."""
    record = spaces.active_space(database.reader())
    try:
        note = read_note(models, record.model) if record is not None else None
    except (NotThere, ModelError):
        return set()
    return {note.base} if note is not None else set()


def drop(library: Path, database: Database, model: str, *, files: bool) -> None:
    """Take a model's spaces away and, with `files`, its folder; what the owner said is not touched.

    Raises WrongUse for the model in use, the one that it was trained from, and the starter, NotThere where there is
    neither space nor folder.
    """
    if model == STARTER:
        raise WrongUse(
            "The starter model belongs to the program and stays.",
            what_to_do="Another model can be used beside it.",
        )
    own = [record for record in spaces.every_space(database.reader()) if record.model == model]
    if any(record.state == spaces.IN_USE for record in own):
        raise WrongUse(
            f"The model {model} is in use.", what_to_do="Switch to another model first, then drop it."
        )
    folder = library / MODELS
    if model in needed_by_the_one_in_use(database, folder):
        raise WrongUse(
            f"The model in use was trained from {model}.",
            what_to_do="Go back first (shiguang finetune undo) or use another model, then drop it.",
        )
    own_folder = None
    if files or not own:
        own_folder = model_folder(model, folder)

    def mark(db: Tables) -> None:
        for record in own:
            spaces.mark_dropped(db, record.id)

    database.write(mark)
    sweep(library / SPACES, database)
    if own_folder is not None and files:
        # Renamed first: a folder that is half deleted must not look like a model.
        going = folder / f"{NEW}dropped-{own_folder.name}-{os.getpid()}"
        own_folder.rename(going)
        shutil.rmtree(going, ignore_errors=True)
