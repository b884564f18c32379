"""Spaces know whether they are being built, in use or kept, so that a switch of the model can go on where it stopped."""

from sqlite_utils import Database


def apply(db: Database) -> None:
    # Whoever was not in use lost its place to another; it is complete but for what came since.
    db.execute("ALTER TABLE spaces ADD COLUMN state TEXT NOT NULL DEFAULT 'kept'")  # core/library/spaces.py
    db.execute("UPDATE spaces SET state = 'in use' WHERE active")
    db.execute("ALTER TABLE spaces DROP COLUMN active")
    db.execute("ALTER TABLE spaces ADD COLUMN reason TEXT NOT NULL DEFAULT ''")  # why a build stopped
    db.execute("ALTER TABLE spaces ADD COLUMN began_at REAL")  # unix seconds
    db.execute("ALTER TABLE spaces ADD COLUMN finished_at REAL")
    # Photos that could not be encoded when the build was declared complete: on a drive that was away, unreadable.
    db.execute("ALTER TABLE spaces ADD COLUMN left_out INTEGER NOT NULL DEFAULT 0")
    db.execute("CREATE UNIQUE INDEX spaces_in_use ON spaces (state) WHERE state = 'in use'")
