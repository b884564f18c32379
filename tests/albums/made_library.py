"""Libraries made of vectors alone: photos without files, so that albums can be tried on any vectors at once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
from sqlite_utils import Database as Tables

from core.albums import Albums
from core.albums.scoring import Scoring
from core.library import albums as records
from core.library import spaces
from core.library.database import Database, open_for_writing
from core.library.photos import FileFacts, Picture, add_photo, attach_file
from core.models.encoder import Encoder
from core.resources import resource
from core.spaces.space import Space

Embeddings = npt.NDArray[np.float32]
AT_ONCE = 5_000


def starter() -> Encoder:
    return Encoder.open(resource("models", "starter"))


@dataclass(slots=True)
class MadeLibrary:
    """Photo i + 1 has vector i. Close it when done."""

    folder: Path
    database: Database
    space: Space
    encoder: Encoder
    albums: Albums

    @classmethod
    def of(
        cls, folder: Path, encoder: Encoder, embeddings: Embeddings, texts: dict[str, bytes] | None = None
    ) -> MadeLibrary:
        """A new library in `folder` with these photos, embeddings [n, width] of the encoder's space.

        texts  what other libraries of this space have encoded already
        """
        database = open_for_writing(folder)
        spec = encoder.spec
        database.write(lambda db: spaces.use_space(db, spec.space_id, spec.id, spec.width))
        database.write(lambda db: records.keep_texts(db, spec.space_id, texts or {}))
        space = Space.open(folder, spec.space_id, spec.id, spec.width, database)
        made = cls(folder, database, space, encoder, Albums(database, Scoring(database, space, encoder)))
        made.add(embeddings)
        return made

    def texts(self) -> dict[str, bytes]:
        """Every text that was encoded for this library."""
        rows = self.database.reader().execute("SELECT text, embedding FROM text_embeddings")
        return dict(rows.fetchall())

    def add(self, embeddings: Embeddings) -> list[int]:
        """More photos; their ids."""
        begin = int(self.database.reader().execute("SELECT coalesce(max(id), 0) FROM photos").fetchone()[0])
        ids = list(range(begin + 1, begin + 1 + len(embeddings)))
        for at in range(0, len(embeddings), AT_ONCE):
            self._add(ids[at : at + AT_ONCE], embeddings[at : at + AT_ONCE])
        return ids

    def _add(self, ids: Sequence[int], embeddings: Embeddings) -> None:
        first = self.space.append(embeddings)

        def write(db: Tables) -> None:
            db.conn.execute(
                "INSERT OR IGNORE INTO roots (id, path, volume) VALUES (1, ?, 'made')", (b"/made",)
            )
            for photo in ids:
                name = f"IMG_{photo:06}.jpg"
                add_photo(db, Picture(photo.to_bytes(16, "big"), b"", "JPEG", 1, 400, 300, 0), photo)
                file = db.conn.execute(
                    "INSERT INTO files (root, path, name, kind) VALUES (1, ?, ?, 'photo')",
                    (name.encode(), name),
                ).lastrowid
                taken = f"{2000 + photo % 20}-05-06T07:08:09"
                facts = FileFacts(
                    1, 1, photo.to_bytes(16, "little"), "photo", {"taken": taken, "taken_from": "exif"}
                )
                attach_file(db, int(file or 0), photo, facts)
            spaces.set_rows(db, self.space.id, [(photo, first + i) for i, photo in enumerate(ids)])

        self.database.write(write)
        self.space.adopt(ids, first)

    def close(self) -> None:
        self.space.close()
        self.database.close()
