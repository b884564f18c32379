"""Power may go at any instant; any file may be broken; the disk may fill."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest

from core.app import Shiguang, open_library
from core.errors import DiskFull
from core.library.database import FILE
from core.progress import CancelToken, silent
from core.search.query import Query
from core.spaces.vectors import VectorFile
from tests.promises.conftest import Photos, index, photo_at, shiguang

ROW_BYTES = 2 * 512


def vector_bytes(library: Path) -> int:
    return sum(file.stat().st_size for file in library.glob("spaces/*/vectors.f16"))


@pytest.mark.skipif(os.name == "nt", reason="there is no kill -9 on Windows")
def test_killed_again_and_again_every_photo_is_in_once(photos: Photos, tmp_path: Path) -> None:
    for seed in range(120):
        photos.add(f"{seed % 7}/{seed}.jpg", seed)
    library = tmp_path / "library"
    command = [sys.executable, "-m", "core.cli", "--library", str(library), "index", str(photos.folder)]
    for stored in (1, 17, 40, 41, 80, 110):
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        while vector_bytes(library) < stored * ROW_BYTES and process.poll() is None:
            time.sleep(0.001)
        process.kill()
        process.wait()
    assert vector_bytes(library) // ROW_BYTES >= 1
    done = shiguang(library, "index", str(photos.folder))[-1]
    assert (done["photos"], done["files"], done["failed"]) == (120, 120, 0)
    connection = sqlite3.connect(library / FILE)
    assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    assert (
        connection.execute(
            "SELECT count(*), count(DISTINCT photo), count(DISTINCT row) FROM vectors"
        ).fetchone()
        == (120,) * 3
    )
    connection.close()


def test_a_broken_file_costs_one_file_and_is_tried_again_when_it_changes(
    library: Shiguang, photos: Photos
) -> None:
    whole = Path(os.fsdecode(photos.add("a.jpg", 1))).read_bytes()
    photos.add("b.jpg", 2)
    broken = photos.folder / "half.jpg"
    broken.write_bytes(photos_bytes := whole[: len(whole) // 2])
    assert photos_bytes
    assert (index(library, photos.folder).failed, library.counts()["photos"]) == (1, 2)
    assert index(library).failed == 0, "an unchanged broken file is not tried again"
    assert library.counts()["failed"] == 1, "but it stays listed"
    photos.add("half.jpg", 3)
    assert index(library).failed == 0
    assert library.counts() == {"photos": 3, "files": 3, "offline": 0, "failed": 0}


def test_a_full_disk_loses_nothing_and_the_next_run_goes_on(
    library: Shiguang, photos: Photos, monkeypatch: pytest.MonkeyPatch
) -> None:
    for seed in range(5):
        photos.add(f"{seed}.jpg", seed)
    real = VectorFile.append

    def full(self: VectorFile, embeddings: object) -> int:
        raise DiskFull("The disk that holds the library is full.")

    # The edge that is faked is the disk.
    monkeypatch.setattr(VectorFile, "append", full)
    with pytest.raises(DiskFull):
        index(library, photos.folder)
    assert library.counts()["photos"] == 0
    monkeypatch.setattr(VectorFile, "append", real)
    assert index(library).encoded == 5


def test_a_stop_keeps_what_is_done_and_the_next_run_continues(library: Shiguang, photos: Photos) -> None:
    from core.progress import Cancelled, Progress

    # More than the bounded queues between the steps hold.
    for seed in range(300):
        photos.add(f"{seed}.jpg", seed)
    cancel = CancelToken()

    def stop_early(progress: Progress) -> None:
        if progress.stage == "index" and progress.done >= 32:
            cancel.cancel()

    library.watch_folder(photos.folder)
    with pytest.raises(Cancelled):
        library.index(stop_early, cancel)
    kept = library.counts()["photos"]
    assert kept >= 32
    counts = library.index(silent, CancelToken())
    assert counts.encoded == 300 - kept
    assert library.counts()["photos"] == 300


def test_lost_vectors_are_made_again(library: Shiguang, photos: Photos, tmp_path: Path) -> None:
    path = photos.add("a.jpg", 1)
    photos.add("b.jpg", 2)
    index(library, photos.folder)
    photo = photo_at(library, path)
    library.close()
    [file] = (tmp_path / "library/spaces").glob("*/vectors.f16")
    file.write_bytes(b"")
    done = shiguang(tmp_path / "library", "index")[-1]
    assert (done["photos"], done["encoded"]) == (2, 2)
    hits = shiguang(tmp_path / "library", "search", "red", "--all")
    assert photo in {hit.get("photo") for hit in hits}


def test_following_changes_all_day_leaves_no_connection_open(library: Shiguang, photos: Photos) -> None:
    photos.add("first.jpg", 0)
    index(library, photos.folder)
    before = len(library.database._readers), len(library.thumbs._all)
    for seed in range(1, 4):
        index(library, paths=[photos.add(f"{seed}.jpg", seed)])
    assert (len(library.database._readers), len(library.thumbs._all)) == before
    assert library.counts()["photos"] == 4


def test_lost_thumbnails_are_made_again(library: Shiguang, photos: Photos, tmp_path: Path) -> None:
    path = photos.add("a.jpg", 1)
    index(library, photos.folder)
    photo = photo_at(library, path)
    assert photo is not None
    library.close()
    (tmp_path / "library/thumbs.db").write_bytes(b"damaged beyond reading" * 1000)
    for suffix in ("-wal", "-shm"):
        (tmp_path / f"library/thumbs.db{suffix}").unlink(missing_ok=True)
    again = open_library(tmp_path / "library", writable=True)
    assert again.thumbs.get([photo]) == {}
    index(again)
    assert set(again.thumbs.get([photo])) == {photo}
    assert photo_at(again, path) == photo
    again.close()


def test_a_cut_off_cache_of_neutral_captions_is_made_again(
    library: Shiguang, photos: Photos, tmp_path: Path
) -> None:
    photos.add("a.jpg", 1)
    index(library, photos.folder)
    # The starter's own calibration does not ask the neutral captions.
    spec = library.encoder.spec
    library.encoder.spec = replace(spec, calibration=replace(spec.calibration, slope=0.5))
    cache = next((tmp_path / "library/spaces").iterdir()) / "neutral.npy"
    cache.write_bytes(b"")
    assert len(library.search(Query("red", everything=True)).hits) == 1
    assert cache.stat().st_size > 0
