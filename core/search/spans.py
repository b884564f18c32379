"""Dates as people write them, spelled out until each stands for itself: what they share is said twice.

"2019年7月到9月"            2019年7月到2019年9月
"July to September 2019"    July 2019 to September 2019
"2018-2020", "July 4, 2019" 2018 – 2020, 2019-07-04
"""

from __future__ import annotations

import re

_NAMES = [
    "january",
    "february",
    "march",
    "april",
    "may",
    "june",
    "july",
    "august",
    "september",
    "october",
    "november",
    "december",
]
MONTHS = {name: i for i, name in enumerate(_NAMES, 1)} | {name[:3]: i for i, name in enumerate(_NAMES, 1)}
# Meteorological seasons of the northern half; winter is the one that begins in that year.
SEASONS = {
    "spring": 3, "summer": 6, "autumn": 9, "fall": 9, "winter": 12,
    "春天": 3, "夏天": 6, "秋天": 9, "冬天": 12, "春季": 3, "夏季": 6, "秋季": 9, "冬季": 12, "春": 3, "夏": 6, "秋": 9, "冬": 12,
}  # fmt: skip
# The longer come first: "may" is no part of "mayor" only because a date follows.
ENGLISH_PARTS = sorted((*MONTHS, *(one for one in SEASONS if one.isascii())), key=len, reverse=True)

_FULL_WIDTH = {ord("０") + i: str(i) for i in range(10)}
_YEAR = r"(?:19|20)\d\d"
_DASH = r"\s*[-–—~～]\s*"
_TO_ZH = r"\s*(?:到|至|[-–—~～])\s*"
_BEGIN = r"(?<![A-Za-z0-9_:/.-])"
_PART, _MONTH = "|".join(ENGLISH_PARTS), "|".join(sorted(MONTHS, key=len, reverse=True))
_DAY = r"(0?[1-9]|[12]\d|3[01])(?:st|nd|rd|th)?"

_YEARS = re.compile(rf"{_BEGIN}({_YEAR}){_DASH}({_YEAR})(?![A-Za-z0-9_]|[-/.:]\d)")
_DOTTED = re.compile(rf"{_BEGIN}({_YEAR}[./]\d\d?(?:[./]\d\d?)?){_DASH}(?={_YEAR}[./]\d)")
_DAYS_ZH = re.compile(
    rf"({_YEAR}\s*年\s*)(\d\d?\s*月\s*)(\d\d?\s*[日号號]){_TO_ZH}(\d\d?\s*月\s*)?(\d\d?\s*[日号號])"
)
_MONTHS_ZH = re.compile(rf"({_YEAR}\s*年\s*)(\d\d?\s*月份?){_TO_ZH}(\d\d?\s*月份?)(?!\s*\d)")
_PARTS = re.compile(
    rf"\b({_PART})\s*(?:\bto\b|\bthrough\b|\buntil\b|\band\b|[-–—])\s*({_PART})\s+(?:of\s+)?({_YEAR})\b",
    re.IGNORECASE,
)
_DAY_LAST = re.compile(rf"\b({_MONTH})\s+{_DAY},?\s+({_YEAR})\b", re.IGNORECASE)
_DAY_FIRST = re.compile(rf"(?<![\w.:/-]){_DAY}\s+(?:of\s+)?({_MONTH}),?\s+({_YEAR})\b", re.IGNORECASE)


def spelled_out(text: str) -> str:
    """The text with digits of Latin width and every date whole."""
    text = text.translate(_FULL_WIDTH)
    text = _DAY_LAST.sub(lambda found: _iso(found[3], found[1], found[2]), text)
    text = _DAY_FIRST.sub(lambda found: _iso(found[3], found[2], found[1]), text)
    text = _YEARS.sub(r"\1 – \2", text)
    text = _DOTTED.sub(r"\1 – ", text)
    text = _DAYS_ZH.sub(lambda found: _days(*found.groups()), text)
    text = _MONTHS_ZH.sub(r"\1\2到\1\3", text)
    return _PARTS.sub(r"\1 \3 to \2 \3", text)


def _iso(year: str, month: str, day: str) -> str:
    return f"{year}-{MONTHS[month.lower()]:02}-{int(day):02}"


def _days(year: str, month: str, day: str, last_month: str | None, last_day: str) -> str:
    return f"{year}{month}{day}到{year}{last_month or month}{last_day}"
