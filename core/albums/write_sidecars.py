"""What the owner said, written into sidecars beside the photos. The photos themselves are never written.

Each batch is remembered as about to be written, then written, then remembered as written: a crash between leaves
nothing that we would later take for another program's. What cannot be written now (a folder that is read-only, a
drive that is away) is remembered as waiting and tried by the next run.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from sqlite_utils import Database as Tables

from core.albums.sidecar import (
    DEFAULT,
    Known,
    Sidecar,
    SidecarFault,
    Words,
    album_subject,
    album_tag,
    digest,
    fit,
)
from core.albums.sidecar_files import (
    NotNow,
    OwnWrites,
    content_of,
    look_of,
    looked_again,
    sidecar_of,
    sync_folders,
    write,
)
from core.disk import is_full
from core.errors import DiskFull
from core.library import sidecars as table
from core.library.database import Database
from core.library.files import Fault, SeenFile
from core.library.sidecars import PhotoFile, Record, Said
from core.progress import CancelToken, Pace, Report

FILES_A_BATCH = 100


@dataclass(slots=True)
class Written:
    """What one run did, of the photos that something was said of.

    waiting  could not be written now; offline: lies on a drive that is away; failed: a sidecar there is unusable
    """

    written: int = 0
    same: int = 0
    waiting: int = 0
    offline: int = 0
    faults: list[Fault] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class _Plan:
    """A sidecar to be written: its new content, None where it says all that already."""

    file: PhotoFile
    record: Record
    content: bytes | None
    known: Known
    look: str


def words_to_write(said: Said, names: Mapping[int, str], automatic: Iterable[int] = ()) -> Words:
    """What the sidecar of a photo shall say. `names` of albums; `automatic` those the photo is in by itself."""
    accepted = sorted(names[album] for album, yes in said.decided.items() if yes and album in names)
    of_itself = sorted(names[album] for album in automatic if album in names and album not in said.decided)
    keywords = sorted(word for each in said.keywords if (word := fit(each)))
    captions = {lang: text for lang, each in said.captions.items() if (text := fit(each))}
    # A language that says nothing of itself; a family that writes Chinese reads Chinese.
    first = captions.get("zh") or next(iter(captions.values()), "")
    return Words(
        subjects=tuple(dict.fromkeys((*map(fit, accepted), *keywords))),
        hierarchical=(
            *map(album_subject, accepted),
            *(album_subject(name, automatic=True) for name in of_itself),
        ),
        tags=(
            *map(album_tag, accepted),
            *(album_tag(name, automatic=True) for name in of_itself),
            *keywords,
        ),
        rating=None if said.rating is None else str(said.rating),
        description={DEFAULT: first, **captions} if first else {},
    )


def write_sidecars(
    database: Database,
    own: OwnWrites,
    report: Report,
    cancel: CancelToken,
    *,
    space: str | None = None,
    dry_run: bool = False,
) -> Written:
    """Bring every sidecar up to date with what was said; photos of which nothing was said get none.

    own      is told of each write
    space    also name the automatic members of albums, by this space
    dry_run  only count
    Raises Cancelled, and DiskFull when a disk is: what was written until then stays and is remembered.
    """
    return _Writing(database, own, space).run(report, cancel, dry_run)


class _Writing:
    def __init__(self, database: Database, own: OwnWrites, space: str | None) -> None:
        self._database = database
        self._own = own
        reader = database.reader()
        self._names = table.album_names(reader)
        self._said = table.everything_said(reader)
        self._members = table.sure_members(reader, space) if space else {}
        self._records = table.records(reader)
        self._done = Written()

    def run(self, report: Report, cancel: CancelToken, dry_run: bool) -> Written:
        reader = self._database.reader()
        self._done.offline = sum(
            digest(self._words(photo)) != self._known(file).said
            for file, photo in table.offline_files(reader)
            if photo in self._said or file in self._records
        )
        files = [file for file in table.files_here(reader) if self._concerns(file)]
        pace = Pace(report, "sidecars", len(files))
        for begin in range(0, len(files), FILES_A_BATCH):
            cancel.check()
            part = files[begin : begin + FILES_A_BATCH]
            plans = [plan for file in part if (plan := self._plan(file)) is not None]
            if dry_run:
                self._done.written += sum(plan.content is not None for plan in plans)
                self._done.same += sum(plan.content is None for plan in plans)
            else:
                self._write(plans)
            pace.step(len(part))
        pace.flush()
        return self._done

    def _concerns(self, file: PhotoFile) -> bool:
        return file.photo in self._said or file.photo in self._members or file.id in self._records

    def _known(self, file: int) -> Known:
        record = self._records.get(file)
        return Known.from_json(record.known) if record else Known()

    def _words(self, photo: int) -> Words:
        return words_to_write(
            self._said.get(photo, Said()), self._names, sorted(self._members.get(photo, ()))
        )

    def _plan(self, file: PhotoFile) -> _Plan | None:
        """What is to do for this file; None when nothing is, or its sidecar is unusable."""
        wanted, record = self._words(file.photo), self._records.get(file.id, Record())
        known = Known.from_json(record.known)
        path = sidecar_of(file.absolute)
        look = look_of(path)
        if digest(wanted) == known.said and look == known.left and record.waiting is None:
            self._done.same += 1
            return None
        try:
            content, new = Sidecar(content_of(path)).merged(wanted, known)
        except SidecarFault as fault:
            self._fail(path, fault)
            return None
        return _Plan(file, record, content, new, look)

    def _fail(self, path: bytes, fault: SidecarFault) -> None:
        self._done.faults.append(Fault(os.fsdecode(path), "store", fault.code, str(fault)))

    def _write(self, plans: Sequence[_Plan]) -> None:
        to_write = [plan for plan in plans if plan.content is not None]
        if to_write:
            self._database.write(lambda db: table.remember(db, [_meant(plan) for plan in to_write]))
        rows: list[tuple[int, Record]] = []
        own: list[tuple[int, SeenFile]] = []
        try:
            for plan in plans:
                self._write_one(plan, rows, own)
        finally:
            with contextlib.suppress(OSError):  # the drive went: what was written is found, or written again
                sync_folders(sidecar_of(plan.file.absolute) for plan in to_write)

            def remember(db: Tables) -> None:
                table.remember(db, rows)
                table.note_own(db, own)

            self._database.write(remember)

    def _write_one(
        self, plan: _Plan, rows: list[tuple[int, Record]], own: list[tuple[int, SeenFile]]
    ) -> None:
        path, look, seen = sidecar_of(plan.file.absolute), plan.look, plan.record.seen
        try:
            if plan.content is None:
                self._done.same += 1
            else:
                if not os.path.exists(plan.file.absolute):
                    # An empty mount point is a folder too.
                    raise NotNow("The photo is not there now.")
                if look_of(path) != plan.look:
                    raise NotNow("Another program is writing it.")
                written = write(path, plan.content)
                self._own.note(written)
                own.append((plan.file.root, replace(written, path=sidecar_of(plan.file.path))))
                self._done.written += 1
                look = look_of(path)
                seen = looked_again(seen, plan.look, look)
            rows.append((plan.file.id, Record(replace(plan.known, left=look).as_json(), seen)))
        except NotNow as reason:
            self._done.waiting += 1
            rows.append((plan.file.id, replace(plan.record, waiting=str(reason))))
        except OSError as error:
            if is_full(error):
                rows.append((plan.file.id, replace(plan.record, waiting="The disk is full.")))
                raise DiskFull(
                    f"The disk that holds {os.fsdecode(path)} is full.",
                    what_to_do="Free some space there and write the sidecars again; nothing is lost.",
                ) from error
            self._fail(path, SidecarFault(f"This sidecar cannot be written: {error.strerror}."))
            rows.append((plan.file.id, plan.record))


def _meant(plan: _Plan) -> tuple[int, Record]:
    meant = Known.from_json(plan.record.known).about_to_be(plan.known)
    return plan.file.id, replace(plan.record, known=meant.as_json(), waiting="It is being written.")
