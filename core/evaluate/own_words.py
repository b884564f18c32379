"""Which of two models finds this owner's photos better, by what the owner wrote about them.

Every caption is asked of both spaces; the share whose photo is among the first ten hits is recall@10 (Radford
et al. 2021). Both rank the same photos: those that have a vector in each.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from core.library import spaces
from core.library.database import Database
from core.library.photos import captions
from core.models.encoder import Encoder
from core.progress import CancelToken, Pace, Report
from core.spaces.space import Space

# Below this one caption more or less is five per cent and more: nothing could be said.
FEWEST = 20
# Enough to tell 3 % apart; more would keep the owner waiting.
MOST = 500
FIRST = 10
# Captions encoded between two looks whether somebody wants to stop.
TEXTS_AT_ONCE = 16


@dataclass(frozen=True, slots=True)
class Comparison:
    """Of `captions` captions the old model finds `old` among the first ten, the new one `new`.

    With fewer than FEWEST captions nothing was asked, and both are 0.
    """

    captions: int
    old: int = 0
    new: int = 0

    @property
    def is_telling(self) -> bool:
        return self.captions >= FEWEST

    @property
    def is_worse(self) -> bool:
        return self.is_telling and self.new < self.old


def compare(
    database: Database,
    old: tuple[Encoder, Space],
    new: tuple[Encoder, Space],
    report: Report,
    cancel: CancelToken,
) -> Comparison:
    """Ask the owner's captions of both. Of very many, MOST are taken, spread over the library. Raises Cancelled."""
    reader = database.reader()
    both = spaces.photos_in_both(reader, old[1].id, new[1].id)
    asked = [(photo, text) for photo, text in captions(reader) if photo in both]
    if len(asked) < FEWEST:
        return Comparison(len(asked))
    if len(asked) > MOST:
        asked = [asked[i * len(asked) // MOST] for i in range(MOST)]
    pace = Pace(report, "compare", 2 * len(asked))
    found = [_found(encoder, space, asked, both, pace, cancel) for encoder, space in (old, new)]
    pace.flush()
    return Comparison(len(asked), *found)


def _found(
    encoder: Encoder,
    space: Space,
    asked: Sequence[tuple[int, str]],
    among: set[int],
    pace: Pace,
    cancel: CancelToken,
) -> int:
    """How many captions have their photo among the FIRST of the photos `among`."""
    # Photos of this space alone may stand before them: ask for that many more.
    limit = FIRST + max(0, len(space) - len(among))
    found = 0
    for begin in range(0, len(asked), TEXTS_AT_ONCE):
        cancel.check()
        part = asked[begin : begin + TEXTS_AT_ONCE]
        for (photo, _), query in zip(part, encoder.encode_texts([text for _, text in part]), strict=True):
            near = [each for each in space.nearest(query, limit).photos.tolist() if each in among]
            found += photo in near[:FIRST]
            pace.step()
    return found
