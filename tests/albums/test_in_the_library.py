"""Albums as the library keeps them: new photos join in the batch that stored them, and a photo names its albums."""

from __future__ import annotations

from pathlib import Path

from core.app import open_library
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
