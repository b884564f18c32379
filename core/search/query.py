"""What is asked: meaning, what it must not be, and filters that a photo passes or not."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from core.library.filters import Filter

if TYPE_CHECKING:
    from core.library.names import Name  # brings the database along: not before the window is up


@dataclass(frozen=True, slots=True)
class Query:
    """A question as the user put it, before it is read.

    text     words in Chinese or English, may be empty when there are filters or an image
    unlike   more words for what must not be in the picture
    filters  written as `--filter` takes them (core/search/parse.py), e.g. "year:2019 camera:canon"
    image    the path (bytes) of a picture file to look like
    """

    text: str = ""
    unlike: str = ""
    filters: str = ""
    image: bytes | None = None
    limit: int = 50
    everything: bool = False
    exact: bool = False
    by_date: bool = False


@dataclass(frozen=True, slots=True)
class Reading:
    """How a question was read: shown as chips, so that a wrong reading can be seen and taken off.

    names  the owner's own, that stand in `meaning`
    """

    meaning: str
    unlike: tuple[str, ...]
    filters: tuple[Filter, ...]
    names: tuple[Name, ...] = ()

    @property
    def chips(self) -> list[str]:
        """The names, and the filters as they were written, each once: a date is two filters and one chip."""
        return list(dict.fromkeys([each.name for each in self.names] + self._written))

    @property
    def _written(self) -> list[str]:
        return list(dict.fromkeys(each.text for each in self.filters))

    def as_json(self) -> dict[str, list[str]]:
        """`names` only where there are any."""
        found = {
            "meaning": [self.meaning] if self.meaning else [],
            "not": list(self.unlike),
            "filters": self._written,
        }
        return found | ({"names": [each.name for each in self.names]} if self.names else {})
