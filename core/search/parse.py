"""Words into filters and meaning: dates and negations are taken out, the rest goes to the text tower.

    "2019年夏天 海边 没有人"   filters: from 2019-06, before 2019-09; meaning: 海边; not: 人
    "cats without dogs 2021"  filters: 2021; meaning: cats; not: dogs

Only what is certain is taken out: a year from 1900 to 2099 standing alone, a month or season beside it.
What stays is understood as a whole by the model.
"""

from __future__ import annotations

import re

from core.errors import WrongUse
from core.library.filters import KEYS, Filter
from core.search.query import Query, Reading

_MONTHS = [
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
_MONTH_WORDS = {name: i for i, name in enumerate(_MONTHS, 1)} | {
    name[:3]: i for i, name in enumerate(_MONTHS, 1)
}
# Meteorological seasons of the northern half; winter is the one that begins in that year.
_SEASONS = {
    "spring": 3, "summer": 6, "autumn": 9, "fall": 9, "winter": 12,
    "春天": 3, "夏天": 6, "秋天": 9, "冬天": 12, "春季": 3, "夏季": 6, "秋季": 9, "冬季": 12, "春": 3, "夏": 6, "秋": 9, "冬": 12,
}  # fmt: skip

_YEAR = r"(?P<year>(?:19|20)\d\d)"
_ENGLISH_PART = "|".join(
    sorted((*_MONTH_WORDS, *(s for s in _SEASONS if s.isascii())), key=len, reverse=True)
)
_CHINESE_SEASON = "|".join(sorted((s for s in _SEASONS if not s.isascii()), key=len, reverse=True))
_DATES = (
    re.compile(rf"(?<!\d){_YEAR}[-/.](?P<month>0?[1-9]|1[0-2])(?![\d])"),
    re.compile(rf"(?<!\d){_YEAR}\s*年\s*(?P<month>0?[1-9]|1[0-2])\s*月(?:份)?"),
    re.compile(rf"(?<!\d){_YEAR}\s*年?\s*的?\s*(?P<season>{_CHINESE_SEASON})"),
    re.compile(rf"\b(?:in\s+)?(?:the\s+)?(?P<word>{_ENGLISH_PART})\s+(?:of\s+)?{_YEAR}(?!\d)", re.IGNORECASE),
    re.compile(
        rf"(?<![A-Za-z0-9_:/-])(?:\b(?:in|from)\s+)?{_YEAR}(?:\s*年)?(?![A-Za-z0-9_:/-])", re.IGNORECASE
    ),
)
_NOT = (
    re.compile(r"(?:^|\s)-(?P<what>[^\s,，、-][^\s,，、]*)"),
    re.compile(
        r"\b(?:without|but\s+not|except|with\s+no)\s+(?:any\s+|an?\s+|the\s+)?(?P<what>[^,，;；。.]+?)(?=$|[,，;；。.]|\s+(?:in|on|at|from)\s)",
        re.IGNORECASE,
    ),
    re.compile(r"(?:没有|不要|不含|不带|除了)(?P<what>[^\s,，、;；。的]+)(?:的)?"),
)


def read(query: Query) -> Reading:
    """How a question is understood. Raises WrongUse for a filter that is none, or when nothing is asked."""
    text = query.text
    filters: list[Filter] = [*parse_filters(query.filters)]
    for pattern in _DATES:
        while (found := pattern.search(text)) is not None:
            filters += _date_filters(found)
            text = text[: found.start()] + " " + text[found.end() :]
    unlike: list[str] = [query.unlike] if query.unlike.strip() else []
    for pattern in _NOT:
        while (found := pattern.search(text)) is not None:
            unlike.append(found["what"].strip())
            text = text[: found.start()] + " " + text[found.end() :]
    meaning = re.sub(r"\s+", " ", text).strip(" ,，、;；的") if filters or unlike else text.strip()
    if not (meaning or filters or unlike or query.image):
        raise WrongUse("Nothing was asked.", what_to_do="Give some words, a filter or a picture.")
    return Reading(meaning, tuple(unlike), tuple(filters))


def parse_filters(expression: str) -> list[Filter]:
    """`key:value` parts separated by spaces; values with spaces in double quotes. `year:` is short for from and before."""
    found: list[Filter] = []
    rest = expression
    for part in re.finditer(r'\s*(\w+)[:=](?:"([^"]*)"|(\S+))', expression):
        key, value, text = part[1].lower(), part[2] or part[3] or "", part[0].strip()
        rest = rest.replace(part[0], "", 1)
        if key == "year":
            if not re.fullmatch(r"\d{4}", value):
                raise WrongUse(f"{value!r} is no year.", what_to_do="Write it like year:2019.")
            found += [Filter("from", value, text), Filter("before", str(int(value) + 1), text)]
        elif key == "month":
            found.append(Filter("month", value.zfill(2), text))
        elif key in KEYS:
            found.append(Filter(key, value, text))
        else:
            raise WrongUse(
                f"There is no filter {key!r}.", what_to_do=f"Filters are: year, {', '.join(KEYS)}."
            )
    if rest.strip():
        raise WrongUse(
            f"This is no filter: {rest.strip()!r}.", what_to_do="Write filters like year:2019 camera:canon."
        )
    return found


def _date_filters(found: re.Match[str]) -> list[Filter]:
    parts = found.groupdict()
    year, text = int(parts["year"]), found[0].strip()
    word = (parts.get("season") or parts.get("word") or "").lower()
    if word in _SEASONS:
        return _between(year, _SEASONS[word], 3, text)
    if word in _MONTH_WORDS:
        return _between(year, _MONTH_WORDS[word], 1, text)
    if parts.get("month"):
        return _between(year, int(parts["month"]), 1, text)
    return _between(year, 1, 12, text)


def _between(year: int, month: int, months: int, text: str) -> list[Filter]:
    end_year, end_month = divmod(year * 12 + month - 1 + months, 12)
    return [
        Filter("from", f"{year:04}-{month:02}", text),
        Filter("before", f"{end_year:04}-{end_month + 1:02}", text),
    ]
