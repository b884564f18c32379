"""Bursts are found by when their photos were taken."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

import pytest

from core.library.database import Database, open_for_writing
from core.library.moments import MOST_A_SECOND, moments
from core.library.photos import Picture, add_photo


def library(folder: Path, taken: Mapping[int, str], source: str = "exif") -> Database:
    """Photos by their numbers, each in one file that says when it was taken."""
    database = open_for_writing(folder)

    def write(db: object) -> None:
        db.execute("INSERT INTO roots (id, path, volume) VALUES (1, ?, 'made')", (b"/made",))
        for photo, time in taken.items():
            add_photo(db, Picture(photo.to_bytes(16), b"", "JPEG", 1, 9, 9, 0), photo)
            metadata = json.dumps({"taken": time, "taken_from": source})
            db.execute(
                "INSERT INTO files (root, path, name, kind, photo, state, metadata) VALUES (1, ?, ?, 'photo', ?, 'here', ?)",
                (b"%d" % photo, str(photo), photo, metadata),
            )

    database.write(write)
    return database


BURST = {
    7: "2019-07-04T10:00:00",
    3: "2019-07-04T10:00:02",
    5: "2019-07-04T10:00:07+08:00",
    1: "2019-07-04T10:00:13",
    2: "2019-07-04T00:00:00",
    4: "2019-07-04T00:00:00",
}


@pytest.mark.parametrize("source", ["exif", "name"])
def test_what_follows_within_seconds_is_one_moment_of_its_first_photo(tmp_path: Path, source: str) -> None:
    database = library(tmp_path, BURST, source)
    assert moments(database.reader()) == {7: 7, 3: 7, 5: 7, 1: 1}
    # The first one deleted, it is the same moment.
    database.write(lambda db: db.execute("UPDATE files SET state = 'missing' WHERE photo = 7"))
    assert moments(database.reader()) == {7: 7, 3: 7, 5: 7, 1: 1}
    database.close()


def test_files_copied_and_photos_dated_together_are_no_moment(tmp_path: Path) -> None:
    copied = library(tmp_path / "copied", BURST, "file")
    assert moments(copied.reader()) == {}
    copied.close()
    dated = dict.fromkeys(range(1, MOST_A_SECOND + 2), "1985-01-01T12:00:00")
    scanned = library(tmp_path / "scanned", dated)
    assert moments(scanned.reader()) == {}
    scanned.close()
