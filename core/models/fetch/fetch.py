"""All original files of one entry, into one folder; what a person does by hand where there is no connection."""

from __future__ import annotations

import shutil
from pathlib import Path

from core.errors import DiskFull, NotThere, WrongUse
from core.models.entries import Entry
from core.models.fetch.download import Wanted, download
from core.models.fetch.hub import address, wanted_of
from core.models.fetch.meter import Meter
from core.models.fetch.route import Route
from core.progress import CancelToken, Report

STAGE = "download"


def fetch(
    entry: Entry, folder: Path, route: Route, report: Report, cancel: CancelToken, *, room_bytes: int = 0
) -> Path:
    """Download what `entry` names into `folder`; the path that is to be imported.

    room_bytes  how much more of the disk the import will need; asked for before the first byte comes
    Going on where an earlier call stopped. Raises Unreachable and NotThere with what to do by hand, ModelError
    for wrong checksums, DiskFull (before anything is fetched, or when the disk fills), Cancelled.
    """
    if not entry.sources:
        raise WrongUse(f"{entry.id} comes with the program.", what_to_do="There is nothing to get.")
    try:
        wanted = [one for source in entry.sources for one in wanted_of(source, route, cancel)]
        meter = Meter(report, STAGE, _total(wanted))
        _check_room(entry, wanted, folder, room_bytes)
        for one in wanted:
            download(one, folder, route, meter, cancel)
        meter.flush()
    except NotThere as error:
        error.what_to_do = f"{error.what_to_do}\n{put_by_hand(entry, folder, route)}".strip()
        raise
    return path_to_import(entry, folder)


def path_to_import(entry: Entry, folder: Path) -> Path:
    """What is handed to the import: the only file there is, else the folder."""
    names = [names for source in entry.sources for names in source.names]
    return folder / names[0][0] if len(names) == 1 else folder


def put_by_hand(entry: Entry, folder: Path, route: Route) -> str:
    """Which files to put where, for a person without a connection here. One line a file."""
    lines = [f"Or get these files on another computer and put them into {folder}:"]
    for source in entry.sources:
        for choices, names in zip(source.files or (("",),), source.names, strict=True):
            lines.append(f"  {names[0]}  from {address(source, choices[0], route)}")
            if len(names) > 1:
                lines.append(f"    or {', '.join(names[1:])} from the same place")
    lines.append(f'Then run: shiguang models import "{path_to_import(entry, folder)}" --as {entry.id}')
    return "\n".join(lines)


def _total(wanted: list[Wanted]) -> int | None:
    sizes = [one.size for one in wanted]
    return None if None in sizes else sum(size for size in sizes if size is not None)


def _check_room(entry: Entry, wanted: list[Wanted], folder: Path, room_bytes: int) -> None:
    """Raises DiskFull when the rest of the download and what comes after it would not fit."""
    folder.mkdir(parents=True, exist_ok=True)
    total = _total(wanted)
    here = sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())
    needed = max(0, (entry.bytes if total is None else total) - here) + room_bytes
    free = shutil.disk_usage(folder).free
    if free < needed:
        raise DiskFull(
            f"{entry.name} needs {needed / 1e9:.1f} GB more on the disk of {folder}, {free / 1e9:.1f} GB are free.",
            what_to_do="Free some space there, choose a smaller model, or another library with --library.",
        )
