"""What a stopped training began with goes on, whatever is said later; not where something was taken back."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from core.library import spaces
from core.library.database import Database, open_for_writing
from core.models.registry import folder_name
from core.models.trained import NOTE_FILE
from core.search.open_model import MODELS
from core.training.installing import CHECKPOINTS, PENDING_FILE, stopped, throw_away, unfinished
from core.training.kept import FILE, OTHERWISE, TAKEN_BACK, Begun, keep, kept
from core.training.pairs import ALBUM, CAPTION, FOLDER, Saying, Sayings
from tests.made_models import make_model

SAID = Saying(1, "外婆的花园", "zh", CAPTION, True, 1, moment=1)
REJECTED = Saying(2, "garden", "en", ALBUM, False, 7)
JUDGES = Saying(3, "the garden", "en", CAPTION, True, 3)
BEGUN = Begun("full, 8 passes", "0123", Sayings((SAID, REJECTED), (JUDGES,)), (8, 9))
EVERY_PHOTO = range(1, 10)


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    opened = open_for_writing(tmp_path)
    yield opened
    opened.close()


def test_it_comes_back_as_it_was_kept(tmp_path: Path) -> None:
    keep(tmp_path / "training", BEGUN)
    assert kept(tmp_path / "training") == BEGUN
    # A folder whose name is no text on this system.
    odd = replace(BEGUN, said=Sayings((Saying(1, os.fsdecode(b"\xff"), "en", FOLDER, True, 1),), ()))
    keep(tmp_path / "odd", odd)
    assert kept(tmp_path / "odd") == odd
    assert [each.name for each in (tmp_path / "training").iterdir()] == [FILE]


@pytest.mark.parametrize(
    "content", ["", "{", "[]", '{"asked": "full"}', '{"asked": 1, "training": [{"a": 1}]}']
)
def test_a_damaged_file_is_nothing_to_go_on_with(tmp_path: Path, content: str) -> None:
    (tmp_path / FILE).write_text(content)
    assert kept(tmp_path) is None


def test_what_is_said_later_waits_for_the_next_training() -> None:
    later = replace(SAID, photo=4)
    now = Sayings((REJECTED, SAID, later), (JUDGES, replace(JUDGES, text="a gate")))
    assert BEGUN.why_not(BEGUN.asked, now, EVERY_PHOTO) == ""
    assert BEGUN.said_later(now) == 2
    assert BEGUN.said_later(BEGUN.said) == 0


def test_a_photo_that_came_in_before_its_burst_changes_nothing() -> None:
    now = Sayings((replace(SAID, moment=0), REJECTED, JUDGES), ())
    assert BEGUN.why_not(BEGUN.asked, now, EVERY_PHOTO) == ""


@pytest.mark.parametrize("now", [(SAID, JUDGES), (SAID, JUDGES, replace(REJECTED, is_true=True))])
def test_nothing_goes_on_with_what_was_taken_back(now: tuple[Saying, ...]) -> None:
    assert BEGUN.why_not(BEGUN.asked, Sayings(now, ()), EVERY_PHOTO) == TAKEN_BACK


def test_a_photo_that_is_gone_took_nothing_back() -> None:
    assert BEGUN.why_not(BEGUN.asked, Sayings((SAID,), (JUDGES,)), {1, 3}) == ""


def test_a_photo_that_was_moved_took_no_word_back() -> None:
    weak = Saying(4, "青岛", "zh", FOLDER, True, 4)
    begun = replace(BEGUN, said=Sayings((SAID, REJECTED, weak), (JUDGES,)))
    assert begun.why_not(begun.asked, BEGUN.said, EVERY_PHOTO) == ""


def test_a_training_that_is_asked_for_otherwise_does_not_go_on() -> None:
    assert BEGUN.why_not("full, 9 passes", BEGUN.said, EVERY_PHOTO) == OTHERWISE


def put_checkpoint(library: Path, digest: str = BEGUN.digest) -> None:
    folder = library / CHECKPOINTS / digest
    folder.mkdir(parents=True)
    (folder / "1-lit.pt").write_bytes(b"learned")


def put_model(library: Path, model: str, digest: str) -> None:
    """As `install` leaves it."""
    folder = library / MODELS / folder_name(model)
    make_model(folder, model)
    (folder / NOTE_FILE).write_text("{}")
    (library / CHECKPOINTS / PENDING_FILE).write_text(json.dumps({"model": model, "digest": digest}))


def take_over(database: Database, model: str) -> None:
    database.write(lambda db: spaces.use_space(db, "space", model, 8))


def test_there_is_something_to_go_on_with_where_its_checkpoint_lies(
    tmp_path: Path, database: Database
) -> None:
    keep(tmp_path / CHECKPOINTS, BEGUN)
    # It was stopped before anything was learned; then something else was trained, which this is nothing to.
    assert stopped(database, tmp_path) is None
    put_checkpoint(tmp_path, "4567")
    assert stopped(database, tmp_path) is None
    put_checkpoint(tmp_path)
    assert stopped(database, tmp_path) == BEGUN


def test_there_is_something_to_go_on_with_until_the_library_has_moved(
    tmp_path: Path, database: Database
) -> None:
    keep(tmp_path / CHECKPOINTS, BEGUN)
    put_model(tmp_path, "local:one", BEGUN.digest)
    # Killed before they were taken away.
    put_checkpoint(tmp_path)
    assert stopped(database, tmp_path) == BEGUN
    assert unfinished(database, tmp_path) == ["local:one"]

    take_over(database, "local:one")
    assert stopped(database, tmp_path) is None
    assert unfinished(database, tmp_path) == []
    assert kept(tmp_path / CHECKPOINTS) is None


def test_a_move_that_was_given_up_for_anothers_is_gone_on_with(tmp_path: Path, database: Database) -> None:
    keep(tmp_path / CHECKPOINTS, BEGUN)
    put_model(tmp_path, "local:one", BEGUN.digest)
    for model in ("local:one", "local:other"):
        database.write(lambda db, model=model: spaces.begin_space(db, model, model, 8))
    assert stopped(database, tmp_path) == BEGUN
    assert unfinished(database, tmp_path) == ["local:one"]

    database.write(lambda db: spaces.use_space(db, "local:one", "local:one", 8))
    database.write(lambda db: spaces.note_finished(db, "local:one", 0))
    database.write(lambda db: spaces.use_space(db, "local:other", "local:other", 8))
    assert stopped(database, tmp_path) is None


def test_a_model_that_was_dropped_is_nothing_to_go_on_with(tmp_path: Path, database: Database) -> None:
    keep(tmp_path / CHECKPOINTS, BEGUN)
    put_model(tmp_path, "local:one", BEGUN.digest)
    shutil.rmtree(tmp_path / MODELS)
    assert stopped(database, tmp_path) is None


def test_an_adapter_that_is_taken_over_meanwhile_takes_nothing_away(
    tmp_path: Path, database: Database
) -> None:
    keep(tmp_path / CHECKPOINTS, BEGUN)
    put_checkpoint(tmp_path)
    put_model(tmp_path, "local:quick", "")
    take_over(database, "local:quick")
    assert unfinished(database, tmp_path) == []
    assert stopped(database, tmp_path) == BEGUN


def test_what_is_thrown_away_is_not_gone_on_with(tmp_path: Path, database: Database) -> None:
    keep(tmp_path / CHECKPOINTS, BEGUN)
    put_checkpoint(tmp_path)
    put_model(tmp_path, "local:one", BEGUN.digest)

    throw_away(tmp_path)

    assert stopped(database, tmp_path) is None
    assert unfinished(database, tmp_path) == ["local:one"]
    assert [each.name for each in (tmp_path / CHECKPOINTS).iterdir()] == [PENDING_FILE]
    throw_away(tmp_path / "nothing")
