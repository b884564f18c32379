"""Names and judgements as JSON lines, out of the library and into it (docs/contracts.md: names export, import).

{"name": "豆豆", "aliases": ["Doudou"], "classes": ["狗", "dog"]}
{"name": "豆豆", "path": ..., "sha256": ..., "shows": true}
{"question": "雪地里的狗", "unlike": [], "path": ..., "sha256": ..., "is_it": false}
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from core.albums.naming import Naming, can_be_found, plain
from core.errors import WrongUse
from core.library import judgements
from core.library.database import Database
from core.library.judgements import every_judgement
from core.library.names import examples
from core.progress import CancelToken, Report
from core.training.photo_lines import (
    Line,
    PhotoNames,
    names_a_photo,
    photos_of_lines,
    read_lines,
    write_lines,
)

FORM = 'A line is a name ("name", "aliases", "classes"), a photo of one ("name", "path" or "sha256", "shows"), or a judgement ("question", "path" or "sha256", "is_it").'


@dataclass(frozen=True, slots=True)
class Carried:
    """Names, photos that show one or do not, judgements; and what was said of photos that are not here."""

    names: int
    examples: int
    judgements: int
    unknown: int = 0


def export_names(database: Database, naming: Naming, path: Path, cancel: CancelToken) -> Carried:
    """Write every name, example and judgement of photos with a file that is here. Raises WrongUse or Cancelled."""
    reader = database.reader()
    photos = PhotoNames(database)
    names = naming.all()
    every_shown = [
        (name.name, photo, shows) for name in names for photo, shows in examples(reader, name.id).items()
    ]
    every_judged = every_judgement(reader)
    shown = [each for each in every_shown if each[1] in photos]
    judged = [each for each in every_judged if each.photo in photos]
    away = len(every_shown) - len(shown) + len(every_judged) - len(judged)

    def lines() -> Iterator[Line]:
        for name in names:
            yield {"name": name.name, "aliases": list(name.aliases), "classes": list(name.classes)}
        for word, photo, shows in shown:
            cancel.check()
            yield {"name": word, **photos.of(photo), "shows": shows}
        for each in judged:
            cancel.check()
            said = {"question": each.question, "unlike": list(each.unlike), "is_it": each.is_it}
            yield {**said, **photos.of(each.photo)}

    write_lines(path, lines())
    return Carried(len(names), len(shown), len(judged), away)


def import_names(
    database: Database, naming: Naming, path: Path, report: Report, cancel: CancelToken
) -> Carried:
    """Take in what `export_names` wrote, or another program in its form: where they differ the file's words hold.

    A line about a photo comes after the line of its name, unless the name is known here.
    Raises NotThere, or WrongUse that names the line that is none; nothing is stored then.
    """
    lines = [_checked(line, where) for where, line in read_lines(path, FORM)]
    about = [line for line in lines if names_a_photo(line)]
    photos = photos_of_lines(database, about, path.parent, report, cancel)
    found = list(zip(about, photos, strict=True))
    words = list(dict.fromkeys(line["name"] for line in lines if "name" in line))
    for word in words:
        own = [line for line in lines if line.get("name") == word and not names_a_photo(line)]
        aliases = [each for line in own for each in line.get("aliases", ())]
        classes = [each for line in own for each in line.get("classes", ())]
        marks = {
            photo: line["shows"] for line, photo in found if line.get("name") == word and photo is not None
        }
        name = naming.define(word, aliases, classes)
        if marks:
            naming.mark_each(name, marks)
    judged = [(line, photo) for line, photo in found if "question" in line and photo is not None]
    for line, photo in judged:
        _judge(database, line, photo)
    shown = sum("name" in line and photo is not None for line, photo in found)
    return Carried(len(words), shown, len(judged), photos.count(None))


def _judge(database: Database, line: Line, photo: int) -> None:
    unlike = line.get("unlike", ())
    database.write(lambda db: judgements.judge(db, line["question"], unlike, [photo], line["is_it"]))


def _checked(line: Line, where: str) -> Line:
    photo = names_a_photo(line)
    if _is_word(line.get("name")) and not photo:
        fits = all(_are_words(line.get(key, [])) for key in ("aliases", "classes")) and _are_names(line)
    elif _is_word(line.get("name")):
        fits = isinstance(line.get("shows"), bool) and _are_names({"name": line["name"]})
    else:
        fits = photo and _is_word(line.get("question")) and isinstance(line.get("is_it"), bool)
        fits = fits and _are_words(line.get("unlike", []))
    if not fits:
        raise WrongUse(f"{where} is no name and no judgement.", what_to_do=FORM)
    return {key: value for key, value in line.items() if value is not None}


def _is_word(value: Any) -> bool:
    return isinstance(value, str) and bool(value.strip())


def _are_names(line: Line) -> bool:
    return all(can_be_found(plain(word)) for word in (line["name"], *line.get("aliases", ())) if word.strip())


def _are_words(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(each, str) for each in value)
