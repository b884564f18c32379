"""The photo's way: scan → identify → decode → encode → store; resumable and stoppable at any instant.

Three parties work at once. Decoder processes (core/photos/decoding.py) read, identify and decode files.
The calling thread feeds them, decides from a file's identity whether it must be decoded at all, and
writes down what needs no vector: a copy, a new keyword, a fault. The storing thread takes what was
decoded, encodes it in batches, and stores each batch in the order that makes a crash harmless: vectors
(flushed), thumbnails, then the one transaction that makes the photos visible. The bounded queue between
the two threads keeps memory flat; the slower side sets the pace.

Nothing remembers where a run stood: files that are not yet looked into are found again by the next scan.
"""

from __future__ import annotations

import os
import queue
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass

import numpy as np
from sqlite_utils import Database as Tables

from core.errors import ModelError, PhotoFault, ShiguangError
from core.library import files as table
from core.library import photos, spaces
from core.library.database import Database
from core.library.files import FileToIndex
from core.library.photos import FileFacts, Picture
from core.library.roots import Root, forget_empty_roots, watched_roots
from core.log import logger
from core.models.encoder import Encoder
from core.photos.decoding import Decoded, DecodingPool, Ended, Identified, Job
from core.photos.identity import Identity
from core.photos.scan import Findings, locate, scan
from core.photos.signature import shows_the_same
from core.photos.thumbs import Thumbs
from core.progress import CancelToken, Pace, Report
from core.spaces.space import Space
from core.spaces.vectors import Embeddings

log = logger(__name__)

# Stored together: fewer would wait for the disk more often, more would come into view later.
BATCH = 16
# Encoded together: on CPUs eight photos' activations still fit the cache (starter: 7.2 ms of core time a photo,
# 8.2 ms at 32, 9.4 ms at 64).
AT_ONCE = 8
# A batch is not held back longer than this when decoding is slower than encoding.
BATCH_WAIT_S = 0.5
# Changes that need no vector are written together: a transaction waits for the disk.
CHANGES_A_TRANSACTION = 200
CHANGES_WAIT_S = 1.0

Stored = Callable[[Sequence[int]], None]


@dataclass(slots=True)
class Counts:
    """What one run did, and what it left."""

    decoded: int = 0
    encoded: int = 0
    failed: int = 0
    moved: int = 0
    missing: int = 0
    seconds: float = 0.0

    @property
    def photos_per_s(self) -> float:
        return self.encoded / self.seconds if self.seconds else 0.0


@dataclass(frozen=True, slots=True)
class _Todo:
    file: FileToIndex
    path: bytes
    name: str


@dataclass(frozen=True, slots=True)
class _Read:
    """A file that was identified, before its picture is known."""

    todo: _Todo
    identity: Identity
    facts: FileFacts


class Ingest:
    """Brings a library up to date with its folders. One run at a time.

    stored: called from the storing thread with the ids of photos that became visible.
    """

    def __init__(
        self,
        database: Database,
        thumbs: Thumbs,
        space: Space,
        encoder: Encoder,
        pool: DecodingPool,
        stored: Stored,
    ) -> None:
        self._database = database
        self._thumbs = thumbs
        self._space = space
        self._encoder = encoder
        self._pool = pool
        self._stored = stored

    def run(
        self,
        report: Report,
        cancel: CancelToken,
        *,
        roots: Iterable[Root] | None = None,
        paths: Iterable[bytes] | None = None,
        everything: bool = False,
    ) -> Counts:
        """Scan and index all watched roots, these roots, or these absolute paths. Raises Cancelled."""
        begin = time.monotonic()
        counts = Counts()
        try:
            todo = self._scan(report, cancel, counts, roots, paths, everything)
            if todo:
                _Run(self, counts, Pace(report, "index", len(todo)), cancel).work(todo)
        finally:
            counts.seconds = time.monotonic() - begin
        return counts

    def _scan(
        self,
        report: Report,
        cancel: CancelToken,
        counts: Counts,
        roots: Iterable[Root] | None,
        paths: Iterable[bytes] | None,
        everything: bool,
    ) -> list[_Todo]:
        pace = Pace(report, "scan")
        todo: dict[int, _Todo] = {}
        for given in roots if roots is not None else watched_roots(self._database.reader()):
            root = locate(self._database, given)
            if root is None:
                log.warning("not there now: %r", given.path)
                continue
            for below in (
                [b""]
                if paths is None
                else sorted({b for p in paths if (b := _below(p, root.path)) is not None})
            ):
                found = scan(self._database, root, pace, cancel, below=below, everything=everything)
                self._note(found, root, counts, todo)
            for file in table.files_of_photos_without_vector(
                self._database.reader(), self._space.id, root.id
            ):
                todo.setdefault(file.id, _todo(root, file))
        self._database.write(forget_empty_roots)
        pace.flush()
        return list(todo.values())

    @staticmethod
    def _note(found: Findings, root: Root, counts: Counts, todo: dict[int, _Todo]) -> None:
        counts.moved += found.moved
        counts.missing += found.missing
        for file in found.to_index:
            todo.setdefault(file.id, _todo(root, file))


