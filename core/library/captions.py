"""Captions with what names their photos elsewhere: files, and the picture's hash. Reading functions take a reader."""

from __future__ import annotations

import os
import sqlite3

from sqlite_utils import Database as Tables

from core.library.photos import set_caption


def every_caption(connection: sqlite3.Connection) -> list[tuple[int, str, str]]:
    """(photo, language, text) of all captions, also of photos that are hidden now, by photo and language."""
    return connection.execute("SELECT photo, lang, text FROM captions ORDER BY photo, lang").fetchall()


def set_captions(db: Tables, captions: dict[tuple[int, str], str]) -> int:
    """(photo, language) -> text, an empty one takes a caption away; how many were not so before."""
    before = {(photo, lang): text for photo, lang, text in every_caption(db.conn)}
    changed = {key: text for key, text in captions.items() if before.get(key, "") != text}
    for (photo, lang), text in changed.items():
        set_caption(db, photo, lang, text)
    return len(changed)


def pictures_in_space(connection: sqlite3.Connection, space: str) -> dict[int, bytes]:
    """photo -> the hash of its picture, of photos that are to be seen and have a vector in `space`."""
    rows = connection.execute(
        "SELECT photos.id, picture_hash FROM photos JOIN vectors ON vectors.photo = photos.id"
        " WHERE here > 0 AND space = ?",
        (space,),
    )
    return {photo: bytes(picture_hash) for photo, picture_hash in rows}


def files_of_photos(connection: sqlite3.Connection) -> dict[bytes, int]:
    """absolute path -> the photo it shows, of all files that are here."""
    rows = connection.execute(
        "SELECT roots.path, files.path, photo FROM files JOIN roots ON roots.id = files.root"
        " WHERE photo AND files.state = 'here' AND watched ORDER BY photo, files.id"
    )
    return {os.path.join(root, path): photo for root, path, photo in rows}
