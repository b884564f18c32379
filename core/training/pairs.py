"""What a personal training learns from: what the owner said about photos, split by photo.

A photo is held out by its picture alone, so the same photos are always held out, whatever is said about them
later, in every library that holds them: no training has seen them, and their decisions judge every training.
"""

from __future__ import annotations

import hashlib
import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass

from core.library import albums
from core.library.captions import every_caption, pictures_in_space

# Of five photos one judges and four teach.
HELD_OUT_SHARE = 0.2
CAPTION, ALBUM = "caption", "album"


@dataclass(frozen=True, slots=True)
class Saying:
    """That a text is true of a photo, or that it is not.

    kind   "caption", or "album": its first prompt, of a photo that was accepted or rejected
    group  sayings of one group mean the same: the album's id, or the photo's for its captions in two languages
    """

    photo: int
    text: str
    lang: str
    kind: str
    is_true: bool
    group: int


@dataclass(frozen=True, slots=True)
class Sayings:
    """Everything that was said, the photos that teach apart from those that judge."""

    training: tuple[Saying, ...]
    held_out: tuple[Saying, ...]

    def photos(self) -> int:
        return len({each.photo for each in (*self.training, *self.held_out)})

    def counts(self) -> dict[str, int]:
        """How many of each kind there are, for a person to see before it starts."""
        every = (*self.training, *self.held_out)
        kinds = {kind: sum(each.kind == kind for each in every) for kind in (CAPTION, ALBUM)}
        rejections = sum(not each.is_true for each in every)
        return {
            "captions": kinds[CAPTION],
            "album decisions": kinds[ALBUM],
            "rejections": rejections,
            "photos": self.photos(),
            "held out": len({each.photo for each in self.held_out}),
        }


def is_held_out(picture_hash: bytes) -> bool:
    """Whether a photo of that picture judges. Hashed again: picture hashes need not be evenly spread."""
    first = int.from_bytes(hashlib.sha256(b"held out" + picture_hash).digest()[:8], "big")
    return first < HELD_OUT_SHARE * 2**64


def sayings(connection: sqlite3.Connection, space: str) -> Sayings:
    """What was said about photos that are to be seen and have a vector in `space`."""
    pictures = pictures_in_space(connection, space)
    said = [each for each in (*_captions(connection), *_decisions(connection)) if each.photo in pictures]
    parts: tuple[list[Saying], list[Saying]] = ([], [])
    for each in said:
        parts[is_held_out(pictures[each.photo])].append(each)
    return Sayings(tuple(parts[0]), tuple(parts[1]))


def _captions(connection: sqlite3.Connection) -> Iterator[Saying]:
    for photo, lang, text in every_caption(connection):
        yield Saying(photo, text, lang, CAPTION, True, photo)


def _decisions(connection: sqlite3.Connection) -> Iterator[Saying]:
    """An album's decisions under its first prompt in each language it is asked in, else under its name."""
    for album in albums.albums(connection):
        texts = {language_of(text): text for text in reversed(album.prompts or (album.name,))}
        for photo, accepted in albums.decisions(connection, album.id).items():
            for lang, text in texts.items():
                yield Saying(photo, text, lang, ALBUM, accepted, album.id)


def language_of(text: str) -> str:
    """A text's language by its writing: Chinese characters or none."""
    return "zh" if any("\u3400" <= letter <= "\u9fff" for letter in text) else "en"
