"""`shiguang status`, `faults`, `photo list|show|set` and `doctor`."""

from __future__ import annotations

import argparse
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from core.app import Shiguang, open_library
from core.cli.output import Output
from core.doctor import checks
from core.errors import NotThere, WrongUse
from core.library import photos
from core.library.names import names_of_photo
from core.library.photos import PhotoDetails
from core.library.spaces import BUILDING
from core.progress import CancelToken

if TYPE_CHECKING:
    Commands = argparse._SubParsersAction[argparse.ArgumentParser]


def add_commands(commands: Commands) -> None:
    commands.add_parser("status", help="folders, counts, model, sizes on disk").set_defaults(run=run_status)
    commands.add_parser("faults", help="files that failed, and why").set_defaults(run=run_faults)
    doctor = commands.add_parser("doctor", help="what is installed, what is missing, is the library whole")
    doctor.add_argument("--report", action="store_true", help="a text to copy, without file names")
    doctor.set_defaults(run=run_doctor)
    photo = commands.add_parser("photo", help="all photos, or one").add_subparsers(
        metavar="list|show|set", required=True
    )
    photo.add_parser("list", help="all photos, a line each").set_defaults(run=run_list)
    show = photo.add_parser("show", help="one photo with its files")
    show.add_argument("path", metavar="PATH")
    show.set_defaults(run=run_show)
    change = photo.add_parser("set", help="say something about a photo")
    change.add_argument("path", metavar="PATH")
    change.add_argument("--caption", metavar="TEXT")
    change.add_argument("--rating", type=int, metavar="0..5")
    change.add_argument("--favourite", metavar="BOOL")
    change.add_argument(
        "--keyword", nargs="*", metavar="WORD", help="in place of those before; none takes all away"
    )
    change.set_defaults(run=run_set)


def run_status(options: argparse.Namespace, output: Output, cancel: CancelToken) -> int:
    library = open_library(options.library, writable=False, verbose=options.verbose)
    try:
        spec, space = library.use_model(), library.space
        value: dict[str, Any] = {
            **library.counts(),
            "space": space.id,
            "model": spec.id,
            "index": {"kind": space.index_kind, "vectors": len(space)},
            "building": _building(library),
            "bytes": _sizes(library.folder),
            "passed_over": library.passed_over(),
            "sidecars": library.carrying.sidecar_counts(),
            "roots": [
                {"path": root.display, "state": root.state, "volume": root.volume} for root in library.roots()
            ],
        }
        lines = [
            f"{value['photos']:,} photos in {value['files']:,} files, {value['offline']:,} offline, {value['failed']:,} failed",
            f"model {spec.id}, {len(space):,} vectors, {space.index_kind} search",
            *_building_lines(value["building"]),
            *_sidecar_lines(value["sidecars"]),
            *(f"{root['state']:8} {root['path']}" for root in value["roots"]),
        ]
        output.result(value, "\n".join(lines))
        return 0
    finally:
        library.close()


def _building(library: Shiguang) -> dict[str, Any] | None:
    """The move to another model that is under way or was interrupted."""
    record = next((each for each in library.spaces() if each.state == BUILDING), None)
    if record is None:
        return None
    photos = library.counts()["photos"]
    return {"model": record.model, "done": record.vectors, "total": photos, "reason": record.reason or None}


def _building_lines(building: dict[str, Any] | None) -> list[str]:
    if building is None:
        return []
    line = f"moving to model {building['model']}: {building['done']:,} of {building['total']:,} photos"
    return [line + (f"; it stopped: {building['reason']}" if building["reason"] else "")]


def _sidecar_lines(sidecars: dict[str, int]) -> list[str]:
    if not any(sidecars.values()):
        return []
    return [f"{sidecars['written']:,} sidecars written, {sidecars['waiting']:,} wait until they can be"]


def _sizes(folder: Path) -> dict[str, int]:
    """Bytes on disk by what can be found under that name in the library's folder."""
    sizes: dict[str, int] = {}
    for entry in folder.iterdir():
        name = "library" if entry.name.startswith("library.db") else entry.name.partition(".")[0]
        files = [entry] if entry.is_file() else [file for file in entry.rglob("*") if file.is_file()]
        sizes[name] = sizes.get(name, 0) + sum(file.stat().st_size for file in files)
    return sizes


def run_faults(options: argparse.Namespace, output: Output, cancel: CancelToken) -> int:
    library = open_library(options.library, writable=False, verbose=options.verbose)
    try:
        for fault in library.faults():
            value = {"path": fault.path, "stage": fault.stage, "code": fault.code, "reason": fault.reason}
            output.result(value, f"{fault.path}\n    {fault.reason} ({fault.code}, while {fault.stage})")
        return 0
    finally:
        library.close()


