"""All albums side by side: one matrix product scores a block of photos for every one of them.

What an album's own probe says is then joined with the rest of its definition: what its rule lets through, what
its children hold, which child of a closed set wins, and above all what the owner decided.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from core.albums.cutoff import MAYBE
from core.albums.probe import Probe
from core.library.albums import Album
from core.spaces.index import cosines
from core.spaces.vectors import Rows

Floats = npt.NDArray[np.float32]
Ints = npt.NDArray[np.int64]

# Logits of what is certain: sigmoid(60) is 1 in float32, and unlike infinity it can be printed and ranked.
ALWAYS, NEVER = np.float32(60), np.float32(-60)
# Photos scored at once: 8,192 x 512 float32 are 16 MB.
PHOTOS_AT_ONCE = 8_192
# Up to so many albums are quicker scored one by one on the float16 rows as they are (8 ms each for 100,000
# photos) than by turning all rows into float32 first (94 ms). Weights rounded to float16 move a logit by 1e-3.
FEW = 8
# An album that is one of more than this many above another is a ring.
DEEPEST = 16


@dataclass(frozen=True, slots=True)
class Entry:
    """An album ready to be scored. `passing` [m]: photos its rule lets through, None where it has no rule;
    `decided`: photo -> accepted. `probe` is None where it has neither prompts nor marks."""

    album: Album
    probe: Probe | None
    passing: Ints | None
    decided: Mapping[int, bool]


@dataclass(frozen=True, slots=True)
class Scores:
    """Of k albums and n photos. `logits` [k, n] rank an album's photos; `standing` [k, n] decides who is in:
    the same after decisions and the switch of automatic tags."""

    logits: Floats
    standing: Floats


class Panel:
    """Albums in the order of `entries`; children that are not among them count for nothing."""

    def __init__(self, entries: Sequence[Entry], width: int) -> None:
        self.entries = tuple(entries)
        self.place = {entry.album.id: i for i, entry in enumerate(self.entries)}
        self._weights = np.zeros((len(self.entries), width), np.float32)
        self._offsets = np.full(len(self.entries), NEVER, np.float32)
        for i, entry in enumerate(self.entries):
            if entry.probe is not None:
                self._weights[i], self._offsets[i] = entry.probe.weights, entry.probe.offset
            elif entry.passing is not None:
                # A rule without words or marks is the whole album.
                self._offsets[i] = ALWAYS
        self._children = self._children_first()

    def scores(self, rows: Rows | Floats, photos: Ints) -> Scores:
        """Of photos [n] with vector rows [n, d], any float type."""
        logits = np.clip(self._products(rows) + self._offsets[:, None], NEVER, ALWAYS)
        standing = np.empty_like(logits)
        for i, children in self._children:
            entry = self.entries[i]
            if children:
                below = standing[children]
                if entry.album.one_of:
                    standing[children] = below = self._best_alone(below, children, photos)
                logits[i] = np.maximum(logits[i], below.max(axis=0))
            if entry.passing is not None:
                logits[i][~np.isin(photos, entry.passing)] = NEVER
            standing[i] = logits[i] if entry.album.automatic else NEVER
            self._decide(standing[i], entry, photos)
        return Scores(logits, standing)

    def _products(self, rows: Rows | Floats) -> Floats:
        """[k, n]: every album's weights with every row."""
        if rows.dtype == np.float16 and len(self.entries) <= FEW:
            halves = np.asarray(rows, np.float16)
            parts = [cosines(weights, halves) for weights in self._weights]
            return np.stack(parts) if parts else np.zeros((0, len(rows)), np.float32)
        return np.asarray(self._weights @ rows.astype(np.float32).T, np.float32)

    def _decide(self, standing: Floats, entry: Entry, photos: Ints) -> None:
        if entry.decided:
            for said, value in ((True, ALWAYS), (False, NEVER)):
                those = [photo for photo, accepted in entry.decided.items() if accepted is said]
                standing[np.isin(photos, those)] = value

    def _best_alone(self, below: Floats, children: list[int], photos: Ints) -> Floats:
        """Of a closed set only the best child keeps a photo, and those that the owner put it in."""
        kept = np.where(below >= below.max(axis=0), below, NEVER)
        for place, child in enumerate(children):
            self._decide(kept[place], self.entries[child], photos)
        return np.asarray(kept, np.float32)

    def _children_first(self) -> list[tuple[int, list[int]]]:
        """(album, its children), every album after its children."""
        children: dict[int, list[int]] = {i: [] for i in range(len(self.entries))}
        for i, entry in enumerate(self.entries):
            if entry.album.parent in self.place:
                children[self.place[entry.album.parent]].append(i)
        depth = [0] * len(self.entries)
        for i, entry in enumerate(self.entries):
            parent = entry.album.parent
            while parent in self.place and depth[i] < DEEPEST:
                depth[i] += 1
                parent = self.entries[self.place[parent]].album.parent
        order = sorted(children, key=lambda i: -depth[i])
        return [(i, children[i]) for i in order]


def is_member(standing: Floats) -> npt.NDArray[np.bool_]:
    """In or maybe."""
    return standing >= np.float32(MAYBE)
