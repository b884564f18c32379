"""Captions as JSON lines, out of the library and into it (docs/contracts.md: captions export, import)."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from core.errors import NotThere, WrongUse
from core.library.captions import every_caption, files_of_photos, set_captions
from core.library.database import Database
from core.library.photos import photo_of_path
from core.progress import CancelToken, Pace, Report
from core.training.pairs import language_of

LANGUAGES = ("en", "zh")
FORM = 'Each line is {"path" or "sha256": ..., "caption": ..., "lang": "en" or "zh"}.'
Line = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Imported:
    """Lines of a file: captions that are new or changed, the same as before, and of photos that are not here."""

    taken: int
    same: int
    unknown: int


def export_captions(database: Database, path: Path, report: Report, cancel: CancelToken) -> int:
    """Write every caption of a photo with a file that is here; how many. The file appears whole or not at all."""
    reader = database.reader()
    paths: dict[int, bytes] = {}
    for name, photo in files_of_photos(reader).items():
        paths.setdefault(photo, name)
    found = [each for each in every_caption(reader) if each[0] in paths]
    pace = Pace(report, "write", len(found))
    unfinished = path.with_name(path.name + ".partial")
    try:
        with unfinished.open("w", encoding="utf-8", newline="\n") as file:
            for photo, lang, text in found:
                cancel.check()
                line: Line = {"path": os.fsdecode(paths[photo]), "sha256": _sha256(paths[photo])}
                # ASCII: odd bytes of a path travel as lone surrogates, which no encoding carries.
                file.write(json.dumps({**line, "caption": text, "lang": lang}, ensure_ascii=True) + "\n")
                pace.step()
        unfinished.replace(path)
    except OSError as error:
        raise WrongUse(f"{path} cannot be written: {error}", what_to_do="Choose another file.") from error
    finally:
        unfinished.unlink(missing_ok=True)
    pace.flush()
    return len(found)


def import_captions(database: Database, path: Path, report: Report, cancel: CancelToken) -> Imported:
    """Store the captions of a file in one step: one a photo and language, the last of several counts.

    A line's path may be relative to the file. Where it leads to no photo, or there is none, photos are known
    again by their file's sha256: then files of the library are read until all are found.
    Raises NotThere, or WrongUse that names the line that is none; nothing is stored then.
    """
    lines = list(read_lines(path))
    reader = database.reader()
    photos = [_photo_at(reader, line, path.parent) for line in lines]
    wanted = {
        line["sha256"].lower() for line, photo in zip(lines, photos, strict=True) if _by_hash(line, photo)
    }
    known = _photos_of_hashes(database, wanted, report, cancel) if wanted else {}
    new: dict[tuple[int, str], str] = {}
    unknown = 0
    for line, at_path in zip(lines, photos, strict=True):
        photo = at_path if at_path is not None else known.get(line.get("sha256", "").lower())
        if photo is None:
            unknown += 1
        else:
            new[photo, line["lang"]] = line["caption"].strip()
    taken = database.write(lambda db: set_captions(db, new))
    return Imported(taken, len(new) - taken, unknown)


def read_lines(path: Path) -> Iterator[Line]:
    """The lines of a caption file, checked. Raises NotThere or WrongUse."""
    try:
        texts = path.read_text(encoding="utf-8-sig").split("\n")
    except FileNotFoundError as error:
        raise NotThere(f"There is no file {path}.", what_to_do="Check its name.") from error
    except (OSError, UnicodeError) as error:
        raise WrongUse(f"{path} cannot be read: {error}", what_to_do="Give a JSONL file in UTF-8.") from error
    for number, text in enumerate(texts, 1):
        if text.strip():
            yield _line(text, f"{path.name}, line {number}")


def _line(text: str, where: str) -> Line:
    try:
        line = json.loads(text)
    except ValueError as error:
        raise WrongUse(f"{where} is no JSON: {error}", what_to_do=FORM) from error
    named = isinstance(line, dict) and any(isinstance(line.get(key), str) for key in ("path", "sha256"))
    if not named or not isinstance(line.get("caption"), str):
        raise WrongUse(f"{where} names no photo or no caption.", what_to_do=FORM)
    line = {key: line[key] for key in ("path", "sha256", "caption", "lang") if line.get(key) is not None}
    line.setdefault("lang", language_of(line["caption"]))
    if line["lang"] not in LANGUAGES or any(not isinstance(value, str) for value in line.values()):
        raise WrongUse(f"{where}: {line['lang']!r} is neither en nor zh.", what_to_do=FORM)
    checked: Line = line
    return checked


def _photo_at(reader: Any, line: Line, folder: Path) -> int | None:
    if "path" not in line:
        return None
    return photo_of_path(reader, os.fsencode(os.path.abspath(folder / line["path"])))


def _by_hash(line: Line, photo: int | None) -> bool:
    return photo is None and "sha256" in line


def _photos_of_hashes(
    database: Database, wanted: set[str], report: Report, cancel: CancelToken
) -> dict[str, int]:
    files = files_of_photos(database.reader())
    pace = Pace(report, "look for photos", len(files))
    found: dict[str, int] = {}
    for path, photo in files.items():
        cancel.check()
        pace.step()
        own = _sha256(path)
        if own in wanted:
            found[own] = photo
            if len(found) == len(wanted):
                break
    pace.flush()
    return found


def _sha256(path: bytes) -> str | None:
    try:
        with open(path, "rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError:
        # A file that went away since is found by its path, if it comes back.
        return None
