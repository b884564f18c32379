"""Albums: their definitions, the owner's decisions in them, and their members by each space.

Writing functions run inside `Database.write`; reading ones take a reader's connection.
"""

from __future__ import annotations

import json
import sqlite3
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from sqlite_utils import Database as Tables

from core.library.files import IDS_A_STATEMENT
from core.library.filters import Filter


@dataclass(frozen=True, slots=True)
class Album:
    """What an album is asked by.

    prompts   what is in its photos, Chinese or English; unlike: what is not
    rule      filters that a photo of it passes all
    key       of a built-in album, None for the owner's own
    one_of    a photo is in one of its children at most
    shift     the owner's slider, in standard deviations of the scores: above 0 lets fewer in
    automatic false: only what was accepted is in it
    """

    id: int
    name: str
    prompts: tuple[str, ...] = ()
    unlike: tuple[str, ...] = ()
    rule: tuple[Filter, ...] = ()
    aliases: tuple[str, ...] = ()
    parent: int | None = None
    key: str | None = None
    one_of: bool = False
    shift: float = 0.0
    automatic: bool = True


@dataclass(frozen=True, slots=True)
class Marked:
    """One round of marks: `photos` and what each was before (True, False, or None: undecided)."""

    id: int
    album: int
    before: Mapping[int, bool | None] = field(default_factory=dict)


# ---- writing


def add_album(db: Tables, album: Album) -> int:
    """Store a new album (its id is given out here); the id."""
    values = (album.name, album.key, album.parent, *_settings(album), time.time())
    row = db.conn.execute(
        "INSERT INTO albums (name, key, parent, rule, one_of, shift, automatic, created_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        values,
    ).lastrowid
    number = int(row or 0)
    _set_words(db, number, album)
    return number


def change_album(db: Tables, album: Album) -> None:
    """Replace the definition; decisions stay."""
    db.conn.execute(
        "UPDATE albums SET name = ?, key = ?, parent = ?, rule = ?, one_of = ?, shift = ?, automatic = ? WHERE id = ?",
        (album.name, album.key, album.parent, *_settings(album), album.id),
    )
    _set_words(db, album.id, album)


def drop_album(db: Tables, album: int) -> None:
    """Forget an album with its decisions; its children stand alone afterwards."""
    db.conn.execute("UPDATE albums SET parent = NULL WHERE parent = ?", (album,))
    db.conn.execute(
        "DELETE FROM album_round_marks WHERE round IN (SELECT id FROM album_rounds WHERE album = ?)", (album,)
    )
    for table in ("album_rounds", "album_decisions", "album_members", "album_prompts", "album_aliases"):
        db.conn.execute(f"DELETE FROM {table} WHERE album = ?", (album,))
    db.conn.execute("DELETE FROM albums WHERE id = ?", (album,))


def set_automatic(db: Tables, albums: Iterable[int], automatic: bool) -> None:
    db.conn.executemany(
        "UPDATE albums SET automatic = ? WHERE id = ?", [(int(automatic), album) for album in albums]
    )


def _settings(album: Album) -> tuple[str, int, float, int]:
    rule = json.dumps([[each.key, each.value, each.text] for each in album.rule], ensure_ascii=False)
    return rule, int(album.one_of), album.shift, int(album.automatic)


def _set_words(db: Tables, number: int, album: Album) -> None:
    db.conn.execute("DELETE FROM album_prompts WHERE album = ?", (number,))
    db.conn.execute("DELETE FROM album_aliases WHERE album = ?", (number,))
    words = [(text, 1) for text in album.prompts] + [(text, 0) for text in album.unlike]
    db.conn.executemany(
        "INSERT INTO album_prompts (album, position, text, positive) VALUES (?, ?, ?, ?)",
        [(number, position, *each) for position, each in enumerate(words)],
    )
    db.conn.executemany(
        "INSERT OR IGNORE INTO album_aliases (album, name) VALUES (?, ?)",
        [(number, name) for name in album.aliases],
    )


