"""JSON lines about photos, out of the library and into it: each names its photo by path, by sha256, or by both."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from core.disk import written_whole
from core.errors import NotThere, WrongUse
from core.library.captions import files_of_photos
from core.library.database import Database
from core.library.photos import photo_of_path
from core.progress import CancelToken, Pace, Report

Line = dict[str, Any]


class PhotoNames:
    """What names a photo in such a file: a path and the sha256 of what lies there, of files that are here."""

    def __init__(self, database: Database) -> None:
        self._paths: dict[int, bytes] = {}
        for path, photo in files_of_photos(database.reader()).items():
            self._paths.setdefault(photo, path)

    def __contains__(self, photo: int) -> bool:
        return photo in self._paths

    def of(self, photo: int) -> Line:
        path = self._paths[photo]
        return {"path": os.fsdecode(path), "sha256": _sha256(path)}


def write_lines(path: Path, lines: Iterable[Line]) -> int:
    """Write a line each; how many. The file appears whole or not at all. Raises WrongUse, DiskFull."""
    count = 0
    try:
        with written_whole(path) as file:
            for line in lines:
                # ASCII: odd bytes of a path travel as lone surrogates, which no encoding carries.
                file.write(json.dumps(line, ensure_ascii=True).encode("ascii") + b"\n")
                count += 1
    except OSError as error:
        raise WrongUse(f"{path} cannot be written: {error}", what_to_do="Choose another file.") from error
    return count


def read_lines(path: Path, form: str) -> Iterator[tuple[str, Line]]:
    """(where it stands, line) of each line; `path` and `sha256` of one are texts.

    Raises NotThere, or WrongUse with `form` for a line that is none.
    """
    try:
        texts = path.read_text(encoding="utf-8-sig").split("\n")
    except FileNotFoundError as error:
        raise NotThere(f"There is no file {path}.", what_to_do="Check its name.") from error
    except (OSError, UnicodeError) as error:
        raise WrongUse(f"{path} cannot be read: {error}", what_to_do="Give a JSONL file in UTF-8.") from error
    for number, text in enumerate(texts, 1):
        if not text.strip():
            continue
        where = f"{path.name}, line {number}"
        try:
            line = json.loads(text)
        except ValueError as error:
            raise WrongUse(f"{where} is no JSON: {error}", what_to_do=form) from error
        if not isinstance(line, dict):
            raise WrongUse(f"{where} is no JSON object.", what_to_do=form)
        for key in ("path", "sha256"):
            if line.get(key) is not None and not isinstance(line[key], str):
                raise WrongUse(f"{where}: {key!r} is no text.", what_to_do=form)
        yield where, line


def names_a_photo(line: Mapping[str, Any]) -> bool:
    return any(isinstance(line.get(key), str) for key in ("path", "sha256"))


def photos_of_lines(
    database: Database, lines: Sequence[Line], folder: Path, report: Report, cancel: CancelToken
) -> list[int | None]:
    """The photo of each line, None where it is not in the library.

    A path may be relative to `folder`. Where it leads to no photo, or there is none, photos are known again by their
    file's sha256: then files of the library are read until all are found. Raises Cancelled.
    """
    reader = database.reader()
    photos = [_photo_at(reader, line, folder) for line in lines]
    wanted = {
        line["sha256"].lower()
        for line, photo in zip(lines, photos, strict=True)
        if photo is None and "sha256" in line
    }
    known = _photos_of_hashes(database, wanted, report, cancel) if wanted else {}
    return [
        photo if photo is not None else known.get(line.get("sha256", "").lower())
        for line, photo in zip(lines, photos, strict=True)
    ]


def _photo_at(reader: Any, line: Line, folder: Path) -> int | None:
    if "path" not in line:
        return None
    return photo_of_path(reader, os.fsencode(os.path.abspath(folder / line["path"])))


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
