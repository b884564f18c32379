"""An album as the editor holds it: fields that a person can fill in, and the filters that they mean.

Dates are written as far as they are known (2019, 2019-07, 2019-07-21) and both ends count; the library's
filters know a first moment and one that is too late.
"""

from __future__ import annotations

import re
from calendar import monthrange
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import TYPE_CHECKING

from core.library.filters import Filter

if TYPE_CHECKING:
    from core.library.albums import Album

_DATE = re.compile(r"((?:19|20)\d\d)(?:-(\d\d)(?:-(\d\d))?)?")
# Filters with a field of their own; of each the first one of a rule is shown in it.
_FIELDS = ("from", "before", "folder", "camera", "rating", "place")


@dataclass(frozen=True, slots=True)
class Rule:
    """What a photo must be besides. "" asks for nothing; `has_place` is yes or no.

    first, last   dates as far as they are known, both within
    others        filters that have no field: kept as they are
    """

    first: str = ""
    last: str = ""
    folder: str = ""
    camera: str = ""
    rating: str = ""
    has_place: str = ""
    others: tuple[Filter, ...] = ()

    @staticmethod
    def of(filters: Sequence[Filter]) -> Rule:
        values: dict[str, str] = {}
        others = []
        for each in filters:
            if each.key in _FIELDS and each.key not in values:
                values[each.key] = each.value
            else:
                others.append(each)
        return Rule(
            values.get("from", ""),
            _last_within(values.get("before", "")),
            values.get("folder", ""),
            values.get("camera", ""),
            values.get("rating", ""),
            values.get("place", ""),
            tuple(others),
        )

    def filters(self) -> tuple[Filter, ...]:
        """The filters that say this; dates must be dates."""
        dates = f"{self.first}..{self.last}"
        given = (
            ("from", self.first, dates),
            ("before", _too_late(self.last), dates),
            ("folder", self.folder, self.folder),
            ("camera", self.camera, self.camera),
            ("rating", self.rating, f"★{self.rating}"),
            ("place", self.has_place, f"place:{self.has_place}"),
        )
        own = tuple(Filter(key, value, text) for key, value, text in given if value)
        return (*own, *self.others)


@dataclass(frozen=True, slots=True)
class Draft:
    """What the editor says of an album; `album` is its id, 0 for one that is to be made."""

    album: int = 0
    name: str = ""
    prompts: tuple[str, ...] = ()
    unlike: tuple[str, ...] = ()
    aliases: tuple[str, ...] = ()
    parent: int | None = None
    rule: Rule = Rule()
    one_of: bool = False

    @staticmethod
    def of(album: Album) -> Draft:
        return Draft(
            album.id,
            album.name,
            album.prompts,
            album.unlike,
            album.aliases,
            album.parent,
            Rule.of(album.rule),
            album.one_of,
        )


def is_date(text: str) -> bool:
    """A year, a month or a day that there is; "" is none and means nothing."""
    found = _DATE.fullmatch(text)
    if found is None:
        return False
    year, month, day = int(found[1]), int(found[2] or 1), int(found[3] or 1)
    return 1 <= month <= 12 and 1 <= day <= monthrange(year, month)[1]


def lines_of(text: str) -> tuple[str, ...]:
    """The lines of a field that say something, each once."""
    return tuple(dict.fromkeys(line.strip() for line in text.splitlines() if line.strip()))


def words_of(text: str) -> tuple[str, ...]:
    """Names in one line, between commas of either script."""
    return tuple(dict.fromkeys(word.strip() for word in re.split(r"[,，、;；]", text) if word.strip()))


def without_below(albums: Sequence[Album], album: int) -> list[Album]:
    """The albums that may be this one's parent: neither itself nor one below it."""
    below = {album}
    while more := {each.id for each in albums if each.parent in below} - below:
        below |= more
    return [each for each in albums if each.id not in below]


def _too_late(last: str) -> str:
    """The first year, month or day after it: "2020" after "2019", "2020-01" after "2019-12"."""
    return _beside(last, 1)


def _last_within(before: str) -> str:
    return _beside(before, -1)


def _beside(text: str, step: int) -> str:
    if not is_date(text):
        return ""
    parts = [int(part) for part in text.split("-")]
    if len(parts) == 1:
        return f"{parts[0] + step:04}"
    if len(parts) == 2:
        year, month = divmod(12 * parts[0] + parts[1] - 1 + step, 12)
        return f"{year:04}-{month + 1:02}"
    return (date(*parts) + timedelta(days=step)).isoformat()
