"""Albums as the library keeps them: new photos join in the batch that stored them, rules follow what is known of a
photo, and a photo names its albums."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from core.app import Shiguang, open_library
from core.library.filters import Filter
from tests.promises.conftest import Photos, index


def test_new_photos_join_their_albums_as_they_come_in(tmp_path: Path) -> None:
    photos = Photos(tmp_path / "photos")
    for seed in range(12):
        photos.add(f"{seed}.jpg", seed)
    library = open_library(tmp_path / "library", writable=True)
    try:
        album = library.albums.create("colours", ["a picture"])
        index(library, photos.folder)
        newest = library.photo_ids()[0]
        library.albums.mark(album, [newest], True)
        photos.add("new.jpg", 99)
        index(library, photos.folder)
        inside = {member.photo for member in library.albums.show(album) if member.band == "in"}
        assert library.albums.shelf()[0].inside == len(inside)
        assert library.albums_of([newest]) == {newest: ["colours"]}
    finally:
        library.close()


# ---- rules


@pytest.fixture
def library(tmp_path: Path) -> Iterator[Shiguang]:
    opened = open_library(tmp_path / "library", writable=True)
    yield opened
    opened.close()


@pytest.fixture
def photos(tmp_path: Path) -> Photos:
    made = Photos(tmp_path / "photos")
    for seed in range(3):
        made.add(f"garden/{seed}.jpg", seed)
    return made


def counted(library: Shiguang) -> list[int]:
    return [shelved.inside for shelved in library.albums.shelf()]


def test_a_rule_is_asked_of_every_batch_that_comes_in(library: Shiguang, photos: Photos) -> None:
    index(library, photos.folder)
    library.albums.create("garden", rule=[Filter("folder", "garden", "garden")])
    for new in range(1, 4):
        photos.add(f"garden/new {new}.jpg", 50 + new)
        photos.add(f"street/new {new}.jpg", 70 + new)
        index(library, photos.folder)
        assert counted(library) == [3 + new]


def test_a_rule_follows_a_photo_to_another_folder(library: Shiguang, photos: Photos) -> None:
    index(library, photos.folder)
    library.albums.create("garden", rule=[Filter("folder", "garden", "garden")])
    (photos.folder / "garden" / "0.jpg").rename(photos.folder / "elsewhere.jpg")
    index(library, photos.folder)
    assert counted(library) == [2]
    (photos.folder / "garden").rename(photos.folder / "yard")
    index(library, photos.folder)
    assert counted(library) == [0]


def test_a_rule_sees_copies_come_and_go(library: Shiguang, photos: Photos) -> None:
    index(library, photos.folder)
    library.albums.create("best", rule=[Filter("folder", "best", "best")])
    library.albums.create("garden", rule=[Filter("folder", "garden", "garden")])
    (photos.folder / "best").mkdir()
    shutil.copyfile(photos.folder / "garden" / "0.jpg", photos.folder / "best" / "0.jpg")
    index(library, photos.folder)
    assert counted(library) == [1, 3]
    (photos.folder / "garden" / "0.jpg").unlink()
    index(library, photos.folder)
    assert counted(library) == [1, 2]


def test_rules_of_stars_and_favourites_follow_what_is_said(library: Shiguang, photos: Photos) -> None:
    index(library, photos.folder)
    library.albums.create("best", rule=[Filter("rating", "4", "4")])
    library.albums.create("loved", rule=[Filter("favourite", "yes", "yes")])
    assert counted(library) == [0, 0]
    first, second, _ = library.photo_ids()
    library.set_rating(first, 5)
    library.set_rating(second, 3)
    library.set_favourite(second, True)
    assert counted(library) == [1, 1]
    library.set_rating(first, 2)
    library.set_favourite(second, False)
    assert counted(library) == [0, 0]
