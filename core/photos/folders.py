"""Which folders can be watched."""

from __future__ import annotations

import os
from pathlib import Path

from core.errors import NotThere, WrongUse
from core.library import roots
from core.library.database import Database
from core.library.roots import Root
from core.photos.volumes import place_of


def watch(database: Database, folder: str | os.PathLike[str], own: Path) -> Root:
    """Watch a folder; the root that covers it now. A known one that is not there now is watched from when it is back.

    own  the library's folder, which would follow itself
    Raises NotThere or WrongUse.
    """
    path = os.path.abspath(folder)
    if not os.path.exists(path):
        known = roots.root_by_path(database.reader(), os.fsencode(path))
        if known is not None:
            database.write(lambda db: roots.watch_again(db, known.id))
            return known
        raise NotThere(f"There is no folder {path}.", what_to_do="Check its name, or plug its drive in.")
    if not os.path.isdir(path):
        raise WrongUse(f"{path} is no folder.", what_to_do="Name the folder that holds it.")
    if Path(path).resolve().is_relative_to(own.resolve()):
        raise WrongUse("The library's own folder cannot be watched.", what_to_do="Choose a folder of photos.")
    place = place_of(path)
    volume, in_volume = place.volume.id, os.fsencode(place.path_in_volume)
    number = database.write(lambda db: roots.watch_root(db, os.fsencode(path), volume, in_volume))
    return next(root for root in roots.watched_roots(database.reader()) if root.id == number)
