"""Out of here and back: an album as copies, links or a list, and all definitions and judgements in one readable file.

Judgements are carried by the hash of the picture data, so they find their photos in another library, under
other names and in other folders.
"""

from __future__ import annotations

import csv
import dataclasses
import io
import json
import os
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from core.albums.albums import Albums
from core.albums.members import Member
from core.disk import is_full, written_whole
from core.errors import DiskFull, NotThere, WrongUse
from core.library import albums as records
from core.library.albums import Album
from core.library.database import Database
from core.library.filters import KEYS, Filter
from core.library.photos import cards, first_paths, photo_of_picture
from core.progress import CancelToken, Pace, Report, silent

FORMS = ("copies", "links", "json", "csv")
# What the file says it is, and in which edition.
KIND, EDITION = "shiguang albums", 1
COLUMNS = ("path", "photo", "taken", "relevance", "decision")


@dataclass(frozen=True, slots=True)
class Exported:
    """How many photos went out, and the paths of those whose file is not there now."""

    photos: int
    missing: tuple[str, ...]


def export_album(
    database: Database,
    album: Album,
    members: Sequence[Member],
    folder: Path,
    form: str,
    report: Report = silent,
    cancel: CancelToken | None = None,
) -> Exported:
    """Put these photos of an album into `folder`, as one of FORMS. Raises WrongUse, DiskFull or Cancelled.

    A copy or link that is there already stays; a file of the same name with another content is left alone too,
    and the photo gets a number behind its name.
    """
    reader = database.reader()
    ids = [member.photo for member in members]
    paths = first_paths(reader, ids)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if form in ("json", "csv"):
            dates = {photo: card.taken for photo, card in cards(reader, ids).items()}
            rows = [_row(member, paths, dates) for member in members]
            _write_list(folder / f"{_file_name(album.name)}.{form}", rows, form)
            return Exported(len(rows), ())
        sources = [paths[photo] for photo in ids if photo in paths]
        return _carry_files(sources, folder, form, report, cancel or CancelToken())
    except OSError as error:
        if is_full(error):
            raise DiskFull("The disk is full.", what_to_do="Free some space and export again.") from error
        raise WrongUse(
            f"{folder} cannot be written: {error.strerror}.", what_to_do="Choose another folder."
        ) from error


def _carry_files(
    paths: Sequence[str], folder: Path, form: str, report: Report, cancel: CancelToken
) -> Exported:
    done, missing, pace = 0, [], Pace(report, "export", len(paths))
    for path in paths:
        cancel.check()
        pace.step()
        source = Path(path)
        if not source.exists():
            missing.append(path)
            continue
        target = _free_name(folder, source)
        if target is not None and form == "links":
            _link(source, target)
        elif target is not None:
            _copy(source, target)
        done += 1
    pace.flush()
    return Exported(done, tuple(missing))


def _copy(source: Path, target: Path) -> None:
    partial = target.with_name(target.name + ".partial")
    try:
        shutil.copy2(source, partial)
        partial.replace(target)
    finally:
        partial.unlink(missing_ok=True)


def _free_name(folder: Path, source: Path) -> Path | None:
    """Where the photo goes; None when it is there already."""
    said = source.stat()
    number = 1
    while True:
        suffix = "" if number == 1 else f" ({number})"
        target = folder / f"{source.stem}{suffix}{source.suffix}"
        if not os.path.lexists(target):
            return target
        there = target.stat() if target.exists() else None
        if there and (there.st_size, there.st_mtime_ns // 10**9) == (
            said.st_size,
            said.st_mtime_ns // 10**9,
        ):
            return None
        number += 1


def _link(source: Path, target: Path) -> None:
    try:
        target.symlink_to(source)
    except OSError as error:
        if is_full(error):
            raise
        # Windows lets only some people make links, and some file systems nobody.
        raise WrongUse(
            f"No link can be made in {target.parent}: {error.strerror}.", what_to_do="Export copies instead."
        ) from error


def _row(member: Member, paths: Mapping[int, str], dates: Mapping[int, str]) -> dict[str, Any]:
    said = {True: "accepted", False: "rejected", None: ""}[member.decision]
    relevance = round(member.relevance, 4)
    values = (
        paths.get(member.photo, ""),
        member.photo,
        dates.get(member.photo, ""),
        relevance,
        said,
    )
    return dict(zip(COLUMNS, values, strict=True))


def _write_list(file: Path, rows: Sequence[Mapping[str, Any]], form: str) -> None:
    out = io.StringIO(newline="")
    if form == "csv":
        writer = csv.DictWriter(out, COLUMNS)
        writer.writeheader()
        writer.writerows(rows)
    else:
        json.dump(rows, out, ensure_ascii=False, indent=1)
    with written_whole(file) as written:
        # Names may hold bytes that are no text; utf-8-sig so that spreadsheets read Chinese.
        encoding = "utf-8-sig" if form == "csv" else "utf-8"
        written.write(out.getvalue().encode(encoding, "surrogateescape"))


def _file_name(name: str) -> str:
    """An album's name as a file's name on any system."""
    plain = "".join("_" if letter in '<>:"/\\|?*' or letter < " " else letter for letter in name)
    return plain.strip(" .") or "album"


