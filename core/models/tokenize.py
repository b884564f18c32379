"""Texts -> the text tower's inputs, by the `tokenizers` library."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
from tokenizers import Tokenizer as HuggingFaceTokenizer

from core.errors import ModelError
from core.models.spec import ModelSpec, TextInput

Ints = npt.NDArray[np.int64]


class Tokenizer:
    """The tokenizer of one model, or both where its text tower is made of two encoders. Safe between threads."""

    def __init__(self, folder: Path, spec: ModelSpec) -> None:
        """Read the files. Raises ModelError when one is missing or is no tokenizer."""
        self._inputs = [(_open(folder, text, spec.context_length), text) for text in spec.tokenizers]

    def __call__(self, texts: Sequence[str]) -> dict[str, Ints]:
        """The tower's inputs by name: `ids`, `mask` (and `ids2`, `mask2`), each [n, t] int64.

        t is the longest text of the batch, at most the model's context length: longer texts are cut at their
        end, the closing token kept. No texts give arrays [0, 1]. Characters no tokenizer can read (lone
        surrogates of undecodable file names) count as the replacement character.
        """
        clean = [text.encode("utf-8", "replace").decode() for text in texts]
        feed: dict[str, Ints] = {}
        for place, (tokenizer, text) in enumerate(self._inputs):
            encodings = tokenizer.encode_batch_fast([text.prefix + one for one in clean])
            suffix = "" if place == 0 else str(place + 1)
            feed["ids" + suffix], feed["mask" + suffix] = padded(
                [encoding.ids for encoding in encodings], text.pad_id
            )
        return feed


def padded(ids: Sequence[Sequence[int]], pad_id: int) -> tuple[Ints, Ints]:
    """Rows of different length -> ids and mask, both [n, longest] int64; the mask is 1 where a token is."""
    longest = max((len(row) for row in ids), default=1)
    table = np.full((len(ids), longest), pad_id, np.int64)
    mask = np.zeros((len(ids), longest), np.int64)
    for i, row in enumerate(ids):
        table[i, : len(row)] = row
        mask[i, : len(row)] = 1
    return table, mask


def _open(folder: Path, text: TextInput, context_length: int) -> HuggingFaceTokenizer:
    path = folder / text.file
    try:
        # Read here, not by the library: its own reader cannot open every path Windows can.
        tokenizer = HuggingFaceTokenizer.from_str(path.read_text(encoding="utf-8"))
    except Exception as error:
        raise ModelError(f"{path} is not a tokenizer that can be read: {error}") from error
    tokenizer.no_padding()
    tokenizer.enable_truncation(context_length)
    return tokenizer
