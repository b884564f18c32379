"""Sidecars: what of each was written by us, and why one could not be written."""

from sqlite_utils import Database


def apply(db: Database) -> None:
    # Nothing that was said lies in here: a file that goes may take its row with it.
    db.execute(
        "CREATE TABLE sidecars (file INTEGER PRIMARY KEY REFERENCES files (id) ON DELETE CASCADE,"
        " known TEXT NOT NULL,"  # JSON of core/albums/sidecar.py: what of it is ours, what we took, what we replaced
        " seen TEXT NOT NULL,"  # size and date of what lay there when it was last written or read
        " waiting TEXT)"  # why it could not be written the last time, null when it was
    )
    db.execute("CREATE INDEX sidecars_waiting ON sidecars (file) WHERE waiting IS NOT NULL")
