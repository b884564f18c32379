"""Scores albums over the vectors of one space: what they are measured by, and block after block of the rows."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from core.albums.backdrop import SAMPLE, Backdrop
from core.albums.gathering import Gathering, Members
from core.albums.names import Meant, Names
from core.albums.panel import PHOTOS_AT_ONCE, Entry, Panel
from core.albums.probe import Probe, learn
from core.albums.prompted import prior_of_prompts
from core.albums.prompts import Prompts
from core.library import albums as records
from core.library.albums import Album
from core.library.database import Database
from core.library.filters import passing
from core.library.names import Name
from core.library.photos import hidden_photos
from core.models.encoder import Encoder
from core.progress import CancelToken
from core.spaces.space import NOBODY, Space
from core.spaces.vectors import Rows

Floats = npt.NDArray[np.float32]
Ints = npt.NDArray[np.int64]

# The backdrop is worked out again when the space grew by this share: below, borders move by less than a hundredth.
GROWN = 0.25


class Scoring:
    """One space's view of albums. Safe between threads; what it works out it keeps until the space has grown."""

    def __init__(self, database: Database, space: Space, encoder: Encoder) -> None:
        self.space = space
        self.prompts = Prompts(database, encoder, space.id)
        self._database = database
        self._backdrop: Backdrop | None = None
        # Counts the backdrops: with another one every border is another.
        self.edition = 0
        self._vectors_then = 0
        self.names = Names(database, space, self.prompts, self.backdrop)
        self._probes: dict[int, tuple[Album, tuple[tuple[int, bool], ...], list[Meant], Probe]] = {}
        self._guard = threading.RLock()

    def backdrop(self) -> Backdrop:
        with self._guard:
            if self._backdrop is None or has_grown(self.space, self._vectors_then):
                photos = self._visible_photos()
                # The same photos each time: borders must not move by chance.
                chosen = np.random.default_rng(0).permutation(len(photos))[:SAMPLE]
                sample = self.space.vectors_of(photos[np.sort(chosen)].tolist())
                sample = sample.reshape(len(chosen), self.space.width)
                self._backdrop = Backdrop.of(sample, self.prompts.neutrals())
                self._vectors_then = len(self.space)
                self.edition += 1
                self._probes.clear()
            return self._backdrop

    def edition_now(self) -> int:
        """The edition of the backdrop that the next score is measured by: a new one where the space has grown."""
        with self._guard:
            if self._backdrop is not None:
                self.backdrop()
            return self.edition

    def entry(
        self, album: Album, decided: dict[int, bool] | None = None, names: Sequence[Name] | None = None
    ) -> Entry:
        """The album ready to be scored, with the decisions stored or those given.

        names  the library's, where somebody has just asked for them
        """
        if decided is None:
            decided = records.decisions(self._database.reader(), album.id)
        return Entry(album, self._probe(album, decided, names), self._let_through(album), decided)

    def panel(self, albums: Sequence[Album]) -> Panel:
        names = self.names.all()
        return Panel([self.entry(album, names=names) for album in albums], self.space.width)

    def panel_for(self, panel: Panel, photos: Sequence[int]) -> Panel:
        """The same panel to score these photos alone: its rules are asked about them anew, and about no others."""
        if all(entry.passing is None for entry in panel.entries):
            return panel
        entries = [replace(entry, passing=self._let_through(entry.album, photos)) for entry in panel.entries]
        return Panel(entries, self.space.width)

    def rows_of(self, photos: Sequence[int]) -> tuple[Ints, Floats]:
        """(photos [n], rows [n, width] float32) of those among them that have a vector."""
        have = [photo for photo in photos if photo in self.space]
        if not have:
            return np.zeros(0, np.int64), np.zeros((0, self.space.width), np.float32)
        return np.array(have, np.int64), self.space.vectors_of(have)

    def blocks(self, cancel: CancelToken | None = None) -> Iterator[tuple[Ints, Rows]]:
        """(photos [b], rows [b, width] float16) of all photos that are to be seen."""
        photo_of_row, rows = self.space.everything()
        hidden = np.fromiter(hidden_photos(self._database.reader()), np.int64)
        for begin in range(0, len(rows), PHOTOS_AT_ONCE):
            if cancel is not None:
                cancel.check()
            photos = photo_of_row[begin : begin + PHOTOS_AT_ONCE]
            part = rows[begin : begin + PHOTOS_AT_ONCE]
            seen = photos != NOBODY
            if len(hidden):
                seen &= ~np.isin(photos, hidden)
            yield (photos, part) if seen.all() else (photos[seen], part[seen])

    def members(self, panel: Panel, cancel: CancelToken | None = None) -> list[Members]:
        """Who is in each album of the panel, in or maybe, of all photos that are to be seen."""
        found = Gathering(len(panel.entries))
        for photos, rows in self.blocks(cancel):
            found.add(photos, panel.scores(rows, photos).standing)
        return found.members()

    def _let_through(self, album: Album, among: Sequence[int] | None = None) -> Ints | None:
        """Photos that an album's rule lets through; None where it has no rule."""
        if not album.rule:
            return None
        return np.array(passing(self._database.reader(), album.rule, among), np.int64)

    def _probe(self, album: Album, decided: dict[int, bool], names: Sequence[Name] | None) -> Probe | None:
        marks = tuple((photo, said) for photo, said in decided.items() if photo in self.space)
        # An album of a rule alone is the rule, and marks are exceptions: one rejected photo must not empty it.
        if not album.prompts and (album.rule or not marks):
            return None
        backdrop = self.backdrop()
        meant = [self.names.meant(prompt, names) for prompt in album.prompts]
        with self._guard:
            known = self._probes.get(album.id)
            if known is not None and known[:3] == (album, marks, meant):
                return known[3]
        marked = self.space.vectors_of([photo for photo, _ in marks])
        accepted = np.array([said for _, said in marks], bool)
        prior = prior_of_prompts(album, meant, self.prompts, backdrop)
        probe = learn(prior, backdrop, marked.reshape(len(marks), self.space.width), accepted)
        with self._guard:
            # Another thread may have asked for a new backdrop meanwhile: by that one this probe is wrong.
            if self._backdrop is backdrop:
                self._probes[album.id] = (album, marks, meant, probe)
        return probe

    def _visible_photos(self) -> Ints:
        photo_of_row, _ = self.space.everything()
        photos: Ints = photo_of_row[photo_of_row != NOBODY]
        hidden = np.fromiter(hidden_photos(self._database.reader()), np.int64)
        return photos[~np.isin(photos, hidden)] if len(hidden) else photos


def has_grown(space: Space, vectors_then: int) -> bool:
    """Whether borders would move, as many photos came since the space had so many."""
    return len(space) > (1 + GROWN) * vectors_then
