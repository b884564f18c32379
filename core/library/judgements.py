"""What the owner said about search results: "this is it", "this is not", by the words of the question.

Writing functions run inside `Database.write`; reading ones take a reader's connection.
"""

from __future__ import annotations

import json
import sqlite3
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from sqlite_utils import Database as Tables


@dataclass(frozen=True, slots=True)
class Judgement:
    """question  the words as they were understood, without filters; unlike: what must not be in the picture"""

    question: str
    unlike: tuple[str, ...]
    photo: int
    is_it: bool


def judge(
    db: Tables, question: str, unlike: Sequence[str], photos: Iterable[int], is_it: bool | None
) -> None:
    """Say of these photos that they are it, are not, or take back what was said (None)."""
    key = _key(question, unlike)
    if is_it is None:
        db.conn.executemany(
            "DELETE FROM judgements WHERE question = ? AND unlike = ? AND photo = ?",
            [(*key, photo) for photo in photos],
        )
        return
    db.conn.executemany(
        "INSERT INTO judgements (question, unlike, photo, is_it, decided_at) VALUES (?, ?, ?, ?, ?)"
        " ON CONFLICT (question, unlike, photo) DO UPDATE SET is_it = excluded.is_it, decided_at = excluded.decided_at",
        [(*key, photo, int(is_it), time.time()) for photo in photos],
    )


def judged(connection: sqlite3.Connection, question: str, unlike: Sequence[str] = ()) -> dict[int, bool]:
    """photo -> whether it is what these words ask for, of the photos that were judged."""
    rows = connection.execute(
        "SELECT photo, is_it FROM judgements WHERE question = ? AND unlike = ? ORDER BY decided_at, photo",
        _key(question, unlike),
    )
    return {photo: bool(is_it) for photo, is_it in rows}


def every_judgement(connection: sqlite3.Connection) -> list[Judgement]:
    """All of them, by question, in the order said."""
    rows = connection.execute(
        "SELECT question, unlike, photo, is_it FROM judgements ORDER BY question, unlike, decided_at, photo"
    )
    return [
        Judgement(question, tuple(json.loads(unlike)), photo, bool(is_it))
        for question, unlike, photo, is_it in rows
    ]


def _key(question: str, unlike: Sequence[str]) -> tuple[str, str]:
    """The same words in other letters or with other gaps are the same question."""
    plain = [" ".join(words.split()).casefold() for words in (question, *unlike)]
    return plain[0], json.dumps(sorted(plain[1:]), ensure_ascii=False)
