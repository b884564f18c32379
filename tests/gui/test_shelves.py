"""Where the photos of the grid lie."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from desktop_app.views.shelves import Box, Shelves

SHELVES = st.builds(
    lambda width, least, counts: Shelves(width, least, 4, 16, [(count, 44) for count in counts]),
    st.integers(1, 3000),
    st.integers(96, 320),
    st.lists(st.integers(0, 40), max_size=6),
)


@given(SHELVES)
def test_a_row_is_found_where_its_cell_lies(shelves: Shelves) -> None:
    for row in range(shelves.count):
        box = shelves.box(row)
        assert shelves.row_at(box.x, box.y) == row
        assert shelves.row_at(box.x + box.width - 1, box.y + box.height - 1) == row
        assert shelves.rows_in(box) == [(row, row)]


@given(SHELVES)
def test_cells_do_not_overlap_and_lie_inside(shelves: Shelves) -> None:
    boxes = [shelves.box(row) for row in range(shelves.count)]
    for above, below in pairwise(boxes):
        assert below.y >= above.y + above.height + 4 or (
            below.y == above.y and below.x == above.x + above.width + 4
        )
    if boxes:
        assert max(box.y + box.height for box in boxes) <= shelves.height


@given(SHELVES, st.integers(0, 4000), st.integers(1, 900))
def test_exactly_the_rows_that_reach_into_the_view_are_visible(
    shelves: Shelves, top: int, height: int
) -> None:
    first, last = shelves.rows_between(top, top + height)
    seen = [
        row
        for row in range(shelves.count)
        if shelves.box(row).y < top + height and shelves.box(row).y + shelves.side > top
    ]
    # The gap under a line belongs to it: one line more at the top costs nothing and is not seen.
    assert set(seen) <= set(range(first, last + 1))
    assert last - first + 1 <= len(seen) + shelves.columns


@given(SHELVES)
def test_steps_down_and_up_stay_in_the_grid(shelves: Shelves) -> None:
    for row in range(shelves.count):
        assert 0 <= shelves.step(row, 1) < shelves.count
        assert 0 <= shelves.step(row, -3) < shelves.count
        assert shelves.step(row, 1) >= row >= shelves.step(row, -1)


def test_a_cell_is_as_wide_as_fills_the_row() -> None:
    shelves = Shelves(1000, 176, 4, 16, [(100, 44)])
    assert (shelves.columns, shelves.side) == (5, 190)
    assert shelves.box(4).x + shelves.side <= 1000 - 16


def test_a_folded_section_has_a_heading_and_no_cells() -> None:
    shelves = Shelves(1000, 176, 4, 16, [(3, 0), (0, 44)])
    assert shelves.count == 3
    assert shelves.shelves[1].cells_top == shelves.shelves[1].bottom
    assert shelves.shelf_of(2) == 0


def test_a_drawn_rectangle_touches_a_run_of_cells_in_each_line() -> None:
    shelves = Shelves(1000, 176, 4, 16, [(10, 44)])
    assert shelves.rows_in(Box(20, 50, 300, 300)) == [(0, 1), (5, 6)]


def test_the_layout_of_100000_photos_in_300_months_shows_a_screenful_of_lines() -> None:
    shelves = Shelves(1200, 176, 4, 16, [(334, 44)] * 300)
    shown = list(shelves.rows_between(shelves.height // 2, shelves.height // 2 + 800))
    assert shelves.count == 100_200
    assert 0 < len(shown) < 100
