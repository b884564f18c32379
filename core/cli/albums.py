"""`shiguang albums`: albums that fill themselves, and what the owner says about their photos."""

from __future__ import annotations

import argparse
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from core.albums import Album, Albums, Changed, Member
from core.albums.builtin import suggestions, wanted
from core.albums.carry import FORMS, definitions, export_album, take_definitions
from core.app import Shiguang, open_library
from core.cli.output import Output
from core.errors import NotThere
from core.library import photos
from core.progress import CancelToken
from core.search.parse import parse_filters

if TYPE_CHECKING:
    Commands = argparse._SubParsersAction[argparse.ArgumentParser]

Action = Callable[[argparse.Namespace, Output, Shiguang, Albums], int]


def add_commands(commands: Commands) -> None:
    albums = commands.add_parser("albums", help="albums that fill themselves, and take correction")
    actions = albums.add_subparsers(
        metavar="list|show|create|accept|reject|undo|review|suggest|want|drop|export|save|load", required=True
    )
    _add(actions, "list", "all albums with their counts", _list, writes=False)
    show = _add(actions, "show", "what is in an album", _show, writes=False)
    show.add_argument("name", metavar="NAME")
    show.add_argument("--all", action="store_true", help="every photo: accepted first, rejected last")
    create = _add(actions, "create", "a new album", _create)
    create.add_argument("name", metavar="NAME")
    create.add_argument("--prompt", nargs="+", action="extend", default=[], metavar="T", help="what is in it")
    create.add_argument(
        "--not", nargs="+", action="extend", default=[], metavar="T", dest="unlike", help="what is not"
    )
    create.add_argument("--rule", default="", metavar="EXPR", help='for instance "year:2019 camera:canon"')
    create.add_argument("--alias", nargs="+", action="extend", default=[], metavar="NAME")
    create.add_argument("--parent", metavar="NAME", help="the album that it is a part of")
    create.add_argument(
        "--one-of", action="store_true", help="a photo is in one of the albums below it at most"
    )
    for verb, what in (("accept", "these belong to it"), ("reject", "these do not, for ever")):
        mark = _add(actions, verb, what, _mark)
        mark.add_argument("name", metavar="NAME")
        mark.add_argument("paths", nargs="+", metavar="PATH")
        mark.set_defaults(accepted=verb == "accept")
    undo = _add(actions, "undo", "take the last round of marks back", _undo)
    undo.add_argument("name", metavar="NAME")
    review = _add(actions, "review", "the photos most worth deciding next", _review, writes=False)
    review.add_argument("name", metavar="NAME")
    review.add_argument("--batch", type=int, default=10, metavar="N")
    _add(actions, "suggest", "built-in albums that would fill well here", _suggest, writes=False)
    want = _add(actions, "want", "make built-in albums by their names", _want)
    want.add_argument("names", nargs="+", metavar="NAME")
    drop = _add(actions, "drop", "forget an album with its decisions", _drop)
    drop.add_argument("name", metavar="NAME")
    export = _add(actions, "export", "carry an album out of here", _export, writes=False)
    export.add_argument("name", metavar="NAME")
    export.add_argument("folder", metavar="DIR")
    export.add_argument("--as", choices=FORMS, default="copies", dest="form")
    save = _add(actions, "save", "all definitions and judgements in one readable file", _save, writes=False)
    save.add_argument("file", metavar="FILE")
    load = _add(actions, "load", "take in what `save` wrote", _load)
    load.add_argument("file", metavar="FILE")


def _add(
    actions: Commands, name: str, what: str, action: Action, *, writes: bool = True
) -> argparse.ArgumentParser:
    parser = actions.add_parser(name, help=what)

    def run(options: argparse.Namespace, output: Output, cancel: CancelToken) -> int:
        library = open_library(options.library, writable=writes, verbose=options.verbose)
        try:
            return action(options, output, library, library.albums)
        finally:
            library.close()

    parser.set_defaults(run=run)
    return parser


def _list(options: argparse.Namespace, output: Output, library: Shiguang, albums: Albums) -> int:
    for one in albums.shelf():
        value = {
            "album": one.album.id,
            "name": one.album.name,
            "aliases": list(one.album.aliases),
            "prompts": list(one.album.prompts),
            "not": list(one.album.unlike),
            "in": one.inside,
            "maybe": one.maybe,
            "accepted": one.accepted,
            "rejected": one.rejected,
            "automatic": one.album.automatic,
        }
        output.result(value, f"{one.inside:7,} + {one.maybe:6,} maybe  {one.album.name}")
    return 0


def _show(options: argparse.Namespace, output: Output, library: Shiguang, albums: Albums) -> int:
    album = albums.find(options.name)
    _print_members(albums.show(album, everything=options.all), album, output, library, albums)
    return 0


def _review(options: argparse.Namespace, output: Output, library: Shiguang, albums: Albums) -> int:
    album = albums.find(options.name)
    _print_members(albums.review(album, max(1, options.batch)), album, output, library, albums)
    return 0


