"""The albums of a library: make them, look into them, mark photos, and see at once what that changed."""

from __future__ import annotations

import dataclasses
import threading
from collections.abc import Callable, Iterable, Mapping, Sequence

import numpy as np
import numpy.typing as npt

from core.albums.gathering import NOBODY, Gathering, Members
from core.albums.members import Changed, Member, Shelved, changed, check_name, members_of
from core.albums.panel import NEVER, Panel
from core.albums.review import CANDIDATES, worth_asking
from core.albums.scoring import Scoring
from core.albums.why import Why, reasons
from core.errors import NotThere
from core.library import albums as records
from core.library.albums import Album
from core.library.database import Database
from core.library.filters import Filter
from core.library.photos import hidden_photos
from core.progress import CancelToken

Floats = npt.NDArray[np.float32]
Ints = npt.NDArray[np.int64]
# Of one album: (photo, whether surely) that are in now, and photos that are not any more.
Moves = tuple[list[tuple[int, bool]], list[int]]


class Albums:
    """Albums over one space. Any thread may ask; changes go through the library's writer."""

    def __init__(self, database: Database, scoring: Scoring) -> None:
        self._database = database
        self._space = scoring.space
        self.scoring = scoring
        self._panel: Panel | None = None
        # The edition of the backdrop by which all members were stored last.
        self._scored = -1
        # One change of members at a time: what is worked out while photos come in would be stored over them.
        self._guard = threading.RLock()

    # ---- which albums there are

    def all(self) -> list[Album]:
        return records.albums(self._database.reader())

    def shelf(self) -> list[Shelved]:
        """Every album with its counts, by name."""
        reader = self._database.reader()
        counts = records.member_counts(reader, self._space.id)
        said = records.decision_counts(reader)
        return [
            Shelved(album, *counts.get(album.id, (0, 0)), *said.get(album.id, (0, 0))) for album in self.all()
        ]

    def find(self, name: str) -> Album:
        """By name or alias, in any letter case. Raises NotThere."""
        wanted = name.strip().casefold()
        every = self.all()
        for album in every:
            if album.name.casefold() == wanted:
                return album
        for album in every:
            if wanted in (alias.casefold() for alias in album.aliases):
                return album
        raise NotThere(f"There is no album {name!r}.", what_to_do="`shiguang albums list` lists them.")

    def get(self, number: int) -> Album:
        """By id. Raises NotThere."""
        for album in self.all():
            if album.id == number:
                return album
        raise NotThere("There is no such album any more.", what_to_do="`shiguang albums list` lists them.")

    def create(
        self,
        name: str,
        prompts: Sequence[str] = (),
        unlike: Sequence[str] = (),
        *,
        rule: Sequence[Filter] = (),
        aliases: Sequence[str] = (),
        parent: int | None = None,
        key: str | None = None,
        one_of: bool = False,
    ) -> Album:
        """Make an album and fill it. Raises NameTaken, or WrongUse when the name is empty."""
        album = Album(
            0,
            name.strip(),
            _words(prompts),
            _words(unlike),
            tuple(rule),
            _words(aliases),
            parent,
            key,
            one_of,
        )
        return self.add([album])[0]

    def add(self, albums: Sequence[Album]) -> list[Album]:
        """Make several albums at once and fill them; their ids are given out here. Raises as `create`."""
        known = self.all()
        for album in albums:
            check_name(album.name, known)
            known.append(album)
        made = self._database.write(
            lambda db: [dataclasses.replace(album, id=records.add_album(db, album)) for album in albums]
        )
        for album in made:
            self._refresh(album)
        return made

    def change(self, album: Album) -> Changed:
        """Give an album another definition; decisions stay. What came and went by it. Raises NotThere or NameTaken."""
        before = self.get(album.id)
        if album.name.casefold() != before.name.casefold():
            check_name(album.name, [known for known in self.all() if known.id != album.id])
        family = self._family(before)
        old = self.scoring.members(self.scoring.panel(family))
        self._database.write(lambda db: records.change_album(db, album))
        self._panel = None
        place = [known.id for known in family].index(album.id)
        new = self._refresh(album)
        return changed(album.id, 0, old[place], new)

    def slide(self, album: Album, shift: float) -> Changed:
        """What would come and go if the border were moved to `shift` (above 0: fewer); nothing is stored."""
        family = self._family(album)
        moved = [
            dataclasses.replace(known, shift=shift) if known.id == album.id else known for known in family
        ]
        before, after = self._both(self.scoring.panel(family), self.scoring.panel(moved))
        place = [known.id for known in family].index(album.id)
        return changed(album.id, 0, before[place], after[place])

    def preview(self, album: Album) -> tuple[int, int]:
        """How many photos would be in an album of this definition and how many maybe; nothing is made of it.

        An album that is not stored has the id 0.
        """
        family = self._family(album)
        place = [known.id for known in family].index(album.id)
        members = self.scoring.members(self.scoring.panel(family))[place]
        return len(members.sure), len(members.maybe)

    def drop(self, album: Album) -> None:
        """Forget an album and every decision in it."""
        with self._guard:  # nobody fills it meanwhile
            self._database.write(lambda db: records.drop_album(db, album.id))
            self._panel = None

    # ---- what is in them

    def show(self, album: Album, *, everything: bool = False, rejected: bool = False) -> list[Member]:
        """In and maybe, with what was rejected, or every photo: accepted first, then by score, rejected last."""
        family = self._family(album)
        place = [known.id for known in family].index(album.id)
        panel = self.scoring.panel(family)
        decided = panel.entries[place].decided
        found: list[Member] = []
        for photos, rows in self.scoring.blocks():
            scores = panel.scores(rows, photos)
            found += members_of(photos, scores, place, decided, everything=everything, rejected=rejected)
        order = {True: 0, None: 1, False: 2}
        return sorted(found, key=lambda one: (order[one.decision], -one.score, one.photo))

    def page(self, album: Album, photos: Sequence[int]) -> list[Member]:
        """The same of these photos only, in their order: what is to be seen again at once after a mark."""
        family = self._family(album)
        place = [known.id for known in family].index(album.id)
        panel = self.scoring.panel(family)
        have, rows = self.scoring.rows_of(photos)
        decided = panel.entries[place].decided
        return members_of(have, panel.scores(rows, have), place, decided, everything=True)

    def review(self, album: Album, batch: int = 10, without: Sequence[int] = ()) -> list[Member]:
        """The undecided photos most worth deciding, the first first; those `without` are not asked about."""
        entry = self.scoring.entry(album)
        if entry.probe is None:
            return []
        # Alone, not with its family: what is asked is whether a photo is this album's own.
        alone = Panel([entry], self._space.width)
        ids: list[Ints] = []
        logits: list[Floats] = []
        for photos, rows in self.scoring.blocks():
            ids.append(photos)
            logits.append(alone.scores(rows, photos).logits[0])
        if not ids:
            return []
        every, scores = np.concatenate(ids), np.concatenate(logits)
        open_ = (scores > NEVER) & ~np.isin(every, [*entry.decided, *without])
        every, scores = every[open_], scores[open_]
        candidates = every[np.argsort(-scores, kind="stable")[:CANDIDATES]]
        vectors = self._space.vectors_of(candidates.tolist()).reshape(len(candidates), self._space.width)
        chosen = worth_asking(entry.probe, self.scoring.backdrop(), vectors, batch)
        return self.page(album, candidates[chosen].tolist())

    def why(self, album: Album, photos: Sequence[int]) -> dict[int, Why]:
        """Why each of these photos is in the album or not; those without a vector are left out."""
        entry = self.scoring.entry(album)
        have = [photo for photo in photos if photo in self._space]
        accepted = [photo for photo, said in entry.decided.items() if said and photo in self._space]
        vectors, liked = self._space.vectors_of([*have, *accepted]), len(have)
        return reasons(
            have,
            vectors[:liked],
            entry,
            self.scoring.prompts.directions(album.prompts),
            accepted,
            vectors[liked:],
        )

    # ---- what the owner says

    def mark(self, album: Album, photos: Iterable[int], accepted: bool | None) -> Changed:
        """One round of marks: accept (True), reject (False), or leave undecided again (None)."""
        return self.mark_each(album, dict.fromkeys(photos, accepted))

    def mark_each(self, album: Album, marks: Mapping[int, bool | None]) -> Changed:
        """One round with a mark of its own for each photo."""
        return self._learn(
            album, len(marks), lambda: self._database.write(lambda db: records.mark(db, album.id, marks))
        )

    def undo(self, album: Album) -> Changed:
        """Take the last round of marks back. Raises NotThere when there is none."""
        last = records.last_round(self._database.reader(), album.id)
        if last is None:
            raise NotThere(
                f"Nothing was marked in {album.name!r}.", what_to_do="There is nothing to take back."
            )
        return self._learn(
            album,
            len(last.before),
            lambda: self._database.write(lambda db: records.undo_round(db, last)),
        )

    def take_automatic_back(self) -> list[int]:
        """From now on only accepted photos are in any album: all automatic tags undone in one step.

        The ids of the albums that were automatic: `make_automatic` of them is the way back.
        """
        those = [album.id for album in self.all() if album.automatic]
        self._set_automatic(those, automatic=False)
        return those

    def make_automatic(self, albums: Sequence[int]) -> None:
        """These albums fill themselves (again)."""
        self._set_automatic(albums, automatic=True)

    # ---- when photos or the space change

    def take_new(self, photos: Sequence[int]) -> None:
        """Photos that just got their vectors, or that rules say something else of now, join and leave albums.

        Called in the batch that stored the vectors.
        """
        with self._guard:
            if not records.has_albums(self._database.reader()):
                return
            # By whatever it has grown since, by these photos or because somebody asked: a search for a name, too.
            if self._scored != self.scoring.edition_now():
                self.rescore()
                return
            if self._panel is None:
                self._panel = self.scoring.panel(self.all())
            self._take_in(self._panel, photos)

    def rescore(self, cancel: CancelToken | None = None) -> None:
        """Fill every album anew from the vectors: after an import, a model switch, or a fine-tune. Raises Cancelled."""
        with self._guard:
            if not records.has_albums(self._database.reader()):
                return
            edition = self.scoring.edition_now()
            panel = self._panel = self.scoring.panel(self.all())
            if panel.entries:
                self._store(panel, self.scoring.members(panel, cancel))
            self._scored = edition

    # ---- inside

    def _take_in(self, panel: Panel, photos: Sequence[int]) -> None:
        """Store which albums of the panel these photos are in."""
        have, rows = self.scoring.rows_of(photos)
        if not panel.entries or not len(have):
            return
        panel = self.scoring.panel_for(panel, photos)
        found = Gathering(len(panel.entries))
        found.add(have, panel.scores(rows, have).standing)
        # What they were in before is not asked: few are taken in a second time.
        all_of_them = Members.of(have, [])
        self._write_moves(
            panel, [(now.came_since(NOBODY), now.gone_since(all_of_them)) for now in found.members()]
        )

    def _learn(self, album: Album, marks: int, change: Callable[[], object]) -> Changed:
        """Run a change of decisions and store what it does to the album and its family."""
        with self._guard:
            family = self._family(album)
            before = self.scoring.panel(family)
            change()
            after = self.scoring.panel(family)
            old, new = self._both(before, after)
            self._store(after, new)
            self._panel = None
        place = after.place[album.id]
        return changed(album.id, marks, old[place], new[place])

    def _both(self, before: Panel, after: Panel) -> tuple[list[Members], list[Members]]:
        """Members by two panels in one pass over the rows."""
        old, new = Gathering(len(before.entries)), Gathering(len(after.entries))
        for photos, rows in self.scoring.blocks():
            old.add(photos, before.scores(rows, photos).standing)
            new.add(photos, after.scores(rows, photos).standing)
        return old.members(), new.members()

    def _family(self, album: Album) -> list[Album]:
        """The albums that depend on each other: all of one tree, the album among them as it is given."""
        every = {known.id: known for known in self.all()} | {album.id: album}
        tops = {number: _top(number, every) for number in every}
        return [known for number, known in every.items() if tops[number] == tops[album.id]]

    def _refresh(self, album: Album) -> Members:
        """Store the members of an album's family anew; those of the album."""
        with self._guard:
            panel = self.scoring.panel(self._family(album))
            members = self.scoring.members(panel)
            self._store(panel, members)
            self._panel = None
        return members[panel.place[album.id]]

    def _store(self, panel: Panel, found: Sequence[Members]) -> None:
        """Write what differs from the stored members."""
        reader, space = self._database.reader(), self._space.id
        hidden = hidden_photos(reader)
        moves: list[Moves] = []
        for entry, now in zip(panel.entries, found, strict=True):
            before = Members.of(*records.members(reader, space, entry.album.id))
            gone = [photo for photo in now.gone_since(before) if photo not in hidden]
            moves.append((now.came_since(before), gone))
        self._write_moves(panel, moves)

    def _write_moves(self, panel: Panel, moves: Sequence[Moves]) -> None:
        come: list[tuple[int, int, int]] = []
        gone: list[tuple[int, int]] = []
        for entry, (came, went) in zip(panel.entries, moves, strict=True):
            come += [(entry.album.id, photo, int(sure)) for photo, sure in came]
            gone += [(entry.album.id, photo) for photo in went]
        if come or gone:
            self._database.write(lambda db: records.change_members(db, self._space.id, come, gone))

    def _set_automatic(self, albums: Sequence[int], *, automatic: bool) -> None:
        self._database.write(lambda db: records.set_automatic(db, albums, automatic))
        self.rescore()


def _words(given: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(text.strip() for text in given if text.strip()))


def _top(number: int, every: Mapping[int, Album]) -> int:
    """The topmost ancestor; in a ring of parents its smallest id."""
    seen = [number]
    while (parent := every[seen[-1]].parent) is not None and parent in every:
        if parent in seen:
            return min(seen)
        seen.append(parent)
    return seen[-1]
