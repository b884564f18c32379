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

    A photo whose date changed is taken away and put in again. Both sequences are newest first, so one walk
    through both finds everything, in steps during which the window's thread may run.
    """
    removed: list[Remove] = []
    inserted: list[tuple[int, list[Entry]]] = []
    old = new = 0
    while old < len(shown) or new < len(wanted):
        if old < len(shown) and new < len(wanted) and shown[old] == wanted[new]:
            old, new = old + 1, new + 1
        elif new == len(wanted) or (
            old < len(shown) and _newest_first(shown[old]) > _newest_first(wanted[new])
        ):
            if removed and removed[-1].row + removed[-1].count == old:
                removed[-1] = Remove(removed[-1].row, removed[-1].count + 1)
            else:
                removed.append(Remove(old, 1))
            old += 1
        else:
            row = new  # what lies before it is in place by then
            if inserted and inserted[-1][0] + len(inserted[-1][1]) == row:
                inserted[-1][1].append(wanted[new])
            else:
                inserted.append((row, [wanted[new]]))
            new += 1
    return [*reversed(removed), *(Insert(row, tuple(entries)) for row, entries in inserted)]


def months_of(entries: Iterable[Entry]) -> dict[str, int]:
    """How many entries each month has, in the order of the entries."""
    counts: dict[str, int] = {}
    for _, taken in entries:
        month = month_of(taken)
        counts[month] = counts.get(month, 0) + 1
    return counts


def _newest_first(entry: Entry) -> tuple[str, int]:
    return entry[1], entry[0]


class _Descending:
    """Turns the comparison round, so that `bisect` works in a list that descends."""

    __slots__ = ("key",)

    def __init__(self, entry: Entry) -> None:
        self.key = _newest_first(entry)

    def __lt__(self, other: _Descending) -> bool:
        return self.key > other.key
