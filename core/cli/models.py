"""`shiguang models list|show|get|import|use|drop|check`."""

from __future__ import annotations

import argparse
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from core.app import Shiguang, Switched, open_library
from core.cli.output import Output
from core.errors import LibraryMissing, ModelError
from core.library.database import open_for_reading
from core.library.spaces import BUILDING, every_space
from core.models.checking import MOST_PICTURES, check_model
from core.models.entries import Entry
from core.models.preprocess import Pixels
from core.models.registry import KnownModel, entry, known_model, listed, model_folder
from core.models.spec import ModelSpec
from core.photos.samples import OwnSamples
from core.progress import CancelToken

if TYPE_CHECKING:
    Commands = argparse._SubParsersAction[argparse.ArgumentParser]

# A model that does not hold what it promises is wrong in itself, like one that does not read.
CHECK_FAILED = 2


def add_commands(commands: Commands) -> None:
    models = commands.add_parser("models", help="which models there are, get, import, use and drop them")
    what = models.add_subparsers(metavar="list|show|get|import|use|drop|check", required=True)
    what.add_parser("list", help="every model, a line each").set_defaults(run=run_list)
    for name, run, words in (
        ("show", run_show, "everything known of one model"),
        ("get", run_get, "download a model, convert it and make it fast on this machine"),
        ("use", run_use, "encode the library with this model, then search with it"),
        ("drop", run_drop, "delete a model and its vectors"),
        ("check", run_check, "are its files whole, and do its towers agree with their reference"),
    ):
        one = what.add_parser(name, help=words)
        one.add_argument("id", metavar="ID")
        one.set_defaults(run=run)
    bring = what.add_parser("import", help="a model from files on this machine; it becomes local:NAME")
    bring.add_argument("path", type=Path, metavar="PATH", help="a checkpoint or a folder (docs/models.md)")
    bring.add_argument("--as", dest="name", metavar="NAME", help="default: the file's name")
    bring.add_argument("--config", type=Path, metavar="JSON", help="hyper-parameters of a checkpoint")
    bring.set_defaults(run=run_import)


def run_list(options: argparse.Namespace, output: Output, cancel: CancelToken) -> int:
    models = options.library / "models"
    for model in listed(models, _building(options.library)):
        output.result(model.as_json(), _line(model))
    return 0


def run_show(options: argparse.Namespace, output: Output, cancel: CancelToken) -> int:
    model = known_model(options.id, options.library / "models", _building(options.library))
    value = {**model.as_json(), **_more(model)}
    output.result(value, "\n".join(f"{name}: {_in_words(item)}" for name, item in value.items()))
    return 0


def run_get(options: argparse.Namespace, output: Output, cancel: CancelToken) -> int:
    # Asked before the library is made, so that a wrong id leaves nothing behind.
    entry(options.id)
    library = open_library(options.library, writable=True, verbose=options.verbose)
    try:
        library.get_model(options.id, output.progress, cancel)
        return _here(options.id, library, output)
    finally:
        library.close()


def run_import(options: argparse.Namespace, output: Output, cancel: CancelToken) -> int:
    library = open_library(options.library, writable=True, verbose=options.verbose)
    try:
        path, config = options.path.absolute(), options.config and options.config.absolute()
        spec = library.import_model(path, output.progress, cancel, name=options.name, config=config)
        return _here(spec.id, library, output)
    finally:
        library.close()


def run_use(options: argparse.Namespace, output: Output, cancel: CancelToken) -> int:
    model_folder(options.id, options.library / "models")
    library = open_library(options.library, writable=True, verbose=options.verbose)
    try:
        switched = library.switch_model(options.id, output.progress, cancel)
        _say_switched(switched, output)
        model = known_model(options.id, library.folder / "models")
        output.result(model.as_json(), _line(model))
        return 0
    finally:
        library.close()


def run_drop(options: argparse.Namespace, output: Output, cancel: CancelToken) -> int:
    models = options.library / "models"
    before = known_model(options.id, models)
    library = open_library(options.library, writable=True, verbose=options.verbose)
    try:
        library.drop_model(options.id)
    finally:
        library.close()
    if before.entry is not None:
        before = known_model(options.id, models)
        output.result(before.as_json(), f"{options.id} is dropped; `shiguang models get` brings it back.")
    else:
        # An imported one is not to be had again: it has none of the three states.
        output.result({**before.as_json(), "state": None, "bytes": None}, f"{options.id} is dropped.")
    return 0


