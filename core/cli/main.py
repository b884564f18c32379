"""The command line's edge: arguments in, exit code out. Nowhere else does the core exit."""

from __future__ import annotations

import signal
import sys
from collections.abc import Callable
from pathlib import Path
from types import FrameType

from core.app import default_folder
from core.cli.output import Output
from core.cli.parser import build_parser
from core.errors import Bug, ShiguangError
from core.log import logger
from core.progress import Cancelled, CancelToken

log = logger(__name__)

INTERRUPTED = 130


def main(arguments: list[str] | None = None) -> int:
    """Run one command; its exit code (0 done, 1 some files failed, 2 wrong use, 3 library, 4 not there, 130 stopped)."""
    options = build_parser().parse_args(_with_globals_first(sys.argv[1:] if arguments is None else arguments))
    output = Output(as_json=options.json)
    options.library = Path(options.library or default_folder()).expanduser().absolute()
    cancel = CancelToken()
    before = signal.signal(signal.SIGINT, _interrupt(cancel))
    try:
        return int(options.run(options, output, cancel))
    except (Cancelled, KeyboardInterrupt):
        output.say("Stopped. Everything done so far is kept.")
        return INTERRUPTED
    except BrokenPipeError:
        # The reader of our output went away (`| head`).
        sys.stderr.close()
        return 0
    except ShiguangError as error:
        return _explain(error, output)
    except Exception as error:
        log.exception("the command died")
        if options.verbose:
            raise
        return _explain(Bug.of(error), output)
    finally:
        signal.signal(signal.SIGINT, before)


def _with_globals_first(arguments: list[str]) -> list[str]:
    """Global options may stand behind the command too, as people type them."""
    found, rest, i = [], [], 0
    while i < len(arguments):
        word = arguments[i]
        if word == "--":
            rest += arguments[i:]
            break
        if word in ("--json", "-v", "--verbose"):
            found.append(word)
        elif word == "--library" and i + 1 < len(arguments):
            found += arguments[i : i + 2]
            i += 1
        else:
            rest.append(word)
        i += 1
    return found + rest


def _interrupt(cancel: CancelToken) -> Callable[[int, FrameType | None], None]:
    def stop(number: int, frame: FrameType | None) -> None:
        if cancel.is_cancelled:
            # A second Ctrl-C does not wait for the batch under way.
            raise KeyboardInterrupt
        cancel.cancel()

    return stop


def _explain(error: ShiguangError, output: Output) -> int:
    output.say(f"shiguang: {error}\n{error.what_to_do}".rstrip())
    return error.exit_code
