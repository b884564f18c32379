"""Takes dropped spaces away: rows, files, record, in that order, a little at a time."""

from __future__ import annotations

import shutil
from functools import partial
from pathlib import Path

from core.library import spaces
from core.library.database import Database


def sweep(folder: Path, database: Database) -> None:
    """Take every dropped space of the library away, also one whose dropping was interrupted.

    folder  the library's `spaces/`
    Rows go in small transactions, so that a decision made meanwhile is not held up.
    """
    for record in spaces.every_space(database.reader()):
        if record.state != spaces.DROPPED:
            continue
        while database.write(partial(spaces.delete_some_rows, space=record.id)):
            pass
        shutil.rmtree(folder / record.id, ignore_errors=True)
        # Windows does not delete a file that is still mapped; then the record stays, for the next time.
        if not (folder / record.id).exists():
            database.write(partial(spaces.forget_space, space=record.id))
