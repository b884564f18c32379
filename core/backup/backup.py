"""Making a backup: one consistent look at the library, written as lines that people can read."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from pathlib import Path

from core import __version__
from core.backup.archive import ArchiveWriter
from core.backup.models import own_models, put_models
from core.library.database import Database
from core.library.said import SAID, photos_said_of, rows_of
from core.progress import CancelToken, Pace, Report


@dataclass(slots=True)
class BackedUp:
    """Rows by table, photos that something was said of, models, and the file's size."""

    rows: dict[str, int] = field(default_factory=dict)
    photos: int = 0
    models: int = 0
    size_bytes: int = 0


def backup(
    database: Database,
    library: Path,
    path: Path,
    report: Report,
    cancel: CancelToken,
    *,
    models: bool = False,
) -> BackedUp:
    """Write what people said in `database`, whose library lies in `library`, to `path`.

    models  the imported and fine-tuned ones too: some hundred MB each
    Replaces an older file once the new one is whole. Raises Cancelled, DiskFull or WrongUse; then nothing is there.
    """
    done = BackedUp()
    folder = library / "models"
    pace = Pace(report, "backup", len(SAID) + 1 + (len(own_models(folder)) if models else 0))
    about = {"made_by": f"Shiguang {__version__}", "made_at": time.strftime("%Y-%m-%dT%H:%M:%S%z")}
    reader = database.reader()
    with ArchiveWriter(path, about) as archive:
        # What is said meanwhile is in none of the tables.
        reader.execute("BEGIN")
        try:
            for table in SAID:
                name = f"said/{table.name}.jsonl"
                done.rows[table.name] = archive.add_lines(name, rows_of(reader, table), cancel)
                pace.step()
            done.photos = archive.add_lines("photos.jsonl", photos_said_of(reader), cancel)
            pace.step()
        finally:
            reader.execute("COMMIT")
        if models:
            done.models = put_models(archive, folder, cancel, pace.step)
    pace.flush()
    done.size_bytes = path.stat().st_size
    return done
