"""Brings one photo at a time to the viewer: its thumbnail at once, the picture itself as soon as it is decoded."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Signal, SignalInstance, Slot
from PySide6.QtGui import QImage

from core.progress import CancelToken, Report
from desktop_app.items.cell_image import picture_image
from desktop_app.workers.lane import Lane
from desktop_app.workers.worker import Done, End, Failed, Worker

if TYPE_CHECKING:
    from core.app import Shiguang
    from core.library.photos import PhotoDetails


@dataclass(frozen=True, slots=True)
class Glance:
    """What is known of a photo at once."""

    photo: int
    thumb: QImage | None
    details: PhotoDetails | None


@dataclass(frozen=True, slots=True)
class Decoded:
    """The picture; `longer_side_px` is what was asked for, the picture itself may be smaller."""

    photo: int
    image: QImage | None
    longer_side_px: int


class Pictures(QObject):
    """`look` brings a glance; `decode` the picture. A newer call drops what an older one still waits for."""

    glanced = Signal(object)  # Glance
    decoded = Signal(object)  # Decoded
    failed = Signal(object)  # ShiguangError

    def __init__(self, quick: Lane, slow: Lane, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._quick, self._slow = quick, slow
        self._library: Shiguang | None = None
        self._looking: Worker | None = None
        self._decoding: Worker | None = None

    def begin(self, library: Shiguang) -> None:
        self._library = library

    def look(self, photo: int) -> None:
        self.drop()
        if self._library is not None:
            self._looking = self._quick.run(partial(glance, self._library, photo), self._take_glance)

    def decode(self, photo: int, longer_side_px: int) -> None:
        if self._library is None:
            return
        if self._decoding is not None:
            self._decoding.cancel.cancel()
        task = partial(decode, self._library, photo, longer_side_px)
        self._decoding = self._slow.run(task, self._take_decoded)

    def drop(self) -> None:
        """Nothing is looked at any more."""
        for worker in (self._looking, self._decoding):
            if worker is not None:
                worker.cancel.cancel()
        self._looking = self._decoding = None

    @Slot(object)
    def _take_glance(self, end: End) -> None:
        if self._looking is not None and self.sender() is self._looking:
            self._looking = None
            self._tell(end, self.glanced)

    @Slot(object)
    def _take_decoded(self, end: End) -> None:
        if self._decoding is not None and self.sender() is self._decoding:
            self._decoding = None
            self._tell(end, self.decoded)

    def _tell(self, end: End, signal: SignalInstance) -> None:
        if isinstance(end, Done):
            signal.emit(end.value)
        elif isinstance(end, Failed):
            self.failed.emit(end.error)


def glance(library: Shiguang, photo: int, report: Report, cancel: CancelToken) -> Glance:
    jpeg = library.thumbs.get([photo]).get(photo)
    return Glance(photo, picture_image(jpeg) if jpeg else None, library.details(photo))


def decode(
    library: Shiguang, photo: int, longer_side_px: int, report: Report, cancel: CancelToken
) -> Decoded:
    return Decoded(photo, picture_image(library.picture(photo, longer_side_px)), longer_side_px)
