"""`shiguang backup` and `restore`."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from core.app import open_library
from core.cli.output import Output
from core.progress import CancelToken

if TYPE_CHECKING:
    Commands = argparse._SubParsersAction[argparse.ArgumentParser]


def add_commands(commands: Commands) -> None:
    out = commands.add_parser("backup", help="every decision, caption, rating, name and album in one file")
    out.add_argument("file", type=Path, metavar="FILE")
    out.add_argument("--models", action="store_true", help="imported and fine-tuned models too")
    out.set_defaults(run=run_backup)
    back = commands.add_parser("restore", help="merge a backup in; what was said here later stays")
    back.add_argument("file", type=Path, metavar="FILE")
    back.set_defaults(run=run_restore)


def run_backup(options: argparse.Namespace, output: Output, cancel: CancelToken) -> int:
    library = open_library(options.library, writable=False, verbose=options.verbose)
    try:
        path = options.file.expanduser().absolute()
        done = library.carrying.backup(path, output.progress, cancel, models=options.models)
    finally:
        library.close()
    value = {
        "event": "backed up",
        "file": str(path),
        "bytes": done.size_bytes,
        "photos": done.photos,
        **done.rows,
        "models": done.models,
    }
    output.result(
        value,
        f"what was said of {done.photos:,} photos, {done.rows['albums']:,} albums and {done.models:,} models in {path}",
    )
    return 0


def run_restore(options: argparse.Namespace, output: Output, cancel: CancelToken) -> int:
    library = open_library(options.library, writable=True, verbose=options.verbose)
    try:
        done = library.carrying.restore(options.file.expanduser().absolute(), output.progress, cancel)
    finally:
        library.close()
    merged = done.merged
    value = {
        "event": "restored",
        **merged.came,
        "known": merged.known,
        "waiting": merged.waiting,
        "models": done.models,
    }
    came = sum(merged.came.values())
    line = f"{came:,} came, {merged.known:,} were known or have a later word here, {done.models:,} models"
    if merged.waiting:
        line += f"; {merged.waiting:,} photos are not here yet, what was said waits for them"
    output.result(value, line)
    return 0
