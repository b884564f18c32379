""" "This is it", "this is not": what the owner says of photos that a search has found, or should have."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from core.errors import WrongUse
from core.library import judgements
from core.library.database import Database
from core.library.filters import passing
from core.library.names import Name
from core.library.photos import hidden_photos
from core.search.parse import read
from core.search.query import Query, Reading


def judge(
    database: Database, names: Sequence[Name], question: str, photos: Iterable[int], is_it: bool | None
) -> Reading:
    """Store that these photos are what the question asks for (True), are not (False), or take it back (None).

    Kept by the question's words without its filters: "2019年的雪" and "雪" ask for the same picture. How it was read.
    Raises WrongUse where it has no words that a picture could be.
    """
    reading = read(Query(question), names)
    if not reading.meaning:
        raise WrongUse(
            "Nothing was asked that a picture could be.", what_to_do="Give the words of the search."
        )
    judged = list(photos)
    database.write(lambda db: judgements.judge(db, reading.meaning, reading.unlike, judged, is_it))
    return reading


def said_of(database: Database, reading: Reading) -> dict[int, bool]:
    """photo -> whether it is what these words ask for, of the judged photos that pass the filters."""
    reader = database.reader()
    said = judgements.judged(reader, reading.meaning, reading.unlike) if reading.meaning else {}
    if not said:
        return {}
    if reading.filters:
        passed = set(passing(reader, reading.filters))
        return {photo: is_it for photo, is_it in said.items() if photo in passed}
    hidden = hidden_photos(reader)
    return {photo: is_it for photo, is_it in said.items() if photo not in hidden}
