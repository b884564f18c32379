"""`shiguang finetune` and `shiguang finetune undo`."""

from __future__ import annotations

import argparse
import sys
from typing import TYPE_CHECKING

from core.app import Shiguang, open_library
from core.cli.output import Output
from core.errors import NotThere
from core.progress import CancelToken

if TYPE_CHECKING:
    from types import ModuleType

    Commands = argparse._SubParsersAction[argparse.ArgumentParser]

# What `core.training` needs and a plain installation has not.
EXTRA = ("torch", "transformers", "onnx", "peft", "accelerate", "safetensors")


def add_commands(commands: Commands) -> None:
    train = commands.add_parser("finetune", help="teach the model what you said about your photos; undo it")
    train.add_argument("what", nargs="?", choices=("undo",), help="go back to the model in use before")
    train.add_argument(
        "--how",
        choices=("probe", "adapter", "lora", "full"),
        default="adapter",
        help="probe: seconds, texts alone; adapter: minutes; lora, full: the encoders themselves, hours",
    )
    train.add_argument("--dry-run", action="store_true", help="say what it would learn from, and do nothing")
    train.add_argument("--seed", type=int, default=0, metavar="N")
    train.set_defaults(run=run_finetune)


def run_finetune(options: argparse.Namespace, output: Output, cancel: CancelToken) -> int:
    library = open_library(options.library, writable=not options.dry_run, verbose=options.verbose)
    try:
        if options.what == "undo":
            return _undo(library, output, cancel)
        return _finetune(library, options, output, cancel)
    finally:
        library.close()


def _finetune(library: Shiguang, options: argparse.Namespace, output: Output, cancel: CancelToken) -> int:
    training = _training()
    with training.opened(
        library.folder, library.database, library.encoder, library.space, library.thumbs
    ) as personal:
        plan = personal.plan(options.how)
        output.say(f"This takes about {plan.memory_bytes / 1e9:.1f} GB of memory.")
        if options.dry_run:
            lines = [f"{kind}: {count:,}" for kind, count in plan.counts.items()]
            output.result(plan.as_json(), "\n".join([*lines, plan.why_not or "It can start."]))
            return 0
        for model in training.unfinished(library.database, library.folder):
            library.drop_model(model)
        learned = personal.learn(options.how, options.seed, output.progress, cancel)
    space = None
    if learned.spec is not None:
        space = library.switch_model(learned.spec.id, output.progress, cancel).space
    value = {"event": "verdict", **learned.verdict.as_json(), "space": space, "how": options.how}
    output.result(value, ("Accepted. " if space else "Not taken. ") + learned.verdict.why)
    return 0


def _undo(library: Shiguang, output: Output, cancel: CancelToken) -> int:
    before = _training().read_note(library.folder, library.use_model().id).before
    done = library.switch_model(before, output.progress, cancel)
    value = {"event": "undone", "model": before, "space": done.space, "photos": done.photos}
    output.result(value, f"Back to the model {before}.")
    return 0


def _training() -> ModuleType:
    """`core.training.personal`. Raises NotThere with the command that installs what it needs."""
    try:
        # Heavy and optional: torch takes seconds to import and a gigabyte on the disk.
        from core.training import personal

        return personal
    except ModuleNotFoundError as error:
        missing = (error.name or "").partition(".")[0]
        if missing not in EXTRA:
            raise
        raise NotThere(
            f"Training needs {missing}, which is not installed.",
            what_to_do=f'Install it: "{sys.executable}" -m pip install "shiguang[train]"',
        ) from error
