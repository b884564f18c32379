"""A model that is open over this library: its towers, its space, and the searcher over both, which belong together.

A question is asked of one OpenModel from its first word to its last hit. A switch puts another one in its place
and leaves this one whole, so no answer mixes two spaces.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from core.albums.scoring import Scoring
from core.errors import ModelError
from core.library import spaces
from core.library.database import Database
from core.library.photos import last_photo
from core.log import logger
from core.models.encoder import Encoder
from core.models.registry import MEASURED_FILE, model_folder
from core.models.spec import ModelSpec
from core.search.answer import Searcher
from core.spaces import origin
from core.spaces.space import Space

log = logger(__name__)

SPACES, MODELS = "spaces", "models"
# Timing the devices takes some seconds; with fewer photos than these it would save less.
WORTH_MEASURING = 200


def open_encoder(library: Path, database: Database, model: str) -> Encoder:
    """The towers of `model`, on the device that was found fastest here. Raises NotThere or ModelError."""
    measured = library / MODELS / MEASURED_FILE
    is_worth_it = last_photo(database.reader()) >= WORTH_MEASURING and database.is_writable
    return Encoder.open(
        model_folder(model, library / MODELS),
        remembered=measured if is_worth_it or measured.exists() else None,
    )


@dataclass(frozen=True, slots=True)
class OpenModel:
    """scoring: what albums and names are measured by, the same for both.

    indexed_by: the space that the photos were encoded for, where that is another edition of this model; only a
    library opened for reading can be in that state, since a writable one begins the new space at once.
    """

    encoder: Encoder
    space: Space
    scoring: Scoring
    searcher: Searcher
    indexed_by: str = ""

    @classmethod
    def over(cls, library: Path, database: Database, encoder: Encoder, indexed_by: str = "") -> OpenModel:
        """Open the encoder's space in `library`; its record must stand in the database already."""
        spec = encoder.spec
        space = Space.open(library, spec.space_id, spec.id, spec.width, database)
        scoring = Scoring(database, space, encoder)
        searcher = Searcher(database, scoring, encoder, library / SPACES / spec.space_id)
        return cls(encoder, space, scoring, searcher, indexed_by)

    @classmethod
    def in_use(cls, library: Path, database: Database, first: str) -> OpenModel:
        """The model that the library uses; `first` where it uses none yet.

        A model folder that changed as a whole is another space: its vectors are made anew by the next import,
        and nothing of the old ones is shown for it. Raises NotThere, or ModelError when a file was changed.
        """
        record = spaces.active_space(database.reader())
        encoder = open_encoder(library, database, record.model if record else first)
        spec = encoder.spec
        origin.confirm(library / SPACES / spec.space_id, encoder.folder, spec, writable=database.is_writable)
        indexed_by = ""
        if record is None or record.id != spec.space_id:
            if record is not None:
                log.warning("the model %s was changed: its photos are to be encoded again", spec.id)
            if database.is_writable:
                database.write(lambda db: spaces.use_space(db, spec.space_id, spec.id, spec.width))
            elif record is not None:
                indexed_by = record.id
        return cls.over(library, database, encoder, indexed_by)

    @property
    def spec(self) -> ModelSpec:
        return self.encoder.spec

    def must_fit(self) -> None:
        """Raise ModelError where the photos were encoded by another edition of this model."""
        if self.indexed_by:
            raise ModelError(
                f"The model {self.spec.id} was changed since the photos were encoded.",
                what_to_do="Run `shiguang index`: they are encoded again, and found again as they come in.",
            )

    def close(self) -> None:
        """Give its memory back. A question that is still under way gets its answer."""
        self.space.close()
        self.encoder.close()