def mark(db: Tables, album: int, marks: Mapping[int, bool | None]) -> int:
    """One round of decisions: photo -> accepted, rejected, or undecided again (None). The round's id."""
    now = time.time()
    known = decisions(db.conn, album)
    found = db.conn.execute("INSERT INTO album_rounds (album, decided_at) VALUES (?, ?)", (album, now))
    number = int(found.lastrowid or 0)
    db.conn.executemany(
        "INSERT INTO album_round_marks (round, photo, before) VALUES (?, ?, ?)",
        [(number, photo, known.get(photo)) for photo in marks],
    )
    _decide(db, album, marks, now)
    return number


def undo_round(db: Tables, marked: Marked) -> None:
    """Put back what each photo was before a round, and forget the round."""
    _decide(db, marked.album, marked.before, time.time())
    db.conn.execute("DELETE FROM album_round_marks WHERE round = ?", (marked.id,))
    db.conn.execute("DELETE FROM album_rounds WHERE id = ?", (marked.id,))


def _decide(db: Tables, album: int, marks: Mapping[int, bool | None], now: float) -> None:
    db.conn.executemany(
        "DELETE FROM album_decisions WHERE album = ? AND photo = ?",
        [(album, photo) for photo, accepted in marks.items() if accepted is None],
    )
    db.conn.executemany(
        "INSERT INTO album_decisions (album, photo, accepted, decided_at) VALUES (?, ?, ?, ?)"
        " ON CONFLICT (album, photo) DO UPDATE SET accepted = excluded.accepted, decided_at = excluded.decided_at",
        [(album, photo, int(said), now) for photo, said in marks.items() if said is not None],
    )


def change_members(
    db: Tables, space: str, come: Iterable[tuple[int, int, int]], gone: Iterable[tuple[int, int]]
) -> None:
    """(album, photo, sure) that are members now, and (album, photo) that are not any more.

    Of an album that another program dropped meanwhile there are none.
    """
    db.conn.executemany(
        "DELETE FROM album_members WHERE space = ? AND album = ? AND photo = ?",
        [(space, *each) for each in gone],
    )
    db.conn.executemany(
        "INSERT OR REPLACE INTO album_members (space, album, photo, sure)"
        " SELECT ?1, ?2, ?3, ?4 WHERE EXISTS (SELECT 1 FROM albums WHERE id = ?2)",
        ((space, *each) for each in come),
    )


def keep_texts(db: Tables, space: str, embeddings: Mapping[str, bytes]) -> None:
    """Remember what texts were encoded to, float32 [width] each."""
    db.conn.executemany(
        "INSERT OR REPLACE INTO text_embeddings (space, text, embedding) VALUES (?, ?, ?)",
        [(space, text, embedding) for text, embedding in embeddings.items()],
    )


# ---- reading


def albums(connection: sqlite3.Connection) -> list[Album]:
    """Every album, by name."""
    words: dict[tuple[int, int], list[str]] = {}
    for album, text, positive in connection.execute(
        "SELECT album, text, positive FROM album_prompts ORDER BY album, position"
    ):
        words.setdefault((album, positive), []).append(text)
    aliases: dict[int, list[str]] = {}
    for album, name in connection.execute("SELECT album, name FROM album_aliases ORDER BY album, rowid"):
        aliases.setdefault(album, []).append(name)
    rows = connection.execute(
        "SELECT id, name, rule, parent, key, one_of, shift, automatic FROM albums ORDER BY name COLLATE NOCASE"
    )
    return [
        Album(
            id=row[0],
            name=row[1],
            prompts=tuple(words.get((row[0], 1), ())),
            unlike=tuple(words.get((row[0], 0), ())),
            rule=tuple(Filter(*each) for each in json.loads(row[2])),
            aliases=tuple(aliases.get(row[0], ())),
            parent=row[3],
            key=row[4],
            one_of=bool(row[5]),
            shift=row[6],
            automatic=bool(row[7]),
        )
        for row in rows
    ]


def decisions(connection: sqlite3.Connection, album: int) -> dict[int, bool]:
    """photo -> accepted, in the order decided; photos that are hidden now are among them."""
    rows = connection.execute(
        "SELECT photo, accepted FROM album_decisions WHERE album = ? ORDER BY decided_at, photo", (album,)
    )
    return {photo: bool(accepted) for photo, accepted in rows}


