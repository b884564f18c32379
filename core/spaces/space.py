"""A space: the vectors of one model over this library, and which photo each row belongs to.

Rows are only added. A photo whose picture changed gets a new row and its old one belongs to nobody.
`Space.open` with a writable library first makes file and database agree: rows behind the last one the
database names are cut off, and photos whose row the file lost are encoded again.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from core.library import spaces as records
from core.library.database import Database
from core.library.photos import hidden_photos
from core.log import logger
from core.spaces.index import Index, Scores, best, cosines
from core.spaces.origin import read_note, write_note
from core.spaces.vectors import Embeddings, Rows, VectorFile

log = logger(__name__)
PhotoIds = NDArray[np.int64]

# A row that belongs to no photo any more.
NOBODY = -1


@dataclass(frozen=True, slots=True)
class Nearest:
    """Photos and their cosines, best first. `photos` [n] int64, `scores` [n] float32."""

    photos: PhotoIds
    scores: Scores


class Space:
    """Searching is safe from any thread while one thread adds."""

    def __init__(self, folder: Path, space: str, width: int, database: Database) -> None:
        self.id = space
        self.width = width
        self._folder = folder
        self._database = database
        self._file = VectorFile(folder / "vectors.f16", width)
        self._index = Index(folder / "index.hnsw", space)
        self._guard = threading.Lock()
        self._photo_of_row: PhotoIds = np.zeros(0, np.int64)
        self._row_of_photo: dict[int, int] = {}
        self._count = 0
        self._stop = threading.Event()
        self._builder: threading.Thread | None = None

    @classmethod
    def open(
        cls, library: Path, space: str, model: str, width: int, database: Database, *, repair: bool = True
    ) -> Space:
        """Open the space, making it when it is new and the library is writable.

        repair  False where somebody else may be adding to it: rows that are about to be named would be cut off
        """
        opened = cls(library / "spaces" / space, space, width, database)
        if repair and database.is_writable:
            opened._repair(model)
        opened._load()
        return opened

    def __len__(self) -> int:
        """Photos that have a vector."""
        return len(self._row_of_photo)

    @property
    def index_kind(self) -> str:
        return self._index.kind

    def __contains__(self, photo: object) -> bool:
        return photo in self._row_of_photo

    def append(self, embeddings: Embeddings) -> int:
        """Put rows [n, width] on the disk; the first row's number. They count once `adopt` was called for them."""
        return self._file.append(embeddings)

    def adopt(self, photos: Sequence[int], first: int) -> None:
        """Rows `first`... now belong to these photos; call it after the database said so too."""
        with self._guard:
            end = first + len(photos)
            if end > len(self._photo_of_row):
                grown = np.full(max(1024, 2 * end), NOBODY, np.int64)
                grown[: len(self._photo_of_row)] = self._photo_of_row
                self._photo_of_row = grown
            for row, photo in enumerate(photos, first):
                old = self._row_of_photo.get(photo)
                if old is not None:
                    self._photo_of_row[old] = NOBODY
                self._photo_of_row[row] = photo
                self._row_of_photo[photo] = row
            self._count = max(self._count, end)

    def nearest(self, query: Embeddings, limit: int, *, exact: bool = False) -> Nearest:
        """The `limit` photos most similar to `query` [width], best first, those that are to be seen only."""
        with self._guard:
            count, photo_of_row, living = self._count, self._photo_of_row, len(self._row_of_photo)
        rows = self._file.rows(count)
        hidden = hidden_photos(self._database.reader())
        # Hidden photos and rows of nobody may stand among the nearest: ask for that many more.
        idle = count - living + len(hidden)
        found, scores = self._index.nearest(query, rows, min(count, limit + idle), exact=exact)
        photos = photo_of_row[found]
        seen = photos != NOBODY
        if hidden:
            seen &= ~np.isin(photos, list(hidden))
        self._plan_graph(count)
        return Nearest(photos[seen][:limit], scores[seen][:limit])

    def nearest_of(self, query: Embeddings, photos: Sequence[int], limit: int) -> Nearest:
        """The same among these photos only, exactly; photos without a vector are left out."""
        rows = sorted(self._row_of_photo[photo] for photo in photos if photo in self._row_of_photo)
        if not rows:
            return Nearest(np.zeros(0, np.int64), np.zeros(0, np.float32))
        with self._guard:
            count, photo_of_row = self._count, self._photo_of_row
        scores = cosines(query, self._file.rows(count)[rows])
        chosen = best(scores, limit)
        return Nearest(photo_of_row[np.asarray(rows)[chosen]], scores[chosen])

    def vectors_of(self, photos: Sequence[int]) -> Embeddings:
        """[n, width] float32 of photos that all have a vector."""
        rows = [self._row_of_photo[int(photo)] for photo in photos]
        return self._file.rows(self._count)[rows].astype(np.float32)

    def everything(self) -> tuple[PhotoIds, Rows]:
        """(photo of each row [n], NOBODY where it has none; rows [n, width] float16), hidden photos among them."""
        with self._guard:
            count, photo_of_row = self._count, self._photo_of_row
        return photo_of_row[:count], self._file.rows(count)

    def close(self) -> None:
        """Stop a running build and wait for it."""
        self._stop.set()
        if self._builder is not None:
            self._builder.join()

    def _load(self) -> None:
        # A reader beside a writer may see the database a moment before the file's new length, never after:
        # rows are flushed before they are named.
        named = records.rows_of_space(self._database.reader(), self.id)
        if named:
            first_rows = np.array([row for row, _ in named])
            self._photo_of_row = np.full(int(first_rows[-1]) + 1, NOBODY, np.int64)
            self._photo_of_row[first_rows] = [photo for _, photo in named]
            self._row_of_photo = {photo: row for row, photo in named}
            self._count = int(first_rows[-1]) + 1
        self._index.load(self._count, self.width)

    def _repair(self, model: str) -> None:
        said = {"id": self.id, "model": model, "width": self.width, "dtype": "float16"}
        note = read_note(self._folder)
        if note != note | said:
            write_note(self._folder, note | said)
        have = len(self._file)

        lost = self._database.write(lambda db: records.forget_rows_from(db, self.id, have))
        if lost:
            log.warning("%d vectors were lost with a damaged file; their photos are encoded again", lost)
            self._index.forget()
        named = records.rows_of_space(self._database.reader(), self.id)
        self._file.cut(named[-1][0] + 1 if named else 0)

    def _plan_graph(self, count: int) -> None:
        if not self._database.is_writable or not self._index.wants_graph(count):
            return
        if self._builder is None or not self._builder.is_alive():
            rows = self._file.rows(count)
            self._builder = threading.Thread(
                target=self._index.build, args=(rows, self._stop), name="index builder", daemon=True
            )
            self._builder.start()