# ---- definitions and judgements


def definitions(albums: Albums, database: Database, file: Path) -> dict[str, int]:
    """Write every album with its judgements to a JSON file; how many albums and decisions. Raises WrongUse, DiskFull."""
    every = albums.all()
    names = {album.id: album.name for album in every}
    said = {album.id: records.decisions(database.reader(), album.id) for album in every}
    hashes = records.picture_hashes(
        database.reader(), sorted({photo for one in said.values() for photo in one})
    )
    content = {
        "kind": KIND,
        "edition": EDITION,
        "albums": [_as_json(album, names, said[album.id], hashes) for album in every],
    }
    try:
        with written_whole(file) as written:
            written.write(json.dumps(content, ensure_ascii=False, indent=1).encode())
    except OSError as error:
        raise WrongUse(
            f"{file} cannot be written: {error.strerror}.", what_to_do="Choose another place."
        ) from error
    return {"albums": len(every), "decisions": sum(len(one) for one in said.values())}


def _as_json(
    album: Album, names: Mapping[int, str], said: Mapping[int, bool], hashes: Mapping[int, str]
) -> dict[str, Any]:
    return {
        "name": album.name,
        "built_in": album.key,
        "aliases": list(album.aliases),
        "prompts": list(album.prompts),
        "not": list(album.unlike),
        "rule": [[each.key, each.value, each.text] for each in album.rule],
        "parent": names.get(album.parent) if album.parent is not None else None,
        "one_of": album.one_of,
        "shift": album.shift,
        "automatic": album.automatic,
        "accepted": [hashes[photo] for photo, accepted in said.items() if accepted and photo in hashes],
        "rejected": [hashes[photo] for photo, accepted in said.items() if not accepted and photo in hashes],
    }


def take_definitions(albums: Albums, database: Database, file: Path) -> dict[str, int]:
    """Take in what `definitions` wrote: the same built-in album, else one of that name or alias, gets the file's
    definition and both judgements, where they differ the file's. How many albums and decisions, and decisions about pictures that are `not_here`.

    Raises NotThere when there is no such file, WrongUse when it is no such file.
    """
    found = _read(file)
    every = albums.all()
    known = [_known(album, every) for album, _ in found]
    added = iter(albums.add([album for (album, _), own in zip(found, known, strict=True) if own is None]))
    owned = [own if own is not None else next(added) for own in known]
    here = {album.name.casefold(): album for album in every}
    here |= {album.name.casefold(): own for (album, _), own in zip(found, owned, strict=True)}
    decided = not_here = 0
    for (album, given), own in zip(found, owned, strict=True):
        parent = here.get(str(given.get("parent") or "").casefold())
        albums.change(dataclasses.replace(album, id=own.id, parent=parent.id if parent else None))
        marks: dict[int, bool | None] = {}
        for word, said in (("accepted", True), ("rejected", False)):
            for picture in given.get(word, ()):
                photo = photo_of_picture(database.reader(), bytes.fromhex(picture))
                not_here += photo is None
                if photo is not None:
                    marks[photo] = said
        if marks:
            albums.mark_each(own, marks)
        decided += len(marks)
    return {"albums": len(found), "decisions": decided, "not_here": not_here}


def _known(album: Album, every: Sequence[Album]) -> Album | None:
    """The album that is meant: a built-in one may go by its name in the other language."""
    name = album.name.casefold()
    tests = (
        lambda one: album.key is not None and one.key == album.key,
        lambda one: one.name.casefold() == name,
        lambda one: name in (alias.casefold() for alias in one.aliases),
    )
    return next((one for test in tests for one in every if test(one)), None)


def _read(file: Path) -> list[tuple[Album, dict[str, Any]]]:
    try:
        content = json.loads(file.read_text(encoding="utf-8"))
        if content["kind"] != KIND or content["edition"] > EDITION:
            raise ValueError("it says that it is something else")
        return [(_album(given), given) for given in content["albums"]]
    except FileNotFoundError as error:
        raise NotThere(f"There is no file {file}.", what_to_do="Check its name.") from error
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise WrongUse(
            f"{file} cannot be read as albums: {error}.", what_to_do="Choose a file that `albums save` wrote."
        ) from error


def _album(given: Mapping[str, Any]) -> Album:
    for picture in (*given.get("accepted", ()), *given.get("rejected", ())):
        bytes.fromhex(picture)
    for key, _value, _text in given.get("rule", ()):
        if key not in KEYS:
            raise ValueError(f"a rule by {key!r} is unknown")
    return Album(
        0,
        str(given["name"]),
        tuple(map(str, given["prompts"])),
        tuple(map(str, given.get("not", ()))),
        tuple(Filter(str(key), str(value), str(text)) for key, value, text in given.get("rule", ())),
        tuple(map(str, given.get("aliases", ()))),
        key=given.get("built_in"),
        one_of=bool(given.get("one_of", False)),
        shift=float(given.get("shift", 0.0)),
        automatic=bool(given.get("automatic", True)),
    )
