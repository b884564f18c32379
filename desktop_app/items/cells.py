"""What is in memory of the photos' cells: their cards and pictures, bounded, shared by all models.

`get` answers at once or not at all. `want` asks for what is missing, in bulk; it arrives through `take`.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Signal
from PySide6.QtGui import QImage

if TYPE_CHECKING:
    from core.library.photos import Card

# 800 cells of 224 px at 1x, or three screens full at 2x.
IMAGE_BYTES = 160_000_000
# A card is about 400 bytes.
CARDS_KEPT = 30_000


@dataclass(frozen=True, slots=True)
class Cell:
    """One photo as a cell shows it. `image` may have another size than asked for, until the right one is here."""

    card: Card
    image: QImage | None


@dataclass(frozen=True, slots=True)
class Wish:
    """Photos whose cells are to be seen, first ones first, and how large in pixels of the screen."""

    photos: tuple[int, ...]
    side_px: int
    radius_px: float


class Cells(QObject):
    """Cards by photo and pictures by photo, the longest unused let go first."""

    wanted = Signal(object)  # Wish
    arrived = Signal(object)  # set of photo ids
    forgotten = Signal()  # something that was known is to be asked for again

    def __init__(self, parent: QObject | None = None, image_bytes: int = IMAGE_BYTES) -> None:
        super().__init__(parent)
        self._most_bytes = image_bytes
        self._bytes = 0
        self._cards: OrderedDict[int, Card] = OrderedDict()
        self._stale: set[int] = set()
        # A photo without a thumbnail has None here, so that it is not asked for at every repaint.
        self._images: OrderedDict[int, tuple[int, QImage | None]] = OrderedDict()

    def get(self, photo: int) -> Cell | None:
        card = self._cards.get(photo)
        if card is None:
            return None
        image = self._images.get(photo)
        return Cell(card, image[1] if image else None)

    def want(self, photos: Iterable[int], side_px: int, radius_px: float = 0.0) -> None:
        """Ask for what these photos lack, in this order. It takes the place of what was asked before.

        side_px, radius_px   of a cell and its corners, in pixels of the screen
        """
        lacking = []
        for photo in photos:
            image = self._images.get(photo)
            if image is not None:
                self._images.move_to_end(photo)
            if image is None or image[0] != side_px or photo not in self._cards or photo in self._stale:
                lacking.append(photo)
        if lacking:
            self.wanted.emit(Wish(tuple(lacking), side_px, radius_px))

    def take(self, cards: Mapping[int, Card], images: Mapping[int, QImage | None], side_px: int) -> None:
        self._stale.difference_update(cards)
        for photo, card in cards.items():
            self._cards[photo] = card
            self._cards.move_to_end(photo)
        while len(self._cards) > CARDS_KEPT:
            self._cards.popitem(last=False)
        for photo, image in images.items():
            self._drop_image(photo)
            self._images[photo] = side_px, image
            self._bytes += image.sizeInBytes() if image is not None else 0
        while self._bytes > self._most_bytes and len(self._images) > 1:
            self._drop_image(next(iter(self._images)))
        self.arrived.emit(cards.keys() | images.keys())

    def forget(self, photos: Sequence[int]) -> None:
        """These photos changed: what is known of them is asked for again when it is next to be seen."""
        for photo in photos:
            self._cards.pop(photo, None)
            self._drop_image(photo)
        self.forgotten.emit()

    def forget_cards(self, photos: Sequence[int] | None = None) -> None:
        """What is said of these photos (None: of all, when a drive came or went) changed; the pictures still hold.

        The old card is shown until the new one is here.
        """
        self._stale.update(self._cards if photos is None else photos)
        self.forgotten.emit()

    def all_favourites(self, photos: Iterable[int]) -> bool:
        """Whether every one of these photos is a favourite, as far as is known."""
        return all((card := self._cards.get(photo)) is not None and card.favourite for photo in photos)

    @property
    def image_bytes(self) -> int:
        return self._bytes

    def _drop_image(self, photo: int) -> None:
        _, image = self._images.pop(photo, (0, None))
        if image is not None:
            self._bytes -= image.sizeInBytes()
