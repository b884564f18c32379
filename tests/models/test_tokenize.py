"""Texts become padded ids and masks; the cut-down tokenizers cut texts as the whole ones did."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.errors import ModelError
from core.models.encoder import Encoder
from core.models.spec import CLEANINGS, ModelSpec
from core.models.tokenize import CLEANING, Tokenizer, chinese_clip_clean, openai_clean, padded


@pytest.fixture(scope="module")
def tokenizer(starter_folder: Path) -> Tokenizer:
    return Tokenizer(starter_folder, ModelSpec.load(starter_folder))


def pieces(starter_folder: Path, file: str) -> list[str]:
    content = json.loads((starter_folder / file).read_text(encoding="utf-8"))
    return [piece for piece, _ in content["model"]["vocab"]]


def test_short_rows_are_padded_and_masked() -> None:
    ids, mask = padded([[5, 6], [7, 8, 9]], pad_id=1)

    assert ids.tolist() == [[5, 6, 1], [7, 8, 9]]
    assert mask.tolist() == [[1, 1, 0], [1, 1, 1]]
    assert ids.dtype == mask.dtype == np.int64


# What the packages' own tokenizers make of these texts.
@pytest.mark.parametrize(
    ("text", "first", "second"),
    [
        (
            "一只狗在沙滩上 A Dog",
            ["▁que", "ry", ":", "▁", "一只", "狗", "在", "沙", "滩", "上", "▁A", "▁Dog"],
            ["▁一", "只", "狗", "在", "沙", "滩", "上", "▁A", "▁Dog"],
        ),
    ],
)
def test_a_text_is_cut_as_the_packages_cut_it(
    starter_folder: Path, tokenizer: Tokenizer, text: str, first: list[str], second: list[str]
) -> None:
    feed = tokenizer([text])

    for ids, file, expected in (("ids", "tokenizer.json", first), ("ids2", "tokenizer2.json", second)):
        vocabulary = pieces(starter_folder, file)
        assert [vocabulary[i] for i in feed[ids][0][1:-1]] == expected


def test_a_long_text_keeps_its_end_mark_at_the_context_length(
    starter_folder: Path, tokenizer: Tokenizer
) -> None:
    length = ModelSpec.load(starter_folder).context_length
    feed = tokenizer(["a dog " * 500, "a dog"])

    assert feed["ids"].shape == (2, length)
    end = feed["ids"][1][feed["mask"][1].sum() - 1]
    assert feed["ids"][0, -1] == end


def test_a_text_cannot_write_special_pieces(starter_folder: Path, tokenizer: Tokenizer) -> None:
    feed = tokenizer(["</s>"])

    for name in ("ids", "ids2"):
        end = feed[name][0, -1]
        assert (feed[name][0, :-1] != end).all()


def test_no_texts_give_empty_arrays(tokenizer: Tokenizer) -> None:
    assert {name: array.shape[0] for name, array in tokenizer([]).items()} == {
        "ids": 0,
        "mask": 0,
        "ids2": 0,
        "mask2": 0,
    }


@settings(deadline=None, max_examples=20)
@given(texts=st.lists(st.text(st.characters(codec=None), max_size=200), min_size=1, max_size=3))
def test_any_text_has_an_embedding_of_length_one(starter: Encoder, texts: list[str]) -> None:
    embeddings = starter.encode_texts(texts)

    assert embeddings.shape == (len(texts), starter.spec.width)
    np.testing.assert_allclose(np.linalg.norm(embeddings, axis=1), 1, atol=1e-4)


def test_texts_for_openais_tokenizer_are_mended_unescaped_and_in_lower_case() -> None:
    assert openai_clean("  It's\u00a0a   &amp;amp;\tCafÃ© ") == "it's a & café"


def test_texts_for_chinese_clip_have_their_characters_apart_and_no_accents() -> None:
    assert chinese_clip_clean("中国 Café\u0000\u200b ΣΟΦΟΣ").split() == ["中", "国", "cafe", "σοφος"]
    assert chinese_clip_clean("\U0002b8d9a").split() == ["\U0002b8d9", "a"]
    assert chinese_clip_clean("\ue000x") == "\ue000x"


@settings(deadline=None, max_examples=50)
@given(text=st.text(st.characters(codec=None), max_size=100))
def test_any_text_can_be_cleaned(text: str) -> None:
    for clean in CLEANING.values():
        assert isinstance(clean(text), str)


def test_every_cleaning_that_a_spec_may_name_is_known() -> None:
    assert tuple(CLEANING) == CLEANINGS


def test_a_file_that_is_no_tokenizer_is_an_error_with_its_path(starter_folder: Path, tmp_path: Path) -> None:
    (tmp_path / "tokenizer.json").write_text("{}", encoding="utf-8")

    with pytest.raises(ModelError, match=r"tokenizer\.json"):
        Tokenizer(tmp_path, ModelSpec.load(starter_folder))