def _print_members(
    members: Sequence[Member], album: Album, output: Output, library: Shiguang, albums: Albums
) -> None:
    ids = [member.photo for member in members]
    paths, whys = library.first_paths(ids), albums.why(album, ids)
    said = {True: "accepted", False: "rejected", None: None}
    for member in members:
        why = whys[member.photo].sentence() if member.photo in whys else ""
        value = {
            "photo": member.photo,
            "path": paths.get(member.photo, ""),
            "score": round(member.score, 4),
            "relevance": round(member.relevance, 4),
            "band": member.band,
            "decision": said[member.decision],
            "why": why,
        }
        output.result(value, f"{member.relevance:4.0%}  {member.band:6} {value['path']}  ({why})")


def _create(options: argparse.Namespace, output: Output, library: Shiguang, albums: Albums) -> int:
    parent = albums.find(options.parent).id if options.parent else None
    album = albums.create(
        options.name,
        options.prompt,
        options.unlike,
        rule=parse_filters(options.rule),
        aliases=options.alias,
        parent=parent,
        one_of=options.one_of,
    )
    _print_counts("created", [album], output, albums)
    return 0


def _print_counts(event: str, made: Sequence[Album], output: Output, albums: Albums) -> None:
    counts = {one.album.id: one for one in albums.shelf()}
    for album in made:
        one = counts[album.id]
        value = {
            "event": event,
            "album": album.id,
            "name": album.name,
            "in": one.inside,
            "maybe": one.maybe,
        }
        output.result(value, f"{album.name}: {one.inside:,} photos, {one.maybe:,} maybe")


def _mark(options: argparse.Namespace, output: Output, library: Shiguang, albums: Albums) -> int:
    album = albums.find(options.name)
    reader = library.database.reader()
    marked: list[int] = []
    for path in options.paths:
        absolute = os.path.abspath(path)
        photo = photos.photo_of_path(reader, os.fsencode(absolute))
        if photo is None:
            raise NotThere(
                f"There is no photo {absolute} in the library.",
                what_to_do="`shiguang photo list` lists them.",
            )
        marked.append(photo)
    _print_change(albums.mark(album, marked, options.accepted), output)
    return 0


def _undo(options: argparse.Namespace, output: Output, library: Shiguang, albums: Albums) -> int:
    _print_change(albums.undo(albums.find(options.name)), output)
    return 0


def _print_change(changed: Changed, output: Output) -> None:
    value = {
        "event": "changed",
        "in": changed.inside,
        "came": len(changed.came),
        "went": len(changed.went),
        "photos_came": list(changed.came),
        "photos_went": list(changed.went),
    }
    output.result(
        value,
        f"+{len(changed.came)}, -{len(changed.went)} after {changed.marks} marks: {changed.inside:,} in",
    )


def _suggest(options: argparse.Namespace, output: Output, library: Shiguang, albums: Albums) -> int:
    for one in suggestions(albums):
        value: dict[str, Any] = {
            "key": one.album.key,
            "name": one.album.name,
            "aliases": list(one.album.aliases),
            "photos": one.count,
            "sure": round(one.agreement, 3),
            "first": list(one.first),
        }
        output.result(
            value, f"about {one.count:,} photos: {one.album.name} ({', '.join(one.album.aliases[:2])})"
        )
    return 0


def _want(options: argparse.Namespace, output: Output, library: Shiguang, albums: Albums) -> int:
    _print_counts("created", wanted(albums, options.names), output, albums)
    return 0


def _drop(options: argparse.Namespace, output: Output, library: Shiguang, albums: Albums) -> int:
    album = albums.find(options.name)
    albums.drop(album)
    output.result({"event": "dropped", "album": album.id, "name": album.name}, f"{album.name} is forgotten")
    return 0


def _export(options: argparse.Namespace, output: Output, library: Shiguang, albums: Albums) -> int:
    album = albums.find(options.name)
    inside = [member for member in albums.show(album) if member.band == "in"]
    done = export_album(library.database, album, inside, Path(options.folder).absolute(), options.form)
    value = {"event": "exported", "photos": done.photos, "missing": list(done.missing)}
    output.result(value, f"{done.photos:,} photos of {album.name} in {options.folder}")
    for path in done.missing:
        output.say(f"not there now: {path}")
    return 1 if done.missing else 0


def _save(options: argparse.Namespace, output: Output, library: Shiguang, albums: Albums) -> int:
    counts = definitions(albums, library.database, Path(options.file).absolute())
    output.result(
        {"event": "saved", **counts}, f"{counts['albums']:,} albums, {counts['decisions']:,} decisions"
    )
    return 0


def _load(options: argparse.Namespace, output: Output, library: Shiguang, albums: Albums) -> int:
    counts = take_definitions(albums, library.database, Path(options.file).absolute())
    output.result(
        {"event": "loaded", **counts}, f"{counts['albums']:,} albums, {counts['decisions']:,} decisions"
    )
    return 0