def run_check(options: argparse.Namespace, output: Output, cancel: CancelToken) -> int:
    folder = model_folder(options.id, options.library / "models")
    pictures = _own_pictures(options, ModelSpec.load(folder), cancel)
    findings = check_model(folder, pictures, output.progress, cancel)
    for one in findings:
        value = {"id": options.id, "check": one.check, "ok": one.ok, "detail": one.detail}
        output.result(value, f"{'ok   ' if one.ok else 'WRONG'} {one.check}: {one.detail}")
    good = all(one.ok for one in findings)
    model = known_model(options.id, options.library / "models", _building(options.library))
    output.result({**model.as_json(), "ok": good})
    if not good:
        output.say(f"{options.id} is not as it should be. Drop it, and get or import it again.")
    return 0 if good else CHECK_FAILED


def _own_pictures(options: argparse.Namespace, spec: ModelSpec, cancel: CancelToken) -> Pixels | None:
    try:
        library = open_library(options.library, writable=False, verbose=options.verbose)
    except LibraryMissing:
        return None
    try:
        return OwnSamples(library.database, library.thumbs).pictures(
            spec.preprocessing, cancel, MOST_PICTURES
        )
    finally:
        library.close()


def _building(folder: Path) -> list[str]:
    """The models that the library is being encoded with; none where there is no library."""
    try:
        database = open_for_reading(folder)
    except LibraryMissing:
        return []
    try:
        return [record.model for record in every_space(database.reader()) if record.state == BUILDING]
    finally:
        database.close()


def _here(model_id: str, library: Shiguang, output: Output) -> int:
    model = known_model(model_id, library.folder / "models")
    if model.folder is not None and (card := model.folder / "card.md").is_file():
        spec = ModelSpec.load(model.folder)
        output.say(
            f"Image tower in {spec.image_precision}, text tower in {spec.text_precision}; what was tried: {card}"
        )
    output.result(model.as_json(), f"{_line(model)}\nSearch with it: shiguang models use {model_id}")
    return 0


def _say_switched(switched: Switched, output: Output) -> None:
    compared = switched.comparison
    if compared is not None and compared.is_worse:
        output.say(
            f"Of {compared.captions} of your captions {switched.model} finds {compared.new} among the first ten,"
            f" the model before {compared.old}. Going back takes a moment while that one is kept."
        )
    if switched.left_out:
        output.say(
            f"{switched.left_out:,} photos could not be read now; they are encoded when they can be again."
        )


def _line(model: KnownModel) -> str:
    size = f"{model.bytes / 1e6:,.0f} MB" if model.bytes is not None else ""
    speed = f"{model.images_per_s:,.1f} images/s" if model.images_per_s is not None else ""
    languages = ",".join(model.languages)
    line = f"{model.id:28} {model.state:10} {languages:6} {model.width or '':>5} {size:>9}  {model.licence or '':22} {speed}"
    return line.rstrip()


def _more(model: KnownModel) -> dict[str, Any]:
    """What `show` says beyond the line of the list: the published facts, and those of the folder that is here."""
    more: dict[str, Any] = {"name": model.name}
    if model.entry is not None:
        known = model.entry
        more |= {
            "good_at": known.good_at,
            "download_bytes": known.bytes if known.sources else None,
            "parameters": known.parameters,
            "scores": known.scores,
            "scores_from": known.scores_from,
            "templates": known.templates,
            "from": [source.url or source.repo for source in known.sources],
        }
    try:
        spec = ModelSpec.load(model.folder) if model.folder is not None else None
    except ModelError as error:
        return {**more, "wrong": str(error)}
    facts: ModelSpec | Entry | None = spec or model.entry
    if facts is not None:
        more |= {
            "context_length": facts.context_length,
            "logit_scale": facts.logit_scale,
            "pooling": facts.pooling,
            "preprocessing": asdict(facts.preprocessing),
        }
    if spec is not None:
        more |= {
            "tokenizer": [text.kind for text in spec.tokenizers],
            "precision": {"image": spec.image_precision, "text": spec.text_precision},
            "calibration": asdict(spec.calibration),
            "source": spec.source,
            "folder": str(model.folder),
        }
    elif model.entry is not None:
        more["tokenizer"] = [model.entry.tokenizer]
    return more


def _in_words(value: Any) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{name} {_in_words(item)}" for name, item in value.items()) or "-"
    if isinstance(value, list | tuple):
        return ", ".join(_in_words(item) for item in value) or "-"
    return "-" if value is None else str(value)
