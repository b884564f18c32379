"""`shiguang eval retrieval` and `shiguang eval zeroshot`."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from core.cli.output import Output
from core.errors import LibraryMissing, WrongUse
from core.evaluate.retrieval import muge, retrieval
from core.evaluate.zeroshot import PLAIN, prompt_templates, zeroshot
from core.library.database import open_for_reading
from core.library.spaces import active_space
from core.models.encoder import Encoder
from core.models.registry import STARTER, model_folder
from core.progress import CancelToken

if TYPE_CHECKING:
    Commands = argparse._SubParsersAction[argparse.ArgumentParser]


def add_commands(commands: Commands) -> None:
    what = commands.add_parser("eval", help="measure a model").add_subparsers(
        metavar="retrieval|zeroshot", required=True
    )
    found = what.add_parser("retrieval", help="text to image and image to text, recall@k")
    found.add_argument("--images", type=Path, metavar="TAR_OR_DIR")
    found.add_argument("--captions", type=Path, metavar="JSONL")
    found.add_argument(
        "--muge", type=Path, metavar="DIR", help="a set in the layout of MUGE, Flickr30K-CN, COCO-CN"
    )
    found.add_argument(
        "--split", default="", metavar="NAME", help="with --muge: valid, test, ... where there are several"
    )
    found.add_argument("--lang", choices=("en", "zh"), default="en")
    found.add_argument("--first", action="store_true", help="the first caption of each photo only")
    found.add_argument("--model", metavar="ID")
    found.set_defaults(run=run_retrieval)
    tagged = what.add_parser("zeroshot", help="classes named by their labels")
    tagged.add_argument("--images", type=Path, required=True, metavar="TAR_OR_DIR")
    tagged.add_argument("--labels", type=Path, required=True, metavar="JSON")
    tagged.add_argument("--lang", choices=("en", "zh"), default="en")
    tagged.add_argument("--templates", choices=("none", "default"), default="default")
    tagged.add_argument("--model", metavar="ID")
    tagged.set_defaults(run=run_zeroshot)


def run_retrieval(options: argparse.Namespace, output: Output, cancel: CancelToken) -> int:
    if not options.muge and not (options.images and options.captions):
        raise WrongUse("What is to be measured?", what_to_do="Give --images with --captions, or --muge.")
    encoder = _encoder(options)
    try:
        if options.muge:
            scores = muge(encoder, options.muge, output.progress, cancel, options.split)
        else:
            scores = retrieval(
                encoder,
                options.images,
                options.captions,
                options.lang,
                options.first,
                output.progress,
                cancel,
            )
        _print(scores.as_json(), output)
        return 0
    finally:
        encoder.close()


def run_zeroshot(options: argparse.Namespace, output: Output, cancel: CancelToken) -> int:
    encoder = _encoder(options)
    try:
        templates = PLAIN if options.templates == "none" else prompt_templates(options.lang)
        scores = zeroshot(
            encoder, options.images, options.labels, options.lang, templates, output.progress, cancel
        )
        _print(scores.as_json(), output)
        return 0
    finally:
        encoder.close()


def _encoder(options: argparse.Namespace) -> Encoder:
    """The model that was named, else the one that the library uses, else the starter."""
    model = options.model
    if model is None:
        try:
            database = open_for_reading(options.library)
        except LibraryMissing:
            model = STARTER
        else:
            record = active_space(database.reader())
            database.close()
            model = record.model if record else STARTER
    return Encoder.open(model_folder(model, options.library / "models"))


def _print(value: dict[str, Any], output: Output) -> None:
    output.result(value, "\n".join(f"{key}: {item}" for key, item in value.items()))
