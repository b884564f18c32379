"""The library moves to another model: in the background, interruptible, whole or not at all."""

from __future__ import annotations

import errno
import json
import os
import shutil
import threading
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from core.app import Comparison, Shiguang
from core.errors import DiskFull, ModelError, NotThere, WrongUse
from core.library.spaces import BUILDING, IN_USE, KEPT
from core.models.encoder import Encoder
from core.models.trained import read_note, way_back
from core.progress import Cancelled, CancelToken, Progress, silent
from core.search.query import Query
from tests.made_models import make_model
from tests.spaces.conftest import FIRST, PHOTOS, SECOND, add_photo, folder_of


def states(library: Shiguang) -> dict[str, tuple[str, int]]:
    return {record.model: (record.state, record.vectors) for record in library.spaces()}


def found(library: Shiguang, words: str, limit: int = 6) -> set[str]:
    """The names of the first hits by meaning; the query must not stand in a name, or it is found by that."""
    hits = library.search(Query(words, everything=True, limit=limit)).hits
    paths = library.first_paths([hit.photo for hit in hits])
    return {Path(path).name.split()[0] for path in paths.values()}


def switch(library: Shiguang, model: str = SECOND, **more: object):
    return library.switch_model(model, silent, CancelToken(), **more)


def stopping_after(photos: int) -> tuple[Callable[[Progress], None], CancelToken]:
    """A report and a token that is cancelled when so many photos are in the new space."""
    cancel = CancelToken()

    def report(progress: Progress) -> None:
        if progress.stage == "build" and progress.done >= photos:
            cancel.cancel()

    return report, cancel


# ---- what a switch does


def test_every_photo_is_in_the_new_space_and_the_old_one_is_kept(library: Shiguang) -> None:
    done = switch(library)
    assert (done.photos, done.encoded, done.left_out, done.in_use) == (PHOTOS, PHOTOS, 0, True)
    assert states(library) == {SECOND: (IN_USE, PHOTOS), FIRST: (KEPT, PHOTOS)}
    assert library.use_model().id == SECOND
    assert found(library, "red red") == {"red"}


def test_going_back_encodes_nothing(library: Shiguang) -> None:
    switch(library)
    done = switch(library, FIRST)
    assert (done.encoded, done.photos) == (0, PHOTOS)
    assert library.use_model().id == FIRST
    assert found(library, "blue blue") == {"blue"}


def test_the_model_in_use_is_not_switched_to(library: Shiguang) -> None:
    assert switch(library, FIRST).encoded == 0
    assert states(library) == {FIRST: (IN_USE, PHOTOS)}


def test_the_switch_is_remembered(library: Shiguang, opened: Callable[[], Shiguang]) -> None:
    switch(library)
    library.close()
    assert opened().use_model().id == SECOND


def test_a_build_makes_the_vectors_that_an_import_makes(library: Shiguang, photos: Path) -> None:
    switch(library)
    ids = library.photo_ids()
    built = library.space.vectors_of(ids)
    pixels = np.stack([library.model_input(os.fsencode(path)) for path in map_paths(library, ids)])
    # Beside float16 only the batch's size differs.
    np.testing.assert_allclose(built, library.encoder.encode_images(pixels), atol=1e-3)


def map_paths(library: Shiguang, ids: list[int]) -> list[str]:
    paths = library.first_paths(ids)
    return [paths[photo] for photo in ids]


def test_thumbnails_and_files_are_left_as_they_are(library: Shiguang, tmp_path: Path) -> None:
    connection = library.database.reader()
    before = connection.execute("SELECT * FROM files").fetchall()
    thumbs = (tmp_path / "library/thumbs.db-wal").stat().st_size
    switch(library)
    assert connection.execute("SELECT * FROM files").fetchall() == before
    assert (tmp_path / "library/thumbs.db-wal").stat().st_size == thumbs


def test_the_newest_photos_and_those_in_sight_come_first(library: Shiguang) -> None:
    newest = library.photo_ids()
    in_sight = newest[-3:]
    report, cancel = stopping_after(1)
    with pytest.raises(Cancelled):
        library.switch_model(SECOND, report, cancel, first=in_sight)
    rows = library.database.reader().execute(
        "SELECT photo FROM vectors JOIN spaces ON spaces.id = space WHERE model = ? ORDER BY row", (SECOND,)
    )
    done = [row[0] for row in rows]
    assert set(in_sight) <= set(done)
    # Decoders finish in any order, a few photos apart.
    assert set(done) <= set(in_sight) | set(newest[: len(done) + 6])


