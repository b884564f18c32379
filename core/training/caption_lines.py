"""Captions as JSON lines, out of the library and into it (docs/contracts.md: captions export, import)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from core.errors import WrongUse
from core.library.captions import every_caption, set_captions
from core.library.database import Database
from core.progress import CancelToken, Pace, Report
from core.training.pairs import language_of
from core.training.photo_lines import (
    Line,
    PhotoNames,
    names_a_photo,
    photos_of_lines,
    read_lines,
    write_lines,
)

LANGUAGES = ("en", "zh")
FORM = 'Each line is {"path" or "sha256": ..., "caption": ..., "lang": "en" or "zh"}.'


@dataclass(frozen=True, slots=True)
class Imported:
    """Lines of a file: captions that are new or changed, the same as before, and of photos that are not here."""

    taken: int
    same: int
    unknown: int


@dataclass(frozen=True, slots=True)
class Exported:
    """Captions that were written, and those of photos without a file here now, which nothing could name."""

    written: int
    left_out: int


def export_captions(database: Database, path: Path, report: Report, cancel: CancelToken) -> Exported:
    """Write every caption of a photo with a file that is here. The file appears whole or not at all.

    Raises WrongUse, DiskFull or Cancelled.
    """
    photos = PhotoNames(database)
    every = every_caption(database.reader())
    found = [each for each in every if each[0] in photos]
    pace = Pace(report, "write", len(found))

    def lines() -> Iterator[Line]:
        for photo, lang, text in found:
            cancel.check()
            yield {**photos.of(photo), "caption": text, "lang": lang}
            pace.step()

    count = write_lines(path, lines())
    pace.flush()
    return Exported(count, len(every) - count)


def import_captions(database: Database, path: Path, report: Report, cancel: CancelToken) -> Imported:
    """Store the captions of a file in one step: one a photo and language, the last of several counts.

    Photos are found as `photos_of_lines` says, paths relative to the file.
    Raises NotThere, or WrongUse that names the line that is none; nothing is stored then.
    """
    lines = [_line(line, where) for where, line in read_lines(path, FORM)]
    photos = photos_of_lines(database, lines, path.parent, report, cancel)
    new = {
        (photo, line["lang"]): line["caption"].strip()
        for line, photo in zip(lines, photos, strict=True)
        if photo is not None
    }
    taken = database.write(lambda db: set_captions(db, new))
    return Imported(taken, len(new) - taken, photos.count(None))


def _line(line: Line, where: str) -> Line:
    if not names_a_photo(line) or not isinstance(line.get("caption"), str):
        raise WrongUse(f"{where} names no photo or no caption.", what_to_do=FORM)
    line = {key: line[key] for key in ("path", "sha256", "caption", "lang") if line.get(key) is not None}
    line.setdefault("lang", language_of(line["caption"]))
    if line["lang"] not in LANGUAGES:
        raise WrongUse(f"{where}: {line['lang']!r} is neither en nor zh.", what_to_do=FORM)
    return line
