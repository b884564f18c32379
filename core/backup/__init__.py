"""Backup and restore: what people said, and the models that cannot be had again, in one readable file.

`archive.py` is the file: a zip with a list of its contents and their sha256, checked whole before anything is
believed. `models.py` puts model folders in and takes them out. `backup.py` makes one, `restore.py` merges one in.
docs/backup.md describes the format.
"""

from core.backup.backup import BackedUp, backup
from core.backup.restore import Restored, restore

__all__ = ["BackedUp", "Restored", "backup", "restore"]
