"""What the owner said belongs to the photo's content, not to its path."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageDraw

from core.app import Shiguang
from core.library import roots
from core.library.files import record_fault
from core.photos.volumes import place_of
from core.search.query import Query
from tests.promises.conftest import Photos, index, photo_at


@pytest.fixture
def loved(library: Shiguang, photos: Photos) -> bytes:
    """A photo with everything said about it that can be said."""
    path = photos.add("2019/sea.jpg", 1)
    photos.add("2019/other.jpg", 2)
    index(library, photos.folder)
    photo = photo_at(library, path)
    assert photo is not None
    library.set_rating(photo, 5)
    library.set_favourite(photo, True)
    library.set_caption(photo, "zh", "外婆在海边")
    library.set_keywords(photo, ["外婆", "sea"])
    return path


def said(library: Shiguang, path: bytes) -> tuple[int | None, bool, dict[str, str], tuple[str, ...]]:
    photo = photo_at(library, path)
    assert photo is not None, "the photo is not known at this path"
    details = library.details(photo)
    assert details is not None
    return details.rating, details.favourite, details.captions, details.keywords


ALL = (5, True, {"zh": "外婆在海边"}, ("sea", "外婆"))


def test_it_survives_a_move_without_a_vector_computed(
    library: Shiguang, photos: Photos, loved: bytes
) -> None:
    moved = os.path.join(os.fsencode(photos.folder), b"elsewhere.jpg")
    os.rename(loved, moved)
    counts = index(library)
    assert (counts.moved, counts.decoded, counts.encoded, counts.missing) == (1, 0, 0, 0)
    assert said(library, moved) == ALL


def test_it_survives_the_whole_folder_moving(
    library: Shiguang, photos: Photos, loved: bytes, tmp_path: Path
) -> None:
    new = tmp_path / "别处" / "photos"
    new.parent.mkdir()
    photos.folder.rename(new)
    counts = index(library, new)
    assert (counts.moved, counts.encoded) == (2, 0)
    assert said(library, os.fsencode(new / "2019" / "sea.jpg")) == ALL
    assert [root.display for root in library.roots()] == [str(new)], "the old place needs no memory"


def test_it_survives_a_copy_to_another_disk_and_the_loss_of_the_first(
    library: Shiguang, photos: Photos, loved: bytes, tmp_path: Path
) -> None:
    new = tmp_path / "copy"
    shutil.copytree(photos.folder, new)
    shutil.rmtree(photos.folder)
    counts = index(library, new)
    assert (counts.decoded, counts.encoded) == (0, 0)
    assert said(library, os.fsencode(new / "2019" / "sea.jpg")) == ALL


def test_it_survives_a_keyword_written_by_another_program(
    library: Shiguang, photos: Photos, loved: bytes
) -> None:
    path = Path(os.fsdecode(loved))
    data, note = path.read_bytes(), b"another program was here"
    path.write_bytes(data[:2] + b"\xff\xfe" + (len(note) + 2).to_bytes(2, "big") + note + data[2:])
    counts = index(library)
    assert (counts.decoded, counts.encoded) == (0, 0)
    assert said(library, loved) == ALL


def test_it_survives_a_date_written_by_another_program_and_the_date_is_taken_over(
    library: Shiguang, photos: Photos, loved: bytes
) -> None:
    with Image.open(os.fsdecode(loved)) as picture:
        exif = picture.getexif()
    exif[0x9003] = "2011:12:13 14:15:16"
    block = b"Exif\0\0" + exif.tobytes().removeprefix(b"Exif\0\0")
    path = Path(os.fsdecode(loved))
    data = path.read_bytes()
    path.write_bytes(data[:2] + b"\xff\xe1" + (len(block) + 2).to_bytes(2, "big") + block + data[2:])
    counts = index(library)
    assert counts.encoded == 0
    assert said(library, loved) == ALL
    photo = photo_at(library, loved)
    assert photo is not None
    assert library.cards([photo])[photo].taken.startswith("2011-12-13T14:15:16")


@pytest.mark.parametrize("turn", [3, 6, 8])
def test_it_survives_being_turned_in_place(
    library: Shiguang, photos: Photos, loved: bytes, turn: int
) -> None:
    with Image.open(os.fsdecode(loved)) as picture:
        exif = picture.getexif()
        exif[0x0112] = turn
        picture.save(os.fsdecode(loved), "JPEG", exif=exif, quality="keep")
    assert index(library).encoded == 1
    assert said(library, loved) == ALL
    photo = photo_at(library, loved)
    details = library.details(photo or 0)
    assert details is not None
    assert (details.width, details.height) == ((64, 48) if turn == 3 else (48, 64))
    assert library.counts()["photos"] == 2


def test_it_survives_a_tiff_saved_anew(library: Shiguang, photos: Photos) -> None:
    path = photos.add("scan.tif", 5)
    index(library, photos.folder)
    photo = photo_at(library, path)
    assert photo is not None
    library.set_rating(photo, 4)
    with Image.open(os.fsdecode(path)) as picture:
        picture.save(os.fsdecode(path), "TIFF", compression="tiff_lzw", description="a keyword")
    index(library)
    assert photo_at(library, path) == photo
    assert said(library, path)[0] == 4


def test_another_picture_saved_over_it_is_another_photo(
    library: Shiguang, photos: Photos, loved: bytes
) -> None:
    before = photo_at(library, loved)
    photos.add("2019/sea.jpg", 77)
    assert index(library).encoded == 1
    assert photo_at(library, loved) != before
    # And back again: the photo and what was said about it are still known.
    photos.add("2019/sea.jpg", 1)
    assert index(library).encoded == 0
    assert photo_at(library, loved) == before
    assert said(library, loved) == ALL


def test_it_survives_two_files_changing_places(library: Shiguang, photos: Photos, loved: bytes) -> None:
    other = loved.replace(b"sea", b"other")
    os.rename(loved, loved + b".x")
    os.rename(other, loved)
    os.rename(loved + b".x", other)
    assert index(library).encoded == 0
    assert said(library, other) == ALL


def test_an_unplugged_drive_takes_nothing_away(
    library: Shiguang, photos: Photos, loved: bytes, monkeypatch
) -> None:
    # The edge that is faked is the disk: it is not mounted, its mount point is an empty folder.
    away = photos.folder.with_name("away")
    photos.folder.rename(away)
    photos.folder.mkdir()
    monkeypatch.setattr("core.photos.scan.is_offline", lambda path, volume: not any(Path(path).iterdir()))
    counts = index(library)
    assert counts.missing == 0
    assert library.counts() == {"photos": 2, "files": 2, "offline": 2, "failed": 0}
    assert said(library, loved) == ALL
    photos.folder.rmdir()
    away.rename(photos.folder)
    assert index(library).encoded == 0
    assert library.counts()["offline"] == 0


def test_a_deleted_file_hides_its_photo_and_its_return_brings_it_back(
    library: Shiguang, photos: Photos, loved: bytes
) -> None:
    data = Path(os.fsdecode(loved)).read_bytes()
    os.unlink(loved)
    counts = index(library)
    assert counts.missing == 1
    assert library.counts()["photos"] == 1
    Path(os.fsdecode(loved)).write_bytes(data)
    assert index(library).encoded == 0
    assert said(library, loved) == ALL


def test_a_folder_no_longer_watched_keeps_its_decisions(
    library: Shiguang, photos: Photos, loved: bytes
) -> None:
    library.unwatch_folder(library.roots()[0].id)
    assert library.counts()["photos"] == 0
    counts = index(library, photos.folder)
    assert (counts.decoded, counts.encoded) == (0, 0)
    assert said(library, loved) == ALL


def test_a_folder_that_is_away_can_be_watched_again(library: Shiguang, photos: Photos, loved: bytes) -> None:
    before = library.counts()["photos"]
    away = photos.folder.with_name("away")
    photos.folder.rename(away)
    library.unwatch_folder(library.roots()[0].id)
    assert library.watch_folder(photos.folder).path == os.fsencode(photos.folder)
    assert len(library.roots()) == 1
    away.rename(photos.folder)
    assert index(library).encoded == 0
    assert library.counts()["photos"] == before
    assert said(library, loved) == ALL


def test_watching_the_parent_takes_the_child_in(
    library: Shiguang, photos: Photos, loved: bytes, tmp_path: Path
) -> None:
    counts = index(library, photos.folder.parent)
    assert counts.encoded == 0
    assert [root.path for root in roots.watched_roots(library.database.reader())] == [os.fsencode(tmp_path)]
    assert said(library, loved) == ALL


@pytest.mark.parametrize("code", ["timeout", "crashed"])
def test_a_decoder_that_ends_on_bytes_it_knew_takes_no_photo_away(
    library: Shiguang, loved: bytes, code: str
) -> None:
    reader = library.database.reader()
    photo = photo_at(library, loved)
    number, file_hash = reader.execute("SELECT id, file_hash FROM files WHERE photo = ?", (photo,)).fetchone()
    library.database.write(lambda db: record_fault(db, number, "decode", code, "a busy machine", file_hash))
    assert said(library, loved) == ALL
    assert index(library).failed == 0
    assert library.counts()["failed"] == 0
    # Other bytes that nothing can decode show that photo no more.
    library.database.write(lambda db: record_fault(db, number, "decode", code, "a bomb", b"other"))
    assert photo_at(library, loved) is None


def page(path: Path, seed: int) -> None:
    """A page of text, as a scanner writes it: light, and to a glance like every other one."""
    draw = np.random.default_rng(seed)
    image = Image.new("RGB", (620, 877), "white")
    pen = ImageDraw.Draw(image)
    for y in range(80, 800, 17):
        for x in range(60, 560, 7):
            if draw.random() < 0.8:
                pen.rectangle((x, y, x + 4, y + 9), (30, 30, 30))
    path.parent.mkdir(exist_ok=True)
    image.save(path, quality=90)


def test_another_page_under_a_name_that_was_used_takes_over_no_photo(
    library: Shiguang, photos: Photos
) -> None:
    scan, archived = photos.folder / "inbox" / "Scan.jpg", photos.folder / "archive" / "contract.jpg"
    page(scan, 1)
    index(library, photos.folder)
    contract = photo_at(library, os.fsencode(scan))
    assert contract is not None
    library.set_caption(contract, "en", "rental contract")
    archived.parent.mkdir()
    shutil.copyfile(scan, archived)
    index(library)
    page(scan, 2)
    index(library)
    assert photo_at(library, os.fsencode(archived)) == contract
    assert photo_at(library, os.fsencode(scan)) not in (None, contract)
    assert library.counts()["photos"] == 2


def test_a_known_copy_that_moves_keeps_its_photo_though_the_other_copy_was_edited(
    library: Shiguang, photos: Photos, loved: bytes
) -> None:
    backup = os.fsencode(photos.folder / "backup.jpg")
    shutil.copyfile(loved, backup)
    index(library)
    with Image.open(os.fsdecode(loved)) as image:
        turned = image.transpose(Image.Transpose.ROTATE_90)
    turned.save(os.fsdecode(loved), quality=95)
    index(library)
    assert said(library, loved) == ALL
    # A copy on another disk: another inode.
    elsewhere = os.fsencode(photos.folder / "elsewhere.jpg")
    shutil.copyfile(backup, elsewhere)
    os.unlink(backup)
    index(library)
    assert said(library, elsewhere) == ALL
    assert photo_at(library, elsewhere) == photo_at(library, loved)


def test_a_drive_pulled_out_in_the_middle_loses_nothing(library: Shiguang, photos: Photos) -> None:
    for seed in range(200):
        photos.add(f"{seed}.jpg", seed)
    away = photos.folder.with_name("away")

    def pull_out(stored: object) -> None:
        if photos.folder.exists():
            photos.folder.rename(away)

    index(library, photos.folder, stored=pull_out)
    away.rename(photos.folder)
    index(library)
    assert library.counts() == {"photos": 200, "files": 200, "offline": 0, "failed": 0}


def test_it_survives_its_file_being_broken_for_a_while(
    library: Shiguang, photos: Photos, loved: bytes
) -> None:
    path = Path(os.fsdecode(loved))
    data = path.read_bytes()
    path.write_bytes(data[: len(data) // 2])
    assert index(library).failed == 1
    assert library.counts()["photos"] == 1
    path.write_bytes(data)
    with Image.open(path) as picture:
        exif = picture.getexif()
        exif[0x0112] = 6
        picture.save(path, "JPEG", exif=exif, quality="keep")
    index(library)
    assert said(library, loved) == ALL


def test_a_photo_overwritten_by_something_else_leaves_no_ghost(library: Shiguang, photos: Photos) -> None:
    path = Path(os.fsdecode(photos.add("IMG_1", 3)))
    index(library, photos.folder)
    path.write_text("only words now")
    index(library)
    assert library.counts()["photos"] == 0
    assert library.photo_ids() == []


def test_the_same_drive_at_another_mount_point_is_the_same_folder(
    library: Shiguang, photos: Photos, loved: bytes, monkeypatch
) -> None:
    # The edge that is faked is the mount table: the folder's disk is now reached by another path.
    new = photos.folder.with_name("mounted elsewhere")
    place = place_of(str(photos.folder))
    photos.folder.rename(new)
    monkeypatch.setattr("core.photos.folders.place_of", lambda path: place)
    monkeypatch.setattr("core.photos.scan.is_offline", lambda path, volume: not Path(path).exists())
    counts = index(library, new)
    assert (counts.decoded, counts.moved) == (0, 0)
    assert [root.path for root in library.roots()] == [os.fsencode(new)]
    assert said(library, os.fsencode(new / "2019" / "sea.jpg")) == ALL


def test_a_folder_may_be_watched_unwatched_and_watched_again_in_any_nesting(
    library: Shiguang, photos: Photos, loved: bytes
) -> None:
    library.unwatch_folder(library.roots()[0].id)
    index(library, photos.folder / "2019")
    assert said(library, loved) == ALL
    index(library, photos.folder)
    assert said(library, loved) == ALL
    assert library.counts()["files"] == 2
    hits = library.search(Query("", filters="folder:2019")).hits
    assert len(hits) == 2, "names are those below the folder that is watched now"


def test_a_library_inside_a_watched_folder_is_not_looked_into(
    library: Shiguang, photos: Photos, tmp_path: Path
) -> None:
    photos.add("a.jpg", 1)
    index(library, tmp_path)
    paths = [os.fsencode(tmp_path / "library" / "library.db")]
    index(library, paths=paths)
    assert library.passed_over() == {"video": 0, "sidecar": 0, "junk": 0, "other": 0}
    assert library.counts()["files"] == 1
