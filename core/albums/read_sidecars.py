"""What other programs wrote into sidecars, taken into the library. No photo and no sidecar is written.

What the owner said here wins; what came from a sidecar follows the sidecar. In detail:

- A keyword that is new in a sidecar is added. One that we wrote there, or took from there, and that is not said here
  any more, was taken away here and stays away. A program that lost a word takes nothing away here.
- A rating or caption is taken where there is none here, or where the one here came from this sidecar.
- A subject `Shiguang|Album` accepts the photo in that album, if it was neither accepted nor rejected there; an album
  that is not here is made again. `Shiguang|auto|…` is what a model thought, and says nothing.

A sidecar that looks as it did when it was last read is not opened. A hostile or broken one costs itself alone.
"""

from __future__ import annotations

import itertools
import os
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from sqlite_utils import Database as Tables

from core.albums.sidecar import BRANCH, DEFAULT, Known, SidecarFault, Words, accepted_albums, album_subject
from core.albums.sidecar_files import looks_of, names_in, sidecars_of, words_with
from core.library import sidecars as table
from core.library.database import Database
from core.library.files import Fault
from core.library.sidecars import PhotoFile, Record, Said, Taken
from core.progress import CancelToken, Pace, Report

FILES_A_BATCH = 200
# Longer ones are no name that a person gave.
LONGEST_NAME = 200


@dataclass(slots=True)
class Read:
    """What one run took in. `read` sidecars were new or changed, `same` looked as before; `albums` were made."""

    read: int = 0
    same: int = 0
    keywords: int = 0
    ratings: int = 0
    captions: int = 0
    accepted: int = 0
    albums: int = 0
    faults: list[Fault] = field(default_factory=list)

    @property
    def has_taken(self) -> bool:
        return bool(self.keywords or self.ratings or self.captions or self.accepted)


def read_sidecars(database: Database, report: Report, cancel: CancelToken, *, dry_run: bool = False) -> Read:
    """Take in what sidecars of files that are here say; `dry_run` only counts. Raises Cancelled.

    Albums are not filled anew for what was accepted: `Albums.rescore` does that.
    """
    return _Reading(database, dry_run).run(report, cancel)


