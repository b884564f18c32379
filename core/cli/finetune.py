"""`shiguang finetune` and `shiguang finetune undo`."""

from __future__ import annotations

import argparse
import math
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from core.app import Shiguang, open_library
from core.cli.output import Output
from core.errors import NotThere, WrongUse
from core.finetuning import take_back, taking_back
from core.models.trained import base_of, read_note, way_back
from core.progress import CancelToken
from core.search.open_model import MODELS
from core.training import extra
from core.training.kept import TAKEN_BACK
from core.training.pairs import WEAK, chosen_weak, sayings

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import ModuleType

    Commands = argparse._SubParsersAction[argparse.ArgumentParser]
N = TypeVar("N", int, float)

# As core/training/full.py, arithmetic.py and devices.py have them, whose import would load torch.
STAGES = ("lit", "full")
PRECISIONS = ("fp32", "bf16", "fp16")
DEVICES = ("auto", "cpu", "cuda", "mps")
# Options that are fields of `core.training.full.Course`.
COURSE = ("stages", "epochs", "rate", "precision", "thrifty", "device")


def add_commands(commands: Commands) -> None:
    train = commands.add_parser("finetune", help="teach the model what you said about your photos; undo it")
    train.add_argument("what", nargs="?", choices=("undo",), help="go back to the model in use before")
    train.add_argument(
        "--how",
        choices=("probe", "adapter", "lora", "full"),
        help="probe: seconds, texts alone; adapter (default): minutes; lora, full: the encoders themselves, hours",
    )
    train.add_argument(
        "--muge",
        type=Path,
        metavar="DIR",
        help="learn from a set in MUGE's layout instead (default: --how full)",
    )
    train.add_argument(
        "--also",
        type=_weak,
        metavar="folders,keywords",
        help="learn from names of folders and from keywords too, which nobody said of the picture itself"
        " (default: as chosen in the window)",
    )
    train.add_argument("--dry-run", action="store_true", help="say what it would learn from, and do nothing")
    train.add_argument("--seed", type=int, default=0, metavar="N")
    _add_for_encoders(train)
    train.set_defaults(run=run_finetune)


def _add_for_encoders(train: argparse.ArgumentParser) -> None:
    """What lora and full may be told besides."""
    of_encoders = train.add_argument_group("of lora and full")
    of_encoders.add_argument(
        "--teacher",
        default="",
        metavar="MODEL",
        help="a larger model that is here, whose answers to the same photos are followed too",
    )
    of_encoders.add_argument(
        "--stages",
        type=_stages,
        default=(),
        metavar="lit,full",
        help="which, in which order",
    )
    of_encoders.add_argument("--epochs", type=_positive(int), metavar="N", help="passes of each stage")
    of_encoders.add_argument("--rate", type=_positive(float), metavar="R", help="the largest learning rate")
    of_encoders.add_argument(
        "--precision",
        choices=PRECISIONS,
        help="in what matrices are multiplied (default fp32; bf16 is faster where the CPU has it)",
    )
    of_encoders.add_argument(
        "--thrifty",
        action="store_true",
        default=None,
        help="a third slower in less memory (default: where it would not fit otherwise)",
    )
    of_encoders.add_argument(
        "--device",
        choices=DEVICES,
        help="where it computes (default auto: a CUDA GPU that torch can use, else the CPU)",
    )
    of_encoders.add_argument(
        "--anew",
        action="store_true",
        help="begin with everything said by now, also where a training was stopped"
        " (default: that one goes on, with what was said when it began)",
    )


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
    how = options.how or ("full" if options.muge else "adapter")
    towers = None
    asked = {name: getattr(options, name) for name in COURSE}
    course = {name: value for name, value in asked.items() if value}
    if how not in training.TOWERS and (options.muge or options.teacher or options.anew or course):
        raise WrongUse(
            "--muge, --teacher, --stages, --epochs, --rate, --precision, --thrifty, --device and --anew do not go with"
            f" --how {how}.",
            what_to_do="Take --how lora or full.",
        )
    also = chosen_weak(library.settings) if options.also is None else options.also
    said = sayings(library.database.reader(), library.space.id, also)
    if not options.dry_run and how not in training.TOWERS and said.can_teach:
        library.fill_space(base_of(library.use_model().id), output.progress, cancel)
    guarded = partial(taking_back, library, by_vectors=how not in training.TOWERS)
    with training.opened(
        library.folder, library.database, library.encoder, library.space, library.thumbs, also
    ) as personal:
        if how in training.TOWERS:
            towers = personal.towers(
                how, options.seed, options.muge, teacher=options.teacher, anew=options.anew, **course
            )
        plan = personal.plan_of(towers) if towers else personal.plan(how)
        later, instead = (towers.later, towers.instead) if towers else (None, personal.instead())
        if news := _of_the_stopped(later, instead):
            output.say(news)
        output.say(f"This takes about {plan.memory_bytes / 1e9:.1f} GB of memory.")
        if options.dry_run:
            lines = [f"{kind}: {count:,}" for kind, count in plan.counts.items()]
            output.result(plan.as_json(), "\n".join([*lines, plan.why_not or "It can start."]))
            return 0
        # What was stopped is given up only for a training that begins.
        if not plan.why_not:
            if options.anew:
                training.throw_away(library.folder)
            take_back(library, but=towers.standing() if towers else "")
        with guarded():
            if towers:
                learned = personal.follow(towers, output.progress, cancel)
            else:
                learned = personal.learn(how, options.seed, output.progress, cancel)
    space = None
    if learned.spec is not None:
        with guarded():
            space = library.switch_model(learned.spec.id, output.progress, cancel).space
            # It was taken over: of this training nothing is gone on with.
            take_back(library)
    value = {"event": "verdict", **learned.verdict.as_json(), "space": space, "how": how}
    output.result(value, ("Accepted. " if space else "Not taken. ") + learned.verdict.why)
    return 0


