"""Everything the window says is said in both languages."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

import desktop_app
from core import errors
from core.errors import DiskFull, ShiguangError
from core.library.files import Fault
from core.photos.faults import WHAT_TO_DO
from core.settings import BadSetting
from desktop_app.i18n import (
    LANGUAGES,
    THIN_SPACE,
    error_sentences,
    explain,
    explain_fault,
    month_name,
    number,
    read_catalogue,
    speak,
    tr,
)

BRACES = re.compile(r"\{(\w+)\}")
# What is Latin in Chinese, too.
LATIN_ALLOWED = {
    "XMP",
    "digiKam",
    "Lightroom",
    "darktable",
    "JPEG",
    "PNG",
    "JSON",
    "CSV",
    "F",
    "backups",
    "settings",
    "json",
}


@pytest.fixture(autouse=True)
def _english_again() -> Iterator[None]:
    yield
    speak("en")


def sentences() -> dict[str, bool]:
    """Every sentence given to `tr` in the window's code, and whether it has a count."""
    found: dict[str, bool] = {}
    for path in Path(desktop_app.__file__).parent.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "tr":
                source = node.args[0]
                assert isinstance(source, ast.Constant), f"{path.name}:{node.lineno}: not a literal"
                counts = len(node.args) > 1 or any(keyword.arg == "n" for keyword in node.keywords)
                found[source.value] = counts
    return found


def forms(entry: str | dict[str, str]) -> list[str]:
    return [entry] if isinstance(entry, str) else list(entry.values())


def test_every_sentence_has_its_chinese() -> None:
    assert set(sentences()) == set(read_catalogue("zh_CN")["words"])


def test_every_counted_sentence_has_both_english_numbers() -> None:
    words = read_catalogue("en")["words"]
    missing = [
        source
        for source, counts in sentences().items()
        if counts and source != "Show {n}" and set(words.get(source, {})) != {"one", "other"}
    ]
    assert missing == []


def test_english_has_no_sentence_that_nobody_says() -> None:
    assert set(read_catalogue("en")["words"]) <= set(sentences())


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_translation_fills_in_the_same_braces(language: str) -> None:
    for source, entry in read_catalogue(language)["words"].items():
        for form in forms(entry):
            assert set(BRACES.findall(form)) == set(BRACES.findall(source)), source


def test_chinese_has_full_width_punctuation_and_no_english_left() -> None:
    catalogue = read_catalogue("zh_CN")
    texts = [form for entry in catalogue["words"].values() for form in forms(entry)]
    texts += [text for part in ("errors", "faults") for pair in catalogue[part].values() for text in pair]
    for text in texts:
        plain = BRACES.sub("", text)
        assert set(re.findall(r"[A-Za-z]+", plain)) <= LATIN_ALLOWED, text
        assert not re.search(r"[\u4e00-\u9fff][,;:!?()]", plain), text
        assert "！" not in text
        assert (
            not re.search(r"[\u4e00-\u9fff] ?[A-Za-z{]|[A-Za-z}] [\u4e00-\u9fff]", text)
            or THIN_SPACE in text
            or ("没有{words}" in text)
        ), text


def every_error() -> Iterator[type[ShiguangError]]:
    waiting = [ShiguangError]
    while waiting:
        kind = waiting.pop()
        waiting += kind.__subclasses__()
        if kind.__module__.startswith("core."):
            yield kind


def test_every_error_and_every_fault_has_its_chinese_and_a_next_step() -> None:
    assert BadSetting.code and errors.Bug.code
    catalogue = read_catalogue("zh_CN")
    assert {kind.code for kind in every_error()} <= set(catalogue["errors"])
    assert set(WHAT_TO_DO) <= set(catalogue["faults"])
    for part in ("errors", "faults"):
        for what, what_to_do in catalogue[part].values():
            assert what and what_to_do


@pytest.mark.parametrize(
    ("language", "n", "said"),
    [
        ("en", 0, "0 photos"),
        ("en", 1, "1 photo"),
        ("en", 80_214, "80,214 photos"),
        ("zh_CN", 1, f"1{THIN_SPACE}张照片"),
        ("zh_CN", 80_214, f"80,214{THIN_SPACE}张照片"),
    ],
)
def test_counts_are_right_in_both_languages(language: str, n: int, said: str) -> None:
    speak(language)
    assert tr("{n} photos", n=n) == said


def test_numbers_are_grouped_and_rates_keep_their_decimal() -> None:
    speak("en")
    assert (number(1_234_567), number(7.5, 1)) == ("1,234,567", "7.5")


@pytest.mark.parametrize(
    ("month", "english", "chinese"),
    [
        ("2019-07", "July 2019", "2019年7月"),
        ("2019", "2019", f"2019{THIN_SPACE}年"),
        ("", "Without a date", "没有日期"),
        ("0000-00", "Without a date", "没有日期"),
    ],
)
def test_months_are_named_as_the_language_does(month: str, english: str, chinese: str) -> None:
    speak("en")
    assert month_name(month) == english
    speak("zh_CN")
    assert month_name(month) == chinese


def test_an_error_keeps_its_exact_words_folded_away() -> None:
    speak("zh_CN")
    words = explain(DiskFull("The disk that holds /photos is full."))
    assert words.what == "磁盘满了"
    assert words.details == "The disk that holds /photos is full."
    speak("en")
    assert (
        explain(DiskFull("The disk that holds /photos is full.")).what
        == "The disk that holds /photos is full."
    )


def test_an_error_is_running_text_in_both_languages() -> None:
    error = DiskFull("There is no room left on the disk of /x.")
    assert error_sentences(error).startswith("There is no room left on the disk of /x. ")
    speak("zh_CN")
    assert error_sentences(error) == "磁盘满了。请腾出一些空间再继续，什么都没有丢。"


def test_a_fault_says_why_and_what_to_do_in_both_languages() -> None:
    fault = Fault("/a/b.jpg", "decode", "truncated", "The file ends after 900 bytes.")
    speak("en")
    assert explain_fault(fault).what == "The file ends after 900 bytes."
    assert explain_fault(fault).what_to_do == WHAT_TO_DO["truncated"]
    speak("zh_CN")
    assert explain_fault(fault).what == "文件不完整，后面缺了一段"
