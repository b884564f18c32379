"""The recipe's tables say what they mean to."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from core.errors import NotThere
from core.training import sources


@pytest.fixture(scope="module")
def table() -> sources.Concepts:
    return sources.concepts(1_000)


def test_every_concept_has_names_in_both_languages_and_classes(table: sources.Concepts) -> None:
    assert len(table.names.en) == len(table.names.zh) == len(table.shown_by)
    for english, chinese, shown in zip(table.names.en, table.names.zh, table.shown_by, strict=True):
        assert all(name.strip() == name and name.isascii() for name in english), english
        assert all(any("一" <= letter <= "鿿" for letter in name) for name in chinese), chinese
        assert shown.sum() > 0, english


def test_no_concept_is_there_twice(table: sources.Concepts) -> None:
    first = [names[0] for names in table.names.en]

    assert len(set(first)) == len(first)


def test_ranges_of_classes_are_read_with_their_ends(tmp_path: Path) -> None:
    path = tmp_path / "concepts.txt"
    path.write_text("# two\ndog, puppy | 狗 | 1-3 5\ncat | 猫 | 0\n", encoding="utf-8")

    found = sources.concepts(6, path)

    assert found.names.en == [["dog", "puppy"], ["cat"]]
    assert found.shown_by.tolist() == [[0, 1, 1, 1, 0, 1], [1, 0, 0, 0, 0, 0]]


def test_class_names_are_split_and_mended(tmp_path: Path) -> None:
    path = tmp_path / "names.json"
    classes = [
        {"index": 10, "en": "brambling", "zh": ["花鸡"]},
        {"index": 11, "en": "mask / respirator (old)", "zh": ["面罩（旧）", "鸢；鹰"]},
    ]
    path.write_text(json.dumps(classes), encoding="utf-8")

    names = sources.class_names(path)

    assert names.en == [["brambling"], ["mask", "respirator"]]
    assert names.zh == [["燕雀"], ["面罩", "鸢", "鹰"]]


def test_data_that_are_not_there_are_said(tmp_path: Path) -> None:
    with pytest.raises(NotThere, match=r"captions\.jsonl"):
        sources.captioned(tmp_path / "captions.jsonl")
