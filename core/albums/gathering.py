"""Gathers who is in albums, as plain arrays: a library may have a hundred albums of ten thousand photos each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from core.albums.panel import is_member

Floats = npt.NDArray[np.float32]
Ints = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False)
class Members:
    """Of one album: photos surely in [n] and perhaps in [m], each ascending."""

    sure: Ints
    maybe: Ints

    @classmethod
    def of(cls, sure: Sequence[int] | Ints, maybe: Sequence[int] | Ints) -> Members:
        return cls(np.sort(np.asarray(sure, np.int64)), np.sort(np.asarray(maybe, np.int64)))

    def came_since(self, before: Members) -> list[tuple[int, bool]]:
        """(photo, whether surely) of those that are in otherwise than before."""
        sure = [(photo, True) for photo in _without(self.sure, before.sure)]
        return sure + [(photo, False) for photo in _without(self.maybe, before.maybe)]

    def gone_since(self, before: Members) -> list[int]:
        """Photos that were in before, surely or perhaps, and are not any more."""
        return _without(np.concatenate(before.both), np.concatenate(self.both))

    @property
    def both(self) -> tuple[Ints, Ints]:
        return self.sure, self.maybe


NOBODY = Members.of([], [])


class Gathering:
    """Members of several albums, from one block of photos after another."""

    def __init__(self, albums: int) -> None:
        self._parts = [[NOBODY.both] for _ in range(albums)]

    def add(self, photos: Ints, standing: Floats) -> None:
        """Photos [n] by their standing [k, n] in each album."""
        inside, sure = is_member(standing), standing >= 0
        for i in np.flatnonzero(inside.any(axis=1)).tolist():
            self._parts[i].append((photos[sure[i]], photos[inside[i] & ~sure[i]]))

    def members(self) -> list[Members]:
        found = []
        for parts in self._parts:
            sure, maybe = zip(*parts, strict=True)
            found.append(Members.of(np.concatenate(sure), np.concatenate(maybe)))
        return found


def _without(these: Ints, those: Ints) -> list[int]:
    found: list[int] = np.setdiff1d(these, those, assume_unique=True).tolist()
    return found
