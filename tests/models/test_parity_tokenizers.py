"""Every golden text has the reference's ids, through the tokenizer as a model folder holds it."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("torch")

from core.models.convert.vocabularies import (
    chinese_vocabulary,
    openai_tokenizer,
    with_straight_quotes,
    wordpiece_tokenizer,
)
from core.models.spec import ModelSpec, TextInput
from core.models.tokenize import Tokenizer

OPENAI = TextInput("bpe", "tokenizer.json", "", 0, cleaning="openai")
CHINESE = TextInput("wordpiece", "tokenizer.json", "", 0, cleaning="chinese-clip")


@pytest.fixture(scope="module")
def spec(starter_folder: Path) -> ModelSpec:
    return ModelSpec.load(starter_folder)


@pytest.fixture(scope="module")
def goldens(shared_data: Path) -> list[dict[str, object]]:
    # Texts hold raw line separators: split at "\n" alone.
    content = (shared_data / "parity/tokenizers/tokenizers.jsonl").read_bytes().decode("utf-8")
    return [json.loads(line) for line in content.split("\n") if line]


def of(goldens: list[dict[str, object]], kind: str, length: int) -> tuple[list[str], list[object]]:
    chosen = [one for one in goldens if one["tokenizer"] == kind and one["context_length"] == length]
    return [str(one["text"]) for one in chosen], [one["ids"] for one in chosen]


def ids_of(tokenizer: Tokenizer, texts: list[str]) -> list[object]:
    feed = tokenizer(texts)
    rows = zip(feed["ids"], feed["mask"], strict=True)
    return [row[: int(mask.sum())].tolist() for row, mask in rows]


@pytest.mark.parametrize(
    ("kind", "length", "count"), [("openai-bpe", 77, 921), ("bert-wwm-zh", 52, 921), ("bert-wwm-zh", 64, 146)]
)
def test_every_golden_text_has_the_references_ids(
    goldens: list[dict[str, object]], spec: ModelSpec, tmp_path: Path, kind: str, length: int, count: int
) -> None:
    openai = kind == "openai-bpe"
    made = openai_tokenizer() if openai else wordpiece_tokenizer(chinese_vocabulary())
    made.save(str(tmp_path / "tokenizer.json"))
    given = replace(spec, tokenizers=(OPENAI if openai else CHINESE,), context_length=length)
    texts, expected = of(goldens, kind, length)

    found = ids_of(Tokenizer(tmp_path, given), texts)

    assert len(found) == count
    wrong = [text for text, one, two in zip(texts, found, expected, strict=True) if one != two]
    assert wrong == []


def test_an_imported_chinese_clip_reads_curly_quotes_as_its_training_did(
    goldens: list[dict[str, object]], spec: ModelSpec, tmp_path: Path
) -> None:
    with_straight_quotes(wordpiece_tokenizer(chinese_vocabulary())).save(str(tmp_path / "tokenizer.json"))
    tokenizer = Tokenizer(tmp_path, replace(spec, tokenizers=(CHINESE,), context_length=52))
    texts, expected = of(goldens, "bert-wwm-zh", 52)
    plain = [i for i, text in enumerate(texts) if not set(text) & set("“”")]

    found = ids_of(tokenizer, texts)

    assert len(plain) < len(texts)
    assert [found[i] for i in plain] == [expected[i] for i in plain]
    assert ids_of(tokenizer, ["“猫”"]) == ids_of(tokenizer, ['"猫"'])


def test_a_tower_that_wants_full_texts_gets_them(spec: ModelSpec, tmp_path: Path) -> None:
    openai_tokenizer().save(str(tmp_path / "tokenizer.json"))
    full = replace(OPENAI, full=True, pad_id=7)

    feed = Tokenizer(tmp_path, replace(spec, tokenizers=(full,), context_length=20))(["a cat", ""])

    assert feed["ids"].shape == feed["mask"].shape == (2, 20)
    assert (feed["ids"][0, 4:] == 7).all()
    assert feed["mask"].sum(axis=1).tolist() == [4, 2]
    assert feed["ids"].dtype == np.int64
