"""The calling thread: feeds the decoders, decides what must be decoded, writes down what needs no vector."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict

from sqlite_utils import Database as Tables

from core.errors import PhotoFault, ShiguangError
from core.ingest.storing import Storing
from core.ingest.work import Counts, ReadFile, Todo
from core.library import files as table
from core.library import photos
from core.library.database import Database
from core.library.photos import FileFacts
from core.log import logger
from core.photos.decoding import Decoded, DecodingPool, Ended, Identified, Job
from core.photos.faults import fault
from core.progress import CancelToken, Pace
from core.spaces.space import Space

log = logger(__name__)

# Changes that need no vector are written together: a transaction waits for the disk.
CHANGES_A_TRANSACTION = 200
CHANGES_WAIT_S = 1.0


class Reading:
    """One pass over the files that a scan found to do."""

    def __init__(
        self,
        database: Database,
        space: Space,
        pool: DecodingPool,
        storing: Storing,
        counts: Counts,
        pace: Pace,
        thumbless: frozenset[int],
    ) -> None:
        self._database = database
        self._space = space
        self._pool = pool
        self._storing = storing
        self._counts = counts
        self._pace = pace
        # Photos whose thumbnail was lost: decoded again, though they are known.
        self._thumbless = thumbless
        # By key of the job: what a worker's answer belongs to.
        self._todo: dict[int, Todo] = {}
        self._read: dict[int, ReadFile] = {}
        self._known: dict[int, int] = {}
        # Pictures being decoded now, and the copies that wait for them.
        self._under_way: set[bytes] = set()
        self._waiting: dict[bytes, list[ReadFile]] = {}
        self._changes: list[Callable[[Tables], None]] = []
        self._changes_since = time.monotonic()

    def work(self, todo: Sequence[Todo], cancel: CancelToken) -> None:
        """Do it all. Raises Cancelled, or what the encoding thread died of; what was stored until then stays."""
        self._pace.flush()
        self._storing.start()
        is_done = False
        try:
            for answer in self._pool.run(self._jobs(todo), self._wants, cancel):
                self._storing.check()
                if isinstance(answer, Ended):
                    self._end(answer)
                elif answer.identity is None:
                    self._pass_over(answer)
                self._settle()
                waited_s = time.monotonic() - self._changes_since
                if len(self._changes) >= CHANGES_A_TRANSACTION or waited_s > CHANGES_WAIT_S:
                    self._write_changes()
            is_done = True
        finally:
            if is_done:
                self._storing.finish(self._settle)
            else:
                self._storing.stop()
            self._settle()
            self._write_changes()
        self._storing.check()
        cancel.check()
        self._pace.flush()

    def _jobs(self, todo: Sequence[Todo]) -> Iterator[Job]:
        for each in todo:
            self._todo[each.file.id] = each
            yield Job(each.file.id, each.path)

    def _wants(self, found: Identified) -> bool:
        """Whether a picture must be decoded: not when its photo is known, or a copy of it is under way."""
        identity, metadata = found.identity, found.metadata
        assert identity is not None and metadata is not None, "only pictures are asked about"
        facts = FileFacts(
            found.size_bytes, found.mtime_ns, identity.file_hash, str(found.kind), asdict(metadata)
        )
        self._read[found.key] = ReadFile(self._todo[found.key], identity, facts)
        reader = self._database.reader()
        known = photos.photo_of_picture(reader, identity.picture_hash, identity.file_hash)
        if known is not None and known in self._space and known not in self._thumbless:
            if identity.clean or table.has_bytes(reader, known, identity.file_hash):
                self._known[found.key] = known
                return False
        elif identity.clean and identity.picture_hash in self._under_way:
            return False
        self._under_way.add(identity.picture_hash)
        return True

    def _pass_over(self, found: Identified) -> None:
        self._change(lambda db: table.pass_over(db, found.key, str(found.kind)))

    def _end(self, ended: Ended) -> None:
        todo = self._todo.pop(ended.key)
        file = self._read.pop(ended.key, None)
        known = self._known.pop(ended.key, None)
        if isinstance(ended.result, PhotoFault) and ended.result.code == "gone":
            # Deleted, or its drive was pulled out: the next scan sees which, and the file is still to do.
            self._pace.step()
            if file is not None:
                self._follow(file.identity.picture_hash, None)
        elif isinstance(ended.result, PhotoFault):
            self._fail(todo, "identify" if file is None else "decode", _of_the_disk(ended.result, file), file)
            if file is not None:
                self._follow(file.identity.picture_hash, None)
        elif file is None:
            self._pace.step()  # passed over
        elif isinstance(ended.result, Decoded):
            self._counts.decoded += 1
            self._storing.put(file, ended.result)
        elif known is not None:
            self._attach(file, known)
        else:
            self._wait(file)

    def _wait(self, file: ReadFile) -> None:
        """A copy of a picture that is being decoded follows it; that may have come to its end meanwhile."""
        picture_hash = file.identity.picture_hash
        self._waiting.setdefault(picture_hash, []).append(file)
        if picture_hash not in self._under_way:
            self._follow(picture_hash, photos.photo_of_picture(self._database.reader(), picture_hash))

    def _settle(self) -> None:
        """Take the encoding thread's answers."""
        while self._storing.settled:
            settled = self._storing.settled.popleft()
            if settled.error is not None:
                self._fail(settled.file.todo, "encode", settled.error)
            else:
                self._counts.encoded += 1
                self._pace.step()
            self._follow(settled.file.identity.picture_hash, settled.photo)

    def _follow(self, picture_hash: bytes, photo: int | None) -> None:
        """Copies that waited for a picture become its photo's files; where it failed they stay to do for the next run."""
        self._under_way.discard(picture_hash)
        for file in self._waiting.pop(picture_hash, ()):
            if photo is not None:
                self._attach(file, photo)
            else:
                self._pace.step()

    def _attach(self, file: ReadFile, photo: int) -> None:
        self._change(lambda db: photos.attach_file(db, file.todo.file.id, photo, file.facts))
        self._counts.copies += 1
        self._pace.step()

    def _fail(self, todo: Todo, stage: str, error: ShiguangError, file: ReadFile | None = None) -> None:
        log.info("%s failed: %s: %s", stage, error.code, error)
        self._counts.failed += 1
        file_hash = file.identity.file_hash if file is not None else None
        self._change(
            lambda db: table.record_fault(db, todo.file.id, stage, error.code, str(error), file_hash)
        )
        self._pace.step(failed=1)

    def _change(self, change: Callable[[Tables], None]) -> None:
        if not self._changes:
            self._changes_since = time.monotonic()
        self._changes.append(change)

    def _write_changes(self) -> None:
        changes, self._changes = self._changes, []

        def write(db: Tables) -> None:
            for change in changes:
                change(db)

        if changes:
            self._database.write(write)


def _of_the_disk(found: PhotoFault, file: ReadFile | None) -> PhotoFault:
    """A file that was not read in time lies on a disk or network that stalls: that says nothing of the file."""
    if found.code != "timeout" or file is not None:
        return found
    return fault("read-error", "The file could not be read in time.")
