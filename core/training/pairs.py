"""What a personal training learns from: what the owner said about photos, split by photo.

A photo is held out by the picture that its moment begins with, so the same photos are always held out, whatever is
said about them or deleted later: no training has seen them or another one of their burst, and their decisions judge
every training. Only an earlier picture of a burst that comes in later can move it to the other side.
"""

from __future__ import annotations

import hashlib
import sqlite3
from collections import Counter
from collections.abc import Collection, Container, Iterator, Sequence
from dataclasses import dataclass, replace

from core.albums.spotting import class_word
from core.library import albums
from core.library.captions import every_caption, pictures_in_space
from core.library.judgements import every_judgement
from core.library.moments import moments
from core.library.names import Name, examples, names
from core.library.weak_words import folder_words, keyword_words
from core.settings import TEACH_FOLDERS, TEACH_KEYWORDS, Settings

# Of five photos one judges and four teach.
HELD_OUT_SHARE = 0.2
# Photos that teach; from fewer nothing is to be learned.
FEWEST_TRAINING_PHOTOS = 5
CAPTION, ALBUM, NAME, SEARCH = "caption", "album", "name", "search"
# Words that nobody wrote about a picture as such: taken only where the owner asks for it.
FOLDER, KEYWORD = "folder", "keyword"
WEAK = {"folders": FOLDER, "keywords": KEYWORD}
# Where the owner says so.
CHOICES = {"folders": TEACH_FOLDERS, "keywords": TEACH_KEYWORDS}
# How a name is put into a sentence that a caption could be, with its class word and without.
_NAMED = {"en": ("{name} the {thing}", "a photo of {name}"), "zh": ("{name}，{thing}", "{name}的照片")}


@dataclass(frozen=True, slots=True)
class Saying:
    """That a text is true of a photo, or that it is not.

    kind   "caption"; "album": its first prompt, of a photo that was accepted or rejected; "name": a sentence of a name
           and its class word, of a photo that shows it or does not; "search": a question's words, of a result that was
           judged; "folder" and "keyword": weak, only where they were asked for
    group  sayings of one group mean the same: the album's or name's id, or the photo's for its captions in two languages
    moment the first photo of the moment it belongs to; None: it is alone
    """

    photo: int
    text: str
    lang: str
    kind: str
    is_true: bool
    group: int
    moment: int | None = None

    @property
    def first(self) -> int:
        """The photo that its moment begins with."""
        return self.photo if self.moment is None else self.moment


@dataclass(frozen=True, slots=True)
class Sayings:
    """Everything that was said, the photos that teach apart from those that judge."""

    training: tuple[Saying, ...]
    held_out: tuple[Saying, ...]

    @property
    def teaching_photos(self) -> int:
        """Photos that something true is said of; refusals alone say nothing of what is right."""
        return len({each.photo for each in self.training if each.is_true})

    @property
    def can_teach(self) -> bool:
        """Whether a training can begin at all."""
        return self.teaching_photos >= FEWEST_TRAINING_PHOTOS

    @property
    def judging(self) -> tuple[Saying, ...]:
        """Of those held out the ones that judge (gate.figures): a photo that was refused is measured by those that the
        same text is true of."""
        shown = {each.text for each in self.held_out if each.is_true}
        return tuple(each for each in self.held_out if each.text in shown)

    def among(self, photos: Container[int]) -> Sayings:
        """The same, of these photos only."""
        parts = (self.training, self.held_out)
        return Sayings(*(tuple(each for each in part if each.photo in photos) for part in parts))

    def photos(self) -> int:
        return len({each.photo for each in (*self.training, *self.held_out)})

    def with_weak(self, also: Collection[str]) -> Sayings:
        """The same, of WEAK only these."""
        left_out = {kind for source, kind in WEAK.items() if source not in also}
        return replace(self, training=tuple(each for each in self.training if each.kind not in left_out))

    def weak_counts(self) -> dict[str, int]:
        """Of each of WEAK, how many words teach."""
        kinds = Counter(each.kind for each in self.training)
        return {source: kinds[kind] for source, kind in WEAK.items()}

    def counts(self) -> dict[str, int]:
        """How many of each kind there are, for a person to see before it starts."""
        every = (*self.training, *self.held_out)
        kinds = Counter(each.kind for each in every)
        found = {
            "captions": kinds[CAPTION],
            "album decisions": kinds[ALBUM],
            "names": kinds[NAME],
            "judged results": kinds[SEARCH],
            "rejections": sum(not each.is_true for each in every),
            "photos": self.photos(),
            "held out": len({each.photo for each in self.judging}),
            "held out, bursts once": len({each.first for each in self.judging}),
        }
        return found | {word: kinds[kind] for word, kind in WEAK.items() if kinds[kind]}


