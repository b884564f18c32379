"""Asks the library's albums and passes on what the owner says in them: one lane, in the order said, and another
one for what takes minutes.

Looking and sliding are questions of which the newest wins. Marks, definitions and what takes them back are never
dropped. After each of those the page of the album that is open comes along, so that it can move at once.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QObject, QTimer, Signal, Slot

from core.progress import Progress
from desktop_app.i18n import language
from desktop_app.items.album_draft import Draft
from desktop_app.items.album_photos import Page
from desktop_app.undo import Said, Undo
from desktop_app.workers import album_tasks as tasks
from desktop_app.workers.asker import Asker, Ended
from desktop_app.workers.lane import Lane
from desktop_app.workers.worker import Done, End, Worker

if TYPE_CHECKING:
    from core.albums import Changed
    from core.albums.builtin import Suggestion
    from core.app import Shiguang

# Counts are read again this long after photos came in: oftener nobody can read.
EVERY_MS = 1000
# The border is worked out once the slider has rested so long.
SLIDE_MS = 60


@dataclass(frozen=True, slots=True)
class Round:
    """What a round did, and the album's page after it. `said`: to be taken back; None: it took another one back."""

    changed: Changed
    page: Page
    said: Said | None = None

    @property
    def is_undo(self) -> bool:
        return self.said is None


