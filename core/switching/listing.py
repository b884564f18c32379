"""The models side by side for this library: what is known of each, its space here, and what can be done with it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from core.library import spaces
from core.library.database import Database
from core.library.photos import counts
from core.library.spaces import BUILDING, DROPPED, IN_USE, SpaceRecord
from core.models.registry import STARTER, KnownModel, listed
from core.switching.dropping import needed_by_the_one_in_use


@dataclass(frozen=True, slots=True)
class ListedModel:
    """One model and its space.

    space         the newest where an earlier edition of the model left another; None where there is none
    space_bytes   of all its spaces on the disk
    photos        in the library now; `space.vectors` of them have a vector
    is_needed     the model in use was trained from it
    """

    known: KnownModel
    space: SpaceRecord | None
    space_bytes: int
    photos: int
    is_needed: bool = False

    @property
    def id(self) -> str:
        return self.known.id

    @property
    def is_here(self) -> bool:
        return self.known.folder is not None

    @property
    def is_in_use(self) -> bool:
        return self.space is not None and self.space.state == IN_USE

    @property
    def is_building(self) -> bool:
        """Whether a move to it is under way or was interrupted."""
        return self.space is not None and self.space.state == BUILDING

    @property
    def vectors(self) -> int:
        return self.space.vectors if self.space is not None else 0

    @property
    def photos_to_encode(self) -> int:
        """What a move to it would still have to encode."""
        return max(0, self.photos - self.vectors)

    @property
    def bytes_to_encode(self) -> int:
        """What the vectors of those photos will take on the disk."""
        return spaces.bytes_of(self.photos_to_encode, self.known.width or 0)

    @property
    def can_get(self) -> bool:
        return not self.is_here and self.known.entry is not None and bool(self.known.entry.sources)

    @property
    def can_use(self) -> bool:
        return self.is_here and not self.is_in_use

    @property
    def can_drop(self) -> bool:
        return self.is_here and not self.is_in_use and not self.is_needed and self.id != STARTER


def models_of(library: Path, database: Database) -> list[ListedModel]:
    """Every model that is here or to be had, in the registry's order; the library's own facts beside it."""
    reader = database.reader()
    photos = counts(reader)["photos"]
    records = [record for record in spaces.every_space(reader) if record.state != DROPPED]
    building = [record.model for record in records if record.state == BUILDING]
    needed = needed_by_the_one_in_use(database, library / "models")
    found = []
    for known in listed(library / "models", building):
        own = [record for record in records if record.model == known.id]
        size = sum(_bytes(library / "spaces" / record.id) for record in own)
        found.append(ListedModel(known, _chief(own), size, photos, known.id in needed))
    return found


def _chief(own: Sequence[SpaceRecord]) -> SpaceRecord | None:
    """The one in use, else the one being built, else the one built last."""
    order = {IN_USE: 0, BUILDING: 1}
    return min(own, key=lambda r: (order.get(r.state, 2), -(r.began_at or 0.0)), default=None)


def _bytes(folder: Path) -> int:
    return sum(file.stat().st_size for file in folder.glob("*")) if folder.is_dir() else 0
