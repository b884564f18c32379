"""A model folder is replaced by another one whole, or not at all.

A folder cannot be renamed over another on all systems, so there is an instant with neither in its place: the old
one then lies beside it under a name of its own, and `mend` puts it back.
"""

from __future__ import annotations

import os
import shutil
import uuid
from pathlib import Path

from core.errors import ModelError
from core.models.spec import SPEC_FILE

_OLD, _NEW = ".old-", ".new-"


def new_folder_for(folder: Path) -> Path:
    """An empty folder beside `folder`, on the same disk, to build its successor in."""
    new = folder.parent / f"{_NEW}{uuid.uuid4().hex[:8]}-{folder.name}"
    new.mkdir(parents=True)
    return new


def swap(new: Path, folder: Path) -> None:
    """`new` takes the place of `folder`, which goes. Raises ModelError when a program has files of it open."""
    old = folder.parent / f"{_OLD}{folder.name}"
    if old.exists():
        # Left by a crash right after a swap that succeeded, else `mend` had put it back.
        shutil.rmtree(old)
    try:
        os.rename(folder, old)
    except OSError as error:
        # On Windows a folder with an open file cannot be moved.
        raise ModelError(
            f"{folder} cannot be replaced: {error}",
            what_to_do="Close the programs that use this model, and try again.",
        ) from error
    try:
        os.rename(new, folder)
    except OSError:
        os.rename(old, folder)
        raise
    shutil.rmtree(old, ignore_errors=True)


def mend(models: Path) -> None:
    """Put back what a crash left between the two renames, and remove what it left after them."""
    if not models.is_dir():
        return
    for old in models.glob(f"{_OLD}*"):
        folder = models / old.name.removeprefix(_OLD)
        if (folder / SPEC_FILE).is_file():
            shutil.rmtree(old, ignore_errors=True)
        else:
            os.rename(old, folder)
