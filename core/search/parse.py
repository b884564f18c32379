"""Words into filters and meaning: dates and negations are taken out, the rest goes to the text tower.

    "2019年夏天 海边 没有人"   filters: from 2019-06, before 2019-09; meaning: 海边; not: 人
    "cats without dogs 2021"  filters: 2021; meaning: cats; not: dogs
    "豆豆在雪地里"            meaning: all of it; names: 豆豆, where the owner has given that name
    "除了2019年的海边"        filters: outside of 2019; meaning: 海边

Only what is certain is taken out: a year from 1900 to 2099 standing alone, a month or season beside it. Spans that
share a part ("2019年7月到9月", "July to September 2019") are spelled out first, in core/search/spans.py.
What stays is understood as a whole by the model.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from core.albums.spotting import spot, with_names
from core.errors import WrongUse
from core.library.filters import KEYS, Filter
from core.library.names import Name
from core.search.query import Query, Reading
from core.search.spans import ENGLISH_PARTS, MONTHS, SEASONS, spelled_out

_ENGLISH_PART = "|".join(ENGLISH_PARTS)
# A season in one character is one only where no word goes on: 2019年夏 is summer, 2019年夏威夷 is Hawaii.
_CHINESE_SEASON = r"(?:[春夏秋冬][天季]|[春夏秋冬](?=$|[\s,，、;；]))"
_YEAR = r"(?P<year>(?:19|20)\d\d)"
# No digit, letter or sign may touch a date: IMG_2019_0001 is a name.
_BEGIN, _END = r"(?<![A-Za-z0-9_:/.-])", r"(?![A-Za-z0-9_:/-])"
# One moment: a day, a month, a season, a year. The narrower comes first.
_MOMENT = re.compile(
    rf"{_BEGIN}(?:(?P<iso>(?:19|20)\d\d[-/.](?:0?[1-9]|1[0-2])(?:[-/.](?:0?[1-9]|[12]\d|3[01]))?){_END}"
    rf"|(?P<zh>(?:19|20)\d\d\s*年\s*(?:0?[1-9]|1[0-2])\s*月份?(?:\s*(?:[12]\d|3[01]|0?[1-9])\s*[日号號])?)"
    rf"|(?P<zhseason>(?:19|20)\d\d\s*年?\s*的?\s*{_CHINESE_SEASON})"
    rf"|(?P<word>{_ENGLISH_PART})\s+(?:of\s+)?(?P<wordyear>(?:19|20)\d\d){_END}"
    rf"|(?P<only>(?:19|20)\d\d)(?:\s*年(?!代))?(?!年代){_END})",
    re.IGNORECASE,
)
_BEFORE = re.compile(r"\b(?:before|until)\s*$", re.IGNORECASE)
_SINCE = re.compile(r"\b(?:since|after)\s*$", re.IGNORECASE)
_IN = re.compile(r"\b(?:in|from|of|during)(?:\s+the)?\s*$", re.IGNORECASE)
_BEFORE_ZH, _SINCE_ZH = (
    re.compile(r"\s*(?:以前|之前|前(?=$|[的\s]))"),
    re.compile(r"\s*(?:[以之][后後]|以[来來]|[后後](?=$|[的\s]))"),
)
# A date that is to be left out; only beside a date these words are certain.
_EXCEPT = re.compile(
    r"(?:\b(?:not|except|without|excluding)(?:\s+(?:in|from|for))?\s+|除了|不是|不要)$", re.IGNORECASE
)
_EXCEPT_ZH = re.compile(r"\s*(?:以外|之外|除外)")
_TO = re.compile(r"\s*(?:到|至|和|与|、|-|–|~|to|and|or)\s*", re.IGNORECASE)
_NOT = (
    re.compile(r"(?:^|\s)-(?P<what>[^\s,，、-][^\s,，、]*)"),
    re.compile(
        r"\b(?:without|but\s+not|except|with\s+no)\s+(?:any\s+|an?\s+|the\s+)?(?P<what>[^,，;；。.]+?)(?=$|[,，;；。.]|\s+(?:in|on|at|from)\s)",
        re.IGNORECASE,
    ),
    re.compile(r"除了(?P<what>[^\s,，、;；。的还也]+?)(?:以外|之外)(?:的)?"),
    # 没有人在海边: what there is not ends where the place begins.
    re.compile(r"(?:(?<!有)[没沒]有|(?<!要)不要|不含|不[带帶])(?P<what>[^\s,，、;；。的在]+)(?:的)?"),
)
# "Not" is too common a word to be taken for a negation, but before a name it is one.
_NOT_A_NAME = r"(?:\bnot\s+|不是)"
_TRUTHS = {
    "yes": "yes",
    "true": "yes",
    "1": "yes",
    "on": "yes",
    "no": "no",
    "false": "no",
    "0": "no",
    "off": "no",
}
_ISO = re.compile(r"\d{4}(?:-(?:0[1-9]|1[0-2])(?:-(?:0[1-9]|[12]\d|3[01]))?)?")
_SPAN = re.compile(rf"{_ISO.pattern}\.\.{_ISO.pattern}")


def read(query: Query, names: Sequence[Name] = ()) -> Reading:
    """How a question is understood, by one who knows these names.

    Raises WrongUse for a filter that is none, or when nothing is asked.
    """
    dates, text = _dates(spelled_out(query.text))
    filters = [*parse_filters(query.filters), *dates]
    unlike: list[str] = [query.unlike] if query.unlike.strip() else []
    not_a_name = with_names(names, _NOT_A_NAME)
    for pattern in (*_NOT, *((not_a_name,) if not_a_name else ())):
        while (found := pattern.search(text)) is not None:
            unlike.append(found["what"].strip())
            text = text[: found.start()] + " " + text[found.end() :]
    meaning = re.sub(r"\s+", " ", text).strip(" ,，、;；的") if filters or unlike else text.strip()
    if not (meaning or filters or unlike or query.image):
        raise WrongUse("Nothing was asked.", what_to_do="Give some words, a filter or a picture.")
    return Reading(meaning, tuple(unlike), tuple(filters), spot(meaning, names).names)


def parse_filters(expression: str) -> list[Filter]:
    """`key:value` parts separated by spaces; values with spaces in double quotes. `year:` is short for from and before."""
    found: list[Filter] = []
    rest = expression
    for part in re.finditer(r'\s*(\w+)[:=](?:"([^"]*)"|(\S+))', expression):
        rest = rest.replace(part[0], "", 1)
        found += _filters(part[1].lower(), part[2] or part[3] or "", part[0].strip())
    if rest.strip():
        raise WrongUse(
            f"This is no filter: {rest.strip()!r}.", what_to_do="Write filters like year:2019 camera:canon."
        )
    return found


def _filters(key: str, value: str, text: str) -> list[Filter]:
    """One written filter, its value checked."""
    if key != "year" and key not in KEYS:
        raise WrongUse(f"There is no filter {key!r}.", what_to_do=f"Filters are: year, {', '.join(KEYS)}.")
    wanted = {
        "year": ("a year like 2019", re.fullmatch(r"\d{4}", value)),
        "from": ("a date like 2019-07 or 2019-07-04", _ISO.fullmatch(value)),
        "before": ("a date like 2019-07 or 2019-07-04", _ISO.fullmatch(value)),
        "outside": ("a span like 2019..2020, its end not in it", _SPAN.fullmatch(value)),
        "month": ("1 to 12", re.fullmatch(r"0?[1-9]|1[0-2]", value)),
        "rating": ("0 to 5", re.fullmatch(r"[0-5]", value)),
        "favourite": ("yes or no", value.lower() in _TRUTHS),
        "place": ("yes or no", value.lower() in _TRUTHS),
    }.get(key, ("some text", value.strip()))
    if not wanted[1]:
        raise WrongUse(f"The filter {key!r} cannot be {value!r}.", what_to_do=f"It takes {wanted[0]}.")
    if key == "year":
        return [Filter("from", value, text), Filter("before", f"{int(value) + 1:04}", text)]
    if key in ("favourite", "place"):
        value = _TRUTHS[value.lower()]
    return [Filter(key, value.zfill(2) if key == "month" else value, text)]


def _dates(text: str) -> tuple[list[Filter], str]:
    """The dates in a text as one range, those to be left out, and the text without them; several moments span from the
    first to the last."""
    moments = list(_MOMENT.finditer(text))
    if not moments:
        return [], text
    begins: list[str] = []
    ends: list[str] = []
    chips: list[str] = []
    left_out: list[Filter] = []
    rest, last = "", 0
    for moment in moments:
        head, (begin, end) = text[last : moment.start()], _span(moment)
        last = moment.end()
        if (not_this := _EXCEPT.search(head)) or _EXCEPT_ZH.match(text, last):
            head = head[: not_this.start()] if not_this else head
            if tail := _EXCEPT_ZH.match(text, last):
                last = tail.end()
            rest += head + " "
            said = text[moment.start() - len(not_this[0]) if not_this else moment.start() : last]
            left_out.append(Filter("outside", f"{begin}..{end}", said.strip()))
            continue
        before, since = _BEFORE.search(head), _SINCE.search(head)
        before_zh, since_zh = _BEFORE_ZH.match(text, last), _SINCE_ZH.match(text, last)
        word = before or since or _IN.search(head)
        tail = before_zh or since_zh
        if tail:
            last = tail.end()
        head = head[: word.start()] if word else head
        # "2018 to 2020", "2018年和2019年": what stands between two dates joins them.
        rest += "" if chips and _TO.fullmatch(head) else head + " "
        chips.append(
            (word[0] if word and not _IN.fullmatch(word[0]) else "") + moment[0] + (tail[0] if tail else "")
        )
        if not (before or before_zh):
            # "after 2019" begins when 2019 ends; "since 2019" and 2019以后 begin with it.
            begins.append(end if since and since[0].lower().startswith("after") else begin)
        if not (since or since_zh):
            ends.append(begin if (before and before[0].lower().startswith("before")) or before_zh else end)
    chip = " – ".join(each.strip() for each in chips)
    filters = [Filter("from", min(begins), chip)] if begins else []
    if ends and len(ends) >= len(begins):
        filters.append(Filter("before", max(ends), chip))
    return [*filters, *left_out], rest + text[last:]


def _span(moment: re.Match[str]) -> tuple[str, str]:
    """[begin, end) of a moment as ISO text, as long as the moment is precise."""
    parts = moment.groupdict()
    numbers = [int(each) for each in re.findall(r"\d+", moment[0])]
    if parts["word"] or parts["zhseason"]:
        year = int(parts["wordyear"] or numbers[0])
        word = (parts["word"] or re.sub(r"[\d\s年的]", "", moment[0])).lower()
        if word in SEASONS:
            return _months(year, SEASONS[word], 3)
        return _months(year, MONTHS[word], 1)
    if len(numbers) == 3:
        day = "-".join((f"{numbers[0]:04}", f"{numbers[1]:02}", f"{numbers[2]:02}"))
        # Everything on that day sorts before the day with a letter behind it.
        return day, day + "~"
    return _months(numbers[0], numbers[1], 1) if len(numbers) == 2 else _months(numbers[0], 1, 12)


def _months(year: int, month: int, count: int) -> tuple[str, str]:
    end_year, end_month = divmod(year * 12 + month - 1 + count, 12)
    return f"{year:04}-{month:02}", f"{end_year:04}-{end_month + 1:02}"
