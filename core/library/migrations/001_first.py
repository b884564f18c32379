"""The first form: roots, files, photos, faults, decisions, spaces."""

from sqlite_utils import Database


def apply(db: Database) -> None:
    # Paths are bytes (os.fsencode): a file system may hold names that are no valid text.
    db.table("roots").create(
        {
            "id": int,
            "path": bytes,  # absolute, as it was last seen
            "volume": str,  # the disk's own id (core/photos/volumes.py)
            "in_volume": bytes,  # the way from the disk's top, to find it at another mount point
            "watched": int,
            "state": str,  # here | offline | gone
            "scanned_at": float,  # unix seconds, null before the first scan
        },
        pk="id",
        not_null={"path", "volume", "in_volume", "watched", "state"},
        defaults={"in_volume": b"", "watched": 1, "state": "here"},
    )
    db.table("roots").create_index(["path"], unique=True)

    db.table("photos").create(
        {
            "id": int,
            "picture_hash": bytes,  # identity of the picture data and its turn (core/photos/identity.py)
            "signature": bytes,  # 16 x 16 x 3 of the upright picture
            "format": str,
            "frames": int,
            "width": int,  # upright, pixels
            "height": int,
            "colour": int,  # 0xRRGGBB, the average
            "added_at": float,
            "taken": str,  # ISO 8601, local time of the camera; the best of the photo's files
            "here": int,  # files that are not missing; 0 hides the photo, its decisions stay
        },
        pk="id",
        not_null={"picture_hash", "width", "height", "here"},
        defaults={"here": 0},
    )
    db.table("photos").create_index(["picture_hash"])
    db.execute("CREATE INDEX photos_by_date ON photos (taken DESC, id DESC) WHERE here > 0")
    db.execute("CREATE INDEX photos_hidden ON photos (id) WHERE here = 0")

    db.table("files").create(
        {
            "id": int,
            "root": int,
            "path": bytes,  # below its root
            "name": str,  # the same for people and for searching, odd bytes replaced
            "kind": str,  # core/photos/kinds.py, or "new" until it was looked into
            "state": str,  # here | offline | missing
            "size_bytes": int,
            "mtime_ns": int,
            "inode": int,
            "photo": int,
            "was_photo": int,  # what it showed before it could not be read: known again when it is mended
            "file_hash": bytes,
            "metadata": str,  # JSON of core/photos/metadata.py
            "width": int,  # as this file shows the picture, upright
            "height": int,
            "fault_stage": str,
            "fault_code": str,
            "fault_reason": str,
        },
        pk="id",
        not_null={"root", "path", "name", "kind", "state"},
        foreign_keys=[("root", "roots", "id"), ("photo", "photos", "id")],
        defaults={"state": "here"},
    )
    db.table("files").create_index(["root", "path"], unique=True)
    db.table("files").create_index(["photo"])
    db.table("files").create_index(["file_hash"])
    db.table("files").create_index(["inode"])
    db.execute("CREATE INDEX files_counted ON files (state, photo)")
    db.execute("CREATE INDEX files_to_do ON files (id) WHERE kind = 'new'")
    db.execute("CREATE INDEX files_failed ON files (id) WHERE fault_code IS NOT NULL")

    # Names by their trigrams, for three letters and more; below that LIKE reads `files` itself.
    db.execute(
        "CREATE VIRTUAL TABLE names USING fts5(name, content = 'files', content_rowid = 'id', tokenize = 'trigram')"
    )
    db.execute(
        "CREATE TRIGGER names_in AFTER INSERT ON files BEGIN"
        " INSERT INTO names (rowid, name) VALUES (new.id, new.name); END"
    )
    db.execute(
        "CREATE TRIGGER names_out AFTER DELETE ON files BEGIN"
        " INSERT INTO names (names, rowid, name) VALUES ('delete', old.id, old.name); END"
    )
    db.execute(
        "CREATE TRIGGER names_over AFTER UPDATE OF name ON files BEGIN"
        " INSERT INTO names (names, rowid, name) VALUES ('delete', old.id, old.name);"
        " INSERT INTO names (rowid, name) VALUES (new.id, new.name); END"
    )

    # What the owner said, on the photo: it survives every change of its files.
    db.table("opinions").create(
        {"photo": int, "rating": int, "favourite": int}, pk="photo", foreign_keys=[("photo", "photos", "id")]
    )
    db.table("captions").create(
        {"photo": int, "lang": str, "text": str},
        pk=("photo", "lang"),
        foreign_keys=[("photo", "photos", "id")],
    )
    db.table("keywords").create(
        {"photo": int, "word": str}, pk=("photo", "word"), foreign_keys=[("photo", "photos", "id")]
    )

    db.table("spaces").create(
        {"id": str, "model": str, "width": int, "active": int}, pk="id", not_null={"model", "width", "active"}
    )
    db.table("vectors").create(
        {"space": str, "photo": int, "row": int},
        pk=("space", "photo"),
        foreign_keys=[("space", "spaces", "id"), ("photo", "photos", "id")],
        not_null={"row"},
    )
    db.table("vectors").create_index(["space", "row"], unique=True)
