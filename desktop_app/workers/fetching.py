"""Brings cards and pictures for the cells that are to be seen: the newest wish first, in small portions."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Slot
from PySide6.QtGui import QImage

from core.progress import CancelToken, Report
from desktop_app.items.cell_image import cell_image
from desktop_app.items.cells import Cells, Wish
from desktop_app.workers.lane import Lane
from desktop_app.workers.worker import Done, End

if TYPE_CHECKING:
    from core.app import Shiguang
    from core.library.photos import Card

# A line or two of cells: what is asked next waits no longer than this takes (about 60 ms).
PORTION = 16


@dataclass(frozen=True, slots=True)
class Fetched:
    cards: dict[int, Card]
    images: dict[int, QImage | None]
    side_px: int


class Fetching(QObject):
    """Serves `Cells.wanted` from an open library. One portion is under way at a time; a new wish replaces
    what waits, so that scrolling far never queues up."""

    def __init__(self, lane: Lane, cells: Cells, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._lane = lane
        self._cells = cells
        self._library: Shiguang | None = None
        self._waiting = Wish((), 0, 0.0)
        self._is_busy = False
        cells.wanted.connect(self._want)

    def begin(self, library: Shiguang) -> None:
        self._library = library
        self._next()

    @Slot(object)
    def _want(self, wish: Wish) -> None:
        self._waiting = wish
        self._next()

    def _next(self) -> None:
        wish = self._waiting
        if self._library is None or self._is_busy or not wish.photos:
            return
        self._waiting = replace(wish, photos=wish.photos[PORTION:])
        self._is_busy = True
        self._lane.run(partial(fetch, self._library, replace(wish, photos=wish.photos[:PORTION])), self._take)

    @Slot(object)
    def _take(self, end: End) -> None:
        self._is_busy = False
        if isinstance(end, Done):
            self._cells.take(end.value.cards, end.value.images, end.value.side_px)
        self._next()


def fetch(library: Shiguang, wish: Wish, report: Report, cancel: CancelToken) -> Fetched:
    """Cards and cell pictures of these photos; a photo without a thumbnail has None for a picture."""
    cards = library.cards(wish.photos)
    jpegs = library.thumbs.get(wish.photos)
    images: dict[int, QImage | None] = {}
    for photo in wish.photos:
        cancel.check()
        jpeg = jpegs.get(photo)
        images[photo] = cell_image(jpeg, wish.side_px, wish.radius_px) if jpeg else None
    return Fetched(cards, images, wish.side_px)
