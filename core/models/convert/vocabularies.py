"""The tokenizers of the original families as `tokenizer.json`, built from their vocabularies.

Both vocabularies ship with the program (resources/tokenizers/): the original checkpoints come without one.
Together with the cleaning of `core/models/tokenize.py` they give the references' ids, text by text.

Sources: openai/CLIP (clip/simple_tokenizer.py), BERT's tokenizer as Chinese-CLIP carries it.
"""

from __future__ import annotations

import gzip
from functools import cache

from tokenizers import AddedToken, Regex, Tokenizer
from tokenizers.models import BPE, WordPiece
from tokenizers.normalizers import Replace
from tokenizers.normalizers import Sequence as Normalizers
from tokenizers.pre_tokenizers import BertPreTokenizer, ByteLevel, Split
from tokenizers.pre_tokenizers import Sequence as PreTokenizers
from tokenizers.processors import TemplateProcessing

from core.resources import resource

OPENAI_START, OPENAI_END = "<|startoftext|>", "<|endoftext|>"
# Of the 262,144 merges in the file OpenAI uses the first, so that with bytes and marks there are 49,152 + 256 ids.
_MERGES = 49_152 - 256 - 2
# The reference matches without regard to case: "ſ" is an "s" then, and U+0345, a mark whose capital is a letter,
# belongs to no group and is dropped.
_OPENAI_WORDS = (
    r"<\|startoftext\|>|<\|endoftext\|>|'[sſ]|'t|'re|'ve|'m|'ll|'d"
    r"|[\p{L}]+|[\p{N}]|[^\s\p{L}\p{N}\x{345}]+"
)
# Longer words are unknown as a whole.
_LONGEST_WORD = 200


def openai_tokenizer() -> Tokenizer:
    """OpenAI CLIP's byte-level BPE of 49,408 ids. Texts have to be cleaned by "openai" first.

    As in the reference, a text that spells out the start or end mark has it.
    """
    path = resource("tokenizers", "bpe_simple_vocab_16e6.txt.gz")
    lines = gzip.decompress(path.read_bytes()).decode("utf-8").split("\n")
    merges = [(first, second) for first, second in (line.split() for line in lines[1 : _MERGES + 1])]
    units = _byte_letters()
    tokens = [*units, *(unit + "</w>" for unit in units), *(first + second for first, second in merges)]
    ids = {token: i for i, token in enumerate([*tokens, OPENAI_START, OPENAI_END])}
    tokenizer = Tokenizer(BPE(vocab=ids, merges=merges, end_of_word_suffix="</w>"))
    tokenizer.pre_tokenizer = PreTokenizers(
        [
            Split(Regex(_OPENAI_WORDS), "removed", invert=True),
            ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    marks = [(mark, ids[mark]) for mark in (OPENAI_START, OPENAI_END)]
    tokenizer.add_special_tokens([AddedToken(mark, normalized=False, special=True) for mark, _ in marks])
    tokenizer.post_processor = TemplateProcessing(
        single=f"{OPENAI_START} $A {OPENAI_END}", special_tokens=marks
    )
    return tokenizer


@cache
def chinese_vocabulary() -> tuple[str, ...]:
    """The 21,128 word pieces of BERT-Base Chinese, by id."""
    text = resource("tokenizers", "vocab.txt").read_text(encoding="utf-8")
    return tuple(text.removesuffix("\n").split("\n"))


def wordpiece_tokenizer(vocabulary: tuple[str, ...]) -> Tokenizer:
    """BERT's WordPiece over `vocabulary`. Texts have to be cleaned by "chinese-clip" first.

    No mark is known inside a text: "[SEP]" is a bracket, a word and a bracket, as in the reference.
    """
    ids = {piece: i for i, piece in enumerate(vocabulary)}
    tokenizer = Tokenizer(WordPiece(vocab=ids, unk_token="[UNK]", max_input_chars_per_word=_LONGEST_WORD))
    tokenizer.pre_tokenizer = BertPreTokenizer()
    tokenizer.post_processor = TemplateProcessing(
        single="[CLS] $A [SEP]", special_tokens=[("[CLS]", ids["[CLS]"]), ("[SEP]", ids["[SEP]"])]
    )
    return tokenizer


def with_straight_quotes(tokenizer: Tokenizer) -> Tokenizer:
    """`tokenizer`, which now reads curly double quotes as straight ones.

    Chinese-CLIP's own code changes them so in every text that it trains on and evaluates with, before its
    tokenizer, which has no piece for the curly ones. The rest of that preparation is lower case, which the
    tokenizer does anyway.
    """
    tokenizer.normalizer = Normalizers([Replace("“", '"'), Replace("”", '"')])
    return tokenizer


def _byte_letters() -> list[str]:
    """A printable character for each byte, in the order of OpenAI's ids: printable bytes first, as themselves."""
    printable = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    others = [byte for byte in range(256) if byte not in printable]
    return [chr(byte) for byte in printable] + [chr(256 + i) for i in range(len(others))]
