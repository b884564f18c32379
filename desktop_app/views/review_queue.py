"""What a review has asked and what it asks next: plain lists of photos."""

from __future__ import annotations

from collections.abc import Sequence

# With fewer photos left than this the next ones are looked for, while these are decided.
SHORT = 4


class ReviewQueue:
    """Photos come as they are worth asking at that moment; each is asked about once, but for what is taken back."""

    def __init__(self) -> None:
        self._waiting: list[int] = []
        self._asked: list[int] = []
        self._marked: list[int] = []

    @property
    def marks(self) -> int:
        return len(self._marked)

    @property
    def seen(self) -> list[int]:
        """Asked about already, answered or passed over."""
        return self._asked

    @property
    def is_short(self) -> bool:
        return len(self._waiting) < SHORT

    def take(self, photos: Sequence[int]) -> None:
        """Newly learned: these take the place of what waits."""
        self._waiting = [photo for photo in photos if photo not in self._asked]

    def next(self) -> int | None:
        """The photo to ask about now; None where none is known yet."""
        if not self._waiting:
            return None
        self._asked.append(self._waiting.pop(0))
        return self._asked[-1]

    def marked(self, photo: int) -> None:
        self._marked.append(photo)

    def take_back(self, current: int | None) -> int | None:
        """The photo of the last mark, to be asked about again; the current one waits behind it."""
        if not self._marked:
            return None
        if current is not None:
            self._waiting.insert(0, current)
            self._asked.remove(current)
        return self._marked.pop()
