"""A shown order is brought up to date by a few runs of rows, and ends as the library has it."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from desktop_app.items.timeline import Edit, Entry, Insert, Remove, edits, inserts

ENTRIES = st.dictionaries(
    st.integers(1, 60), st.sampled_from(["", "2019", "2019-07-21T10:00:00", "2020-01-01T00:00:00"])
).map(lambda taken: newest_first(taken.items()))


def newest_first(entries: object) -> list[Entry]:
    return sorted(entries, key=lambda entry: (entry[1], entry[0]), reverse=True)


def applied(shown: list[Entry], changes: list[Edit]) -> list[Entry]:
    shown = list(shown)
    for change in changes:
        if isinstance(change, Remove):
            del shown[change.row : change.row + change.count]
        else:
            shown[change.row : change.row] = change.entries
    return shown


@given(ENTRIES, ENTRIES)
def test_edits_turn_what_is_shown_into_what_is_wanted(shown: list[Entry], wanted: list[Entry]) -> None:
    assert applied(shown, edits(shown, wanted)) == wanted


@given(ENTRIES)
def test_nothing_changed_is_no_edit(shown: list[Entry]) -> None:
    assert edits(shown, list(shown)) == []


@given(ENTRIES, ENTRIES)
def test_new_photos_come_to_lie_in_order(shown: list[Entry], more: list[Entry]) -> None:
    new = [entry for entry in more if entry[0] not in {photo for photo, _ in shown}]
    assert applied(shown, inserts(shown, new)) == newest_first([*shown, *new])


def test_new_photos_side_by_side_are_one_insertion() -> None:
    shown = [(9, "2020"), (1, "2010")]
    assert inserts(shown, [(3, "2015"), (4, "2015"), (2, "2014")]) == [
        Insert(1, ((4, "2015"), (3, "2015"), (2, "2014")))
    ]
