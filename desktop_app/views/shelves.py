"""Where each photo of the grid lies: plain arithmetic, so that 100,000 rows cost as little as 100."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Box:
    """A rectangle in the pixels of the whole grid, from its top left corner."""

    x: int
    y: int
    width: int
    height: int


@dataclass(frozen=True, slots=True)
class Shelf:
    """One section: its heading from `top` on, its cells from `cells_top`, and where the next one begins."""

    first: int
    count: int
    top: int
    cells_top: int
    bottom: int


class Shelves:
    """Square cells of one size in rows that fill the width, in sections with headings.

    width      of the whole grid, px
    least_px   side of a cell at least; cells grow so that a row is filled
    sections   (rows, height of the heading in px) each, in order
    """

    def __init__(
        self, width: int, least_px: int, gap: int, margin: int, sections: Sequence[tuple[int, int]]
    ) -> None:
        room = max(1, width - 2 * margin)
        self.columns = max(1, (room + gap) // (least_px + gap))
        self.side = max(1, (room - (self.columns - 1) * gap) // self.columns)
        self._pitch = self.side + gap
        self._margin = margin
        self._width = width
        self.shelves: list[Shelf] = []
        first, top = 0, margin if sections and not sections[0][1] else 0
        for count, heading in sections:
            cells_top = top + heading
            lines = -(-count // self.columns)
            bottom = cells_top + lines * self._pitch
            self.shelves.append(Shelf(first, count, top, cells_top, bottom))
            first, top = first + count, bottom
        self.count = first
        self.height = top + margin - gap if first else top
        self._firsts = [shelf.first for shelf in self.shelves]
        self._tops = [shelf.top for shelf in self.shelves]

    def shelf_of(self, row: int) -> int:
        """The number of the section that holds this row. Empty sections are passed by."""
        found = bisect_right(self._firsts, row) - 1
        while found > 0 and not self.shelves[found].count:
            found -= 1
        return found

    def shelf_at(self, y: int) -> int | None:
        """The number of the section at this height; None in an empty grid."""
        return max(0, bisect_right(self._tops, y) - 1) if self.shelves else None

    def box(self, row: int) -> Box:
        shelf = self.shelves[self.shelf_of(row)]
        line, column = divmod(row - shelf.first, self.columns)
        return Box(
            self._margin + column * self._pitch, shelf.cells_top + line * self._pitch, self.side, self.side
        )

    def row_at(self, x: int, y: int) -> int | None:
        """The row whose cell holds this point; None in gaps, margins and headings."""
        number = self.shelf_at(y)
        if number is None or not self.shelves[number].cells_top <= y < self.shelves[number].bottom:
            return None
        shelf = self.shelves[number]
        line, below = divmod(y - shelf.cells_top, self._pitch)
        column, right = divmod(x - self._margin, self._pitch)
        if not 0 <= column < self.columns or below >= self.side or right >= self.side:
            return None
        row = shelf.first + line * self.columns + column
        return row if row < shelf.first + shelf.count else None

    def rows_between(self, top: int, bottom: int) -> tuple[int, int]:
        """First and last row with a cell that reaches into these heights; (0, -1) when there is none."""
        found: tuple[int, int] | None = None
        for number in self.shelves_between(top, bottom):
            shelf = self.shelves[number]
            first_line = max(0, (top - shelf.cells_top) // self._pitch)
            last_line = (bottom - 1 - shelf.cells_top) // self._pitch
            first = shelf.first + first_line * self.columns
            last = min(shelf.first + shelf.count, shelf.first + (last_line + 1) * self.columns) - 1
            if last_line >= 0 and first <= last:
                found = (found[0] if found else first, last)
        return found or (0, -1)

    def shelves_between(self, top: int, bottom: int) -> Iterator[int]:
        first = self.shelf_at(top)
        if first is None:
            return
        for number in range(first, len(self.shelves)):
            if self.shelves[number].top >= bottom:
                return
            yield number

    def rows_in(self, box: Box) -> list[tuple[int, int]]:
        """The rows whose cells touch a rectangle, as runs (first, last): one for each line of cells."""
        left = max(0, (box.x - self._margin) // self._pitch)
        if (box.x - self._margin) - left * self._pitch >= self.side:
            left += 1
        right = min(self.columns - 1, (box.x + box.width - 1 - self._margin) // self._pitch)
        runs = []
        for number in self.shelves_between(box.y, box.y + box.height):
            shelf = self.shelves[number]
            line = max(0, (box.y - shelf.cells_top - self.side) // self._pitch + 1)
            while shelf.cells_top + line * self._pitch < min(box.y + box.height, shelf.bottom):
                begin = shelf.first + line * self.columns + left
                end = min(shelf.first + line * self.columns + right, shelf.first + shelf.count - 1)
                if begin <= end:
                    runs.append((begin, end))
                line += 1
        return runs

    def step(self, row: int, lines: int) -> int:
        """The row so many lines of cells below (above when negative), in the same column as far as there is one."""
        column = (row - self.shelves[self.shelf_of(row)].first) % self.columns
        down = 1 if lines > 0 else -1
        for _ in range(abs(lines)):
            row, moved = self._one_step(row, down, column), row
            if row == moved:
                break
        return row

    def _one_step(self, row: int, down: int, column: int) -> int:
        number = self.shelf_of(row)
        shelf = self.shelves[number]
        line = (row - shelf.first) // self.columns + down
        lines = -(-shelf.count // self.columns)
        while not 0 <= line < lines:
            number += down
            if not 0 <= number < len(self.shelves):
                return row
            shelf = self.shelves[number]
            lines = -(-shelf.count // self.columns)
            line = 0 if down > 0 else lines - 1
        return min(shelf.first + line * self.columns + column, shelf.first + shelf.count - 1)
