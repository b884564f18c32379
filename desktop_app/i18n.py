"""What the window says, in the language of the person who reads it.

The English sentence in the code is the key. A catalogue (resources/translations) gives the Chinese one, and
for sentences with a count `n` the plural forms of each language. Errors of the core are looked up by their
code, because their message holds paths and numbers of the moment.

    tr("Choose a folder…")                    选择文件夹…
    tr("{n} photos", n=1)                     1 photo
    tr("Removed {name}", name="2019")         已移除 2019
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QCoreApplication, QEvent, QLibraryInfo, QLocale, QTranslator

from core.errors import ShiguangError
from core.photos.faults import WHAT_TO_DO
from core.resources import resource

if TYPE_CHECKING:
    from core.library.files import Fault

LANGUAGES = ("zh_CN", "en")

# A space between Chinese and Latin is thin; the catalogues are written with plain ones.
_CHINESE = "\u3400-\u9fff"
_SPACED = re.compile(rf"(?<=[{_CHINESE}]) (?=[A-Za-z0-9{{])|(?<=[A-Za-z0-9}}]) (?=[{_CHINESE}])")
THIN_SPACE = "\u2009"


@dataclass(frozen=True, slots=True)
class Explanation:
    """An error for a person: what happened, what to do, and the exact words of the moment to fold away."""

    what: str
    what_to_do: str
    details: str


class _Speech:
    """The language spoken now. There is one window, and it speaks one language at a time."""

    def __init__(self) -> None:
        self.language = "en"
        self.catalogue = read_catalogue("en")
        self.locale = QLocale("en")
        self.qt_words: QTranslator | None = None


@cache
def read_catalogue(language: str) -> dict[str, Any]:
    """`words`, `errors` and `faults` of a language, spaced as it is drawn."""
    text = resource("translations", f"{language}.json").read_text("utf-8")
    catalogue: dict[str, Any] = json.loads(_SPACED.sub(THIN_SPACE, text))
    return catalogue


_speech = _Speech()


def system_language() -> str:
    """The first language of the system that we speak; English when there is none."""
    for name in QLocale.system().uiLanguages():
        if name.replace("_", "-").lower().split("-")[0] in ("zh", "yue"):
            return "zh_CN"
        if name.lower().startswith("en"):
            return "en"
    return "en"


def speak(choice: str) -> str:
    """Speak `choice` (auto, zh_CN or en) from now on; open windows are told to say everything again."""
    language = system_language() if choice == "auto" else choice
    _speech.language = language
    _speech.catalogue = read_catalogue(language)
    _speech.locale = QLocale(language)
    QLocale.setDefault(_speech.locale)
    application = QCoreApplication.instance()
    if application is not None:
        _translate_qt(application, language)
        QCoreApplication.sendEvent(application, QEvent(QEvent.Type.LanguageChange))
    return language


def language() -> str:
    return _speech.language


def tr(source: str, n: int | None = None, **values: object) -> str:
    """The sentence in the language spoken now, with `{n}` and the other braces filled in.

    source  the English sentence, always a literal, so that a test can find it
    n       a count; it picks the plural form and is written with grouped digits
    """
    found = _speech.catalogue["words"].get(source, source)
    if isinstance(found, dict):
        found = found["one" if n == 1 and "one" in found else "other"]
    if n is not None:
        values["n"] = number(n)
    return str(found).format_map(values) if values else str(found)


def sentences(*said: str) -> str:
    """Whole sentences after one another; empty ones are left out. Chinese puts no space between them."""
    return ("" if _speech.language == "zh_CN" else " ").join(each for each in said if each)


def number(value: float, decimals: int = 0) -> str:
    """A number with grouped digits, as the language writes it."""
    return _speech.locale.toString(float(value), "f", decimals)


def data_size(size_bytes: float) -> str:
    """A size as disks are labelled: 753 MB, 1.6 GB; powers of a thousand."""
    decimals = 1 if size_bytes >= 1_000_000_000 else 0
    return _speech.locale.formattedDataSize(
        round(size_bytes), decimals, QLocale.DataSizeFormat.DataSizeSIFormat
    )


def month_name(month: str) -> str:
    """The heading of "2019-07" (or "2019", or "" for no date): 2019年7月, July 2019."""
    year, _, number_of_month = month.partition("-")
    if not year.isdigit() or int(year) < 1:
        return tr("Without a date")
    if not number_of_month.isdigit() or not 1 <= int(number_of_month) <= 12:
        return tr("Year {year}", year=year)
    if _speech.language == "zh_CN":
        return f"{year}年{int(number_of_month)}月"
    return f"{_speech.locale.standaloneMonthName(int(number_of_month))} {year}"


def explain(error: ShiguangError) -> Explanation:
    """What happened and what to do, by the error's code; its own words where the language has none for it."""
    known = _speech.catalogue["errors"].get(error.code)
    if known is None:
        return Explanation(str(error), error.what_to_do, "")
    return Explanation(known[0], known[1], str(error))


def error_sentences(error: ShiguangError) -> str:
    """The same as running text."""
    said = explain(error)
    end = "。" if _speech.language == "zh_CN" else "."
    what = said.what if said.what.endswith((".", "!", "?", "。", "！", "？")) else said.what + end
    return sentences(what, said.what_to_do)


def explain_fault(fault: Fault) -> Explanation:
    """Why one file was not taken in, by the fault's code."""
    known = _speech.catalogue["faults"].get(fault.code)
    if known is None:
        return Explanation(fault.reason, WHAT_TO_DO.get(fault.code, ""), fault.reason)
    return Explanation(known[0], known[1], fault.reason)


def _translate_qt(application: QCoreApplication, language: str) -> None:
    """Qt's own words (file dialogs, context menus of text fields) in the same language."""
    if _speech.qt_words is not None:
        application.removeTranslator(_speech.qt_words)
        _speech.qt_words = None
    words = QTranslator()
    folder = QLibraryInfo.path(QLibraryInfo.LibraryPath.TranslationsPath)
    if language != "en" and words.load(f"qtbase_{language}", folder):
        application.installTranslator(words)
        _speech.qt_words = words