def run_doctor(options: argparse.Namespace, output: Output, cancel: CancelToken) -> int:
    found = checks(options.library, with_names=not options.report)
    for check in found:
        value = {"check": check.name, "ok": check.ok, "detail": check.detail}
        output.result(value, f"{'ok     ' if check.ok else 'LOOK   '} {check.name}: {check.detail}")
    return 0 if all(check.ok for check in found) else 1


def run_list(options: argparse.Namespace, output: Output, cancel: CancelToken) -> int:
    library = open_library(options.library, writable=False, verbose=options.verbose)
    try:
        for photo in photos.every_photo(library.database.reader()):
            cancel.check()
            value = _photo_json(library, photo)
            output.result(
                value, f"{value['taken'] or '-':20} {photo.width:5} x {photo.height:<5} {photo.files[0].path}"
            )
        return 0
    finally:
        library.close()


def run_show(options: argparse.Namespace, output: Output, cancel: CancelToken) -> int:
    library = open_library(options.library, writable=False, verbose=options.verbose)
    try:
        value = _photo_json(library, _details(library, options.path))
        states = library.carrying.sidecar_states(value["photo"])
        for file in value["files"]:
            file["sidecar"] = states.get(file["path"])
        output.result(value, "\n".join(f"{key:12} {item}" for key, item in value.items()))
        return 0
    finally:
        library.close()


def run_set(options: argparse.Namespace, output: Output, cancel: CancelToken) -> int:
    library = open_library(options.library, writable=True, verbose=options.verbose)
    try:
        photo = _details(library, options.path).photo
        if options.rating is not None:
            library.set_rating(photo, options.rating)
        if options.favourite is not None:
            library.set_favourite(photo, _truth(options.favourite))
        if options.caption is not None:
            library.set_caption(photo, _language(options.caption), options.caption.strip())
        if options.keyword is not None:
            library.set_keywords(photo, options.keyword)
        value = _photo_json(library, _details(library, options.path))
        output.result(value, "\n".join(f"{key:12} {item}" for key, item in value.items()))
        return 0
    finally:
        library.close()


def _details(library: Shiguang, path: str) -> PhotoDetails:
    absolute = os.path.abspath(path)
    photo = photos.photo_of_path(library.database.reader(), os.fsencode(absolute))
    found = library.details(photo) if photo is not None else None
    if found is None:
        raise NotThere(
            f"There is no photo {absolute} in the library.", what_to_do="`shiguang photo list` lists them."
        )
    return found


def _truth(word: str) -> bool:
    truths = {
        "true": True,
        "yes": True,
        "1": True,
        "on": True,
        "false": False,
        "no": False,
        "0": False,
        "off": False,
    }
    if word.lower() not in truths:
        raise WrongUse(
            f"{word!r} is neither true nor false.", what_to_do="Write --favourite true or --favourite false."
        )
    return truths[word.lower()]


def _language(text: str) -> str:
    """A caption's language by its writing: Chinese characters or none."""
    return "zh" if any("\u3400" <= letter <= "\u9fff" for letter in text) else "en"


def _place(metadata: dict[str, Any]) -> list[float] | None:
    if metadata.get("latitude") is None or metadata.get("longitude") is None:
        return None
    return [metadata["latitude"], metadata["longitude"]]


def _photo_json(library: Shiguang, photo: PhotoDetails) -> dict[str, Any]:
    best = photo.files[0]
    said = best.metadata
    taken = {key: said.get(key) for key in ("taken", "taken_from", "camera", "lens")}
    return {
        "photo": photo.photo,
        "files": [
            {
                "path": file.path,
                "volume": file.volume,
                "state": file.state,
                "width": file.width,
                "height": file.height,
                "taken": file.metadata.get("taken"),
                "taken_from": file.metadata.get("taken_from"),
                "camera": file.metadata.get("camera"),
                "gps": _place(file.metadata),
            }
            for file in photo.files
        ],
        "kind": best.kind,
        "format": photo.format,
        "width": photo.width,
        "height": photo.height,
        **taken,
        "gps": _place(said),
        "caption": " / ".join(photo.captions.values()) or said.get("caption") or said.get("description"),
        "rating": photo.rating if photo.rating is not None else said.get("rating"),
        "favourite": photo.favourite,
        "keywords": sorted({*photo.keywords, *(said.get("keywords") or ())}),
        "names": names_of_photo(library.database.reader(), photo.photo),
        "albums": library.albums_of([photo.photo]).get(photo.photo, []),
    }