def decision_counts(connection: sqlite3.Connection) -> dict[int, tuple[int, int]]:
    """album -> (accepted, rejected)."""
    rows = connection.execute(
        "SELECT album, sum(accepted), sum(1 - accepted) FROM album_decisions GROUP BY album"
    )
    return {album: (accepted, rejected) for album, accepted, rejected in rows}


def last_round(connection: sqlite3.Connection, album: int) -> Marked | None:
    row = connection.execute(
        "SELECT id FROM album_rounds WHERE album = ? ORDER BY id DESC LIMIT 1", (album,)
    ).fetchone()
    if row is None:
        return None
    marks = connection.execute("SELECT photo, before FROM album_round_marks WHERE round = ?", (row[0],))
    return Marked(row[0], album, {photo: None if before is None else bool(before) for photo, before in marks})


def members(connection: sqlite3.Connection, space: str, album: int) -> tuple[list[int], list[int]]:
    """Photos surely in one album and perhaps in it, by the vectors of a space; hidden ones too."""
    # As two texts: a row for each of a hundred thousand photos takes ten times as long.
    row = connection.execute(
        "SELECT json_group_array(photo) FILTER (WHERE sure), json_group_array(photo) FILTER (WHERE NOT sure)"
        " FROM album_members WHERE space = ? AND album = ?",
        (space, album),
    ).fetchone()
    return json.loads(row[0]), json.loads(row[1])


def member_counts(connection: sqlite3.Connection, space: str) -> dict[int, tuple[int, int]]:
    """album -> (in, maybe), of photos that are to be seen."""
    rows = connection.execute(
        "SELECT album, sum(sure), sum(1 - sure) FROM album_members JOIN photos ON photos.id = photo"
        " WHERE space = ? AND here > 0 GROUP BY album",
        (space,),
    )
    return {album: (sure, maybe) for album, sure, maybe in rows}


def has_albums(connection: sqlite3.Connection) -> bool:
    return connection.execute("SELECT 1 FROM albums LIMIT 1").fetchone() is not None


def has_rules(connection: sqlite3.Connection) -> bool:
    """Whether any album lets photos through by what is known of them."""
    return connection.execute("SELECT 1 FROM albums WHERE rule != '[]' LIMIT 1").fetchone() is not None


def albums_of_photos(
    connection: sqlite3.Connection, space: str, photos: Sequence[int]
) -> dict[int, list[str]]:
    """photo -> names of the albums it surely is in."""
    found: dict[int, list[str]] = {}
    for begin in range(0, len(photos), IDS_A_STATEMENT):
        part = photos[begin : begin + IDS_A_STATEMENT]
        marks = ",".join("?" * len(part))
        for photo, name in connection.execute(
            "SELECT photo, name FROM album_members JOIN albums ON albums.id = album"
            f" WHERE space = ? AND sure AND photo IN ({marks}) ORDER BY name COLLATE NOCASE",
            (space, *part),
        ):
            found.setdefault(photo, []).append(name)
    return found


def picture_hashes(connection: sqlite3.Connection, photos: Sequence[int]) -> dict[int, str]:
    """photo -> its picture data's hash, in hex: what a decision is carried by to another library."""
    found: dict[int, str] = {}
    for begin in range(0, len(photos), IDS_A_STATEMENT):
        part = photos[begin : begin + IDS_A_STATEMENT]
        marks = ",".join("?" * len(part))
        for photo, picture_hash in connection.execute(
            f"SELECT id, picture_hash FROM photos WHERE id IN ({marks})", part
        ):
            found[photo] = bytes(picture_hash).hex()
    return found


def kept_texts(connection: sqlite3.Connection, space: str, texts: Sequence[str]) -> dict[str, bytes]:
    """text -> embedding of those that were encoded before."""
    found: dict[str, bytes] = {}
    for begin in range(0, len(texts), IDS_A_STATEMENT):
        part = texts[begin : begin + IDS_A_STATEMENT]
        marks = ",".join("?" * len(part))
        found |= dict(
            connection.execute(
                f"SELECT text, embedding FROM text_embeddings WHERE space = ? AND text IN ({marks})",
                (space, *part),
            )
        )
    return found
