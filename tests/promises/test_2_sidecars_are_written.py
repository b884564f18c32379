"""Sidecars: off until asked for, beside the photos and never in them, and nothing of another program lost."""

from __future__ import annotations

import errno
import importlib
import os
import shutil
import sqlite3
import threading
from pathlib import Path
from typing import Any

import pytest
from sqlite_utils import Database

from core.albums import write_sidecars as writing
from core.albums.sidecar import Words
from core.albums.sidecar_files import OwnWrites
from core.app import Shiguang
from core.errors import DiskFull
from core.library import sidecars as table
from core.photos.scan import scan
from core.progress import CancelToken, Pace, silent
from core.settings import SETTLE_SECONDS, SIDECARS, SIDECARS_AUTOMATIC
from tests.promises.beside_photos import (
    another_program_writes,
    beside,
    known,
    make_album,
    words,
    write,
)
from tests.promises.conftest import Photos, index


def test_nothing_is_written_until_it_is_asked_for(library: Shiguang, photos: Photos, sea: Path) -> None:
    index(library)
    assert sorted(path.name for path in photos.folder.iterdir()) == ["other.jpg", "sea.jpg"]
    library.settings.set(SIDECARS, True)
    index(library)
    assert sorted(path.name for path in photos.folder.iterdir()) == ["other.jpg", "sea.jpg", "sea.jpg.xmp"]


def test_photos_stay_as_they_are_and_the_sidecar_says_it_all(
    library: Shiguang, photos: Photos, sea: Path
) -> None:
    before = {path: (path.read_bytes(), path.stat().st_mtime_ns) for path in photos.folder.iterdir()}
    assert write(library, dry_run=True).written == 1
    assert not beside(sea).exists()
    done = write(library)
    assert (done.written, done.same, done.waiting, done.faults) == (1, 0, 0, [])
    assert {path: (path.read_bytes(), path.stat().st_mtime_ns) for path in before} == before
    assert words(sea) == Words(
        ("海", "sea"), ("Shiguang|海",), ("Shiguang/海", "sea"), "4", {"x-default": "外婆在海边", "zh": "外婆在海边"}
    )  # fmt: skip
    assert write(library).same == 1


def test_automatic_members_are_named_on_a_branch_of_their_own_only_when_asked(
    library: Shiguang, sea: Path
) -> None:
    album = make_album(library, "也许")
    photo = known(library, sea)
    space = library.space.id
    library.database.write(
        lambda db: db.execute(
            "INSERT OR REPLACE INTO album_members (space, album, photo, sure) VALUES (?, ?, ?, 1)",
            (space, album, photo),
        )
    )
    write(library)
    assert words(sea).hierarchical == ("Shiguang|海",)
    library.settings.set(SIDECARS_AUTOMATIC, True)
    write(library)
    assert words(sea).hierarchical == ("Shiguang|海", "Shiguang|auto|也许")
    assert "也许" not in words(sea).subjects
    library.settings.set(SIDECARS_AUTOMATIC, False)
    write(library)
    assert words(sea).hierarchical == ("Shiguang|海",)


def test_a_keyword_taken_back_leaves_the_sidecar_and_a_foreign_one_stays(
    library: Shiguang, sea: Path
) -> None:
    another_program_writes(beside(sea), Words(("foreign",)))
    write(library)
    assert words(sea).subjects == ("foreign", "海", "sea")
    library.set_keywords(known(library, sea), [])
    write(library)
    assert words(sea).subjects == ("foreign", "海")


def test_every_copy_of_a_photo_gets_its_sidecar_and_a_moved_one_another(
    library: Shiguang, photos: Photos, sea: Path
) -> None:
    shutil.copy2(sea, photos.folder / "copy.jpg")
    index(library)
    assert write(library).written == 2
    moved = photos.folder / "moved.jpg"
    sea.rename(moved)
    index(library)
    assert write(library).written == 1
    assert words(moved) == words(photos.folder / "copy.jpg")