def _of_the_stopped(later: int | None, instead: str) -> str:
    """What becomes of a training that was stopped; "" where there is none."""
    if later is not None:
        since = f" {later:,} things were said since: --anew begins with them, too." if later else ""
        return (
            f"This goes on with the training that was stopped, and with what was said when it began.{since}"
        )
    if instead == TAKEN_BACK:
        return (
            "The training that was stopped had learned something that was taken back since: this begins anew."
        )
    if instead:
        return "A training that was asked for otherwise was stopped: this takes its place, and what it learned is lost."
    return ""


def _weak(said: str) -> tuple[str, ...]:
    """ "folders,keywords" as words. Raises ArgumentTypeError for one that is none."""
    return _of(said, tuple(WEAK))


def _positive(kind: Callable[[str], N]) -> Callable[[str], N]:
    """Reads a number above nothing. Raises ArgumentTypeError for another one, ValueError for none."""

    def number(said: str) -> N:
        found = kind(said)
        if not 0 < found < math.inf:
            raise argparse.ArgumentTypeError(f"{said} is not a number above 0")
        return found

    # What argparse calls it where it is no number at all.
    number.__name__ = "number"
    return number


def _stages(said: str) -> tuple[str, ...]:
    """ "lit,full" as names. Raises ArgumentTypeError for one that is none."""
    return _of(said, STAGES)


def _of(said: str, choices: tuple[str, ...]) -> tuple[str, ...]:
    names = tuple(each.strip() for each in said.split(","))
    if unknown := [each for each in names if each not in choices]:
        raise argparse.ArgumentTypeError(f"{unknown[0]!r} is none of {', '.join(choices)}")
    return names


def _undo(library: Shiguang, output: Output, cancel: CancelToken) -> int:
    models = library.folder / MODELS
    before = way_back(models, read_note(models, library.use_model().id))
    done = library.switch_model(before, output.progress, cancel)
    value = {"event": "undone", "model": before, "space": done.space, "photos": done.photos}
    output.result(value, f"Back to the model {before}.")
    return 0


def _training() -> ModuleType:
    """`core.training.personal`. Raises NotThere with the command that installs what it needs."""
    if lacking := extra.missing():
        raise NotThere(
            f"Training needs {', '.join(lacking)}, not installed here.",
            what_to_do=f"Install it: {extra.command()}",
        )
    # Heavy and optional: torch takes seconds to import and a gigabyte on the disk.
    from core.training import personal

    return personal
