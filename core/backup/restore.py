"""Restoring a backup: checked whole first, then merged in one transaction, or nothing changed."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from sqlite_utils import Database as Tables

from core.backup.archive import Archive
from core.backup.models import forget_models, place_models, unpack_models
from core.library.database import Database
from core.library.said import SAID, Merge, Merged, Row, SaidTable, table_of, why_not
from core.progress import CancelToken, Pace, Report

_SAID, _ENDING = "said/", ".jsonl"


@dataclass(frozen=True, slots=True)
class Restored:
    """What came (core/library/said.py), and how many models."""

    merged: Merged
    models: int


def restore(database: Database, library: Path, path: Path, report: Report, cancel: CancelToken) -> Restored:
    """Merge a backup into a library: what was said here later holds (core/library/said.py says by which rules).

    Models that are here already stay as they are; none is put into use. Nothing may import meanwhile.
    Raises NotThere, BackupDamaged, BackupNewer, DiskFull or Cancelled; then nothing was changed.
    """
    pace = Pace(report, "restore", 3)
    with Archive(path) as archive:
        _refuse_unknown(archive)
        archive.check(cancel)
        _check_rows(archive, cancel)
        pace.step()
        unpacked = unpack_models(archive, library / "models", cancel)
        pace.step()
        try:
            merged = database.write(lambda db: _merge(db, archive, cancel))
            models = place_models(unpacked)
        finally:
            forget_models(unpacked)
    pace.step()
    pace.flush()
    return Restored(merged, models)


def _refuse_unknown(archive: Archive) -> None:
    """A table that we do not know was made by a program that knows more: half of it is not restored."""
    for name in archive.entries:
        if name.startswith(_SAID) and table_of(name[len(_SAID) : -len(_ENDING)]) is None:
            raise archive.newer()


def _check_rows(archive: Archive, cancel: CancelToken) -> None:
    called: dict[str, set[str]] = {}
    for table in SAID:
        for row in _rows(archive, table):
            cancel.check()
            why = why_not(table, row, called)
            if why is not None:
                raise archive.damaged(f"a line of {table.name} is none, {why}")
            if table.known_by:
                called.setdefault(table.name, set()).add(row["name"])


def _rows(archive: Archive, table: SaidTable) -> Iterator[Row]:
    name = f"{_SAID}{table.name}{_ENDING}"
    # A backup of an older program has fewer tables.
    return archive.lines(name) if name in archive.entries else iter(())


def _merge(db: Tables, archive: Archive, cancel: CancelToken) -> Merged:
    merge = Merge(db)
    for table in SAID:
        cancel.check()
        merge.take(table, _rows(archive, table))
    return merge.finish()
