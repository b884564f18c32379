"""The tokenizer of a Hugging Face folder as one `tokenizer.json`, and how it is to be used."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from tokenizers import Tokenizer
from tokenizers.normalizers import Lowercase, Normalizer
from tokenizers.normalizers import Sequence as Normalizers
from tokenizers.processors import TemplateProcessing

from core.errors import ModelError
from core.models.convert.found import NO_TOKENIZER
from core.models.convert.vocabularies import (
    chinese_vocabulary,
    openai_tokenizer,
    with_straight_quotes,
    wordpiece_tokenizer,
)
from core.models.spec import TOKENIZER_FILE, TextInput

_KINDS = {"BPE": "bpe", "WordPiece": "wordpiece", "Unigram": "unigram"}
# Any of these is a vocabulary that transformers can make a tokenizer.json of.
_VOCABULARIES = ("vocab.txt", "vocab.json", "spiece.model", "sentencepiece.bpe.model", "tokenizer.model")


def folder_tokenizer(
    folder: Path, *, pad_id: int | None, full: bool, straight_quotes: bool, lower: bool
) -> tuple[Tokenizer, TextInput]:
    """The tokenizer in `folder`, and how texts reach it.

    pad_id           where the tokenizer's own files do not say; None: 0
    full             whether texts are padded to the context length
    straight_quotes  curly double quotes are read as straight ones (Chinese-CLIP)
    lower            texts are in lower case, also where the file does not say so (SigLIP 2 was trained so)
    Raises ModelError when there is none, or it cannot be read.
    """
    tokenizer = _read(folder)
    settings = _settings(folder)
    content = json.loads(tokenizer.to_str())
    kind = _KINDS.get(content["model"]["type"])
    if kind is None:
        raise ModelError(f"{folder / TOKENIZER_FILE}: the kind {content['model']['type']!r} is not known")
    if full and settings.get("padding_side") == "left":
        raise ModelError(f"{folder}: texts that are padded at their beginning are not known")
    cleaning = ""
    if kind == "wordpiece" and _pieces(tokenizer) == chinese_vocabulary():
        # The reference's own steps, which differ from the library's for rare characters.
        tokenizer, cleaning = wordpiece_tokenizer(chinese_vocabulary()), "chinese-clip"
    elif kind == "bpe" and _pieces(tokenizer) == _pieces(openai_tokenizer()):
        tokenizer, cleaning = openai_tokenizer(), "openai"
    elif lower and kind == "bpe":
        _as_siglip2(tokenizer, settings)
    if straight_quotes and cleaning:
        with_straight_quotes(tokenizer)
    known = _pad_id(tokenizer, settings)
    chosen = known if known is not None else pad_id or 0
    return tokenizer, TextInput(kind, TOKENIZER_FILE, "", chosen, cleaning=cleaning, full=full)


def _read(folder: Path) -> Tokenizer:
    path = folder / TOKENIZER_FILE
    if path.is_file():
        try:
            return Tokenizer.from_str(path.read_text(encoding="utf-8"))
        except Exception as error:  # the library raises plain Exception
            raise ModelError(f"{path} is not a tokenizer that can be read: {error}") from error
    if not any((folder / name).is_file() for name in _VOCABULARIES):
        raise ModelError(f"{folder} has no tokenizer", what_to_do=NO_TOKENIZER)
    return _converted(folder)


def _converted(folder: Path) -> Tokenizer:
    """The tokenizer that transformers makes of the vocabulary files."""
    # Slow to import, and only folders without a tokenizer.json need it.
    from transformers import AutoTokenizer

    try:
        made = AutoTokenizer.from_pretrained(folder, local_files_only=True, trust_remote_code=False)
        return Tokenizer.from_str(made.backend_tokenizer.to_str())
    # A vocabulary can be wrong in as many ways as transformers has tokenizers.
    except Exception as error:
        raise ModelError(
            f"{folder} has no {TOKENIZER_FILE}, and none can be made of its vocabulary: {error}",
            what_to_do=NO_TOKENIZER,
        ) from error


def _as_siglip2(tokenizer: Tokenizer, settings: dict[str, Any]) -> None:
    """Lower case, and start and end marks as tokenizer_config.json has them: Gemma's file has its own."""
    own: Normalizer | None = tokenizer.normalizer
    tokenizer.normalizer = Normalizers([Lowercase(), own] if own is not None else [Lowercase()])
    start, end = settings.get("add_bos_token"), settings.get("add_eos_token")
    if start is None or end is None:
        return
    marks = {name: _text(settings.get(name)) for name in ("bos_token", "eos_token")}
    template = [marks["bos_token"]] * bool(start) + ["$A"] + [marks["eos_token"]] * bool(end)
    ids = [(mark, tokenizer.token_to_id(mark)) for mark in template if mark != "$A"]
    tokenizer.post_processor = TemplateProcessing(single=" ".join(template), special_tokens=ids)


def _pieces(tokenizer: Tokenizer) -> tuple[str, ...]:
    vocabulary = tokenizer.get_vocab()
    return tuple(sorted(vocabulary, key=vocabulary.__getitem__))


def _pad_id(tokenizer: Tokenizer, settings: dict[str, Any]) -> int | None:
    mark = _text(settings.get("pad_token"))
    found: int | None = tokenizer.token_to_id(mark) if mark else None
    return found


def _text(mark: object) -> str:
    """A mark's text: it is written plain, or as an object with its content."""
    found = mark.get("content") if isinstance(mark, dict) else mark
    return found if isinstance(found, str) else ""


def _settings(folder: Path) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name in ("special_tokens_map.json", "tokenizer_config.json"):
        path = folder / name
        if not path.is_file():
            continue
        try:
            content = json.loads(path.read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise ModelError(f"{path} cannot be read: {error}") from error
        found |= content if isinstance(content, dict) else {}
    return found