class _Run:
    """One pass over the files that a scan found to do."""

    def __init__(self, ingest: Ingest, counts: Counts, pace: Pace, cancel: CancelToken) -> None:
        self._database = ingest._database
        self._thumbs = ingest._thumbs
        self._space = ingest._space
        self._encoder = ingest._encoder
        self._pool = ingest._pool
        self._stored = ingest._stored
        self._counts = counts
        self._pace = pace
        self._cancel = cancel
        # By key of the job: what a worker's answer belongs to.
        self._todo: dict[int, _Todo] = {}
        self._read: dict[int, _Read] = {}
        self._known: dict[int, int] = {}
        # Pictures being decoded now, and the copies that wait for them.
        self._under_way: set[bytes] = set()
        self._waiting: dict[bytes, list[_Read]] = {}
        self._changes: list[Callable[[Tables], None]] = []
        self._changes_since = time.monotonic()
        self._decoded: queue.Queue[tuple[_Read, Decoded] | None] = queue.Queue(maxsize=4 * BATCH)
        # Answers of the storing thread: picture hash and its photo, or None when it failed.
        self._settled: deque[tuple[bytes, int | None]] = deque()
        self._unencoded: deque[tuple[_Read, ShiguangError]] = deque()
        self._broken: BaseException | None = None
        # Ids are given out here, not by SQLite: a thumbnail is stored before its photo's row.
        self._next_photo = photos.last_photo(self._database.reader()) + 1

    def work(self, todo: Sequence[_Todo]) -> None:
        self._pace.flush()
        storing = threading.Thread(target=self._store_all, name="encode and store")
        storing.start()
        answers = self._pool.run(self._jobs(todo), self._wants, self._cancel)
        try:
            for answer in answers:
                if self._broken is not None:
                    raise self._broken
                if isinstance(answer, Ended):
                    self._end(answer)
                elif answer.identity is None:
                    self._pass_over(answer)
                self._settle()
                if (
                    len(self._changes) >= CHANGES_A_TRANSACTION
                    or time.monotonic() - self._changes_since > CHANGES_WAIT_S
                ):
                    self._write_changes()
        finally:
            self._put(None)
            storing.join()
            self._settle()
            self._write_changes()
        if self._broken is not None:
            raise self._broken
        self._pace.flush()

    # ---- the calling thread: what must be decoded at all

    def _jobs(self, todo: Sequence[_Todo]) -> Iterator[Job]:
        for each in todo:
            self._todo[each.file.id] = each
            yield Job(each.file.id, each.path)

    def _wants(self, found: Identified) -> bool:
        identity, metadata = found.identity, found.metadata
        assert identity is not None and metadata is not None, "only pictures are asked about"
        facts = FileFacts(
            found.size_bytes, found.mtime_ns, identity.file_hash, str(found.kind), asdict(metadata)
        )
        self._read[found.key] = _Read(self._todo[found.key], identity, facts)
        reader = self._database.reader()
        known = photos.photo_of_picture(reader, identity.picture_hash)
        if known is not None and known in self._space:
            if identity.clean or table.has_bytes(reader, known, identity.file_hash):
                self._known[found.key] = known
                return False
        elif identity.clean and identity.picture_hash in self._under_way:
            return False
        self._under_way.add(identity.picture_hash)
        return True

    def _pass_over(self, found: Identified) -> None:
        self._change(lambda db: table.pass_over(db, [(found.key, str(found.kind))]))

    def _end(self, ended: Ended) -> None:
        todo = self._todo.pop(ended.key)
        read = self._read.pop(ended.key, None)
        known = self._known.pop(ended.key, None)
        if isinstance(ended.result, PhotoFault):
            self._fail(todo, read, "identify" if read is None else "decode", ended.result)
        elif read is None:
            self._pace.step()  # passed over
        elif isinstance(ended.result, Decoded):
            self._counts.decoded += 1
            self._put((read, ended.result))
        elif known is not None:
            self._attach(read, known)
            self._pace.step()
        else:
            self._wait_for_copy(read)

    def _wait_for_copy(self, read: _Read) -> None:
        """A copy of a picture that is being decoded follows it; it may have come to its end meanwhile."""
        picture_hash = read.identity.picture_hash
        self._waiting.setdefault(picture_hash, []).append(read)
        if picture_hash not in self._under_way:
            self._settled.append(
                (picture_hash, photos.photo_of_picture(self._database.reader(), picture_hash))
            )

    def _settle(self) -> None:
        """Take the storing thread's answers. Copies that waited for a picture follow it; where it failed they
        stay to do for the next run."""
        while self._unencoded:
            read, error = self._unencoded.popleft()
            self._fail(read.todo, read, "encode", error)
        while self._settled:
            picture_hash, photo = self._settled.popleft()
            self._under_way.discard(picture_hash)
            for read in self._waiting.pop(picture_hash, ()):
                if photo is not None:
                    self._attach(read, photo)
                self._pace.step()

    def _attach(self, read: _Read, photo: int) -> None:
        self._change(lambda db: photos.attach_file(db, read.todo.file.id, photo, read.facts))

    def _fail(self, todo: _Todo, read: _Read | None, stage: str, error: ShiguangError) -> None:
        log.info("%s failed: %s: %s", stage, error.code, error)
        self._counts.failed += 1
        self._change(lambda db: table.record_fault(db, todo.file.id, stage, error.code, str(error)))
        self._pace.step(failed=1)
        if read is not None:
            self._settled.append((read.identity.picture_hash, None))

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

    def _put(self, item: tuple[_Read, Decoded] | None) -> None:
        """Hand on to the storing thread; never waits for one that has died."""
        while self._broken is None:
            try:
                self._decoded.put(item, timeout=0.5)
                return
            except queue.Full:
                continue

    # ---- the storing thread

    def _store_all(self) -> None:
        try:
            # While the decoders start.
            self._encoder.load_images()
            while batch := self._next_batch():
                for part, embeddings in self._encode(batch):
                    self._store(part, embeddings)
        except BaseException as error:  # noqa: BLE001 - raised again in the calling thread
            self._broken = error

    def _next_batch(self) -> list[tuple[_Read, Decoded]]:
        """Up to BATCH decoded photos, at least one; empty at the end."""
        first = self._decoded.get()
        if first is None:
            return []
        batch = [first]
        until = time.monotonic() + BATCH_WAIT_S
        while len(batch) < BATCH:
            try:
                item = self._decoded.get(timeout=max(0.0, until - time.monotonic()))
            except queue.Empty:
                break
            if item is None:
                self._decoded.put(None)
                break
            batch.append(item)
        return batch

    def _encode(
        self, batch: list[tuple[_Read, Decoded]]
    ) -> Iterator[tuple[list[tuple[_Read, Decoded]], Embeddings]]:
        """The batch's embeddings; in halves when memory runs out, and a photo that cannot be encoded becomes a fault."""
        side = self._encoder.spec.preprocessing.size_px
        pixels = np.stack([np.frombuffer(d.pixels, np.uint8).reshape(side, side, 3) for _, d in batch])
        try:
            parts = [self._encoder.encode_images(pixels[i : i + AT_ONCE]) for i in range(0, len(pixels), AT_ONCE)]
        except ModelError as error:
            if len(batch) == 1:
                self._unencoded.append((batch[0][0], error))
                return
            half = len(batch) // 2
            yield from self._encode(batch[:half])
            yield from self._encode(batch[half:])
            return
        yield batch, np.concatenate(parts)

    def _store(self, batch: list[tuple[_Read, Decoded]], embeddings: Embeddings) -> None:
        first = self._space.append(embeddings)
        ids = self._photo_ids(batch)
        self._thumbs.put((photo, decoded.thumb) for (photo, _), (_, decoded) in zip(ids, batch, strict=True))

        def write(db: Tables) -> None:
            for (photo, is_new), (read, decoded) in zip(ids, batch, strict=True):
                picture = _picture(read.identity, decoded)
                if is_new:
                    photos.add_photo(db, picture, photo)
                else:
                    photos.replace_picture(db, photo, picture)
                photos.attach_file(db, read.todo.file.id, photo, read.facts)
            # A photo that stands twice in a batch keeps its last row.
            spaces.set_rows(db, self._space.id, ((photo, first + i) for i, (photo, _) in enumerate(ids)))

        self._database.write(write)
        self._space.adopt([photo for photo, _ in ids], first)
        self._settled.extend(
            (read.identity.picture_hash, photo) for (photo, _), (read, _) in zip(ids, batch, strict=True)
        )
        self._counts.encoded += len(batch)
        self._pace.step(len(batch))
        self._stored([photo for photo, _ in ids])

    def _photo_ids(self, batch: list[tuple[_Read, Decoded]]) -> list[tuple[int, bool]]:
        """(photo, is it new) of each: the photo that its file showed before when it still shows that picture,
        perhaps turned; the photo of that picture data; or a new one."""
        reader = self._database.reader()
        ids: list[tuple[int, bool]] = []
        here: dict[bytes, int] = {}
        for read, decoded in batch:
            before, picture_hash = read.todo.file.photo, read.identity.picture_hash
            if before is not None and shows_the_same(photos.signature_of(reader, before), decoded.signature):
                ids.append((before, False))
                continue
            known = here.get(picture_hash) or photos.photo_of_picture(reader, picture_hash)
            ids.append((known or self._next_photo, known is None))
            if known is None:
                self._next_photo += 1
            here[picture_hash] = ids[-1][0]
        return ids


def _picture(identity: Identity, decoded: Decoded) -> Picture:
    return Picture(
        identity.picture_hash,
        decoded.signature,
        decoded.format,
        decoded.frames,
        decoded.width,
        decoded.height,
        decoded.colour,
    )


def _todo(root: Root, file: FileToIndex) -> _Todo:
    path = os.path.join(root.path, file.path)
    return _Todo(file, path, table.display_name(file.path).rpartition("/")[2])


def _below(path: bytes, root: bytes) -> bytes | None:
    if path == root:
        return b""
    prefix = root.rstrip(os.sep.encode()) + os.sep.encode()
    return path[len(prefix) :] if path.startswith(prefix) else None
