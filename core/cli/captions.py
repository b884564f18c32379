"""`shiguang captions export|import`."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from core.app import open_library
from core.cli.output import Output
from core.progress import CancelToken
from core.training.caption_lines import export_captions, import_captions

if TYPE_CHECKING:
    Commands = argparse._SubParsersAction[argparse.ArgumentParser]


def add_commands(commands: Commands) -> None:
    what = commands.add_parser("captions", help="captions as JSON lines").add_subparsers(
        metavar="export|import", required=True
    )
    out = what.add_parser("export", help="write every caption with its photo's path and sha256")
    out.add_argument("file", type=Path, metavar="FILE")
    out.set_defaults(run=run_export)
    back = what.add_parser("import", help="take captions from a file; one a photo and language, replacing it")
    back.add_argument("file", type=Path, metavar="FILE")
    back.set_defaults(run=run_import)


def run_export(options: argparse.Namespace, output: Output, cancel: CancelToken) -> int:
    library = open_library(options.library, writable=False, verbose=options.verbose)
    try:
        file = options.file.absolute()
        done = export_captions(library.database, file, output.progress, cancel)
        value = {"event": "exported", "captions": done.written, "left_out": done.left_out, "file": str(file)}
        line = f"{done.written:,} captions in {options.file}"
        if done.left_out:
            line += f"; {done.left_out:,} of photos whose files are away are left out (a backup has them)"
        output.result(value, line)
        return 0
    finally:
        library.close()


def run_import(options: argparse.Namespace, output: Output, cancel: CancelToken) -> int:
    library = open_library(options.library, writable=True, verbose=options.verbose)
    try:
        done = import_captions(library.database, options.file.absolute(), output.progress, cancel)
        value = {"event": "imported", "taken": done.taken, "same": done.same, "unknown": done.unknown}
        line = f"{done.taken:,} captions taken, {done.same:,} were so already"
        if done.unknown:
            line += f", {done.unknown:,} of photos that are not in the library"
        output.result(value, line)
        return 0
    finally:
        library.close()