class Curating(Asker):
    """The shelf is a list of Shelved. Call `begin` once and `finish` before closing the lanes."""

    looked = Signal(object)  # Page of the album that is open
    went = Signal(object)  # Round
    slid = Signal(object)  # Changed, of a border that is not kept yet
    asked = Signal(object)  # Asked: what the review asks next
    not_asked = Signal()  # it could not be found out
    reasoned = Signal(object)  # Reason
    proposed = Signal(object)  # list of Suggestion
    proposing = Signal(object)  # Progress towards them
    took = Signal(object)  # Album: a proposal that is an album now
    dropped = Signal(object)  # album's id

    def __init__(self, lane: Lane, slow: Lane, undo: Undo, parent: QObject | None = None) -> None:
        super().__init__(lane, undo, parent)
        self._slow = slow
        self._looking: Worker | None = None
        self._sliding: Worker | None = None
        self._asking: Worker | None = None
        self._proposing: Worker | None = None
        self._shift: tuple[int, float] | None = None
        self.album: int | None = None
        self._soon = QTimer(self)
        self._soon.setSingleShot(True)
        self._soon.setInterval(EVERY_MS)
        self._soon.timeout.connect(self._look_again)
        self._slide_soon = QTimer(self)
        self._slide_soon.setSingleShot(True)
        self._slide_soon.setInterval(SLIDE_MS)
        self._slide_soon.timeout.connect(self._slide_now)

    def begin(self, library: Shiguang) -> None:
        self._library = library
        self._look_again()

    def finish(self) -> None:
        self._library = None
        self._soon.stop()
        self._slide_soon.stop()

    # ---- looking

    @Slot()
    def note_change(self) -> None:
        """Photos came or went, or another model looks at them: counts and the open page are read again."""
        if not self._soon.isActive():
            self._soon.start()

    def open(self, album: int) -> None:
        """Look into an album; its page comes, and again whenever it changes."""
        self.album = album
        self._look()

    def leave(self) -> None:
        self.album = None
        self._slide_soon.stop()
        for worker in (self._looking, self._sliding):
            if worker is not None:
                worker.cancel.cancel()
        self._looking = self._sliding = None

    def _look_again(self) -> None:
        self._run(tasks.shelf, self._take_shelf)
        self._look()

    def _look(self) -> None:
        if self.album is None:
            return
        if self._looking is not None:
            self._looking.cancel.cancel()
        self._looking = self._run(partial(tasks.look, self.album), self._take_look)

    def slide(self, album: int, shift: float) -> None:
        """What would come and go with the border there; above 0 fewer photos are in."""
        self._shift = album, shift
        if not self._slide_soon.isActive():
            self._slide_soon.start()

    def _slide_now(self) -> None:
        if self._shift is None:
            return
        if self._sliding is not None:
            self._sliding.cancel.cancel()
        self._sliding = self._run(partial(tasks.slide, *self._shift), self._take_slide)

    def ask(self, album: int, without: Sequence[int], *, anyway: bool) -> None:
        """What is most worth deciding next; `anyway` also photos that are hardly in the album."""
        if self._asking is not None:
            self._asking.cancel.cancel()
        self._asking = self._run(partial(tasks.ask, album, tuple(without), anyway), self._take_asked)

    def reason(self, album: int, photo: int) -> None:
        """Why a photo is in the album or not."""
        self._run(partial(tasks.reason, album, photo), self._take_reason)

    def propose(self) -> None:
        """Albums that ship and would fill here; takes long the first time, and stops when asked again."""
        if self._library is None:
            return
        self.stop_proposing()
        task = partial(tasks.propose, language(), self._library)
        self._proposing = self._slow.run(task, self._take_proposed, self._pass_progress)

    def stop_proposing(self) -> None:
        """Nobody waits for proposals any more; what was worked out for them is kept."""
        if self._proposing is not None:
            self._proposing.cancel.cancel()
            self._proposing = None

    def preview(self, draft: Draft, ended: Ended) -> Worker | None:
        """(in, maybe) of what a definition would hold."""
        return self._run(partial(tasks.preview, draft), ended)

    # ---- what the owner says

    def mark(self, album: int, photos: Sequence[int], accepted: bool | None) -> Said | None:
        """One round: accepted, rejected, or undecided again."""
        return self._say(partial(tasks.mark, album, tuple(photos), accepted), self._take_round)

    def keep_border(self, album: int, shift: float) -> Said | None:
        """The slider was let go there."""
        self._slide_soon.stop()
        if self._sliding is not None:
            self._sliding.cancel.cancel()
            self._sliding = None
        return self._say(partial(tasks.set_border, album, shift), self._take_border)

    def _undo_round(self, album: int) -> None:
        self._keep(partial(tasks.undo, album), self._take_undone)

    def _put_border_back(self, album: int, shift: float) -> None:
        self._keep(partial(tasks.set_border, album, shift), self._take_border)

    def save(self, draft: Draft, ended: Ended) -> None:
        """Make the album or give it this definition; `ended` gets the Album."""
        self._keep(partial(tasks.save, draft), ended, self._take_definition)

    def take_proposal(self, proposal: Suggestion) -> None:
        task = partial(tasks.take_proposal, proposal, language())
        self._keep(task, self._take_taken, self._take_definition)

    def drop(self, album: int) -> None:
        """Forget an album with what was decided in it."""
        self._keep(partial(tasks.drop, album), self._take_dropped, self._take_definition)

    def export(
        self, album: int, folder: Path, form: str, ended: Ended, progress: Callable[[Progress], None]
    ) -> Worker | None:
        """Copies, links or a list, as core/albums/carry.py has them."""
        if self._library is None:
            return None
        task = partial(tasks.export, album, folder, form, self._library)
        return self._slow.run(task, ended, progress)

    # ---- what comes back

    @Slot(object)
    def _take_look(self, end: End) -> None:
        if self._looking is None or self.sender() is not self._looking:
            return  # of an album that was left
        self._looking = None
        page = self._value(end)
        if page is not None:
            self.looked.emit(page)

    @Slot(object)
    def _take_slide(self, end: End) -> None:
        if self._sliding is not None and self.sender() is self._sliding:
            self._sliding = None
            changed = self._value(end)
            if changed is not None:
                self.slid.emit(changed)

    @Slot(object)
    def _take_asked(self, end: End) -> None:
        if self._asking is not None and self.sender() is self._asking:
            self._asking = None
            asked = self._value(end)
            if asked is not None:
                self.asked.emit(asked)
            else:
                self.not_asked.emit()

    @Slot(object)
    def _take_reason(self, end: End) -> None:
        reason = self._value(end)
        if reason is not None:
            self.reasoned.emit(reason)

    @Slot(object)
    def _take_proposed(self, end: End) -> None:
        if self._proposing is None or self.sender() is not self._proposing:
            return
        self._proposing = None
        proposed = self._value(end)
        if proposed is not None:
            self.proposed.emit(proposed)

    @Slot(object)
    def _pass_progress(self, progress: Progress) -> None:
        if self._proposing is not None and self.sender() is self._proposing:
            self.proposing.emit(progress)

    @Slot(object)
    def _take_round(self, end: End) -> None:
        found = self._value(end)
        step = partial(self._undo_round, found[0].album) if found is not None else None
        self._pass_round(found, self._settle(step))

    @Slot(object)
    def _take_border(self, end: End) -> None:
        found = self._value(end)
        step = partial(self._put_border_back, found[0].album, found[2]) if found is not None else None
        self._pass_round(found, self._settle(step))

    @Slot(object)
    def _take_undone(self, end: End) -> None:
        self._pass_round(self._value(end), None)

    def _pass_round(self, found: tuple[Any, ...] | None, said: Said | None) -> None:
        """found: (Changed, Page, ...)"""
        if found is not None:
            self.went.emit(Round(*found[:2], said))
            self.note_change()
        else:
            self._look()  # what the window showed ahead of it did not come true

    @Slot(object)
    def _take_taken(self, end: End) -> None:
        album = self._value(end)
        if album is not None:
            self.took.emit(album)

    @Slot(object)
    def _take_dropped(self, end: End) -> None:
        album = self._value(end)
        if album is not None:
            self.dropped.emit(album)

    @Slot(object)
    def _take_definition(self, end: End) -> None:
        """Albums came, went or are others now."""
        if isinstance(end, Done):
            self._look_again()