def test_progress_tells_device_and_counts(library: Shiguang) -> None:
    seen: list[Progress] = []
    library.switch_model(SECOND, seen.append, CancelToken())
    build = [progress for progress in seen if progress.stage == "build"]
    assert seen[0].stage == "check"
    assert (build[-1].done, build[-1].total, build[-1].failed) == (PHOTOS, PHOTOS, 0)
    assert build[-1].device


def test_a_space_that_is_not_in_use_is_filled_up_and_stays_unused(library: Shiguang, photos: Path) -> None:
    switch(library)
    add_photo(photos, "red", 90)
    library.index(silent, CancelToken())
    assert states(library)[FIRST] == (KEPT, PHOTOS)

    library.fill_space(FIRST, silent, CancelToken())

    assert states(library) == {SECOND: (IN_USE, PHOTOS + 1), FIRST: (KEPT, PHOTOS + 1)}
    assert library.use_model().id == SECOND
    library.fill_space(SECOND, silent, CancelToken())
    assert states(library)[SECOND] == (IN_USE, PHOTOS + 1)


def test_filling_up_goes_on_after_a_stop_and_gives_up_no_move(library: Shiguang, photos: Path) -> None:
    report, cancel = stopping_after(1)
    with pytest.raises(Cancelled):
        library.switch_model(SECOND, report, cancel)
    cancel = CancelToken()
    cancel.cancel()
    with pytest.raises(Cancelled):
        library.fill_space(SECOND, silent, cancel)
    assert states(library)[SECOND][0] == BUILDING

    library.fill_space(SECOND, silent, CancelToken())

    assert states(library) == {FIRST: (IN_USE, PHOTOS), SECOND: (BUILDING, PHOTOS)}
    assert switch(library).encoded == 0


# ---- stopped, continued, failed


def test_a_stopped_switch_goes_on_where_it_stopped(library: Shiguang) -> None:
    report, cancel = stopping_after(1)
    with pytest.raises(Cancelled):
        library.switch_model(SECOND, report, cancel)
    state, kept = states(library)[SECOND]
    assert state == BUILDING
    assert 0 < kept < PHOTOS
    assert library.use_model().id == FIRST
    seen: list[Progress] = []
    done = library.switch_model(SECOND, seen.append, CancelToken())
    assert done.encoded == PHOTOS - kept
    assert next(progress.done for progress in seen if progress.stage == "build") == kept


def test_a_paused_switch_waits_and_goes_on(library: Shiguang) -> None:
    cancel, ends = CancelToken(), []
    reached = threading.Event()

    def report(progress: Progress) -> None:
        if progress.stage == "build" and not reached.is_set():
            cancel.pause()
            reached.set()

    thread = threading.Thread(target=lambda: ends.append(library.switch_model(SECOND, report, cancel)))
    thread.start()
    assert reached.wait(60)
    assert states(library)[SECOND] == (BUILDING, 0)
    assert library.search(Query("red red")).answered, "search waits for nobody"
    cancel.resume()
    thread.join(60)
    assert ends[0].photos == PHOTOS


def test_a_full_disk_is_said_before_anything_is_begun(
    library: Shiguang, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda path: shutil._ntuple_diskusage(10**9, 10**9, 1000))
    with pytest.raises(DiskFull, match=r"36 photos need .* MB .* are free"):
        switch(library)
    assert states(library) == {FIRST: (IN_USE, PHOTOS)}


