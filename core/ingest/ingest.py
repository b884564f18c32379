"""One run over the watched folders: what the scans found to do, done, and counted."""

from __future__ import annotations

import os
import time
from collections.abc import Iterable

from core.ingest.reading import Reading
from core.ingest.storing import Stored, Storing
from core.ingest.work import Counts, Todo
from core.library import files as table
from core.library import photos
from core.library.database import Database
from core.library.files import FileToIndex
from core.library.roots import Root, below_root, forget_empty_roots, has_empty_roots, watched_roots
from core.log import logger
from core.models.encoder import Encoder
from core.photos.decoding import DecodingPool
from core.photos.scan import Findings, locate, scan
from core.photos.thumbs import Thumbs
from core.progress import CancelToken, Pace, Report
from core.spaces.space import Space

log = logger(__name__)


class Ingest:
    """Brings a library up to date with its folders. One run at a time.

    stored: called from the encoding thread with the ids of photos that became visible.
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
        # As far as it has come, also of a run that was stopped.
        self.counts = Counts()

    def run(
        self,
        report: Report,
        cancel: CancelToken,
        *,
        roots: Iterable[Root] | None = None,
        paths: Iterable[bytes] | None = None,
        everything: bool = False,
    ) -> Counts:
        """Scan and index all watched roots, these roots, or these absolute paths, once. Raises Cancelled."""
        begin = time.monotonic()
        counts = self.counts
        try:
            thumbless = self._thumbless() if paths is None else frozenset[int]()
            todo = self._scan(report, cancel, counts, roots, paths, everything, thumbless)
            if todo:
                storing = Storing(
                    self._database, self._thumbs, self._space, self._encoder, self._stored, cancel
                )
                pace = Pace(report, "index", len(todo))
                Reading(self._database, self._space, self._pool, storing, counts, pace, thumbless).work(
                    todo, cancel
                )
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
        thumbless: frozenset[int],
    ) -> list[Todo]:
        pace = Pace(report, "scan")
        todo: dict[int, Todo] = {}
        for given in roots if roots is not None else watched_roots(self._database.reader()):
            root = locate(self._database, given)
            if root is None:
                log.warning("not there now: %r", given.path)
                continue
            for below in _parts(root, paths):
                found = scan(self._database, root, pace, cancel, below=below, everything=everything)
                self._note(found, root, counts, todo)
            if paths is None:
                reader = self._database.reader()
                again = table.files_of_photos_without_vector(reader, self._space.id, root.id)
                again += table.files_of_photos(reader, root.id, sorted(thumbless))
                for file in again:
                    todo.setdefault(file.id, _todo(root, file))
        if has_empty_roots(self._database.reader()):
            self._database.write(forget_empty_roots)
        pace.flush()
        return list(todo.values())

    def _thumbless(self) -> frozenset[int]:
        """Photos whose thumbnail was lost with a damaged `thumbs.db`."""
        return frozenset(photos.photo_ids_by_date(self._database.reader())) - self._thumbs.photos()

    @staticmethod
    def _note(found: Findings, root: Root, counts: Counts, todo: dict[int, Todo]) -> None:
        counts.moved += found.moved
        counts.missing += found.missing
        for file in found.to_index:
            todo.setdefault(file.id, _todo(root, file))


def _todo(root: Root, file: FileToIndex) -> Todo:
    path = os.path.join(root.path, file.path)
    return Todo(file, path, table.display_name(file.path).rpartition("/")[2])


def _parts(root: Root, paths: Iterable[bytes] | None) -> list[bytes]:
    """What of a root is to be scanned, relative to it: all, or those of the absolute paths that lie below it."""
    if paths is None:
        return [b""]
    return sorted({below for path in paths if (below := below_root(path, root.path)) is not None})
