"""What other programs wrote into sidecars comes into the library, and nothing said here is lost by it."""

from __future__ import annotations

import os
from pathlib import Path

from core.albums.sidecar import Words
from core.app import Shiguang
from core.library import albums as records
from core.library.photos import details
from tests.promises.beside_photos import (
    another_program_writes,
    beside,
    decide,
    known,
    read,
    words,
    write,
)
from tests.promises.conftest import Photos, shiguang


def test_a_hostile_sidecar_costs_itself_alone_and_is_not_written_over(
    library: Shiguang, photos: Photos, sea: Path
) -> None:
    library.set_rating(known(library, photos.folder / "other.jpg"), 2)
    hostile = b'<!DOCTYPE x [<!ENTITY a "ha"><!ENTITY b "&a;&a;">]><x>&b;</x>'
    beside(sea).write_bytes(hostile)
    for done in (write(library), read(library)):
        assert [fault.path for fault in done.faults] == [str(beside(sea))]
    assert beside(sea).read_bytes() == hostile
    assert words(photos.folder / "other.jpg").rating == "2"
    os.truncate(beside(sea), 50 << 20)
    assert len(read(library).faults) == 1


def test_what_other_programs_wrote_comes_into_the_library(
    library: Shiguang, photos: Photos, sea: Path
) -> None:
    other = photos.folder / "other.jpg"
    another_program_writes(
        beside(other),
        Words(
            ("boat", "海"),
            ("Shiguang|海", "Shiguang|auto|也许"),
            (),
            "2",
            {"x-default": "a boat", "fr": "un bateau"},
        ),
    )
    assert read(library, dry_run=True).keywords == 1
    done = read(library)
    assert (done.read, done.keywords, done.ratings, done.captions, done.accepted) == (1, 1, 1, 1, 1)
    photo = known(library, other)
    said = details(library.database.reader(), photo)
    assert said is not None
    assert (said.rating, said.captions, said.keywords) == (2, {"en": "a boat"}, ("boat",))
    assert library.albums_of([photo]) == {photo: ["海"]}
    again = read(library)
    assert (again.read, again.same) == (0, 1)


def test_what_was_said_here_wins_and_what_came_from_a_sidecar_follows_it(
    library: Shiguang, photos: Photos, sea: Path
) -> None:
    write(library)
    another_program_writes(beside(sea), Words((), (), (), "1", {"x-default": "假的", "zh": "假的"}))
    assert read(library).has_taken is False
    said = details(library.database.reader(), known(library, sea))
    assert said is not None
    assert (said.rating, said.captions) == (4, {"zh": "外婆在海边"})
    other = photos.folder / "other.jpg"
    for rating in ("2", "3"):
        another_program_writes(beside(other), Words(rating=rating))
        assert read(library).ratings == 1
    library.set_rating(known(library, other), 5)
    another_program_writes(beside(other), Words(rating="1"))
    assert read(library).ratings == 0


def test_what_was_taken_back_here_does_not_return_from_a_sidecar(library: Shiguang, sea: Path) -> None:
    photo = known(library, sea)
    another_program_writes(beside(sea), Words(("boat",)))
    read(library)
    write(library)
    assert words(sea).subjects == ("boat", "海", "sea")
    library.set_keywords(photo, [])
    library.set_caption(photo, "zh", "")
    [album] = library.albums.all()
    decide(library, album.id, photo, None)
    another_program_writes(beside(sea), Words(("new",)))
    done = read(library)
    assert (done.keywords, done.captions, done.accepted) == (1, 0, 0)
    write(library)
    assert words(sea) == Words(("new",), (), ("new",), "4", {})


def test_a_rejection_stands_against_a_sidecar(library: Shiguang, photos: Photos, sea: Path) -> None:
    other = photos.folder / "other.jpg"
    [album] = library.albums.all()
    decide(library, album.id, known(library, other), False)
    another_program_writes(beside(other), Words(("海",), ("Shiguang|海",)))
    assert read(library).accepted == 0
    assert records.decisions(library.database.reader(), album.id)[known(library, other)] is False


def test_an_album_that_is_gone_is_made_again_from_sidecars(
    library: Shiguang, photos: Photos, sea: Path
) -> None:
    write(library)
    [album] = library.albums.all()
    library.albums.drop(album)
    library.database.write(lambda db: db.execute("DELETE FROM sidecars"))
    done = read(library)
    assert (done.albums, done.accepted) == (1, 1)
    assert library.albums_of([known(library, sea)]) == {known(library, sea): ["海"]}


def test_lightrooms_sidecar_is_read_too_and_ours_comes_first(
    library: Shiguang, photos: Photos, sea: Path
) -> None:
    other = photos.folder / "other.jpg"
    another_program_writes(other.with_suffix(".xmp"), Words(("harbour",), rating="2"))
    another_program_writes(beside(other), Words(rating="3"))
    read(library)
    said = details(library.database.reader(), known(library, other))
    assert said is not None
    assert (said.rating, said.keywords) == (3, ("harbour",))


def test_the_command_counts_and_says_which_file_failed(tmp_path: Path) -> None:
    photos, home = Photos(tmp_path / "照片"), tmp_path / "library"
    paths = [os.fsdecode(photos.add(f"{seed}.jpg", seed)) for seed in range(2)]
    shiguang(home, "index", str(photos.folder))
    for path in paths:
        shiguang(home, "photo", "set", path, "--rating", "3")
    Path(paths[0] + ".xmp").write_text("no XMP")
    assert shiguang(home, "sidecars", "write", "--dry-run", code=1)[-1]["written"] == 1
    *_, failed, done = shiguang(home, "sidecars", "write", code=1)
    assert (failed["event"], failed["path"], failed["code"]) == ("failed", paths[0] + ".xmp", "sidecar")
    assert {key: done[key] for key in ("event", "written", "same", "waiting", "offline", "failed")} == {
        "event": "written", "written": 1, "same": 0, "waiting": 0, "offline": 0, "failed": 1,
    }  # fmt: skip
    assert shiguang(home, "sidecars", "read", code=1)[-1]["event"] == "read"
    assert shiguang(home, "status")[0]["sidecars"] == {"written": 1, "waiting": 0}
    [photo] = shiguang(home, "photo", "show", paths[1])
    assert photo["files"][0]["sidecar"] == "written"
