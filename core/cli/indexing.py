"""`shiguang index` and `shiguang watch`."""

from __future__ import annotations

import argparse
import os
import queue
from typing import TYPE_CHECKING, Any

from core.app import Shiguang, Switched, open_library
from core.cli.output import Output
from core.ingest import Counts
from core.library.roots import Root
from core.progress import CancelToken

if TYPE_CHECKING:
    Commands = argparse._SubParsersAction[argparse.ArgumentParser]


def add_commands(commands: Commands) -> None:
    index = commands.add_parser("index", help="watch these folders (none: all known) and index what is new")
    index.add_argument("folders", nargs="*", metavar="FOLDER")
    index.add_argument("--model", metavar="ID", help="the model to index with (default: the one in use)")
    index.add_argument(
        "--rescan", action="store_true", help="look into unchanged files too, and try failed ones again"
    )
    index.set_defaults(run=run_index)
    watch = commands.add_parser("watch", help="index, then follow changes until Ctrl-C")
    watch.add_argument("folders", nargs="*", metavar="FOLDER")
    watch.add_argument("--model", metavar="ID", help="the model to index with (default: the one in use)")
    watch.set_defaults(run=run_watch, rescan=False)


def run_index(options: argparse.Namespace, output: Output, cancel: CancelToken) -> int:
    library = open_library(options.library, writable=True, verbose=options.verbose)
    try:
        counts = _index(library, options, output, cancel)
        _done(library, counts, output)
        return 1 if counts.failed else 0
    finally:
        library.close()


def run_watch(options: argparse.Namespace, output: Output, cancel: CancelToken) -> int:
    library = open_library(options.library, writable=True, verbose=options.verbose)
    changes: queue.SimpleQueue[frozenset[bytes]] = queue.SimpleQueue()
    try:
        # Watching begins before indexing, so that nothing falls between the two.
        _roots_of(library, options, output)
        watcher = library.watcher(changes.put)
        watcher.start()
        try:
            _done(library, _index(library, options, output, cancel), output)
            output.say(f"Watching {len(library.roots())} folders. Ctrl-C stops.")
            while not cancel.is_cancelled:
                try:
                    paths = changes.get(timeout=0.5)
                except queue.Empty:
                    continue
                _done(library, library.index(output.progress, cancel, paths=paths), output)
            cancel.check()
        finally:
            watcher.stop()
    finally:
        library.close()
    return 0


def _index(library: Shiguang, options: argparse.Namespace, output: Output, cancel: CancelToken) -> Counts:
    if options.model is not None:
        switched = library.switch_model(options.model, output.progress, cancel)
        say_switched(switched, output)
    folders = _roots_of(library, options, output)
    return library.index(output.progress, cancel, folders=folders, everything=options.rescan)


def say_switched(switched: Switched, output: Output) -> None:
    """What a switch left out, and whether it finds less than before."""
    if switched.left_out:
        output.say(
            f"{switched.left_out:,} photos cannot be read now; they are encoded with {switched.model} when they can be."
        )
    compared = switched.comparison
    if compared is not None and compared.is_worse:
        output.say(
            f"Of your {compared.captions} captions {switched.model} finds {compared.new} among the first ten,"
            f" the model before found {compared.old}. `shiguang models use` goes back."
        )


def _roots_of(library: Shiguang, options: argparse.Namespace, output: Output) -> list[Root] | None:
    """The roots of the named folders, None for all; those that are away are said and cost nothing."""
    named = [library.watch_folder(folder) for folder in options.folders]
    for root in library.look_at_roots():
        if root.state != "here":
            why = "its drive is not plugged in" if root.state == "offline" else "it is not there"
            output.say(f"Passed over {root.display}: {why}. Its photos are kept.")
    ids = {root.id for root in named}
    return [root for root in library.roots() if root.id in ids] if named else None


def _done(library: Shiguang, counts: Counts, output: Output) -> None:
    here = library.counts()
    event: dict[str, Any] = {
        "event": "done",
        "files": here["files"],
        "photos": here["photos"],
        "decoded": counts.decoded,
        "encoded": counts.encoded,
        "failed": counts.failed,
        "moved": counts.moved,
        "missing": counts.missing,
        "seconds": round(counts.seconds, 3),
        "photos_per_s": round(counts.photos_per_s, 2),
    }
    line = f"{here['photos']:,} photos in {here['files']:,} files; new {counts.encoded:,}, moved {counts.moved:,}, "
    line += f"missing {counts.missing:,}, failed {counts.failed:,}; {counts.seconds:.1f} s"
    if counts.failed:
        line += f"{os.linesep}`shiguang faults` lists what failed and why."
    output.result(event, line)
