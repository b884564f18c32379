"""Everything that was said goes into one readable file and comes back, also where its photos are not yet."""

from __future__ import annotations

import hashlib
import json
import os
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from core.library import albums as records
from core.library import photos
from core.library.albums import Album
from core.library.database import Database
from core.library.opinions import set_opinion
from core.library.said import NOT_SAID, SAID, rows_of
from core.models.spec import ModelSpec
from tests.backup.conftest import HASHES, add_photos, everything, load, save
from tests.made_models import make_model
from tests.promises.conftest import Photos, shiguang


def test_every_table_is_carried_or_can_be_made_again(libraries: Callable[[str], Database]) -> None:
    reader = libraries("any").reader()
    tables = {
        name
        for (name,) in reader.execute("SELECT name FROM sqlite_master WHERE type = 'table'")
        if not name.startswith(("sqlite_", "names_"))
    }
    assert tables == {table.name for table in SAID} | NOT_SAID
    for table in SAID:
        columns = {row[1] for row in reader.execute(f"PRAGMA table_info({table.name})")}
        assert columns - {"id"} == {*table.columns, *table.refers}, table.name


def test_it_comes_back_in_a_library_that_has_no_photo_yet(
    said: Database, libraries: Callable[[str], Database], tmp_path: Path
) -> None:
    done = save(said, tmp_path / "a.zip")
    assert (done.photos, done.rows["captions"], done.rows["album_decisions"]) == (2, 1, 2)
    assert done.size_bytes == (tmp_path / "a.zip").stat().st_size
    second = libraries("second")
    restored = load(second, tmp_path / "a.zip").merged
    assert (restored.waiting, restored.known) == (2, 0)
    assert everything(second) == everything(said)
    for table in SAID:
        assert list(rows_of(second.reader(), table)) == list(rows_of(said.reader(), table)), table.name
        assert done.rows[table.name] > 0, f"nothing of {table.name} is said in this test"
    again = load(second, tmp_path / "a.zip").merged
    assert (sum(again.came.values()), again.known) == (0, sum(done.rows.values()))
    assert everything(second) == everything(said)


def test_it_can_be_read_without_us(said: Database, tmp_path: Path) -> None:
    save(said, tmp_path / "a.zip")
    with zipfile.ZipFile(tmp_path / "a.zip") as file:
        contents = json.loads(file.read("backup.json"))
        assert (contents["kind"], contents["edition"]) == ("shiguang backup", 1)
        for name, entry in contents["entries"].items():
            assert hashlib.sha256(file.read(name)).hexdigest() == entry["sha256"]
        [caption] = map(json.loads, file.read("said/captions.jsonl").splitlines())
    assert caption == {"photo": HASHES[0].hex(), "lang": "zh", "text": "外婆在海边"}


def test_a_restore_loses_nothing_that_was_said_later(
    said: Database, libraries: Callable[[str], Database], tmp_path: Path
) -> None:
    save(said, tmp_path / "a.zip")
    second = libraries("second")
    # Other ids than there.
    four, three, two, one = add_photos(second, *reversed(HASHES))

    def later(db: Any) -> None:
        set_opinion(db, one, rating=1)
        photos.set_caption(db, one, "zh", "后来的话")
        photos.set_caption(db, one, "en", "said later")
        photos.set_keywords(db, one, ["new"])
        cats = records.add_album(db, Album(0, "猫", ("小猫",)))
        records.mark(db, cats, {two: True, three: True, four: False})

    second.write(later)
    merged = load(second, tmp_path / "a.zip").merged
    assert merged.waiting == 0
    now = everything(second)
    assert now["opinions"] == [(HASHES[0], 1, 1)], "what was open is filled"
    assert sorted(now["captions"]) == [(HASHES[0], "en", "said later"), (HASHES[0], "zh", "后来的话")]
    assert [word for _, word in now["keywords"]] == ["new", "sea", "海"]
    assert now["decisions"] == [
        ("猫", HASHES[0], True),
        ("猫", HASHES[1], True),
        ("猫", HASHES[2], True),
        ("猫", HASHES[3], False),
    ]
    assert [album[:3] for album in now["albums"] if album[0] == "猫"] == [("猫", ("小猫",), ())]


def test_a_decision_in_the_backup_that_is_later_holds(
    said: Database, libraries: Callable[[str], Database], tmp_path: Path
) -> None:
    second = libraries("second")
    [one] = add_photos(second, HASHES[0])

    def earlier(db: Any) -> None:
        records.mark(db, records.add_album(db, Album(0, "猫")), {one: False})
        db.execute("UPDATE album_decisions SET decided_at = 1000")

    second.write(earlier)
    save(said, tmp_path / "a.zip")
    load(second, tmp_path / "a.zip")
    assert ("猫", HASHES[0], True) in everything(second)["decisions"]


# ---- models


def test_own_models_come_along_on_request(
    said: Database, libraries: Callable[[str], Database], tmp_path: Path
) -> None:
    folder = tmp_path / "first" / "models" / "local%3Atiny"
    make_model(folder)
    assert save(said, tmp_path / "without.zip").models == 0
    assert save(said, tmp_path / "with.zip", models=True).models == 1
    second = libraries("second")
    assert load(second, tmp_path / "without.zip").models == 0
    assert load(second, tmp_path / "with.zip").models == 1
    place = tmp_path / "second" / "models" / "local%3Atiny"
    ModelSpec.load(place).check(place)
    assert {file.name for file in place.iterdir()} == {file.name for file in folder.iterdir()}
    (place / "card.md").write_text("changed here")
    assert load(second, tmp_path / "with.zip").models == 0
    assert (place / "card.md").read_text() == "changed here"
    assert [each.name for each in place.parent.iterdir()] == ["local%3Atiny"]


def test_the_commands_count_and_explain(tmp_path: Path) -> None:
    folder, home = Photos(tmp_path / "照片"), tmp_path / "library"
    path = os.fsdecode(folder.add("a.jpg", 1))
    shiguang(home, "index", str(folder.folder))
    shiguang(home, "photo", "set", path, "--rating", "3", "--keyword", "sea", "海")
    file = str(tmp_path / "my.zip")
    done = shiguang(home, "backup", file)[-1]
    assert (done["event"], done["photos"], done["opinions"], done["keywords"]) == ("backed up", 1, 1, 2)
    new = tmp_path / "new"
    done = shiguang(new, "restore", file)[-1]
    assert (done["event"], done["opinions"], done["keywords"], done["waiting"]) == ("restored", 1, 2, 1)
    shiguang(new, "index", str(folder.folder))
    [photo] = shiguang(new, "photo", "show", path)
    assert (photo["rating"], photo["keywords"]) == (3, ["sea", "海"])
    assert len(shiguang(new, "photo", "list")) == 1
    Path(file).write_bytes(b"broken")
    assert shiguang(new, "restore", file, code=2) == []
    assert shiguang(new, "restore", file + "x", code=4) == []
