"""One library open in one window: the threads that serve it, from opening to the last one's end."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Signal, Slot

from core.progress import CancelToken, Report
from desktop_app.items.cells import Cells
from desktop_app.items.photo_model import PhotoModel
from desktop_app.undo import Undo
from desktop_app.workers.albums import Curating
from desktop_app.workers.asking import Asking
from desktop_app.workers.carrying import Carrier
from desktop_app.workers.fetching import Fetching
from desktop_app.workers.indexing import Indexing
from desktop_app.workers.keeping import Keeping
from desktop_app.workers.lane import STOP_WITHIN_S, Lane, close_all
from desktop_app.workers.models import Models
from desktop_app.workers.opinions import Opinions
from desktop_app.workers.pictures import Pictures
from desktop_app.workers.start import Opening
from desktop_app.workers.telling import Telling
from desktop_app.workers.training import Training
from desktop_app.workers.worker import Done, End, Failed

if TYPE_CHECKING:
    from core.app import Shiguang


class Session(QObject):
    """Call `open` once and `close` once. Before the library is there everything may be asked; it is answered then."""

    opened = Signal()
    cannot_open = Signal(object)  # ShiguangError

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._reading = Lane("reading", parent=self)
        self._searching = Lane("searching", parent=self)
        self._decoding = Lane("decoding", parent=self)
        self._indexing = Lane("indexing", parent=self)
        self._models = Lane("models", parent=self)
        self._curating = Lane("albums", parent=self)
        self._slow_albums = Lane("slow albums", parent=self)
        self._learning = Lane("learning", parent=self)
        self.cells = Cells(self)
        self.timeline = PhotoModel(self.cells, self)
        self.fetching = Fetching(self._reading, self.cells, self)
        # Of a dialog above the grid: what it shows, in its own size, takes nothing from what the grid shows.
        self.small_cells = Cells(self)
        self._fetching_small = Fetching(self._reading, self.small_cells, self)
        self.asking = Asking(self._searching, self)
        self.pictures = Pictures(self._reading, self._decoding, self)
        self.keeping = Keeping(self._reading, self.timeline, self)
        self.indexing = Indexing(self._indexing, self)
        self.models = Models(self._models, self._reading, self)
        self.undo = Undo()
        self.opinions = Opinions(self._reading, self.undo, self)
        self.albums = Curating(self._curating, self._slow_albums, self.undo, self)
        self.telling = Telling(self._curating, self.undo, self)
        self.opinions.changed.connect(self.cells.forget_cards)
        self.opinions.changed.connect(self.albums.note_change)  # rules ask for favourites and ratings
        self.telling.moved.connect(self.asking.ask_again)
        self.telling.moved.connect(self.albums.note_change)
        self.models.moved.connect(self.asking.ask_again)
        self.models.moved.connect(self.albums.note_change)
        self.indexing.stored.connect(self.albums.note_change)
        self.indexing.ran.connect(self.albums.note_change)
        self.carrying = Carrier(self._slow_albums, self._reading, self)
        for again in (
            self.asking.ask_again,
            self.albums.note_change,
            self.telling.list_again,
            self.keeping.read_all_again,
            self.cells.forget_cards,
        ):
            self.carrying.brought.connect(again)
        self.training = Training(self._learning, self._reading, self.models, self)
        self.training.moved.connect(self.asking.ask_again)
        self.training.moved.connect(self.albums.note_change)
        self.indexing.ran.connect(self.models.list_again)
        self.cells.wanted.connect(self.models.note_in_sight)
        self.indexing.stored.connect(self.keeping.add)
        self.indexing.ran.connect(self.keeping.read_all_again)
        self.indexing.folders_changed.connect(self.keeping.read_all_again)
        self._opening: Opening | None = None
        self._library: Shiguang | None = None
        self._folders: Sequence[str] = ()

    @property
    def is_open(self) -> bool:
        return self._library is not None

    def open(self, folder: Path, watch: Sequence[str] = ()) -> None:
        """Open the library in `folder`, make it when it is not there, and watch these folders of photos too."""
        self._folders = watch
        self._opening = Opening(folder)
        self._reading.run(self._opening.run, self._take_library)

    @Slot(object)
    def _take_library(self, end: End) -> None:
        if isinstance(end, Failed):
            self.cannot_open.emit(end.error)
        elif isinstance(end, Done):
            library: Shiguang = end.value
            self._library = library
            self.opened.emit()
            self.keeping.begin(library)
            self.fetching.begin(library)
            self._fetching_small.begin(library)
            self.pictures.begin(library)
            self.asking.begin(library)
            self.opinions.begin(library)
            self.albums.begin(library)
            self.telling.begin(library)
            self.carrying.begin(library)
            self.indexing.begin(library, self._folders)
            self.models.begin(library)
            self.training.begin(library)

    # ---- a small thing asked of the library

    def read_faults(self, receiver: Receiver) -> None:
        """The faults come to `receiver` as a list of Fault."""
        if self._library is not None:
            self._reading.run(partial(_faults, self._library), receiver.take)

    # ---- the end

    def close(self, within_s: float = STOP_WITHIN_S) -> bool:
        """Stop everything and give the library back; false when a thread did not stop in time."""
        self.asking.forget()
        self.pictures.drop()
        self.indexing.finish()
        self.models.finish()
        self.opinions.finish()
        self.albums.finish()
        self.telling.finish()
        self.carrying.finish()
        self.training.finish()
        all_stopped = close_all(
            [
                self._learning,
                self._models,
                self._indexing,
                self._slow_albums,
                self._curating,
                self._decoding,
                self._searching,
                self._reading,
            ],
            within_s,
        )
        # Where the window is closed while the library is being opened, nobody has heard of it yet.
        library = self._opening.library if self._opening is not None else None
        self._opening = self._library = None
        if library is not None and all_stopped:
            library.close()
        return all_stopped


class Receiver(QObject):
    """Takes a list that was asked for, once."""

    came = Signal(object)
    failed = Signal(object)

    @Slot(object)
    def take(self, end: End) -> None:
        if isinstance(end, Done):
            self.came.emit(end.value)
        elif isinstance(end, Failed):
            self.failed.emit(end.error)


def _faults(library: Shiguang, report: Report, cancel: CancelToken) -> object:
    return library.faults()
