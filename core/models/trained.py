"""What a model that was trained in this library says of itself: `trained.json` beside its folder's other files.

It names no space and shapes none, and is read without what training needs.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from core.errors import ModelError, NotThere
from core.models.registry import known_models, model_folder

NOTE_FILE = "trained.json"
NAME = "personal"


@dataclass(frozen=True, slots=True)
class Note:
    """What a trained model says of itself: ids of the model it began from and of the one that was in use before."""

    base: str
    before: str
    how: str
    seed: int
    verdict: dict[str, Any]


def way_back(models: Path, note: Note) -> str:
    """The model that undoing goes to: the one in use before, or where that was dropped the one it began from."""
    return note.before if note.before in known_models(models) else note.base


def base_of(model_id: str) -> str:
    """The model that a personal fine-tune began from: trainings begin anew from it, with all that was said by then.

    What was trained on a set is a beginning of its own.
    """
    return re.sub(rf"\+{NAME}(-\d+)?$", "", model_id)


def read_note(models: Path, model_id: str) -> Note:
    """models: the library's folder of them. Raises NotThere for a model that was not trained here, ModelError."""
    try:
        path = model_folder(model_id, models) / NOTE_FILE
        content = json.loads(path.read_text(encoding="utf-8"))
        return Note(**content)
    except FileNotFoundError as error:
        raise NotThere(
            f"The model in use, {model_id}, was not trained in this library.",
            what_to_do="There is no fine-tune to undo.",
        ) from error
    except (OSError, ValueError, TypeError) as error:
        raise ModelError(
            f"what {model_id} says of its training cannot be read: {error}",
            what_to_do="Choose the model to go back to: shiguang models use ID",
        ) from error
