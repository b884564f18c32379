"""Albums: what they are asked by, what the owner decided in them, and who is in them by which space."""

from sqlite_utils import Database


def apply(db: Database) -> None:
    db.table("albums").create(
        {
            "id": int,
            "name": str,
            "key": str,  # of a built-in album (resources/albums.toml), null for the owner's own
            "parent": int,
            "rule": str,  # JSON [[key, value, text], ...] of core/library/filters.py
            "one_of": int,  # a photo is in one of this album's children at most
            "shift": float,  # the owner's slider: borders moved by so many standard deviations
            "automatic": int,  # 0: only what was accepted is in it
            "created_at": float,
        },
        pk="id",
        not_null={"name", "rule", "one_of", "shift", "automatic", "created_at"},
        foreign_keys=[("parent", "albums", "id")],
    )
    db.execute("CREATE UNIQUE INDEX albums_by_name ON albums (name COLLATE NOCASE)")
    db.table("albums").create_index(["key"], unique=True)

    db.table("album_aliases").create(
        {"album": int, "name": str}, pk=("album", "name"), foreign_keys=[("album", "albums", "id")]
    )
    db.table("album_prompts").create(
        {"album": int, "position": int, "text": str, "positive": int},
        pk=("album", "position"),
        foreign_keys=[("album", "albums", "id")],
        not_null={"text", "positive"},
    )

    # On the photo, not on its path, and on no space: true for ever, whatever model looks at it.
    db.table("album_decisions").create(
        {"album": int, "photo": int, "accepted": int, "decided_at": float},
        pk=("album", "photo"),
        foreign_keys=[("album", "albums", "id"), ("photo", "photos", "id")],
        not_null={"accepted", "decided_at"},
    )
    db.table("album_decisions").create_index(["photo"])
    # One round of marks, and what each photo was before it (null: undecided), so that it can be undone.
    db.table("album_rounds").create(
        {"id": int, "album": int, "decided_at": float},
        pk="id",
        not_null={"album", "decided_at"},
        foreign_keys=[("album", "albums", "id")],
    )
    db.table("album_round_marks").create(
        {"round": int, "photo": int, "before": int},
        pk=("round", "photo"),
        foreign_keys=[("round", "album_rounds", "id"), ("photo", "photos", "id")],
    )

    # What can be worked out again: who is in (1) or perhaps in (0) an album, by the vectors of a space.
    db.execute(
        "CREATE TABLE album_members (space TEXT NOT NULL, album INTEGER NOT NULL REFERENCES albums (id),"
        " photo INTEGER NOT NULL REFERENCES photos (id), sure INTEGER NOT NULL,"
        " PRIMARY KEY (space, album, photo)) WITHOUT ROWID"
    )
    db.execute("CREATE INDEX album_members_by_photo ON album_members (photo)")
    # Embeddings of prompts, whole sentences as they were encoded: float32 [width].
    db.execute(
        "CREATE TABLE text_embeddings (space TEXT NOT NULL, text TEXT NOT NULL, embedding BLOB NOT NULL,"
        " PRIMARY KEY (space, text)) WITHOUT ROWID"
    )
