"""The storing thread: decoded photos are encoded in batches, and each batch is stored whole or not at all."""

from __future__ import annotations

import queue
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from sqlite_utils import Database as Tables

from core.errors import ModelError
from core.ingest.work import ReadFile
from core.library import photos, spaces
from core.library.database import Database
from core.library.photos import Picture
from core.models.encoder import Encoder
from core.photos.decoding import Decoded
from core.photos.identity import Identity
from core.photos.signature import shows_the_same
from core.photos.thumbs import Thumbs
from core.spaces.space import Space
from core.spaces.vectors import Embeddings

# Stored together: fewer would wait for the disk more often, more would come into view later.
BATCH = 16
# Encoded together: on CPUs eight photos' activations still fit the cache (starter: 7.2 ms of core time a photo,
# 8.2 ms at 32, 9.4 ms at 64).
AT_ONCE = 8
# A batch is not held back longer than this when decoding is slower than encoding.
BATCH_WAIT_S = 0.5

Stored = Callable[[Sequence[int]], None]
Batch = list[tuple[ReadFile, Decoded]]


@dataclass(frozen=True, slots=True)
class Settled:
    """The storing thread's word on one file: its photo, or why it could not be encoded."""

    file: ReadFile
    photo: int | None
    error: ModelError | None = None


class Storing:
    """Runs from `start` to `finish`. Hand photos in with `put`, take answers out of `settled`, both from one thread.

    stored: called in the storing thread with the ids of photos that became visible.
    """

    def __init__(
        self, database: Database, thumbs: Thumbs, space: Space, encoder: Encoder, stored: Stored
    ) -> None:
        self._database = database
        self._thumbs = thumbs
        self._space = space
        self._encoder = encoder
        self._stored = stored
        self.settled: deque[Settled] = deque()
        self._decoded: queue.Queue[tuple[ReadFile, Decoded] | None] = queue.Queue(maxsize=4 * BATCH)
        self._broken: BaseException | None = None
        # Ids are given out here, not by SQLite: a thumbnail is stored before its photo's row.
        self._next_photo = photos.last_photo(database.reader()) + 1
        self._thread = threading.Thread(target=self._run, name="encode and store")

    def start(self) -> None:
        self._thread.start()

    def put(self, file: ReadFile, decoded: Decoded) -> None:
        """Wait for room and hand in. Raises what the storing thread died of."""
        self._put((file, decoded))
        self.check()

    def check(self) -> None:
        """Raise what the storing thread died of, if it did (a full disk, for one)."""
        if self._broken is not None:
            raise self._broken

    def finish(self) -> None:
        """Wait until everything handed in is stored, or the thread has died."""
        self._put(None)
        self._thread.join()

    def _put(self, item: tuple[ReadFile, Decoded] | None) -> None:
        while self._broken is None:
            try:
                self._decoded.put(item, timeout=0.5)
                return
            except queue.Full:
                continue

    # ---- in the storing thread

    def _run(self) -> None:
        try:
            # While the decoders start.
            self._encoder.load_images()
            while batch := self._next_batch():
                for part, embeddings in self._encode(batch):
                    self._store(part, embeddings)
        except BaseException as error:  # noqa: BLE001 - raised again in the thread that hands in
            self._broken = error
        finally:
            self._database.close_reader()
            self._thumbs.close_thread()

    def _next_batch(self) -> Batch:
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

    def _encode(self, batch: Batch) -> Iterator[tuple[Batch, Embeddings]]:
        """The batch's embeddings; in halves when memory runs out, and a photo that cannot be encoded is settled so."""
        side = self._encoder.spec.preprocessing.size_px
        pixels = np.stack([np.frombuffer(d.pixels, np.uint8).reshape(side, side, 3) for _, d in batch])
        try:
            parts = [
                self._encoder.encode_images(pixels[i : i + AT_ONCE]) for i in range(0, len(pixels), AT_ONCE)
            ]
        except ModelError as error:
            if len(batch) == 1:
                self.settled.append(Settled(batch[0][0], None, error))
                return
            half = len(batch) // 2
            yield from self._encode(batch[:half])
            yield from self._encode(batch[half:])
            return
        yield batch, np.concatenate(parts)

    def _store(self, batch: Batch, embeddings: Embeddings) -> None:
        first = self._space.append(embeddings)
        ids = self._photo_ids(batch)
        self._thumbs.put((photo, decoded.thumb) for (photo, _), (_, decoded) in zip(ids, batch, strict=True))

        def write(db: Tables) -> None:
            for (photo, is_new), (file, decoded) in zip(ids, batch, strict=True):
                picture = _picture(file.identity, decoded)
                if is_new:
                    photos.add_photo(db, picture, photo)
                else:
                    photos.replace_picture(db, photo, picture)
                photos.attach_file(db, file.todo.file.id, photo, file.facts)
            # A photo that stands twice in a batch keeps its last row.
            spaces.set_rows(db, self._space.id, ((photo, first + i) for i, (photo, _) in enumerate(ids)))

        self._database.write(write)
        self._space.adopt([photo for photo, _ in ids], first)
        self.settled.extend(Settled(file, photo) for (photo, _), (file, _) in zip(ids, batch, strict=True))
        self._stored([photo for photo, _ in ids])

    def _photo_ids(self, batch: Batch) -> list[tuple[int, bool]]:
        """(photo, is it new) of each: the photo that its file showed before when it still shows that picture,
        perhaps turned; the photo of that picture data; or a new one."""
        reader = self._database.reader()
        ids: list[tuple[int, bool]] = []
        here: dict[bytes, int] = {}
        for file, decoded in batch:
            before, picture_hash = file.todo.file.photo, file.identity.picture_hash
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
