"""Giving names: the owner says a word, shows photos of it, and takes it back."""

from __future__ import annotations

import dataclasses
import unicodedata
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from sqlite_utils import Database as Tables

from core.albums.albums import Albums
from core.albums.spotting import spot
from core.errors import NotThere, WrongUse
from core.library import names as records
from core.library.database import Database
from core.library.names import Name


@dataclass(frozen=True, slots=True)
class Given:
    """A name with its counts, for a list: photos that show it, photos that do not."""

    name: Name
    shown: int
    not_shown: int


class NameInUse(WrongUse):
    """Another name is this word, or goes by it."""

    code = "name-taken"
    what_to_do = "Choose another word, or give it as an alias."


class Naming:
    """The names of a library. Any thread may ask; `albums` gives those of the model in use."""

    def __init__(self, database: Database, albums: Callable[[], Albums]) -> None:
        self._database = database
        self._albums = albums

    def all(self) -> list[Name]:
        return records.names(self._database.reader())

    def shelf(self) -> list[Given]:
        """Every name with its counts, in alphabetical order."""
        counts = records.example_counts(self._database.reader())
        return [Given(name, *counts.get(name.id, (0, 0))) for name in self.all()]

    def examples(self, name: Name) -> dict[int, bool]:
        """photo -> whether it shows the name, in the order said."""
        return records.examples(self._database.reader(), name.id)

    def find(self, word: str) -> Name:
        """By name or alias, in any letter case. Raises NotThere."""
        found = self._find(word)
        if found is None:
            raise NotThere(f"There is no name {word!r}.", what_to_do="`shiguang names list` lists them.")
        return found

    def give(
        self, word: str, photos: Iterable[int], *, aliases: Sequence[str] = (), classes: Sequence[str] = ()
    ) -> Name:
        """Photos that show who or what is meant; a new name, or more photos, aliases and classes of a known one.

        Raises NameInUse, or WrongUse for a word that is none and for a new name without a photo.
        """
        shown = list(photos)
        if not shown and self._find(word) is None:
            raise WrongUse(
                f"Nothing shows {word!r}.", what_to_do="Give some photos: five tell more than one."
            )
        return self._store(word, aliases, classes, dict.fromkeys(shown, True))

    def define(self, word: str, aliases: Sequence[str], classes: Sequence[str]) -> Name:
        """The same without photos: what a file of names says before it shows them."""
        return self._store(word, aliases, classes, {})

    def change(self, name: Name) -> None:
        """Another word, other aliases or classes; the examples stay. Raises NameInUse, WrongUse or NotThere."""
        before = next((known for known in self.all() if known.id == name.id), None)
        if before is None:
            raise NotThere(f"There is no name {name.name!r} any more.")
        name = dataclasses.replace(name, name=plain(name.name), aliases=_more((), name.aliases))
        self._check(name)
        self._database.write(lambda db: records.change_name(db, name))
        self._refresh([before, name])

    def without(self, name: Name, aliases: Iterable[str]) -> Name:
        """The name without some of its aliases. Raises NotThere for one that it does not go by."""
        gone = {plain(alias).casefold() for alias in aliases}
        kept = tuple(alias for alias in name.aliases if alias.casefold() not in gone)
        if len(name.aliases) - len(kept) < len(gone):
            raise NotThere(f"{name.name!r} does not go by all of these.")
        changed = dataclasses.replace(name, aliases=kept)
        self.change(changed)
        return changed

    def mark(self, name: Name, photos: Iterable[int], shows: bool | None) -> None:
        """One round: these photos show it (True), do not (False), or nothing is said of them any more (None)."""
        self.mark_each(name, dict.fromkeys(photos, shows))

    def mark_each(self, name: Name, marks: Mapping[int, bool | None]) -> None:
        """One round with a mark of its own for each photo."""
        self._database.write(lambda db: records.mark_examples(db, name.id, marks))
        self._refresh([name])

    def undo(self, name: Name) -> None:
        """Take the last round back. Raises NotThere when there is none."""
        last = records.last_name_round(self._database.reader(), name.id)
        if last is None:
            raise NotThere(f"No photo was shown for {name.name!r}.")
        self._database.write(lambda db: records.undo_name_round(db, last))
        self._refresh([name])

    def drop(self, name: Name) -> None:
        """Forget a name with its examples; no photo is touched."""
        self._database.write(lambda db: records.drop_name(db, name.id))
        self._refresh([name])

    def _store(
        self,
        word: str,
        aliases: Sequence[str],
        classes: Sequence[str],
        marks: Mapping[int, bool | None],
    ) -> Name:
        known = self._find(word)
        name = Name(
            known.id if known else 0,
            known.name if known else plain(word),
            _more(known.classes if known else (), classes),
            _more(known.aliases if known else (), aliases),
        )
        self._check(name)
        number = self._database.write(lambda db: _stored(db, name, marks))
        name = dataclasses.replace(name, id=number)
        self._refresh([name])
        return name

    def _find(self, word: str) -> Name | None:
        wanted = plain(word).casefold()
        every = self.all()
        by_name = (name for name in every if name.name.casefold() == wanted)
        by_alias = (name for name in every if wanted in (alias.casefold() for alias in name.aliases))
        return next(by_name, None) or next(by_alias, None)

    def _check(self, name: Name) -> None:
        for word in name.words:
            if not can_be_found(word):
                raise WrongUse(
                    f"{word!r} is no word that could be found again.", what_to_do="Choose a longer one."
                )
            other = self._find(word)
            if other is not None and other.id != name.id:
                raise NameInUse(f"There is a name {word!r} already.")

    def _refresh(self, names: Sequence[Name]) -> None:
        """Fill the albums anew that ask for one of these names, and learn what the names are: the texts that takes
        are kept then, and the first question need not wait for them."""
        albums = self._albums()
        for name in self.all():
            if any(name.id == each.id for each in names):
                albums.scoring.names.probe(name)
        if any(spot(prompt, names).names for album in albums.all() for prompt in album.prompts):
            albums.rescore()


def _stored(db: Tables, name: Name, marks: Mapping[int, bool | None]) -> int:
    number = name.id or records.add_name(db, name)
    if name.id:
        records.change_name(db, name)
    if marks:
        records.mark_examples(db, number, marks)
    return number


def can_be_found(word: str) -> bool:
    """Whether it could be found again in a question."""
    return any(letter.isalnum() for letter in word) and not (len(word) == 1 and word.isascii())


def plain(word: str) -> str:
    """A word as it is stored: composed, without gaps around and within one gap between."""
    return " ".join(unicodedata.normalize("NFC", word).split())


def _more(known: Sequence[str], given: Iterable[str]) -> tuple[str, ...]:
    """Both, each word once in any letter case, as it was written first."""
    words: dict[str, str] = {}
    for word in map(plain, (*known, *given)):
        words.setdefault(word.casefold(), word)
    return tuple(word for word in words.values() if word)
