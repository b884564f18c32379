"""Out of here and back: copies, links, lists, and every definition and judgement in one file."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

from core.albums.carry import EDITION, KIND, definitions, export_album, take_definitions
from core.errors import NotThere, WrongUse
from core.library import albums as records
from core.library.filters import Filter
from core.progress import Cancelled, CancelToken
from tests.albums.conftest import CATS, DOGS, FOOD, Make
from tests.albums.made_library import MadeLibrary

Photos = Callable[..., npt.NDArray[np.float32]]


@pytest.fixture
def with_files(made: MadeLibrary, tmp_path: Path) -> MadeLibrary:
    """The library's root is a real folder that holds a file of each photo but the last cat."""
    folder = tmp_path / "照片"
    folder.mkdir()
    made.database.write(lambda db: db.conn.execute("UPDATE roots SET path = ?", (str(folder).encode(),)))
    for photo in range(1, len(made.space) + 1):
        if photo != CATS[-1]:
            (folder / f"IMG_{photo:06}.jpg").write_bytes(photo.to_bytes(40, "big"))
    return made


@pytest.mark.parametrize("form", ["copies", "links"])
def test_an_album_goes_out_as_files_and_says_which_are_missing(
    form: str, with_files: MadeLibrary, tmp_path: Path
) -> None:
    album = with_files.albums.create("猫", ["a cat"])
    target = tmp_path / "out"
    target.mkdir()
    (target / f"IMG_{CATS[0]:06}.jpg").write_bytes(b"something else")
    members = with_files.albums.show(album)
    there = {member.photo for member in members} - {CATS[-1]}
    assert there >= set(CATS[:-1])
    for _ in range(2):
        done = export_album(with_files.database, album, members, target, form)
        assert (done.photos, len(done.missing)) == (len(there), 1)
    names = {path.name for path in target.iterdir()}
    assert names == {f"IMG_{CATS[0]:06} (2).jpg", *(f"IMG_{photo:06}.jpg" for photo in there)}
    assert (target / f"IMG_{CATS[0]:06}.jpg").read_bytes() == b"something else"
    taken = target / f"IMG_{CATS[1]:06}.jpg"
    assert taken.read_bytes() == CATS[1].to_bytes(40, "big")
    assert taken.is_symlink() is (form == "links")


def test_an_album_goes_out_as_a_list(with_files: MadeLibrary, tmp_path: Path) -> None:
    album = with_files.albums.create("猫: 全部", ["a cat"])
    with_files.albums.mark(album, [CATS[2]], True)
    members = with_files.albums.show(album)
    export_album(with_files.database, album, members, tmp_path / "out", "json")
    export_album(with_files.database, album, members, tmp_path / "out", "csv")
    rows = json.loads((tmp_path / "out" / "猫_ 全部.json").read_text(encoding="utf-8"))
    assert (rows[0]["photo"], rows[0]["decision"]) == (CATS[2], "accepted")
    with (tmp_path / "out" / "猫_ 全部.csv").open(encoding="utf-8-sig", newline="") as file:
        assert [row["path"] for row in csv.DictReader(file)] == [row["path"] for row in rows]


def test_definitions_and_judgements_come_back_in_another_library(
    made: MadeLibrary, make: Make, photos_of: Photos, tmp_path: Path
) -> None:
    pets = made.albums.create("pets", aliases=["宠物"], one_of=True)
    cats = made.albums.create(
        "cats", ["a cat"], ["a dog"], rule=[Filter("from", "2001", "since 2001")], parent=pets.id
    )
    made.albums.mark(cats, [CATS[0], DOGS[0]], True)
    made.albums.mark(cats, [FOOD[0], FOOD[1]], False)
    file = tmp_path / "albums.json"
    assert definitions(made.albums, made.database, file) == {"albums": 2, "decisions": 4}
    # The other library has these pictures under the same hashes, but for the last of them.
    other = make(made.space.vectors_of(range(1, FOOD[0] + 1)), "other")
    other.albums.create("Cats", ["something else"])
    for _ in range(2):
        assert take_definitions(other.albums, other.database, file) == {
            "albums": 2,
            "decisions": 3,
            "not_here": 1,
        }
    taken = other.albums.find("cats")
    assert (taken.prompts, taken.unlike, taken.rule) == (cats.prompts, cats.unlike, cats.rule)
    assert taken.parent == other.albums.find("宠物").id
    assert other.albums.find("宠物").one_of
    assert records.decisions(other.database.reader(), taken.id) == {
        CATS[0]: True,
        DOGS[0]: True,
        FOOD[0]: False,
    }


@pytest.mark.parametrize(
    "content", ["", "[]", '{"kind": "shiguang albums", "edition": 99, "albums": []}', '{"kind": 1}']
)
def test_a_file_that_is_something_else_is_refused_and_changes_nothing(
    content: str, made: MadeLibrary, tmp_path: Path
) -> None:
    file = tmp_path / "albums.json"
    file.write_text(content)
    with pytest.raises(WrongUse):
        take_definitions(made.albums, made.database, file)
    assert made.albums.all() == []


def test_a_file_that_is_not_there_is_said_so(made: MadeLibrary, tmp_path: Path) -> None:
    with pytest.raises(NotThere):
        take_definitions(made.albums, made.database, tmp_path / "none.json")


def test_an_export_says_how_far_it_is_and_stops_where_it_is_told(
    with_files: MadeLibrary, tmp_path: Path
) -> None:
    album = with_files.albums.create("猫", ["a cat"])
    members = with_files.albums.show(album)
    seen, cancel = [], CancelToken()
    export_album(with_files.database, album, members, tmp_path / "out", "copies", seen.append)
    assert (seen[-1].done, seen[-1].total) == (len(members), len(members))
    cancel.cancel()
    with pytest.raises(Cancelled):
        export_album(with_files.database, album, members, tmp_path / "none", "copies", seen.append, cancel)
    assert list((tmp_path / "none").iterdir()) == []


def saved(file: Path, **given: object) -> Path:
    album = {"name": "狗", "prompts": ["a dog"], "accepted": [], "rejected": []} | given
    file.write_text(json.dumps({"kind": KIND, "edition": EDITION, "albums": [album]}), encoding="utf-8")
    return file


def test_a_rule_that_nobody_knows_is_refused_before_anything_is_stored(
    made: MadeLibrary, tmp_path: Path
) -> None:
    with pytest.raises(WrongUse, match="country"):
        take_definitions(
            made.albums, made.database, saved(tmp_path / "a.json", rule=[["country", "CN", "country:CN"]])
        )
    assert made.albums.all() == []


def test_a_built_in_album_is_the_same_one_in_the_other_language(made: MadeLibrary, tmp_path: Path) -> None:
    made.albums.create("Dogs", ["a dog"], aliases=["狗"], key="dog")
    take_definitions(made.albums, made.database, saved(tmp_path / "a.json", built_in="dog"))
    assert [(album.name, album.key) for album in made.albums.all()] == [("狗", "dog")]


def test_an_album_that_was_dropped_meanwhile_takes_nothing_in(made: MadeLibrary) -> None:
    made.albums.create("Dogs", ["a dog"])
    number = made.albums.all()[0].id
    made.database.write(lambda db: records.drop_album(db, number))
    made.database.write(lambda db: records.change_members(db, made.space.id, [(number, 1, 1)], []))
    assert records.members(made.database.reader(), made.space.id, number) == ([], [])
