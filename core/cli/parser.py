"""Every command and flag of the command line (docs/contracts.md fixes their names)."""

from __future__ import annotations

import argparse

from core import __version__
from core.cli import (
    albums,
    ask,
    backup,
    bench,
    captions,
    evaluate,
    finetune,
    indexing,
    look,
    models,
    names,
    sidecars,
)


def build_parser() -> argparse.ArgumentParser:
    """The parser; the chosen command's function stands in `options.run(options, output, cancel)`."""
    parser = argparse.ArgumentParser(
        prog="shiguang", description="Shiguang 拾光: find your photos by what is in them."
    )
    parser.add_argument("--library", metavar="DIR", help="where the library lies (also $SHIGUANG_LIBRARY)")
    parser.add_argument("--json", action="store_true", help="one JSON object a line on standard output")
    parser.add_argument("-v", "--verbose", action="store_true", help="say more, on standard error")
    parser.add_argument("--version", action="version", version=f"shiguang {__version__}")
    commands = parser.add_subparsers(metavar="COMMAND", required=True)
    for group in (
        indexing,
        ask,
        albums,
        look,
        names,
        captions,
        sidecars,
        backup,
        finetune,
        models,
        evaluate,
        bench,
    ):
        group.add_commands(commands)
    return parser
