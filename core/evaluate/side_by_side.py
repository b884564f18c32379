"""The same searches asked of two models, their first photos beside each other: what a change means, to be seen."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass

from core.library import albums
from core.library.captions import every_caption
from core.models.encoder import Encoder
from core.spaces.space import Space

SEARCHES = 10
# Photos a search shows.
FIRST = 5


@dataclass(frozen=True, slots=True)
class Pair:
    """One search and its first photos, best first, with the old model and with the new one."""

    text: str
    old: tuple[int, ...]
    new: tuple[int, ...]

    @property
    def came(self) -> int:
        """How many photos the new model brought to the front."""
        return len(set(self.new) - set(self.old))


def searches_of(connection: sqlite3.Connection, otherwise: Sequence[str], count: int = SEARCHES) -> list[str]:
    """What the owner says: albums' first prompts and captions, each once and spread over the library.

    Of both as many as there are, half and half where there are more than `count`; `otherwise` fills up.
    """
    prompts = list(dict.fromkeys((album.prompts or (album.name,))[0] for album in albums.albums(connection)))
    said = list(dict.fromkeys(text for _, _, text in every_caption(connection) if text not in prompts))
    from_albums = min(len(prompts), max(count // 2, count - len(said)))
    own = [*_spread(prompts, from_albums), *_spread(said, count - from_albums)]
    return list(dict.fromkeys([*own, *otherwise]))[:count]


def first_photos(
    encoder: Encoder, space: Space, texts: Sequence[str], limit: int = FIRST
) -> list[tuple[int, ...]]:
    """Of each text the `limit` nearest photos, best first, exactly as they lie in the space: no cut-off."""
    return [
        tuple(int(photo) for photo in space.nearest(query, limit, exact=True).photos)
        for query in encoder.encode_texts(texts)
    ]


def side_by_side(
    texts: Sequence[str], old: Sequence[tuple[int, ...]], new: Sequence[tuple[int, ...]]
) -> tuple[Pair, ...]:
    """The pairs, those that changed most first."""
    pairs = [Pair(*each) for each in zip(texts, old, new, strict=True)]
    return tuple(sorted(pairs, key=lambda pair: -pair.came))


def _spread(texts: Sequence[str], count: int) -> list[str]:
    """`count` of them at equal distances, all where there are no more."""
    if len(texts) <= count:
        return list(texts)
    return [texts[i * len(texts) // count] for i in range(count)]
