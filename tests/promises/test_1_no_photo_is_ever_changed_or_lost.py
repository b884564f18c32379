"""Photo files are read, never written; nothing that was seen falls out of the count."""

from __future__ import annotations

import os
import stat
from pathlib import Path

from core.app import Shiguang
from core.library.photos import every_photo
from tests.promises.conftest import Photos, index, photo_at


def fingerprint(folder: Path) -> dict[bytes, tuple[int, int, bytes]]:
    found = {}
    for place, _, names in os.walk(os.fsencode(folder)):
        for name in names:
            path = os.path.join(place, name)
            status = os.lstat(path)
            with open(path, "rb") as file:
                found[path] = status.st_size, status.st_mtime_ns, file.read()
    return found


def test_indexing_writes_nothing_into_the_folder(library: Shiguang, photos: Photos) -> None:
    for name in ("a.jpg", "子/b.png", "子/c.tif", "d.webp"):
        photos.add(name, seed=len(name))
    (photos.folder / "broken.jpg").write_bytes(b"\xff\xd8\xff not much of a picture")
    before = fingerprint(photos.folder)
    index(library, photos.folder)
    index(library, everything=True)
    assert fingerprint(photos.folder) == before


def test_a_folder_without_write_permission_is_enough(library: Shiguang, photos: Photos) -> None:
    photos.add("a.jpg", 1)
    photos.folder.chmod(stat.S_IRUSR | stat.S_IXUSR)
    try:
        assert index(library, photos.folder).encoded == 1
    finally:
        photos.folder.chmod(stat.S_IRWXU)


def test_everything_that_lies_there_is_a_photo_a_fault_or_counted(library: Shiguang, photos: Photos) -> None:
    photos.add("a.jpg", 1)
    (photos.folder / "clip.mp4").write_bytes(b"\0\0\0\x18ftypmp42\0\0\0\0mp42isom" + b"\0" * 100)
    (photos.folder / "a.xmp").write_text("<x:xmpmeta xmlns:x='adobe:ns:meta/'/>")
    (photos.folder / "._a.jpg").write_bytes(b"\0\x05\x16\x07 resource fork")
    (photos.folder / "notes.txt").write_text("not a picture")
    (photos.folder / "half.jpg").write_bytes(Path(os.fsdecode(photos.add("whole.jpg", 2))).read_bytes()[:700])
    index(library, photos.folder)
    assert library.counts() == {"photos": 2, "files": 2, "offline": 0, "failed": 1}
    assert library.passed_over() == {"video": 1, "sidecar": 1, "junk": 1, "other": 1}
    [fault] = library.faults()
    assert fault.path.endswith("half.jpg")
    assert fault.stage == "decode"
    assert fault.reason


def test_identical_copies_are_one_photo_with_two_files(library: Shiguang, photos: Photos) -> None:
    one, two = photos.add("a.jpg", 1), photos.add("copy/b.jpg", 1)
    counts = index(library, photos.folder)
    assert (counts.decoded, counts.encoded) == (1, 1)
    assert photo_at(library, one) == photo_at(library, two)
    [photo] = every_photo(library.database.reader())
    assert len(photo.files) == 2


def test_awkward_names_come_in_and_come_out_as_they_are(library: Shiguang, photos: Photos) -> None:
    names = [
        "新年 🎆.jpg".encode(), b"caf\xc3\xa9.jpg", b"cafe\xcc\x81.jpg", b"UPPER.JPG", b"upper.jpg", b"-rf.jpg", b"new\nline.jpg",
        b"quote'\".jpg", b"trailing .jpg", ("长" * 83).encode() + b".jpg",
    ]  # fmt: skip
    try:
        photos.add(b"bad\xff\xfe.jpg", 99)
        names.append(b"bad\xff\xfe.jpg")
    except OSError:
        pass  # this file system keeps names valid
    for seed, name in enumerate(names):
        photos.add(name, seed)
    there = len(os.listdir(photos.folder))
    assert index(library, photos.folder).failed == 0
    assert library.counts()["files"] == there
    for name in names:
        assert photo_at(library, os.fsencode(photos.folder) + os.sep.encode() + name) is not None
    assert index(library).decoded == 0


def test_links_that_loop_and_lead_nowhere_cost_nothing(library: Shiguang, photos: Photos) -> None:
    photos.add("a.jpg", 1)
    try:
        (photos.folder / "loop").symlink_to(photos.folder, target_is_directory=True)
        (photos.folder / "nowhere.jpg").symlink_to(photos.folder / "gone.jpg")
        (photos.folder / "same.jpg").symlink_to(photos.folder / "a.jpg")
    except OSError:
        return  # Windows without the right to make links
    counts = index(library, photos.folder)
    assert (counts.encoded, counts.failed) == (1, 0)
    assert library.counts()["files"] == 2


def test_a_folder_that_cannot_be_read_is_listed_and_its_files_stay(library: Shiguang, photos: Photos) -> None:
    inside = photos.add("private/a.jpg", 1)
    photos.add("b.jpg", 2)
    index(library, photos.folder)
    private = photos.folder / "private"
    private.chmod(0)
    try:
        if os.access(private, os.R_OK):
            return  # root reads everything
        counts = index(library)
        assert counts.missing == 0
        assert photo_at(library, inside) is not None
        assert [fault.code for fault in library.faults()] == ["no-permission"]
    finally:
        private.chmod(stat.S_IRWXU)
    index(library)
    assert not library.faults()
