"""The order of the photos in time, and what it takes to bring a shown order up to date.

An entry is (photo, taken): the photo's id and when it was taken as ISO text, "" when that is not known.
Entries are ordered newest first, as the library orders them: by `taken`, then by id, both descending.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

Entry = tuple[int, str]


@dataclass(frozen=True, slots=True)
class Remove:
    """Take `count` rows away from `row` on."""

    row: int
    count: int


@dataclass(frozen=True, slots=True)
class Insert:
    """Put these entries before `row`."""

    row: int
    entries: tuple[Entry, ...]


Edit = Remove | Insert


def month_of(taken: str) -> str:
    """ "2019-07" of "2019-07-21T10:00:00"; "" where there is no date."""
    return taken[:7]


def inserts(shown: Sequence[Entry], new: Iterable[Entry]) -> list[Insert]:
    """The insertions that bring new photos into the shown order; rows hold one after another, from the top.

    Photos must not be shown already. New photos that come to lie side by side are one insertion.
    """
    found: list[Insert] = []
    for offset, entry in enumerate(sorted(new, key=_newest_first, reverse=True)):
        row = bisect_left(shown, _Descending(entry), key=_Descending) + offset
        if found and found[-1].row + len(found[-1].entries) == row:
            found[-1] = Insert(found[-1].row, (*found[-1].entries, entry))
        else:
            found.append(Insert(row, (entry,)))
    return found


def edits(shown: Sequence[Entry], wanted: Sequence[Entry]) -> list[Edit]:
    """What turns `shown` into `wanted`: removals from the end upwards, then insertions from the top.

    A photo whose date changed is taken away and put in again. Both sequences are newest first.
    """
    if not shown:
        return [Insert(0, tuple(wanted))] if wanted else []
    keep = set(shown) & set(wanted)
    found: list[Edit] = []
    end = len(shown)
    while end > 0:
        if shown[end - 1] in keep:
            end -= 1
            continue
        begin = end - 1
        while begin > 0 and shown[begin - 1] not in keep:
            begin -= 1
        found.append(Remove(begin, end - begin))
        end = begin
    kept = [entry for entry in shown if entry in keep]
    if len(kept) == len(wanted):
        return found
    found += inserts(kept, [entry for entry in wanted if entry not in keep])
    return found


def _newest_first(entry: Entry) -> tuple[str, int]:
    return entry[1], entry[0]


class _Descending:
    """Turns the comparison round, so that `bisect` works in a list that descends."""

    __slots__ = ("key",)

    def __init__(self, entry: Entry) -> None:
        self.key = _newest_first(entry)

    def __lt__(self, other: _Descending) -> bool:
        return self.key > other.key