def is_held_out(picture_hash: bytes) -> bool:
    """Whether a photo of that picture judges. Hashed again: picture hashes need not be evenly spread."""
    first = int.from_bytes(hashlib.sha256(b"held out" + picture_hash).digest()[:8], "big")
    return first < HELD_OUT_SHARE * 2**64


def sayings(connection: sqlite3.Connection, space: str, also: Collection[str] = ()) -> Sayings:
    """What was said about photos that are to be seen and have a vector in `space`.

    also  words of WEAK: "folders", "keywords" teach too; they never judge, since nobody said that they are right
    """
    pictures = pictures_in_space(connection, space)
    firsts = moments(connection)
    moment = {photo: firsts.get(photo, photo) for photo in pictures}
    gone = albums.picture_hashes(connection, sorted(set(moment.values()) - pictures.keys()))
    first_pictures = pictures | {photo: bytes.fromhex(told) for photo, told in gone.items()}
    judges = {photo for photo, first in moment.items() if is_held_out(first_pictures[first])}
    every = (*_captions(connection), *_decisions(connection), *_names(connection), *_judged(connection))
    said = [each for each in every if each.photo in pictures]
    is_true = _opinions(said)
    parts: tuple[list[Saying], list[Saying]] = ([], [])
    for each in said:
        if len(is_true[each.photo, each.text]) == 1:
            parts[each.photo in judges].append(replace(each, moment=moment[each.photo]))
    for each in _weak(connection, also):
        is_doubted = False in is_true.get((each.photo, each.text), ())
        if each.photo in pictures and each.photo not in judges and not is_doubted:
            parts[0].append(each)
    return Sayings(tuple(parts[0]), tuple(parts[1]))


def _opinions(said: Sequence[Saying]) -> dict[tuple[int, str], set[bool]]:
    """Of every pair of photo and text what was said of it. Two albums with one prompt, or a judged result and an album,
    may say both: from that nothing is learned."""
    found: dict[tuple[int, str], set[bool]] = {}
    for each in said:
        found.setdefault((each.photo, each.text), set()).add(each.is_true)
    return found


def chosen_weak(settings: Settings) -> tuple[str, ...]:
    """Those of WEAK that the owner lets teach."""
    return tuple(source for source, choice in CHOICES.items() if settings.get(choice))


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


def _names(connection: sqlite3.Connection) -> Iterator[Saying]:
    """A name in a sentence of each language that it is asked in."""
    for name in names(connection):
        for photo, shows in examples(connection, name.id).items():
            for lang, text in _sentences(name).items():
                yield Saying(photo, text, lang, NAME, shows, name.id)


def _sentences(name: Name) -> dict[str, str]:
    """By the language of its words and of what kind of thing it is: "豆豆", "dog" are asked for in both."""
    found: dict[str, str] = {}
    for lang in sorted({language_of(word) for word in (*name.words, *name.classes)}):
        own = next((word for word in name.words if language_of(word) == lang), name.name)
        thing = class_word(name, lang)
        found[lang] = _NAMED[lang][0 if thing else 1].format(name=own, thing=thing)
    return found


def _judged(connection: sqlite3.Connection) -> Iterator[Saying]:
    """Judged results under the question's words; with something that must not be there the words alone say nothing."""
    for i, each in enumerate(every_judgement(connection)):
        if not each.unlike:
            yield Saying(each.photo, each.question, language_of(each.question), SEARCH, each.is_it, i)


def _weak(connection: sqlite3.Connection, also: Collection[str]) -> Iterator[Saying]:
    words = {"folders": folder_words, "keywords": keyword_words}
    for source in also:
        for photo, text in words[source](connection):
            yield Saying(photo, text, language_of(text), WEAK[source], True, photo)


def language_of(text: str) -> str:
    """A text's language by its writing: Chinese characters or none."""
    return "zh" if any("\u3400" <= letter <= "\u9fff" for letter in text) else "en"
