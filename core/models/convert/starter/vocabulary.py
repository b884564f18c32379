"""SentencePiece unigram pieces -> a `tokenizers` tokenizer, whole or cut down to the pieces two languages use.

A tokenizer of fewer pieces cuts every text whose best cut used only kept pieces exactly as before: the best
of many is still the best of some. Other texts fall back on shorter pieces, down to single characters.
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from tokenizers import Tokenizer

# One CJK ideograph (the ordinary block and its first extension), with or without the word mark before it.
_ONE_IDEOGRAPH = re.compile("▁?[㐀-鿿]")
# What any English spelling, number or file name can fall back on.
_SHORT_ASCII = re.compile("▁?[ -~]{1,2}")
# Full-width and CJK punctuation, as Chinese text has it.
_PUNCTUATION = re.compile("▁?[　-〿！-～‘’“”…—·]{1,2}")

# A noncharacter before the names of the special pieces: a text that says "<s>" means these three characters.
_UNTYPEABLE = "\ufdd0"


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """Unigram pieces with their log probabilities. `bos`, `eos`, `pad`, `unk` are numbers of pieces."""

    pieces: Sequence[str]
    scores: npt.NDArray[np.float32]
    charsmap: bytes
    bos: int
    eos: int
    pad: int
    unk: int

    def tokenizer(self) -> Tokenizer:
        """The tokenizer of these pieces: normalise, mark spaces, cut, put `<s>` and `</s>` around."""
        return Tokenizer.from_str(json.dumps(self._as_json(), ensure_ascii=False))

    def cut_to(self, kept: npt.NDArray[np.int64]) -> Vocabulary:
        """The vocabulary of the pieces `kept` alone, renumbered in that order (row i was piece kept[i])."""
        new = {int(old): i for i, old in enumerate(kept)}
        return Vocabulary(
            [self.pieces[i] for i in kept],
            self.scores[kept],
            self.charsmap,
            *(new[i] for i in (self.bos, self.eos, self.pad, self.unk)),
        )

    def used_by(self, texts: Iterable[str], *, at_least: int = 1) -> npt.NDArray[np.int64]:
        """The pieces that cut `texts` at least so often, and those any text may fall back on; ascending.

        The specials are always among them.
        """
        tokenizer = self.tokenizer()
        counts = np.zeros(len(self.pieces), np.int64)
        batch: list[str] = []
        for text in texts:
            batch.append(text)
            if len(batch) == 10_000:
                _count(tokenizer, batch, counts)
                batch = []
        _count(tokenizer, batch, counts)
        kept = counts >= at_least
        kept[[self.bos, self.eos, self.pad, self.unk]] = True
        for i, piece in enumerate(self.pieces):
            if any(form.fullmatch(piece) for form in (_ONE_IDEOGRAPH, _SHORT_ASCII, _PUNCTUATION)):
                kept[i] = True
        return np.flatnonzero(kept)

    def _as_json(self) -> dict[str, object]:
        special = {self.bos, self.eos, self.pad, self.unk}
        names = [_UNTYPEABLE + piece if i in special else piece for i, piece in enumerate(self.pieces)]
        bos, eos = names[self.bos], names[self.eos]
        around = [
            {"SpecialToken": {"id": bos, "type_id": 0}},
            {"Sequence": {"id": "A", "type_id": 0}},
            {"SpecialToken": {"id": eos, "type_id": 0}},
        ]
        return {
            "version": "1.0",
            "truncation": None,
            "padding": None,
            "added_tokens": [],
            "normalizer": {
                "type": "Sequence",
                "normalizers": [
                    {
                        "type": "Precompiled",
                        "precompiled_charsmap": base64.b64encode(self.charsmap).decode(),
                    },
                    {"type": "Strip", "strip_left": True, "strip_right": True},
                    {"type": "Replace", "pattern": {"Regex": " {2,}"}, "content": " "},
                ],
            },
            "pre_tokenizer": {
                "type": "Metaspace",
                "replacement": "▁",
                "prepend_scheme": "always",
                "split": True,
            },
            "post_processor": {
                "type": "TemplateProcessing",
                "single": around,
                "pair": around,
                "special_tokens": {
                    piece: {"id": piece, "ids": [i], "tokens": [piece]}
                    for piece, i in ((bos, self.bos), (eos, self.eos))
                },
            },
            "decoder": {"type": "Metaspace", "replacement": "▁", "prepend_scheme": "always", "split": True},
            "model": {
                "type": "Unigram",
                "unk_id": self.unk,
                "byte_fallback": False,
                "vocab": [
                    [piece, round(float(score), 4)] for piece, score in zip(names, self.scores, strict=True)
                ],
            },
        }


def _count(tokenizer: Tokenizer, texts: list[str], counts: npt.NDArray[np.int64]) -> None:
    for encoding in tokenizer.encode_batch(texts, add_special_tokens=False):
        np.add.at(counts, encoding.ids, 1)