def test_what_cannot_be_written_waits_and_is_written_later(
    library: Shiguang, sea: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def read_only(source: object, target: object) -> None:
        raise OSError(errno.EROFS, os.strerror(errno.EROFS))

    # The edge that is faked is the file system: for root no folder is read-only.
    monkeypatch.setattr("core.albums.sidecar_files.os.replace", read_only)
    done = write(library)
    assert (done.written, done.waiting, done.faults) == (0, 1, [])
    assert library.carrying.sidecar_counts() == {"written": 0, "waiting": 1}
    [state] = library.carrying.sidecar_states(known(library, sea)).values()
    assert "Read-only" in state
    assert [path.name for path in sea.parent.iterdir() if "partial" in path.name] == []
    monkeypatch.undo()
    assert write(library).written == 1
    assert library.carrying.sidecar_counts() == {"written": 1, "waiting": 0}
    assert library.carrying.sidecar_states(known(library, sea)) == {str(sea): "written"}


def test_a_write_protected_sidecar_is_left_alone(library: Shiguang, sea: Path) -> None:
    another_program_writes(beside(sea), Words(("foreign",)))
    beside(sea).chmod(0o444)
    before = beside(sea).read_bytes()
    assert write(library).waiting == 1
    assert beside(sea).read_bytes() == before


def test_a_full_disk_stops_it_with_what_is_written_kept(
    library: Shiguang, photos: Photos, sea: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    library.set_rating(known(library, photos.folder / "other.jpg"), 1)
    real, calls = os.fsync, []

    def full(handle: int) -> None:
        calls.append(handle)
        if len(calls) == 2:  # the second sidecar
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        real(handle)

    monkeypatch.setattr("core.albums.sidecar_files.os.fsync", full)
    with pytest.raises(DiskFull):
        write(library)
    monkeypatch.undo()
    done = write(library)
    assert (done.written, done.same) == (1, 1)
    assert sorted(path.name for path in photos.folder.iterdir()) == [
        "other.jpg",
        "other.jpg.xmp",
        "sea.jpg",
        "sea.jpg.xmp",
    ]


def test_a_power_cut_between_file_and_library_makes_no_word_of_ours_a_foreign_one(
    library: Shiguang, sea: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class PowerCut(BaseException):
        pass

    class Dying(OwnWrites):
        def note(self, seen: object) -> None:
            raise PowerCut

    with pytest.raises(PowerCut):
        writing.write_sidecars(library.database, Dying(), silent, CancelToken())
    assert words(sea).subjects == ("海", "sea")
    library.set_keywords(known(library, sea), [])
    assert write(library).written == 1
    assert words(sea).subjects == ("海",)


def test_what_another_program_writes_at_the_same_moment_is_not_lost(
    library: Shiguang, sea: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    remember = table.remember

    def while_we_write(db: Database, rows: Any) -> None:
        remember(db, rows)
        if not beside(sea).exists():
            another_program_writes(beside(sea), Words(("just now",)))

    # The edge that is faked is the other program's moment: between our look and our write.
    monkeypatch.setattr("core.albums.write_sidecars.table.remember", while_we_write)
    assert write(library).waiting == 1
    monkeypatch.undo()
    assert write(library).written == 1
    assert words(sea).subjects == ("just now", "海", "sea")


def test_our_own_writes_are_no_news(library: Shiguang, photos: Photos, sea: Path) -> None:
    library.settings.set(SETTLE_SECONDS, 0.1)
    seen: list[frozenset[bytes]] = []
    has_come = threading.Event()
    new = os.fsencode(photos.folder / "new.jpg")

    def changed(paths: frozenset[bytes]) -> None:
        seen.append(paths)
        if any(new in each for each in seen):
            has_come.set()

    watcher = library.watcher(changed)
    watcher.start()
    try:
        assert watcher.wait_until_watching(20)
        assert write(library).written == 1
        photos.add("new.jpg", 3)
        assert has_come.wait(20)
        # Whatever was told of the sidecar was told before the photo that came after it.
        assert all(not path.endswith(b".xmp") for paths in seen for path in paths)
    finally:
        watcher.stop()
    [root] = library.roots()
    found = scan(library.database, root, Pace(silent, "scan"), CancelToken())
    assert [file.path for file in found.to_index] == [b"new.jpg"]
    assert library.passed_over()["sidecar"] == 1


def test_the_migration_leaves_everything_that_was_there(tmp_path: Path) -> None:
    db = Database(sqlite3.connect(tmp_path / "old.db", isolation_level=None))
    db.execute("PRAGMA foreign_keys = ON")
    for name in ("001_first", "002_spaces_being_built", "003_albums"):
        importlib.import_module(f"core.library.migrations.{name}").apply(db)
    db.execute("INSERT INTO roots (id, path, volume) VALUES (1, x'2f61', 'v')")
    db.execute("INSERT INTO photos (id, picture_hash, width, height, here) VALUES (1, x'ab', 4, 3, 1)")
    db.execute("INSERT INTO files (id, root, path, name, kind, photo) VALUES (7, 1, x'62', 'b', 'photo', 1)")
    db.execute("INSERT INTO keywords (photo, word) VALUES (1, 'sea')")
    importlib.import_module("core.library.migrations.004_sidecars").apply(db)
    assert table.everything_said(db.conn)[1].keywords == {"sea"}
    table.remember(db, [(7, table.Record("{}", "look", "later"))])
    assert table.counts(db.conn) == {"written": 0, "waiting": 1}
    db.execute("DELETE FROM files WHERE id = 7")
    assert table.records(db.conn) == {}, "a file that goes takes its row with it"
    db.conn.close()
