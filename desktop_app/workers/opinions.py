"""Passes on what the owner thinks of photos, in the order said: favourites and ratings."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING

from PySide6.QtCore import Signal, Slot

from core.progress import CancelToken, Report
from desktop_app.undo import Said
from desktop_app.workers.asker import Asker
from desktop_app.workers.worker import Done, End

if TYPE_CHECKING:
    from core.app import Shiguang
    from core.library.opinions import Opinion


class Opinions(Asker):
    """Call `begin` once and `finish` before closing the lane."""

    changed = Signal(object)  # the photos that the library thinks otherwise of now
    put_back = Signal(object)  # photo -> Opinion: what was taken back, as it is again

    def begin(self, library: Shiguang) -> None:
        self._library = library

    def finish(self) -> None:
        self._library = None

    def set_favourite(self, photos: Sequence[int], favourite: bool) -> Said | None:
        return self._set(photos, None, favourite)

    def set_rating(self, photos: Sequence[int], rating: int) -> Said | None:
        """0 to 5 stars."""
        return self._set(photos, rating, None)

    def _set(self, photos: Sequence[int], rating: int | None, favourite: bool | None) -> Said | None:
        if not photos:
            return None
        return self._say(partial(_set, tuple(photos), rating, favourite), self._take_set)

    def _put(self, before: Mapping[int, Opinion]) -> None:
        self._keep(partial(_put, before), self._take_put)

    @Slot(object)
    def _take_set(self, end: End) -> None:
        before = self._value(end)
        self._settle(partial(self._put, before) if before is not None else None)
        if before is not None:
            self.changed.emit(tuple(before))

    @Slot(object)
    def _take_put(self, end: End) -> None:
        before = self._value(end)
        if isinstance(end, Done):
            self.put_back.emit(before)
            self.changed.emit(tuple(before))


def _set(
    photos: Sequence[int],
    rating: int | None,
    favourite: bool | None,
    library: Shiguang,
    report: Report,
    cancel: CancelToken,
) -> dict[int, Opinion]:
    return library.set_opinions(photos, rating=rating, favourite=favourite)


def _put(
    before: Mapping[int, Opinion], library: Shiguang, report: Report, cancel: CancelToken
) -> Mapping[int, Opinion]:
    library.put_opinions(before)
    return before