class _Reading:
    def __init__(self, database: Database, dry_run: bool) -> None:
        self._database = database
        self._dry_run = dry_run
        reader = database.reader()
        self._said = table.everything_said(reader)
        self._records = table.records(reader)
        self._names = table.album_names(reader)
        # A name as a sidecar has it -> album.
        self._written = {album_subject(name).casefold(): album for album, name in self._names.items()}
        self._new_albums: set[str] = set()
        self._done = Read()

    def run(self, report: Report, cancel: CancelToken) -> Read:
        files = sorted(table.files_here(self._database.reader()), key=_folder)
        pace = Pace(report, "sidecars", len(files))
        for folder, those in itertools.groupby(files, _folder):
            names, rest = names_in(folder), list(those)
            for begin in range(0, len(rest), FILES_A_BATCH):
                cancel.check()
                part = rest[begin : begin + FILES_A_BATCH]
                self._store([one for file in part if (one := self._file(file, names)) is not None])
                pace.step(len(part))
        pace.flush()
        self._done.albums = len(self._new_albums)
        return self._done

    def _store(self, found: Sequence[tuple[int, Record, Taken]]) -> None:
        if not found or self._dry_run:
            return

        def write(db: Tables) -> None:
            table.take(db, [taken for _, _, taken in found])
            table.remember(db, [(file, record) for file, record, _ in found])

        self._database.write(write)

    def _file(self, file: PhotoFile, names: frozenset[bytes]) -> tuple[int, Record, Taken] | None:
        paths = sidecars_of(file.absolute, names)
        looks = looks_of(paths)
        record = self._records.get(file.id, Record())
        if not looks or looks == record.seen:
            self._done.same += bool(looks)
            return None
        words = Words()
        faults = []
        for path in paths:
            try:
                words = words_with(words, path)
            except SidecarFault as fault:
                faults.append(Fault(os.fsdecode(path), "identify", fault.code, str(fault)))
        self._done.faults += faults
        if len(faults) == len(paths):
            return None
        self._done.read += 1
        known, taken = self._take(file.photo, words, Known.from_json(record.known))
        # What is broken is said at every run until it is mended.
        seen = record.seen if faults else looks
        return file.id, replace(record, known=known.as_json(), seen=seen), taken

    def _take(self, photo: int, words: Words, known: Known) -> tuple[Known, Taken]:
        said = self._said.setdefault(photo, Said())
        accepted = self._accepted(said, words, known)
        rating, captions, taken = _values(said, words, known)
        of_albums = self._albums_in(words)
        keywords = tuple(
            word
            for word in words.subjects
            if word not in said.keywords
            and word not in known.ours.subjects
            and word not in of_albums
            and len(word) <= LONGEST_NAME
        )
        done = self._done
        done.keywords += len(keywords)
        done.ratings += rating is not None
        done.captions += len(captions)
        done.accepted += len(accepted)
        said.keywords.update(keywords)
        said.rating = rating if rating is not None else said.rating
        said.captions |= captions
        ours = replace(
            known.ours,
            subjects=tuple(dict.fromkeys((*known.ours.subjects, *keywords, *accepted.values()))),
            hierarchical=tuple(dict.fromkeys((*known.ours.hierarchical, *accepted))),
            tags=tuple(dict.fromkeys((*known.ours.tags, *(tag for tag in words.tags if tag in keywords)))),
        )
        return replace(known, ours=ours, taken=taken), Taken(
            photo, rating, captions, keywords, tuple(accepted.values())
        )

    def _albums_in(self, words: Words) -> set[str]:
        """Names of albums that the sidecar has as such: they stand among its subjects too, and are no keywords."""
        names = set()
        for subject in words.hierarchical:
            if subject.startswith(f"{BRANCH}|"):
                album = self._written.get(subject.casefold())
                names.add(subject.rpartition("|")[2] if album is None else self._names[album])
        return names

    def _accepted(self, said: Said, words: Words, known: Known) -> dict[str, str]:
        """Subject -> album's name of those to be accepted now."""
        found: dict[str, str] = {}
        for subject, name in accepted_albums(words).items():
            album = self._written.get(subject.casefold())
            is_decided = album in said.decided if album is not None else len(name) > LONGEST_NAME
            if subject in known.ours.hierarchical or is_decided:
                continue
            if album is None:
                self._new_albums.add(name.casefold())
            else:
                said.decided[album] = True
            found[subject] = self._names[album] if album is not None else name
        return found


def _folder(file: PhotoFile) -> bytes:
    return os.path.dirname(file.absolute)


def _values(said: Said, words: Words, known: Known) -> tuple[int | None, dict[str, str], dict[str, str]]:
    """The rating and captions to take, and all that is from this sidecar afterwards."""
    taken = dict(known.taken)
    rating = None
    is_from_here = said.rating is None or taken.get("") == str(said.rating)
    if words.stars not in (None, said.rating) and is_from_here:
        rating = words.stars
        taken[""] = str(rating)
    captions: dict[str, str] = {}
    for lang, text in _captions(words).items():
        here = said.captions.get(lang)
        if (
            text != here
            and (here is None or here == taken.get(lang))
            and text != known.ours.description.get(lang)
        ):
            captions[lang] = taken[lang] = text
    return rating, captions, taken


def _captions(words: Words) -> dict[str, str]:
    """Language (zh, en) -> caption. The default one has the language that it is written in."""
    captions: dict[str, str] = {}
    for lang, text in words.description.items():
        ours = lang.lower().partition("-")[0]
        if ours in ("zh", "en"):
            captions.setdefault(ours, text)
    default = words.description.get(DEFAULT, "")
    if default and default not in captions.values():
        is_chinese = any("\u3400" <= letter <= "\u9fff" for letter in default)
        captions.setdefault("zh" if is_chinese else "en", default)
    return captions
