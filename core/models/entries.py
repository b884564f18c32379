"""The models there are to be had: `resources/models.toml`, read strictly.

An entry says what a model is before it is here. Once it is installed its own `model.json` counts.
"""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from core.errors import ModelError
from core.models.calibration import Calibration
from core.models.spec import INTERPOLATIONS, LANGUAGES, MODES, POOLINGS, TOKENIZERS, Preprocessing
from core.models.strict import StrictReader
from core.resources import resource

MODELS_FILE = "models.toml"


@dataclass(frozen=True, slots=True)
class Source:
    """Where some of a model's original files come from: a repository of the hub, or one plain URL.

    repo, revision  of the hub; "" where `url` holds
    files           each with its alternatives, best first: the first that the repository has is taken
    into            the folder below the download that they belong in, "" for none
    url, sha256     of the one file of a plain URL
    """

    repo: str = ""
    revision: str = "main"
    files: tuple[tuple[str, ...], ...] = ()
    into: str = ""
    url: str = ""
    sha256: str = ""

    @property
    def names(self) -> tuple[tuple[str, ...], ...]:
        """What its files are called below the download, each with its alternatives."""
        given = self.files or ((self.url.rsplit("/", 1)[-1],),)
        return tuple(tuple(f"{self.into}/{name}" if self.into else name for name in one) for one in given)


@dataclass(frozen=True, slots=True)
class Entry:
    """One model of the list.

    good_at      one sentence a language, for a person
    bytes        of the download; `parameters` of both towers, None where nobody counted
    logit_scale  None: the checkpoint's own holds
    templates    prompt templates a language, each with one `{}`
    scores       published ones in per cent, by what was measured; `scores_from` says who published them
    """

    id: str
    name: str
    family: str
    languages: tuple[str, ...]
    licence: str
    bytes: int
    parameters: int | None
    width: int
    preprocessing: Preprocessing
    context_length: int
    logit_scale: float | None
    tokenizer: str
    pooling: str
    templates: dict[str, tuple[str, ...]]
    good_at: dict[str, str]
    scores: dict[str, float]
    scores_from: str
    sources: tuple[Source, ...]

    @property
    def calibration(self) -> Calibration | None:
        """The plain softmax against the neutral captions, until somebody fits one; None without a logit scale."""
        return None if self.logit_scale is None else Calibration(scale=self.logit_scale)


@cache
def entries() -> dict[str, Entry]:
    """Every model of the list by id, in its order. Raises ModelError when the list does not read."""
    path = resource(MODELS_FILE)
    return read_entries(path)


def read_entries(path: Path) -> dict[str, Entry]:
    """The entries of a list in the layout of `resources/models.toml`. Raises ModelError with file and value."""
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ModelError(f"{path} cannot be read: {error}") from error
    families = content.get("families")
    models = content.get("models")
    if not isinstance(families, dict) or not isinstance(models, list) or len(content) != 2:
        raise ModelError(f"{path}: it has families and models, nothing else")
    found: dict[str, Entry] = {}
    for i, model in enumerate(models):
        entry = StrictReader(path, _joined(path, families, model), f"models[{i}].").all(_entry)
        if entry.id in found:
            raise ModelError(f"{path}: {entry.id} is there twice")
        found[entry.id] = entry
    return found


def _joined(path: Path, families: dict[str, Any], model: dict[str, Any]) -> dict[str, Any]:
    """The model's own values over those of its family."""
    family = model.get("family")
    if family not in families:
        raise ModelError(f"{path}: the family {family!r} of {model.get('id')!r} is not there")
    return {**families[family], **model}


def _entry(reader: StrictReader) -> Entry:
    return Entry(
        id=reader.text("id"),
        name=reader.text("name"),
        family=reader.text("family"),
        languages=reader.texts("languages", LANGUAGES),
        licence=reader.text("licence"),
        bytes=reader.count("bytes"),
        parameters=reader.count("parameters") if reader.has("parameters") else None,
        width=reader.count("width"),
        preprocessing=_preprocessing(reader),
        context_length=reader.count("context_length", least=4),
        logit_scale=reader.number("logit_scale") if reader.has("logit_scale") else None,
        tokenizer=reader.text("tokenizer", TOKENIZERS),
        pooling=reader.text("pooling", POOLINGS),
        templates=reader.inner("templates", lambda inner: {one: _templates(inner, one) for one in LANGUAGES}),
        good_at=reader.inner("good_at", lambda inner: {one: inner.text(one) for one in LANGUAGES}),
        scores=_scores(reader),
        scores_from=reader.text("scores_from"),
        sources=reader.each("sources", _source) if reader.has("sources") else (),
    )


def _preprocessing(reader: StrictReader) -> Preprocessing:
    return Preprocessing(
        mode=reader.text("mode", MODES),
        size_px=reader.count("size"),
        interpolation=reader.text("interpolation", INTERPOLATIONS),
        mean=reader.three("mean"),
        std=reader.three("std"),
    )


def _templates(reader: StrictReader, language: str) -> tuple[str, ...]:
    value = _texts(reader, language)
    if any(one.count("{}") != 1 for one in value):
        raise reader.error(f"templates.{language} {value!r}: each has one {{}}")
    return value


def _scores(reader: StrictReader) -> dict[str, float]:
    value = reader.take("scores") if reader.has("scores") else {}
    if not isinstance(value, dict) or not all(isinstance(one, int | float) for one in value.values()):
        raise reader.error(f"scores {value!r} are not numbers by name")
    return {str(name): float(one) for name, one in value.items()}


def _source(reader: StrictReader) -> Source:
    into = reader.text("into") if reader.has("into") else ""
    if reader.has("url"):
        return Source(url=reader.text("url"), sha256=reader.text("sha256"), into=into)
    files = tuple(tuple(name.strip() for name in one.split("|")) for one in _texts(reader, "files"))
    for name in (into, *(name for one in files for name in one)):
        # A name becomes a path below the download; the list is ours, a slip in it should still show.
        if "\\" in name or name.startswith("/") or ".." in name.split("/"):
            raise reader.error(f"the file name {name!r} leads out of its folder")
    return Source(
        repo=reader.text("repo"),
        revision=reader.text("revision") if reader.has("revision") else "main",
        files=files,
        into=into,
    )


def _texts(reader: StrictReader, name: str) -> tuple[str, ...]:
    value = reader.take(name)
    if not isinstance(value, list) or not all(isinstance(one, str) for one in value):
        raise reader.error(f"{name} {value!r} is not a list of texts")
    return tuple(value)
