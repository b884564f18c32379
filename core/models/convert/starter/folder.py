"""Puts the starter's folder together: both graphs, both tokenizers, the spec with the hash of each file."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from core.models.calibration import Calibration
from core.models.convert.starter.e5 import E5
from core.models.convert.starter.export import export_image_tower, export_text_tower
from core.models.convert.starter.towers import SIZE_PX, ImageTower, TextTower
from core.models.convert.starter.use import Use
from core.models.convert.starter.vocabulary import Vocabulary
from core.models.registry import STARTER
from core.models.spec import (
    IMAGE_FILE,
    SPEC_FILE,
    TEXT_FILE,
    TOKENIZER2_FILE,
    TOKENIZER_FILE,
    ModelSpec,
    Preprocessing,
    TextInput,
    file_sha256,
)

# Queries and captions are one or two sentences; the encoders take up to 512 tokens, at more than twice the time.
CONTEXT_LENGTH = 64
CARD_FILE = "card.md"
E5_PREFIX = "query: "


@dataclass(frozen=True, slots=True)
class Vocabularies:
    """The kept pieces of both text encoders and the tokenizers made of them."""

    e5: Vocabulary
    use: Vocabulary
    e5_kept: npt.NDArray[np.int64]
    use_kept: npt.NDArray[np.int64]

    @classmethod
    def whole(cls, e5: E5, use: Use) -> Vocabularies:
        """All pieces of both packages. e5's normaliser is SentencePiece's usual one, which the USE file holds."""
        special = e5.special
        first = Vocabulary(
            e5.pieces, e5.scores, use.charsmap, special["bos"], special["eos"], special["pad"], special["unk"]
        )
        second = Vocabulary(use.pieces, use.scores, use.charsmap, bos=1, eos=2, pad=0, unk=0)
        return cls(first, second, np.arange(len(e5.pieces)), np.arange(len(use.pieces)))

    def cut_to_texts(self, texts: list[str]) -> Vocabularies:
        """The pieces `texts` use, and those any text may fall back on."""
        e5_kept, use_kept = self.e5.used_by(texts), self.use.used_by(texts)
        return Vocabularies(self.e5.cut_to(e5_kept), self.use.cut_to(use_kept), e5_kept, use_kept)

    def save(self, folder: Path) -> None:
        for vocabulary, name in ((self.e5, TOKENIZER_FILE), (self.use, TOKENIZER2_FILE)):
            text = vocabulary.tokenizer().to_str()
            (folder / name).write_text(text, encoding="utf-8", newline="\n")

    def inputs(self) -> tuple[TextInput, TextInput]:
        return (
            TextInput("unigram", TOKENIZER_FILE, E5_PREFIX, self.e5.pad),
            TextInput("unigram", TOKENIZER2_FILE, "", self.use.pad),
        )


# EfficientNet-Lite takes (x - 127) / 128 of values 0..255; squashed, as the whole picture counts in a search.
PREPROCESSING = Preprocessing(
    mode="squash",
    size_px=SIZE_PX,
    interpolation="bicubic",
    mean=(127 / 255, 127 / 255, 127 / 255),
    std=(128 / 255, 128 / 255, 128 / 255),
)


def write_starter(
    folder: Path,
    image: ImageTower,
    text: TextTower,
    vocabularies: Vocabularies,
    logit_scale: float,
    calibration: Calibration,
    card: str,
) -> ModelSpec:
    """Write the whole model folder (CONTRACTS: a model folder) and give its spec."""
    folder.mkdir(parents=True, exist_ok=True)
    export_image_tower(image, folder / IMAGE_FILE)
    export_text_tower(text, folder / TEXT_FILE)
    vocabularies.save(folder)
    (folder / CARD_FILE).write_text(card, encoding="utf-8", newline="\n")
    files = (IMAGE_FILE, TEXT_FILE, TOKENIZER_FILE, TOKENIZER2_FILE, CARD_FILE)
    spec = ModelSpec(
        id=STARTER,
        languages=("en", "zh"),
        width=image.head.direct.out_features,
        context_length=CONTEXT_LENGTH,
        logit_scale=logit_scale,
        preprocessing=PREPROCESSING,
        tokenizers=vocabularies.inputs(),
        pooling="mean+use",
        image_precision="int8",
        text_precision="int4",
        calibration=calibration,
        source="EfficientNet-Lite0 and Lite2, multilingual-e5-small and USE-multilingual v3, joined by packaging/train_starter.py",
        licence="Apache-2.0 AND MIT (see card.md)",
        sha256={name: file_sha256(folder / name) for name in files},
    )
    write_spec(folder, spec)
    return spec


def write_spec(folder: Path, spec: ModelSpec) -> None:
    """Write model.json for files that are already there."""
    text = json.dumps(spec.as_json(), ensure_ascii=False, indent=2) + "\n"
    (folder / SPEC_FILE).write_text(text, encoding="utf-8", newline="\n")
