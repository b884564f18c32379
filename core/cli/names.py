"""`shiguang names`: words that the owner gives to people, pets and things; and `shiguang judge`."""

from __future__ import annotations

import argparse
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from core.app import Shiguang, open_library
from core.cli.output import Output
from core.errors import NotThere, WrongUse
from core.library import photos
from core.library.judgements import judged
from core.library.names import Name
from core.progress import CancelToken
from core.training.name_lines import Carried, export_names, import_names

if TYPE_CHECKING:
    Commands = argparse._SubParsersAction[argparse.ArgumentParser]

Action = Callable[[argparse.Namespace, Output, Shiguang, CancelToken], int]


def add_commands(commands: Commands) -> None:
    names = commands.add_parser("names", help="words of your own, shown by photos, that searches understand")
    actions = names.add_subparsers(metavar="list|add|not|undo|drop|export|import", required=True)
    _add(actions, "list", "all names with their counts", _list, writes=False)
    add = _add(actions, "add", "these photos show it; a new name or more photos of a known one", _give)
    add.add_argument("name", metavar="NAME")
    add.add_argument("paths", nargs="*", metavar="PATH")
    add.add_argument("--alias", nargs="+", action="extend", default=[], metavar="NAME")
    add.add_argument(
        "--class",
        nargs="+",
        action="extend",
        default=[],
        metavar="WORD",
        dest="classes",
        help="what kind of thing it is, in one or both languages: 狗 dog",
    )
    unlike = _add(actions, "not", "these photos do not show it", _not)
    unlike.add_argument("name", metavar="NAME")
    unlike.add_argument("paths", nargs="+", metavar="PATH")
    undo = _add(actions, "undo", "take the last round of photos back", _undo)
    undo.add_argument("name", metavar="NAME")
    drop = _add(actions, "drop", "forget a name, or some of its aliases", _drop)
    drop.add_argument("name", metavar="NAME")
    drop.add_argument("--alias", nargs="+", action="extend", default=[], metavar="NAME")
    out = _add(actions, "export", "names and judgements as JSON lines", _export, writes=False)
    out.add_argument("file", type=Path, metavar="FILE")
    back = _add(actions, "import", "take in what `export` wrote", _import)
    back.add_argument("file", type=Path, metavar="FILE")
    says = _add(commands, "judge", "say which photos a search should find, and which not", _judge)
    says.add_argument("question", metavar="WORDS")
    for flag, what in (("--yes", "this is it"), ("--no", "this is not"), ("--undo", "nothing is said of it")):
        says.add_argument(flag, nargs="+", action="extend", default=[], metavar="PATH", help=what)


def _add(
    actions: Commands, name: str, what: str, action: Action, *, writes: bool = True
) -> argparse.ArgumentParser:
    parser = actions.add_parser(name, help=what)

    def run(options: argparse.Namespace, output: Output, cancel: CancelToken) -> int:
        library = open_library(options.library, writable=writes, verbose=options.verbose)
        try:
            return action(options, output, library, cancel)
        finally:
            library.close()

    parser.set_defaults(run=run)
    return parser


def _list(options: argparse.Namespace, output: Output, library: Shiguang, cancel: CancelToken) -> int:
    for one in library.names.shelf():
        name = one.name
        value = {
            "name": name.name,
            "aliases": list(name.aliases),
            "classes": list(name.classes),
            "shown": one.shown,
            "not": one.not_shown,
        }
        also = f" ({', '.join([*name.aliases, *name.classes])})" if name.aliases or name.classes else ""
        output.result(value, f"{one.shown:5,} photos, {one.not_shown:,} not  {name.name}{also}")
    return 0


def _give(options: argparse.Namespace, output: Output, library: Shiguang, cancel: CancelToken) -> int:
    shown = _photos(library, options.paths)
    name = library.names.give(options.name, shown, aliases=options.alias, classes=options.classes)
    return _changed(name, output, library)


def _not(options: argparse.Namespace, output: Output, library: Shiguang, cancel: CancelToken) -> int:
    name = library.names.find(options.name)
    library.names.mark(name, _photos(library, options.paths), False)
    return _changed(name, output, library)


def _undo(options: argparse.Namespace, output: Output, library: Shiguang, cancel: CancelToken) -> int:
    name = library.names.find(options.name)
    library.names.undo(name)
    return _changed(name, output, library)


def _changed(name: Name, output: Output, library: Shiguang) -> int:
    one = next(each for each in library.names.shelf() if each.name.id == name.id)
    value = {
        "event": "changed",
        "name": name.name,
        "aliases": list(name.aliases),
        "classes": list(name.classes),
        "shown": one.shown,
        "not": one.not_shown,
    }
    output.result(value, f"{name.name}: shown by {one.shown:,} photos, not by {one.not_shown:,}")
    return 0


def _drop(options: argparse.Namespace, output: Output, library: Shiguang, cancel: CancelToken) -> int:
    name = library.names.find(options.name)
    if options.alias:
        return _changed(library.names.without(name, options.alias), output, library)
    library.names.drop(name)
    output.result({"event": "dropped", "name": name.name}, f"{name.name} is forgotten")
    return 0


def _export(options: argparse.Namespace, output: Output, library: Shiguang, cancel: CancelToken) -> int:
    done = export_names(library.database, library.names, options.file.absolute(), cancel)
    _carried("exported", done, options.file, output)
    return 0


def _import(options: argparse.Namespace, output: Output, library: Shiguang, cancel: CancelToken) -> int:
    file = options.file.absolute()
    done = import_names(library.database, library.names, file, output.progress, cancel)
    _carried("imported", done, options.file, output)
    return 0


def _carried(event: str, done: Carried, file: Path, output: Output) -> None:
    value = {
        "event": event,
        "names": done.names,
        "examples": done.examples,
        "judgements": done.judgements,
        "unknown": done.unknown,
        "file": str(file.absolute()),
    }
    line = f"{done.names:,} names, {done.examples:,} photos of them, {done.judgements:,} judgements"
    if done.unknown:
        away = "photos whose files are away" if event == "exported" else "photos that are not in the library"
        line += f"; without {done.unknown:,} words about {away}"
    output.result(value, line)


def _judge(options: argparse.Namespace, output: Output, library: Shiguang, cancel: CancelToken) -> int:
    rounds = [(True, options.yes), (False, options.no), (None, options.undo)]
    if not any(paths for _, paths in rounds):
        raise WrongUse("Nothing was judged.", what_to_do="Give photos with --yes, --no or --undo.")
    every = [(said, _photos(library, paths)) for said, paths in rounds if paths]
    for said, those in every:
        reading = library.judge_result(options.question, those, said)
    now = judged(library.database.reader(), reading.meaning, reading.unlike)
    yes = sum(now.values())
    value = {"event": "judged", "read_as": reading.as_json(), "yes": yes, "no": len(now) - yes}
    output.result(value, f"{reading.meaning}: {yes:,} photos are it, {len(now) - yes:,} are not")
    return 0


def _photos(library: Shiguang, paths: Sequence[str]) -> list[int]:
    """The photos that lie there. Raises NotThere for the first that is none of the library."""
    reader, found = library.database.reader(), []
    for path in paths:
        absolute = os.path.abspath(path)
        photo = photos.photo_of_path(reader, os.fsencode(absolute))
        if photo is None:
            raise NotThere(
                f"There is no photo {absolute} in the library.",
                what_to_do="`shiguang photo list` lists them.",
            )
        found.append(photo)
    return found
