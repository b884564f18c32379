"""`model.json`: everything the calling code must know of a model, read strictly (CONTRACTS: a model folder).

A key that is missing, unknown or of the wrong kind is a ModelError that names the file and the value: a model
run with a guessed preprocessing gives answers that look right and are not.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from core.errors import ModelError
from core.models.calibration import Calibration

SPEC_FILE = "model.json"
IMAGE_FILE = "image.onnx"
TEXT_FILE = "text.onnx"
TOKENIZER_FILE = "tokenizer.json"
TOKENIZER2_FILE = "tokenizer2.json"

MODES = ("crop", "squash")
INTERPOLATIONS = ("nearest", "box", "bilinear", "hamming", "bicubic", "lanczos")
LANGUAGES = ("en", "zh")
TOKENIZERS = ("unigram", "wordpiece", "bpe")
POOLINGS = ("mean", "cls", "eos", "mean+use")
PRECISIONS = ("fp32", "fp16", "bf16", "int8", "int4")

Value = TypeVar("Value")


@dataclass(frozen=True, slots=True)
class Preprocessing:
    """How a picture becomes the image tower's input.

    mode           "crop": scale the short side to `size_px`, cut out the middle; "squash": scale both sides
    size_px        side of the square
    interpolation  of the scaling, Pillow's name
    mean, std      per channel, red green blue, of values between 0 and 1
    """

    mode: str
    size_px: int
    interpolation: str
    mean: tuple[float, float, float]
    std: tuple[float, float, float]


@dataclass(frozen=True, slots=True)
class TextInput:
    """One tokenizer: its kind, the file it lies in, the text put before every text, and the id that pads."""

    kind: str
    file: str
    prefix: str
    pad_id: int


@dataclass(frozen=True, slots=True)
class ModelSpec:
    """One model. `tokenizers` has one entry, or two where the text tower is made of two encoders."""

    id: str
    languages: tuple[str, ...]
    width: int
    context_length: int
    logit_scale: float
    preprocessing: Preprocessing
    tokenizers: tuple[TextInput, ...]
    pooling: str
    image_precision: str
    text_precision: str
    calibration: Calibration
    source: str
    licence: str
    sha256: dict[str, str]

    @classmethod
    def load(cls, folder: Path) -> ModelSpec:
        """Read `folder`/model.json. Raises ModelError when it is missing or anything in it is not known."""
        path = folder / SPEC_FILE
        try:
            content = json.loads(path.read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise ModelError(f"{path} cannot be read: {error}") from error
        return _Reader(path, content, "").all(_spec)

    @property
    def space_id(self) -> str:
        """The content hash of the model: 16 hex digits of the sha256 of its files' hashes, sorted by name.

        Only what shapes an embedding counts: a corrected model card starts no new space.
        """
        shaping = sorted((name, value) for name, value in self.sha256.items() if not name.endswith(".md"))
        lines = [f"{name} {value}\n" for name, value in shaping]
        lines.append(f"{self.preprocessing} {self.tokenizers} {self.context_length} {self.pooling}\n")
        return hashlib.sha256("".join(lines).encode()).hexdigest()[:16]

    def check(self, folder: Path) -> None:
        """Compare every file with its sha256. Raises ModelError for the first that is missing or differs."""
        for name, expected in self.sha256.items():
            try:
                found = file_sha256(folder / name)
            except OSError as error:
                raise ModelError(f"{folder / name} cannot be read: {error}") from error
            if found != expected:
                raise ModelError(f"{folder / name} is not the file that {SPEC_FILE} describes")

    def as_json(self) -> dict[str, Any]:
        """What `load` reads."""
        one = self.preprocessing
        fit = self.calibration
        return {
            "id": self.id,
            "languages": list(self.languages),
            "width": self.width,
            "context_length": self.context_length,
            "logit_scale": self.logit_scale,
            "preprocessing": {
                "mode": one.mode,
                "size": one.size_px,
                "interpolation": one.interpolation,
                "mean": list(one.mean),
                "std": list(one.std),
            },
            "tokenizers": [
                {"kind": text.kind, "file": text.file, "prefix": text.prefix, "pad_id": text.pad_id}
                for text in self.tokenizers
            ],
            "pooling": self.pooling,
            "precision": {"image": self.image_precision, "text": self.text_precision},
            "calibration": {
                "scale": fit.scale,
                "slope": fit.slope,
                "cosine": fit.cosine,
                "offset": fit.offset,
                "sure": fit.sure,
                "less_sure": fit.less_sure,
            },
            "source": self.source,
            "licence": self.licence,
            "sha256": self.sha256,
        }


def file_sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


class _Reader:
    """Takes values out of one JSON object by name and kind; what is left over at the end is an error."""

    def __init__(self, path: Path, content: object, at: str) -> None:
        self._path = path
        self._at = at
        if not isinstance(content, dict):
            raise self.error(f"{at or 'the file'} is not an object")
        self._left: dict[str, object] = dict(content)

    def error(self, what: str) -> ModelError:
        return ModelError(f"{self._path}: {what}")

    def all(self, read: Callable[[_Reader], Value]) -> Value:
        """What `read` makes of this object. Raises when `read` left a key untouched."""
        value = read(self)
        if self._left:
            raise self.error(f"{self._at}{sorted(self._left)[0]} is not known")
        return value

    def take(self, name: str) -> object:
        if name not in self._left:
            raise self.error(f"{self._at}{name} is missing")
        return self._left.pop(name)

    def inner(self, name: str, read: Callable[[_Reader], Value]) -> Value:
        return _Reader(self._path, self.take(name), f"{self._at}{name}.").all(read)

    def text(self, name: str, allowed: tuple[str, ...] = ()) -> str:
        value = self.take(name)
        if not isinstance(value, str) or (allowed and value not in allowed):
            raise self.error(f"{self._at}{name} {value!r} is not {' or '.join(allowed) or 'a text'}")
        return value

    def number(self, name: str) -> float:
        value = self.take(name)
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise self.error(f"{self._at}{name} {value!r} is not a number")
        return float(value)

    def count(self, name: str, least: int = 1) -> int:
        value = self.take(name)
        if isinstance(value, bool) or not isinstance(value, int) or value < least:
            raise self.error(f"{self._at}{name} {value!r} is not a whole number of at least {least}")
        return value

    def three(self, name: str) -> tuple[float, float, float]:
        match self.take(name):
            case [int() | float() as red, int() | float() as green, int() | float() as blue]:
                return float(red), float(green), float(blue)
            case value:
                raise self.error(f"{self._at}{name} {value!r} is not three numbers")

    def texts(self, name: str, allowed: tuple[str, ...]) -> tuple[str, ...]:
        value = self.take(name)
        if not isinstance(value, list) or not value or any(one not in allowed for one in value):
            raise self.error(f"{self._at}{name} {value!r} is not a list of {', '.join(allowed)}")
        return tuple(value)

    def each(self, name: str, read: Callable[[_Reader], Value]) -> tuple[Value, ...]:
        value = self.take(name)
        if not isinstance(value, list):
            raise self.error(f"{self._at}{name} {value!r} is not a list")
        return tuple(
            _Reader(self._path, one, f"{self._at}{name}[{i}].").all(read) for i, one in enumerate(value)
        )

    def rest(self) -> dict[str, str]:
        left, self._left = self._left, {}
        for name, value in left.items():
            if not isinstance(value, str):
                raise self.error(f"{self._at}{name} {value!r} is not a text")
        return {name: str(value) for name, value in left.items()}


def _spec(reader: _Reader) -> ModelSpec:
    precision = reader.inner("precision", lambda p: (p.text("image", PRECISIONS), p.text("text", PRECISIONS)))
    tokenizers = reader.each("tokenizers", _text_input)
    if len(tokenizers) not in (1, 2):
        raise reader.error(f"tokenizers: {len(tokenizers)} of them, where one or two are known")
    return ModelSpec(
        id=reader.text("id"),
        languages=reader.texts("languages", LANGUAGES),
        width=reader.count("width"),
        context_length=reader.count("context_length", least=4),
        logit_scale=reader.number("logit_scale"),
        preprocessing=reader.inner("preprocessing", _preprocessing),
        tokenizers=tokenizers,
        pooling=reader.text("pooling", POOLINGS),
        image_precision=precision[0],
        text_precision=precision[1],
        calibration=reader.inner("calibration", _calibration),
        source=reader.text("source"),
        licence=reader.text("licence"),
        sha256=reader.inner("sha256", _Reader.rest),
    )


def _preprocessing(reader: _Reader) -> Preprocessing:
    return Preprocessing(
        mode=reader.text("mode", MODES),
        size_px=reader.count("size"),
        interpolation=reader.text("interpolation", INTERPOLATIONS),
        mean=reader.three("mean"),
        std=reader.three("std"),
    )


def _text_input(reader: _Reader) -> TextInput:
    return TextInput(
        kind=reader.text("kind", TOKENIZERS),
        file=reader.text("file", (TOKENIZER_FILE, TOKENIZER2_FILE)),
        prefix=reader.text("prefix"),
        pad_id=reader.count("pad_id", least=0),
    )


def _calibration(reader: _Reader) -> Calibration:
    return Calibration(
        scale=reader.number("scale"),
        slope=reader.number("slope"),
        cosine=reader.number("cosine"),
        offset=reader.number("offset"),
        sure=reader.number("sure"),
        less_sure=reader.number("less_sure"),
    )
