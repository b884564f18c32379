"""Texts -> the text tower's inputs, by the `tokenizers` library."""

from __future__ import annotations

import html
import re
import unicodedata
from collections.abc import Callable, Sequence
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
        self._context_length = spec.context_length

    def __call__(self, texts: Sequence[str]) -> dict[str, Ints]:
        """The tower's inputs by name: `ids`, `mask` (and `ids2`, `mask2`), each [n, t] int64.

        t is the longest text of the batch, at most the model's context length: longer texts are cut at their
        end, the closing token kept. Where the tower wants all texts padded in full (`TextInput.full`), t is the
        context length. No texts give arrays [0, 1]. Characters no tokenizer can read (lone surrogates of
        undecodable file names) count as the replacement character.
        """
        readable = [text.encode("utf-8", "replace").decode() for text in texts]
        feed: dict[str, Ints] = {}
        for place, (tokenizer, text) in enumerate(self._inputs):
            clean = CLEANING[text.cleaning]
            encodings = tokenizer.encode_batch_fast([text.prefix + clean(one) for one in readable])
            suffix = "" if place == 0 else str(place + 1)
            feed["ids" + suffix], feed["mask" + suffix] = padded(
                [encoding.ids for encoding in encodings],
                text.pad_id,
                self._context_length if text.full else 1,
            )
        return feed


def padded(ids: Sequence[Sequence[int]], pad_id: int, least: int = 1) -> tuple[Ints, Ints]:
    """Rows of different length -> ids and mask, both [n, longest, or `least`] int64; the mask is 1 where a token is."""
    longest = max((len(row) for row in ids), default=1)
    table = np.full((len(ids), max(longest, least)), pad_id, np.int64)
    mask = np.zeros_like(table)
    for i, row in enumerate(ids):
        table[i, : len(row)] = row
        mask[i, : len(row)] = 1
    return table, mask


def openai_clean(text: str) -> str:
    """A text as openai/CLIP hands it to its BPE: mended, unescaped twice, single spaces, lower case."""
    # A tenth of a second to import, and the towers of other families never need it.
    import ftfy

    mended = ftfy.fix_text(text)
    unescaped = html.unescape(html.unescape(mended))
    return re.sub(r"\s+", " ", unescaped).strip().lower()


def chinese_clip_clean(text: str) -> str:
    """A text as Chinese-CLIP's tokenizer sees it before it looks for punctuation and word pieces.

    No control characters, all white space as spaces, spaces around Chinese characters, lower case, no accents.
    The `tokenizers` library has these steps too, with differences in four places: it also drops private and
    unassigned characters, leaves out a part of the Chinese characters (U+2B820-2B91F), lowers a Greek word's
    last sigma as any other, and follows a newer Unicode.
    """
    spaced = "".join(map(_spaced, text)).lower()
    return "".join(one for one in unicodedata.normalize("NFD", spaced) if unicodedata.category(one) != "Mn")


# Where BERT's tokenizer sees Chinese characters, each a word of its own (CJK ideographs and their extensions).
_CHINESE = (
    (0x4E00, 0x9FFF),
    (0x3400, 0x4DBF),
    (0x20000, 0x2A6DF),
    (0x2A700, 0x2B73F),
    (0x2B740, 0x2B81F),
    (0x2B820, 0x2CEAF),
    (0xF900, 0xFAFF),
    (0x2F800, 0x2FA1F),
)


def _spaced(character: str) -> str:
    code = ord(character)
    if code < 0x80 and character.isalnum():
        return character
    if any(first <= code <= last for first, last in _CHINESE):
        return f" {character} "
    kind = unicodedata.category(character)
    if character in " \t\n\r" or kind == "Zs":
        return " "
    return "" if code in (0, 0xFFFD) or kind in ("Cc", "Cf") else character


CLEANING: dict[str, Callable[[str], str]] = {
    "": lambda text: text,
    "openai": openai_clean,
    "chinese-clip": chinese_clip_clean,
}


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
