"""A trained model comes into the library: its folder in one rename, its space's rows where they need no decoding."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from sqlite_utils import Database as Tables

from core.disk import full_disk_said, written_whole
from core.errors import ModelError, NotThere
from core.library import spaces
from core.library.captions import pictures_in_space
from core.library.database import Database
from core.models.registry import folder_name, known_models, model_folder
from core.models.spec import ModelSpec
from core.models.swap import new_folder_for
from core.models.trained import NAME, NOTE_FILE, Note, read_note
from core.progress import CancelToken, Pace, Report
from core.search.open_model import MODELS
from core.spaces.space import Space
from core.training import kept

if TYPE_CHECKING:
    from core.training.adapter import Adapted

# In the library's folder: what trainings need to go on, and which model was put in place last.
CHECKPOINTS = "training"
PENDING_FILE = "pending.json"
# Rows moved in one transaction.
ROWS_AT_ONCE = 20_000


def next_id(base: str, models: Path, name: str = NAME) -> str:
    """A free id for another fine-tune of `base`; none that an earlier one had which the way back of another names."""
    taken = {one.lower() for known in known_models(models) for one in (known, *_before(models, known))}
    number = 1
    while (found := f"{base}+{name}" + (f"-{number}" if number > 1 else "")).lower() in taken:
        number += 1
    return found


def _before(models: Path, model_id: str) -> tuple[str, ...]:
    """The model that undoing this one goes to; none where it was not trained here."""
    try:
        return (read_note(models, model_id).before,)
    except (NotThere, ModelError):
        return ()


def install(
    library: Path, model_id: str, write: Callable[[Path], ModelSpec], note: Note, digest: str = ""
) -> ModelSpec:
    """Build the folder of `model_id` by `write`, then rename it into place. What fails or stops leaves nothing.

    digest  of the training, by which `standing` knows it again; "": a kill from here on takes it back
    Raises DiskFull, and what `write` raises.
    """
    models = library / MODELS
    models.mkdir(parents=True, exist_ok=True)
    folder = models / folder_name(model_id)
    _note_pending(library, model_id, digest)
    new = new_folder_for(folder)
    try:
        with full_disk_said(folder):
            spec = write(new)
            content = {
                "base": note.base,
                "before": note.before,
                "how": note.how,
                "seed": note.seed,
                "verdict": note.verdict,
            }
            (new / NOTE_FILE).write_text(json.dumps(content, ensure_ascii=False, indent=1), encoding="utf-8")
            for file in new.rglob("*"):
                _flush(file)
            os.rename(new, folder)
    except BaseException:
        shutil.rmtree(new, ignore_errors=True)
        raise
    return spec


def unfinished(database: Database, library: Path, but: str = "") -> list[str]:
    """Fine-tunes whose space was never finished: the program ended while they were taken over. To be dropped.

    but  the one that is gone on with
    For the holder of the library's lock.
    """
    model, digest = _pending(library)
    if not model or not (library / MODELS / folder_name(model) / NOTE_FILE).is_file():
        return []
    if _is_taken_over(database, model):
        # What becomes of it from here on is the owner's.
        (library / CHECKPOINTS / PENDING_FILE).unlink(missing_ok=True)
        kept.forget(library / CHECKPOINTS, digest)
        return []
    return [model] if model != but else []


def stopped(database: Database, library: Path) -> kept.Begun | None:
    """What a training of the encoders that was stopped had begun with; None where none left anything to go on with."""
    folder = library / CHECKPOINTS
    begun = kept.kept(folder)
    if begun is None:
        return None
    if made := standing(library, begun.digest):
        return None if _is_taken_over(database, made) else begun
    return begun if any((folder / begun.digest).glob("*.pt")) else None


def standing(library: Path, digest: str) -> str:
    """The model that the training of that digest has put in place last, where it is whole; else ""."""
    model, own = _pending(library)
    if not digest or own != digest:
        return ""
    try:
        folder = model_folder(model, library / MODELS)
        ModelSpec.load(folder).check(folder)
    except (NotThere, ModelError):
        return ""
    return model


def throw_away(library: Path) -> None:
    """All that a stopped training of the encoders would go on with; a model that stands is `unfinished` from now on."""
    folder = library / CHECKPOINTS
    (folder / kept.FILE).unlink(missing_ok=True)
    if model := _pending(library)[0]:
        _note_pending(library, model, "")
    for each in folder.glob("*/"):
        shutil.rmtree(each, ignore_errors=True)


def _is_taken_over(database: Database, model: str) -> bool:
    """Whether the library has moved to it. One whose move was given up for another's is `kept` as well."""
    own = [record for record in spaces.every_space(database.reader()) if record.model == model]
    return any(record.state == spaces.IN_USE or record.finished_at is not None for record in own)


def _pending(library: Path) -> tuple[str, str]:
    """Model and digest that `install` noted last, both "" where there is none."""
    try:
        content = json.loads((library / CHECKPOINTS / PENDING_FILE).read_text(encoding="utf-8"))
        return str(content["model"]), str(content["digest"])
    except (OSError, ValueError, KeyError, TypeError):
        return "", ""


def _note_pending(library: Path, model_id: str, digest: str) -> None:
    with written_whole(library / CHECKPOINTS / PENDING_FILE) as file:
        file.write(json.dumps({"model": model_id, "digest": digest}).encode())


def _flush(path: Path) -> None:
    """Onto the disk: a renamed folder must not hold files that a power cut emptied.

    A file that cannot be written to is a link to one that lay there before.
    """
    if path.is_file() and os.access(path, os.W_OK):
        with path.open("rb+") as file:
            os.fsync(file.fileno())


def move_rows(
    library: Path,
    database: Database,
    old: Space,
    spec: ModelSpec,
    adapted: Adapted,
    report: Report,
    cancel: CancelToken,
) -> int:
    """Fill the space of `spec` with the adapter's image of every row of `old`; how many rows.

    The switch that follows encodes what is missing. Raises Cancelled or DiskFull; the rows so far stay.
    """
    reader = database.reader()
    pictures = pictures_in_space(reader, old.id)
    database.write(lambda db: spaces.begin_space(db, spec.space_id, spec.id, spec.width))
    new = Space.open(library, spec.space_id, spec.id, spec.width, database)
    photos = [photo for photo in pictures if photo in old and photo not in new]
    pace = Pace(report, "move", len(photos))
    for begin in range(0, len(photos), ROWS_AT_ONCE):
        cancel.check()
        part = photos[begin : begin + ROWS_AT_ONCE]
        first = new.append(adapted.photos(old.vectors_of(part)))
        rows = [(photo, first + i, pictures[photo]) for i, photo in enumerate(part)]

        def write(db: Tables, rows: list[tuple[int, int, bytes]] = rows) -> None:
            spaces.set_rows_of_pictures(db, spec.space_id, rows)

        database.write(write)
        pace.step(len(part))
    pace.flush()
    new.close()
    return len(photos)
