"""`model.json`: everything the calling code must know of a model, read strictly (CONTRACTS: a model folder).

A key that is missing, unknown or of the wrong kind is a ModelError that names the file and the value: a model
run with a guessed preprocessing gives answers that look right and are not.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from core.errors import ModelError
from core.models.calibration import Calibration
from core.models.strict import StrictReader

SPEC_FILE = "model.json"
IMAGE_FILE = "image.onnx"
TEXT_FILE = "text.onnx"
TOKENIZER_FILE = "tokenizer.json"
TOKENIZER2_FILE = "tokenizer2.json"

MODES = ("crop", "squash")
INTERPOLATIONS = ("nearest", "box", "bilinear", "hamming", "bicubic", "lanczos")
LANGUAGES = ("en", "zh")
TOKENIZERS = ("unigram", "wordpiece", "bpe")
# How a text's last hidden states become one vector; "classifier": Taiyi's pooler and classification head.
POOLINGS = ("mean", "cls", "eos", "last", "classifier", "mean+use")
# What is done to a text before its tokenizer, as the reference does it: core/models/tokenize.py.
CLEANINGS = ("", "openai", "chinese-clip")
PRECISIONS = ("fp32", "fp16", "bf16", "int8", "int4")


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
    """One tokenizer.

    kind      its family
    file      where it lies in the model folder
    prefix    put before every text
    pad_id    the id that pads
    cleaning  what is done to a text before the tokenizer
    full      whether every text is padded to the context length: towers that take the last position, and those
              that attend to padding, were trained so
    """

    kind: str
    file: str
    prefix: str
    pad_id: int
    cleaning: str = ""
    full: bool = False


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
        return StrictReader(path, content, "").all(_spec)

    @property
    def space_id(self) -> str:
        """The content hash of the model: 16 hex digits of the sha256 of its files' hashes, sorted by name.

        Only what shapes an embedding counts: a corrected model card starts no new space, nor does what lies in
        subfolders (the reference form, the weights to train on from).
        """
        shaping = [name for name in sorted(self.sha256) if "/" not in name and not name.endswith(".md")]
        lines = [f"{name} {self.sha256[name]}\n" for name in shaping]
        given = self.as_json()
        inputs = {name: given[name] for name in ("preprocessing", "tokenizers", "context_length", "pooling")}
        lines.append(json.dumps(inputs, sort_keys=True))
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
            "tokenizers": [_text_input_json(text) for text in self.tokenizers],
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


def _spec(reader: StrictReader) -> ModelSpec:
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
        sha256=reader.inner("sha256", StrictReader.rest),
    )


def _preprocessing(reader: StrictReader) -> Preprocessing:
    return Preprocessing(
        mode=reader.text("mode", MODES),
        size_px=reader.count("size"),
        interpolation=reader.text("interpolation", INTERPOLATIONS),
        mean=reader.three("mean"),
        std=reader.three("std"),
    )


def _text_input(reader: StrictReader) -> TextInput:
    return TextInput(
        kind=reader.text("kind", TOKENIZERS),
        file=reader.text("file", (TOKENIZER_FILE, TOKENIZER2_FILE)),
        prefix=reader.text("prefix"),
        pad_id=reader.count("pad_id", least=0),
        cleaning=reader.text("cleaning", CLEANINGS) if reader.has("cleaning") else "",
        full=reader.has("full") and reader.flag("full"),
    )


def _text_input_json(text: TextInput) -> dict[str, Any]:
    # Values at their default stay away: the space's id hangs on this, and a new field must change no old space.
    given = {"kind": text.kind, "file": text.file, "prefix": text.prefix, "pad_id": text.pad_id}
    return (
        given | ({"cleaning": text.cleaning} if text.cleaning else {}) | ({"full": True} if text.full else {})
    )


def _calibration(reader: StrictReader) -> Calibration:
    return Calibration(
        scale=reader.number("scale"),
        slope=reader.number("slope"),
        cosine=reader.number("cosine"),
        offset=reader.number("offset"),
        sure=reader.number("sure"),
        less_sure=reader.number("less_sure"),
    )
