"""Storing what an import found: each batch of encoded photos is stored whole or not at all."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from sqlite_utils import Database as Tables

from core.errors import ModelError
from core.ingest.encoding import Encoding
from core.ingest.work import ReadFile
from core.library import photos, spaces
from core.library.database import Database
from core.library.photos import Picture
from core.models.encoder import Encoder
from core.photos.decoding import Decoded
from core.photos.identity import Identity
from core.photos.signature import looks_the_same, shows_the_same
from core.photos.thumbs import Thumbs
from core.progress import CancelToken
from core.spaces.space import Space
from core.spaces.vectors import Embeddings

Stored = Callable[[Sequence[int]], None]
Item = tuple[ReadFile, Decoded]


@dataclass(frozen=True, slots=True)
class Settled:
    """The encoding thread's word on one file: its photo, or why it could not be encoded."""

    file: ReadFile
    photo: int | None
    error: ModelError | None = None


class Storing:
    """Runs from `start` to `finish` or `stop`. Hand photos in with `put`, take answers out of `settled`, both from
    one thread.

    stored: called in the encoding thread with the ids of photos that became visible.
    """

    def __init__(
        self,
        database: Database,
        thumbs: Thumbs,
        space: Space,
        encoder: Encoder,
        stored: Stored,
        cancel: CancelToken,
    ) -> None:
        self._database = database
        self._thumbs = thumbs
        self._space = space
        self._stored = stored
        self.settled: deque[Settled] = deque()
        # Ids are given out here, not by SQLite: a thumbnail is stored before its photo's row.
        self._next_photo = photos.last_photo(database.reader()) + 1
        self._encoding: Encoding[Item] = Encoding(encoder, self._store, self._refuse, self._close, cancel)

    def start(self) -> None:
        self._encoding.start()

    def put(self, file: ReadFile, decoded: Decoded) -> None:
        """Wait for room and hand in. Raises Cancelled, or what the encoding thread died of."""
        self._encoding.put((file, decoded), decoded.pixels)

    def check(self) -> None:
        """Raise what the encoding thread died of, if it did."""
        self._encoding.check()

    def finish(self, tick: Callable[[], None]) -> None:
        """Wait until everything handed in is stored, or the encoding thread has died."""
        self._encoding.finish(tick)

    def stop(self) -> None:
        """Wait for what is being encoded now; what waits is dropped and found again by the next run."""
        self._encoding.stop()

    # ---- in the encoding thread

    def _refuse(self, item: Item, error: ModelError) -> None:
        self.settled.append(Settled(item[0], None, error))

    def _close(self) -> None:
        self._database.close_reader()
        self._thumbs.close_thread()

    def _store(self, batch: Sequence[Item], embeddings: Embeddings) -> None:
        first = self._space.append(embeddings)
        ids = self._photo_ids(batch)
        self._thumbs.put((photo, decoded.thumb) for (photo, _), (_, decoded) in zip(ids, batch, strict=True))

        def write(db: Tables) -> None:
            for (photo, is_new), (file, decoded) in zip(ids, batch, strict=True):
                picture = _picture(file.identity, decoded)
                if is_new:
                    photos.add_photo(db, picture, photo)
                else:
                    spaces.forget_vectors_elsewhere(db, photo, self._space.id, picture.picture_hash)
                    photos.replace_picture(db, photo, picture)
                photos.attach_file(db, file.todo.file.id, photo, file.facts)
            # A photo that stands twice in a batch keeps its last row.
            spaces.set_rows(db, self._space.id, ((photo, first + i) for i, (photo, _) in enumerate(ids)))

        self._database.write(write)
        self._space.adopt([photo for photo, _ in ids], first)
        self.settled.extend(Settled(file, photo) for (photo, _), (file, _) in zip(ids, batch, strict=True))
        self._stored([photo for photo, _ in ids])

    def _photo_ids(self, batch: Sequence[Item]) -> list[tuple[int, bool]]:
        """(photo, is it new) of each: the photo that its file showed before when it still shows that picture,
        perhaps turned; the photo of that picture data; or a new one."""
        reader = self._database.reader()
        ids: list[tuple[int, bool]] = []
        here: dict[bytes, int] = {}
        for file, decoded in batch:
            before, picture_hash = file.todo.file.photo, file.identity.picture_hash
            if before is not None and self._was_edited(before, decoded):
                ids.append((before, False))
                continue
            known = here.get(picture_hash) or photos.photo_of_picture(
                reader, picture_hash, file.identity.file_hash
            )
            ids.append((known or self._next_photo, known is None))
            if known is None:
                self._next_photo += 1
            here[picture_hash] = ids[-1][0]
        return ids

    def _was_edited(self, photo: int, decoded: Decoded) -> bool:
        """Whether the file still shows its photo's picture, turned or saved anew."""
        if not shows_the_same(photos.signature_of(self._database.reader(), photo), decoded.signature):
            return False
        thumb = self._thumbs.get([photo]).get(photo)
        # Without a thumbnail of before, a lost cache, the signature is all there is.
        return thumb is None or looks_the_same(thumb, decoded.thumb)


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
