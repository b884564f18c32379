"""Fills another space with the photos that the library knows already, while the space in use goes on serving.

Only pictures are read: what the files say, thumbnails and faults are the import's business. A photo gets a
vector from a file that still holds the picture it is known by; a file that shows another one now is left to
the next import. Nothing remembers where a build stood: it goes on with the photos that have no vector yet.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence

from sqlite_utils import Database as Tables

from core.errors import ModelError, PhotoFault
from core.ingest.encoding import Encoding
from core.ingest.turns import Turns
from core.library import spaces
from core.library.database import Database
from core.library.spaces import PhotoFile
from core.log import logger
from core.models.encoder import Encoder
from core.photos.decoding import Decoded, DecodingPool, Ended, Identified, Job
from core.progress import CancelToken, Pace
from core.spaces.space import Space
from core.spaces.vectors import Embeddings

log = logger(__name__)

# So many photos that a model refuses one after the other are no accident: the model does not work here.
MOST_REFUSED = 8
# Files that are looked up at a time: 500 bytes each, and half an hour's work for a large model on two cores.
PORTION = 5_000


class Building:
    """One build. `work` may be called again, as more photos come in; what failed once is not tried again.

    The import goes first, because its photos cannot be found at all yet: between two photos a build waits for it.
    """

    def __init__(
        self,
        database: Database,
        space: Space,
        encoder: Encoder,
        pool: DecodingPool,
        turns: Turns,
    ) -> None:
        self._database = database
        self._space = space
        self._encoder = encoder
        self._pool = pool
        self._turns = turns
        self._tried: set[int] = set()
        # Files that were tried and whose photos still have no vector, when they were last looked for.
        self._in_vain = 0
        self._refused = 0
        # Stored and refused since they were last counted; told by the encoding thread.
        self._guard = threading.Lock()
        self._stored_now = self._refused_now = 0

    def work(self, pace: Pace, cancel: CancelToken, first: Sequence[int] = ()) -> None:
        """Encode every photo without a vector that can be read, the newest first.

        first  photos to be done before the others: those in sight
        Raises Cancelled, ModelError, or DiskFull; what was stored until then stays.
        """
        if first:
            self._work_through(self._next_files(first[:PORTION]), pace, cancel)
        while files := self._next_files():
            self._work_through(files, pace, cancel)

    def is_left(self) -> bool:
        """Whether there are photos that `work` would encode now."""
        return bool(self._next_files())

    def _next_files(self, among: Sequence[int] = ()) -> dict[int, PhotoFile]:
        """For some of the photos without a vector a file that was not tried yet, in the order of work."""
        while True:
            limit = PORTION + self._in_vain
            found = spaces.files_to_encode(self._database.reader(), self._space.id, limit, among)
            chosen: dict[int, PhotoFile] = {}
            for each in found:
                if each.file not in self._tried:
                    chosen.setdefault(each.photo, each)
            if chosen or among or len(found) < limit:
                return chosen
            self._in_vain = len(found)

    def _work_through(self, files: dict[int, PhotoFile], pace: Pace, cancel: CancelToken) -> None:
        encoding: Encoding[PhotoFile] = Encoding(
            self._encoder, self._store, self._refuse, self._database.close_reader, cancel
        )
        encoding.start()
        is_done = False
        try:
            for answer in self._pool.run(
                self._jobs(files, pace, cancel), lambda found: _still_shows(files, found), cancel
            ):
                encoding.check()
                if isinstance(answer, Ended):
                    self._take(files[answer.key], answer.result, encoding, pace)
                self._count(pace)
            is_done = True
        finally:
            if is_done:
                encoding.finish(lambda: self._count(pace))
            else:
                encoding.stop()
            self._count(pace)
        encoding.check()
        cancel.check()
        pace.flush()

    def _jobs(self, files: dict[int, PhotoFile], pace: Pace, cancel: CancelToken) -> Iterator[Job]:
        for photo, file in files.items():
            self._tried.add(file.file)
            if self._turns.is_importing:
                pace.wait()
                self._turns.wait(cancel)
                pace.rest()
            yield Job(photo, file.path)

    def _take(
        self, file: PhotoFile, result: Decoded | PhotoFault | None, encoding: Encoding[PhotoFile], pace: Pace
    ) -> None:
        if isinstance(result, Decoded):
            encoding.put(file, result.pixels)
        elif isinstance(result, PhotoFault) and result.code != "gone":
            log.info("left out of the new space: %s: %s", result.code, result)
            pace.step(0, failed=1)

    def _count(self, pace: Pace) -> None:
        with self._guard:
            stored, self._stored_now = self._stored_now, 0
            refused, self._refused_now = self._refused_now, 0
        if stored or refused:
            pace.step(stored, failed=refused)

    # ---- in the encoding thread

    def _store(self, batch: Sequence[PhotoFile], embeddings: Embeddings) -> None:
        first = self._space.append(embeddings)
        rows = [(file.photo, first + i, file.picture_hash) for i, file in enumerate(batch)]

        def write(db: Tables) -> None:
            # Asked again here: an import may have replaced a photo's picture meanwhile.
            spaces.set_rows_of_pictures(db, self._space.id, rows)

        self._database.write(write)
        self._refused = 0
        with self._guard:
            self._stored_now += len(batch)

    def _refuse(self, file: PhotoFile, error: ModelError) -> None:
        log.warning("left out of the new space: %s", error)
        self._refused += 1
        if self._refused >= MOST_REFUSED:
            raise error
        with self._guard:
            self._refused_now += 1


def _still_shows(files: dict[int, PhotoFile], found: Identified) -> bool:
    return found.identity is not None and found.identity.picture_hash == files[found.key].picture_hash
