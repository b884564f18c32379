"""Keeps what the window shows of a library true: the timeline's rows, the folders, the counts."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, QTimer, Signal, Slot

from core.progress import CancelToken, Report
from desktop_app.items.photo_model import PhotoModel
from desktop_app.items.timeline import Edit, Entry, edits, inserts, months_of
from desktop_app.workers.lane import Lane
from desktop_app.workers.worker import Done, End

if TYPE_CHECKING:
    from core.app import Shiguang
    from core.library.photos import Card
    from core.library.roots import Root

# New photos and counts are shown twice a second at most: oftener nobody can read.
EVERY_MS = 500
# Above this many runs of rows that come and go, one reset is quicker; the grid finds its place again by photo.
EDITS_AT_MOST = 500


@dataclass(frozen=True, slots=True)
class Overview:
    """Folders with their state, and `counts` as Shiguang.counts gives them."""

    roots: tuple[Root, ...]
    counts: dict[str, int]


@dataclass(frozen=True, slots=True)
class _Read:
    """A timeline read from the library; `edits` turn the shown one, of that `version`, into it."""

    version: int
    entries: list[Entry]
    photos: set[int]
    months: dict[str, int]
    edits: Sequence[Edit]


class Keeping(QObject):
    """One reading at a time; what changes meanwhile is read next."""

    overviewed = Signal(object)  # Overview
    loaded = Signal()  # the timeline is there for the first time

    def __init__(self, lane: Lane, timeline: PhotoModel, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._lane = lane
        self._timeline = timeline
        self._library: Shiguang | None = None
        self._shown: set[int] = set()
        self._new: set[int] = set()
        self._version = 0
        self.roots: tuple[Root, ...] = ()
        self._is_loaded = False
        self._is_reading = False
        self._wants_timeline = False
        self._wants_overview = False
        self._soon = QTimer(self)
        self._soon.setSingleShot(True)
        self._soon.setInterval(EVERY_MS)
        self._soon.timeout.connect(self._read_next)

    def begin(self, library: Shiguang) -> None:
        self._library = library
        self._wants_timeline = self._wants_overview = True
        self._read_next()

    def read_all_again(self) -> None:
        """Photos may have come, gone, or have another date: compare with the library."""
        self._wants_timeline = True
        self.read_overview_again()

    def read_overview_again(self) -> None:
        self._wants_overview = True
        if not self._soon.isActive():
            self._soon.start()

    def add(self, photos: Iterable[int]) -> None:
        """Photos that were stored just now: new ones, or ones made again."""
        photos = list(photos)
        self._timeline.cells.forget([photo for photo in photos if photo in self._shown])
        self._new.update(photo for photo in photos if photo not in self._shown)
        self.read_overview_again()

    def shows(self, photo: int) -> bool:
        """Whether the timeline has this photo already."""
        return photo in self._shown

    def _read_next(self) -> None:
        if self._library is None or self._is_reading:
            return
        if self._wants_timeline:
            self._wants_timeline = False
            self._new.clear()
            self._is_reading = True
            shown = tuple(self._timeline.entries)
            self._lane.run(partial(_read_timeline, self._library, self._version, shown), self._take_timeline)
        elif self._new:
            new, self._new = tuple(self._new), set()
            self._is_reading = True
            self._lane.run(partial(_read_cards, self._library, new), self._take_cards)
        elif self._wants_overview:
            self._wants_overview = False
            self._is_reading = True
            self._lane.run(partial(_read_overview, self._library), self._take_overview)

    @Slot(object)
    def _take_timeline(self, end: End) -> None:
        self._is_reading = False
        if isinstance(end, Done):
            self._show(end.value)
        self._read_next()

    def _show(self, read: _Read) -> None:
        if read.version != self._version:
            self._wants_timeline = True  # rows were inserted meanwhile
            return
        if not self._is_loaded or len(read.edits) > EDITS_AT_MOST:
            self._timeline.show_timeline(read.entries, read.months)
        else:
            self._timeline.apply(read.edits)
        self._version += 1
        self._shown = read.photos
        if not self._is_loaded:
            self._is_loaded = True
            self.loaded.emit()

    @Slot(object)
    def _take_cards(self, end: End) -> None:
        self._is_reading = False
        if isinstance(end, Done):
            cards: dict[int, Card] = end.value
            new = [(photo, card.taken) for photo, card in cards.items() if photo not in self._shown]
            self._timeline.apply(inserts(self._timeline.entries, new))
            self._shown.update(photo for photo, _ in new)
            self._version += 1
        self._read_next()

    @Slot(object)
    def _take_overview(self, end: End) -> None:
        self._is_reading = False
        if isinstance(end, Done):
            before = [(root.id, root.state) for root in self.roots]
            self.roots = end.value.roots
            if before != [(root.id, root.state) for root in self.roots]:
                self._timeline.cells.forget_cards()  # a drive came or went: the cards say so
            self.overviewed.emit(end.value)
        if self._wants_timeline or self._new:
            self._read_next()


def _read_timeline(
    library: Shiguang, version: int, shown: Sequence[Entry], report: Report, cancel: CancelToken
) -> _Read:
    entries = library.timeline()
    photos = {photo for photo, _ in entries}
    return _Read(version, entries, photos, months_of(entries), edits(shown, entries))


def _read_cards(
    library: Shiguang, photos: Sequence[int], report: Report, cancel: CancelToken
) -> dict[int, Card]:
    return library.cards(photos)


def _read_overview(library: Shiguang, report: Report, cancel: CancelToken) -> Overview:
    return Overview(tuple(library.roots()), library.counts())
