"""What is handed from step to step of an import: plain data."""

from __future__ import annotations

from dataclasses import dataclass

from core.library.files import FileToIndex
from core.library.photos import FileFacts
from core.photos.identity import Identity


@dataclass(slots=True)
class Counts:
    """What one run did, and what it left; `copies`: files that show photos known before."""

    decoded: int = 0
    encoded: int = 0
    failed: int = 0
    moved: int = 0
    copies: int = 0
    missing: int = 0
    seconds: float = 0.0

    @property
    def places_changed(self) -> bool:
        """Whether known photos lie in other folders now."""
        return bool(self.moved or self.copies or self.missing)

    @property
    def photos_per_s(self) -> float:
        return self.encoded / self.seconds if self.seconds else 0.0


@dataclass(frozen=True, slots=True)
class Todo:
    file: FileToIndex
    path: bytes
    name: str


@dataclass(frozen=True, slots=True)
class ReadFile:
    """A file that was identified, before its picture is known."""

    todo: Todo
    identity: Identity
    facts: FileFacts
