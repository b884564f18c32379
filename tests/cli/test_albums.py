"""`shiguang albums` as docs/contracts.md fixes it, run as a process of its own."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.promises.conftest import Photos, shiguang


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[str]]:
    """A library of six pictures with an album of them, and the pictures' paths."""
    home = tmp_path_factory.mktemp("albums")
    photos = Photos(home / "照片")
    paths = [os.fsdecode(photos.add(f"{seed}.jpg", seed)) for seed in range(6)]
    shiguang(home / "library", "index", str(photos.folder))
    [created] = shiguang(
        home / "library", "albums", "create", "blau 蓝色", "--prompt", "blue", "蓝色", "--not", "red"
    )
    assert created["event"] == "created"
    return home / "library", paths


def test_an_album_is_listed_with_its_words_and_counts(made: tuple[Path, list[str]]) -> None:
    [album] = shiguang(made[0], "albums", "list")
    assert (album["name"], album["prompts"], album["not"]) == ("blau 蓝色", ["blue", "蓝色"], ["red"])
    assert {"in", "maybe", "accepted", "rejected"} <= set(album)


def test_marks_are_shown_kept_through_a_rescan_and_taken_back(made: tuple[Path, list[str]]) -> None:
    library, paths = made
    accepted = shiguang(library, "albums", "accept", "blau 蓝色", paths[0], paths[1])[-1]
    assert {"event", "in", "came", "went"} <= set(accepted)
    assert (accepted["event"], accepted["in"] >= 2) == ("changed", True)
    shiguang(library, "albums", "reject", "blau 蓝色", paths[2])
    shiguang(library, "index", "--rescan")
    shown = shiguang(library, "albums", "show", "blau 蓝色", "--all")
    assert len(shown) == 6
    assert {row["path"] for row in shown[:2]} == set(paths[:2])
    assert [row["decision"] for row in shown] == ["accepted", "accepted", None, None, None, "rejected"]
    assert (shown[-1]["path"], shown[-1]["band"]) == (paths[2], "out")
    assert set(shown[0]) == {"photo", "path", "score", "relevance", "band", "decision", "why"}
    asked = shiguang(library, "albums", "review", "blau 蓝色", "--batch", "2")
    assert len(asked) == 2
    assert {row["decision"] for row in asked} == {None}
    shiguang(library, "albums", "undo", "blau 蓝色")
    shown = shiguang(library, "albums", "show", "blau 蓝色", "--all")
    assert "rejected" not in {row["decision"] for row in shown}


def test_an_album_goes_out_and_definitions_come_back(made: tuple[Path, list[str]], tmp_path: Path) -> None:
    library, paths = made
    shiguang(library, "albums", "accept", "blau 蓝色", paths[0])
    exported = shiguang(library, "albums", "export", "blau 蓝色", str(tmp_path / "out"))[-1]
    assert exported["photos"] == len(list((tmp_path / "out").iterdir())) >= 1
    saved = shiguang(library, "albums", "save", str(tmp_path / "albums.json"))[-1]
    assert saved["albums"] == 1
    shiguang(library, "albums", "create", "other", "--rule", "year:2019")
    shiguang(library, "albums", "drop", "other")
    assert (
        shiguang(library, "albums", "load", str(tmp_path / "albums.json"))[-1]["decisions"]
        == saved["decisions"]
    )


def test_what_is_not_there_is_exit_4_and_wrong_use_is_exit_2(made: tuple[Path, list[str]]) -> None:
    library, paths = made
    shiguang(library, "albums", "show", "nothing", code=4)
    shiguang(library, "albums", "accept", "blau 蓝色", paths[0] + "x", code=4)
    shiguang(library, "albums", "want", "nothing that ships", code=4)
    shiguang(library, "albums", "create", "BLAU 蓝色", code=2)
    shiguang(library, "albums", "create", "x", "--rule", "nonsense:1", code=2)