def test_a_disk_that_fills_leaves_the_old_model_at_work(
    library: Shiguang, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    old = tmp_path / "library/spaces" / library.space.id / "vectors.f16"
    before, real = old.read_bytes(), os.fsync
    row_bytes = 2 * 48

    def full(handle: int) -> None:
        for file in (tmp_path / "library/spaces").glob("*/vectors.f16"):
            is_new = file != old and os.path.samestat(os.fstat(handle), file.stat())
            if is_new and file.stat().st_size > 16 * row_bytes:
                raise OSError(errno.ENOSPC, "No space left on device")
        real(handle)

    # The edge that is faked is the disk: it takes the first 16 rows of the new space and no more.
    monkeypatch.setattr("core.spaces.vectors.os.fsync", full)
    with pytest.raises(DiskFull):
        switch(library)
    [record] = [each for each in library.spaces() if each.model == SECOND]
    assert (record.state, record.vectors) == (BUILDING, 16)
    assert record.reason == "The disk that holds the library is full."
    assert (tmp_path / "library/spaces" / record.id / "vectors.f16").stat().st_size == 16 * row_bytes
    assert library.use_model().id == FIRST
    assert found(library, "green green") == {"green"}
    assert old.read_bytes() == before
    monkeypatch.undo()
    assert switch(library).encoded == PHOTOS - 16
    assert [each.reason for each in library.spaces()] == ["", ""]


def test_a_model_that_fails_in_the_middle_leaves_the_old_one_at_work(
    library: Shiguang, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, calls = Encoder.encode_images, []

    def breaks(self: Encoder, pixels: np.ndarray) -> np.ndarray:
        if self.spec.id == SECOND:
            calls.append(len(pixels))
            if len(calls) > 3:
                raise ModelError("the model cannot be run: the device was lost")
        return real(self, pixels)

    # The edge that is faked is the device.
    monkeypatch.setattr(Encoder, "encode_images", breaks)
    with pytest.raises(ModelError, match="the device was lost"):
        switch(library)
    assert states(library)[SECOND][0] == BUILDING
    assert library.use_model().id == FIRST
    monkeypatch.setattr(Encoder, "encode_images", real)
    assert switch(library).photos == PHOTOS


@pytest.mark.parametrize("broken", ["image.onnx", "text.onnx", "tokenizer.json"])
def test_a_model_that_is_not_whole_changes_nothing(library: Shiguang, tmp_path: Path, broken: str) -> None:
    file = folder_of(tmp_path / "library", SECOND) / broken
    file.write_bytes(file.read_bytes()[:-100])
    with pytest.raises(ModelError, match=broken.replace(".", r"\.")):
        switch(library)
    assert states(library) == {FIRST: (IN_USE, PHOTOS)}


def test_a_model_that_is_not_there_changes_nothing(library: Shiguang) -> None:
    with pytest.raises(NotThere):
        switch(library, "local:none")
    assert states(library) == {FIRST: (IN_USE, PHOTOS)}


def test_a_model_that_was_lost_can_be_left_for_another(
    library: Shiguang, opened: Callable[[], Shiguang], tmp_path: Path
) -> None:
    library.close()
    shutil.rmtree(folder_of(tmp_path / "library", FIRST))
    again = opened()
    with pytest.raises(NotThere):
        again.search(Query("red red"))
    assert switch(again).in_use
    assert found(again, "red red") == {"red"}


def test_two_switches_at_once_are_refused(library: Shiguang) -> None:
    refused: list[BaseException] = []

    def second(progress: Progress) -> None:
        if progress.stage == "build" and not refused:
            try:
                switch(library)
            except WrongUse as error:
                refused.append(error)

    library.switch_model(SECOND, second, CancelToken())
    assert len(refused) == 1


# ---- photos that come, change, or are away


def test_photos_that_come_during_a_build_are_in_both_spaces(library: Shiguang, photos: Path) -> None:
    came: list[int] = []

    def report(progress: Progress) -> None:
        if progress.stage == "build" and progress.done == PHOTOS and not came:
            came.append(1)
            add_photo(photos, "red", 100)
            thread = threading.Thread(target=library.index, args=(silent, CancelToken()))
            thread.start()
            thread.join()

    done = library.switch_model(SECOND, report, CancelToken())
    assert came
    assert done.photos == PHOTOS + 1
    assert states(library) == {SECOND: (IN_USE, PHOTOS + 1), FIRST: (KEPT, PHOTOS + 1)}


def test_a_photo_edited_while_it_was_built_gets_the_vector_of_its_new_picture(
    library: Shiguang, photos: Path
) -> None:
    report, cancel = stopping_after(PHOTOS)
    with pytest.raises(Cancelled):
        library.switch_model(SECOND, report, cancel)
    turned = photos / "red 0.jpg"
    with Image.open(turned) as picture:
        picture.transpose(Image.Transpose.ROTATE_90).save(turned)
    library.index(silent, CancelToken())
    assert states(library)[FIRST] == (IN_USE, PHOTOS)
    _, kept = states(library)[SECOND]
    assert switch(library).encoded == PHOTOS - kept >= 1


def test_photos_that_are_away_are_left_out_and_come_in_with_the_next_run(
    library: Shiguang, photos: Path, tmp_path: Path
) -> None:
    aside = tmp_path / "aside.jpg"
    (photos / "red 0.jpg").rename(aside)
    done = switch(library)
    assert (done.photos, done.left_out, done.in_use) == (PHOTOS - 1, 1, True)
    assert next(each.left_out for each in library.spaces() if each.model == SECOND) == 1
    aside.rename(photos / "red 0.jpg")
    assert library.index(silent, CancelToken()).encoded == 1
    assert states(library)[SECOND] == (IN_USE, PHOTOS)


def test_a_file_that_shows_another_picture_now_lends_its_photo_no_vector(
    library: Shiguang, photos: Path
) -> None:
    (photos / "red 0.jpg").write_bytes((photos / "blue 2.jpg").read_bytes())
    done = switch(library)
    assert (done.photos, done.left_out) == (PHOTOS - 1, 1)


def test_photos_are_looked_up_in_portions_past_those_that_cannot_be_read(
    library: Shiguang, photos: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The newest by name, so that every portion begins with files that are not there.
    for photo in library.photo_ids()[:9]:
        Path(library.first_paths([photo])[photo]).unlink()
    monkeypatch.setattr("core.ingest.building.PORTION", 4)
    done = switch(library)
    assert (done.photos, done.left_out) == (PHOTOS - 9, 9)


def test_a_move_says_that_it_waits_for_an_import(library: Shiguang) -> None:
    stages: list[str] = []
    waited = threading.Event()
    turn = library._turns.importing()

    def report(progress: Progress) -> None:
        if progress.stage != (stages[-1] if stages else ""):
            stages.append(progress.stage)
        if progress.stage == "wait":
            waited.set()

    turn.__enter__()
    mover = threading.Thread(target=library.switch_model, args=(SECOND, report, CancelToken()))
    mover.start()
    assert waited.wait(60)
    assert states(library)[SECOND] == (BUILDING, 0)
    turn.__exit__(None, None, None)
    mover.join(60)
    assert states(library)[SECOND] == (IN_USE, PHOTOS)
    assert stages[:4] == ["check", "build", "wait", "build"]


def test_a_library_without_photos_changes_over_at_once(opened: Callable[[], Shiguang]) -> None:
    library = opened()
    assert switch(library).in_use
    assert library.use_model().id == SECOND


# ---- old against new


def caption_all(library: Shiguang, count: int = PHOTOS) -> None:
    ids = library.photo_ids()[:count]
    paths = library.first_paths(ids)
    for photo in ids:
        library.set_caption(photo, "en", Path(paths[photo]).name.split()[0])


def test_too_few_captions_tell_nothing(library: Shiguang) -> None:
    caption_all(library, 19)
    compared = switch(library).comparison
    assert compared == Comparison(19)
    assert not compared.is_telling
    assert not compared.is_worse


def test_a_model_that_finds_as_much_is_not_worse(library: Shiguang) -> None:
    caption_all(library)
    compared = switch(library).comparison
    assert (compared.captions, compared.old, compared.new) == (PHOTOS, PHOTOS, PHOTOS)
    assert not compared.is_worse


def test_a_model_that_finds_less_is_said_and_can_be_refused(library: Shiguang, tmp_path: Path) -> None:
    caption_all(library)
    make_model(folder_of(tmp_path / "library", "local:deaf"), "local:deaf", deaf=True)
    told: list[Comparison] = []

    def refuse(comparison: Comparison) -> bool:
        told.append(comparison)
        return False

    done = switch(library, "local:deaf", accept=refuse)
    assert not done.in_use
    assert told[0].new < told[0].old == PHOTOS
    assert states(library) == {FIRST: (IN_USE, PHOTOS), "local:deaf": (KEPT, PHOTOS)}
    assert library.use_model().id == FIRST
    done = switch(library, "local:deaf")
    assert (done.in_use, done.encoded) == (True, 0)
    assert done.comparison.is_worse


# ---- changed folders


def test_a_model_folder_that_changed_is_another_space(
    library: Shiguang, opened: Callable[[], Shiguang], tmp_path: Path
) -> None:
    old = library.space.id
    library.close()
    folder = folder_of(tmp_path / "library", FIRST)
    shutil.rmtree(folder)
    make_model(folder, FIRST, width=32, seed=9)
    again = opened()
    assert again.space.id != old
    assert "the model local:first was changed" in (tmp_path / "library/log/shiguang.log").read_text()
    assert len(again.space) == 0, "nothing of the old vectors is compared with the new towers"
    assert again.index(silent, CancelToken()).encoded == PHOTOS
    assert found(again, "red red") == {"red"}


def test_a_reader_of_a_changed_model_says_so_instead_of_finding_nothing(
    library: Shiguang, tmp_path: Path
) -> None:
    from core.app import open_library

    library.close()
    folder = folder_of(tmp_path / "library", FIRST)
    shutil.rmtree(folder)
    make_model(folder, FIRST, width=32, seed=9)
    reading = open_library(tmp_path / "library", writable=False)
    with pytest.raises(ModelError, match="was changed since the photos were encoded"):
        reading.search(Query("red red"))
    reading.close()


def test_a_file_replaced_behind_the_specs_back_is_noticed_at_opening(
    library: Shiguang, opened: Callable[[], Shiguang], tmp_path: Path
) -> None:
    library.close()
    other = tmp_path / "other"
    make_model(other, FIRST, width=32, seed=9)
    shutil.copy(other / "text.onnx", folder_of(tmp_path / "library", FIRST) / "text.onnx")
    with pytest.raises(ModelError, match=r"text\.onnx was changed"):
        opened().use_model()


def test_opening_again_hashes_nothing(
    library: Shiguang, opened: Callable[[], Shiguang], monkeypatch: pytest.MonkeyPatch
) -> None:
    library.close()

    def hashed(path: Path) -> str:
        raise AssertionError(f"{path} was hashed")

    monkeypatch.setattr("core.spaces.origin.file_sha256", hashed)
    assert opened().use_model().id == FIRST


# ---- dropping


def test_a_dropped_model_leaves_nothing_behind(library: Shiguang, tmp_path: Path) -> None:
    switch(library)
    switch(library, FIRST)
    library.drop_model(SECOND)
    assert states(library) == {FIRST: (IN_USE, PHOTOS)}
    assert [folder.name for folder in (tmp_path / "library/spaces").iterdir()] == [library.space.id]
    assert not folder_of(tmp_path / "library", SECOND).exists()
    assert library.database.reader().execute("SELECT count(*) FROM vectors").fetchone() == (PHOTOS,)
    assert found(library, "red red") == {"red"}


def test_a_model_can_be_kept_when_its_vectors_are_dropped(library: Shiguang, tmp_path: Path) -> None:
    switch(library)
    switch(library, FIRST)
    library.drop_model(SECOND, files=False)
    assert states(library) == {FIRST: (IN_USE, PHOTOS)}
    assert switch(library).encoded == PHOTOS


@pytest.mark.parametrize(("model", "why"), [(FIRST, "is in use"), ("starter", "belongs to the program")])
def test_the_model_in_use_and_the_starter_cannot_be_dropped(library: Shiguang, model: str, why: str) -> None:
    with pytest.raises(WrongUse, match=why):
        library.drop_model(model)
    assert states(library) == {FIRST: (IN_USE, PHOTOS)}


def test_what_the_model_in_use_was_trained_from_is_not_dropped(library: Shiguang, tmp_path: Path) -> None:
    note = {"base": FIRST, "before": "local:gone", "how": "full", "seed": 0, "verdict": {}}
    (folder_of(tmp_path / "library", SECOND) / "trained.json").write_text(json.dumps(note))
    switch(library)

    assert not next(one for one in library.models() if one.id == FIRST).can_drop
    with pytest.raises(WrongUse, match="was trained from"):
        library.drop_model(FIRST)
    # Undoing goes there where the model in use before is gone.
    models = tmp_path / "library" / "models"
    assert way_back(models, read_note(models, SECOND)) == FIRST


def test_a_model_that_nobody_knows_cannot_be_dropped(library: Shiguang) -> None:
    with pytest.raises(NotThere):
        library.drop_model("local:none")
