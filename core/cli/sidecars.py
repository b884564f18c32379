"""`shiguang sidecars write|read`."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from typing import TYPE_CHECKING

from core.app import open_library
from core.cli.output import Output
from core.library.files import Fault
from core.progress import CancelToken

if TYPE_CHECKING:
    Commands = argparse._SubParsersAction[argparse.ArgumentParser]


def add_commands(commands: Commands) -> None:
    what = commands.add_parser(
        "sidecars", help="XMP beside the photos, for other programs and from them"
    ).add_subparsers(metavar="write|read", required=True)
    out = what.add_parser("write", help="write albums, keywords, ratings and captions beside the photos")
    out.set_defaults(run=run_write)
    back = what.add_parser("read", help="take in what other programs wrote; what was said here wins")
    back.set_defaults(run=run_read)
    for parser in (out, back):
        parser.add_argument("--dry-run", action="store_true", help="only count")


def run_write(options: argparse.Namespace, output: Output, cancel: CancelToken) -> int:
    library = open_library(options.library, writable=not options.dry_run, verbose=options.verbose)
    try:
        if not options.dry_run:
            library.look_at_roots()
        done = library.carrying.write_sidecars(output.progress, cancel, dry_run=options.dry_run)
    finally:
        library.close()
    _say(done.faults, output)
    value = {
        "event": "written",
        "dry_run": options.dry_run,
        "written": done.written,
        "same": done.same,
        "waiting": done.waiting,
        "offline": done.offline,
        "failed": len(done.faults),
    }
    line = f"{done.written:,} sidecars {'to write' if options.dry_run else 'written'}, {done.same:,} as they should be"
    if done.waiting:
        line += f", {done.waiting:,} cannot be written now and wait"
    if done.offline:
        line += f", {done.offline:,} on drives that are away"
    output.result(value, line)
    return 1 if done.faults else 0


def run_read(options: argparse.Namespace, output: Output, cancel: CancelToken) -> int:
    library = open_library(options.library, writable=not options.dry_run, verbose=options.verbose)
    try:
        if not options.dry_run:
            library.look_at_roots()
        done = library.carrying.read_sidecars(output.progress, cancel, dry_run=options.dry_run)
    finally:
        library.close()
    _say(done.faults, output)
    value = {
        "event": "read",
        "dry_run": options.dry_run,
        "read": done.read,
        "same": done.same,
        "keywords": done.keywords,
        "ratings": done.ratings,
        "captions": done.captions,
        "accepted": done.accepted,
        "albums": done.albums,
        "failed": len(done.faults),
    }
    output.result(
        value,
        f"{done.read:,} sidecars read: {done.keywords:,} keywords, {done.ratings:,} ratings, {done.captions:,} captions,"
        f" {done.accepted:,} acceptances; {done.same:,} unchanged",
    )
    return 1 if done.faults else 0


def _say(faults: Sequence[Fault], output: Output) -> None:
    for fault in faults:
        value = {
            "event": "failed",
            "path": fault.path,
            "stage": fault.stage,
            "code": fault.code,
            "reason": fault.reason,
        }
        output.result(value, f"{fault.path}\n    {fault.reason}")
