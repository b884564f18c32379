"""`shiguang names` and `shiguang judge` as docs/contracts.md fixes them, run as processes of their own."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.promises.conftest import Photos, shiguang


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[str]]:
    """A library of six pictures, the first two of them called 豆豆."""
    home = tmp_path_factory.mktemp("names")
    photos = Photos(home / "照片")
    paths = [os.fsdecode(photos.add(f"{seed}.jpg", seed)) for seed in range(6)]
    library = home / "library"
    shiguang(library, "index", str(photos.folder))
    [given] = shiguang(
        library, "names", "add", "豆豆", *paths[:2], "--alias", "Doudou", "--class", "狗", "dog"
    )
    assert given == {
        "event": "changed", "name": "豆豆", "aliases": ["Doudou"], "classes": ["狗", "dog"], "shown": 2, "not": 0,
    }  # fmt: skip
    return library, paths


def test_a_name_is_listed_searched_and_shown(made: tuple[Path, list[str]]) -> None:
    library, paths = made
    [listed] = shiguang(library, "names", "list")
    assert set(listed) == {"name", "aliases", "classes", "shown", "not"}
    *hits, summary = shiguang(library, "search", "doudou", "--all")
    assert {hit["path"] for hit in hits[:2]} == set(paths[:2])
    assert {hit["band"] for hit in hits[:2]} == {"sure"}
    assert summary["read_as"] == {"meaning": ["doudou"], "not": [], "filters": [], "names": ["豆豆"]}
    [photo] = shiguang(library, "photo", "show", paths[0])
    assert photo["names"] == ["豆豆"]
    [photo] = shiguang(library, "photo", "show", paths[5])
    assert photo["names"] == []


def test_what_is_not_it_goes_and_a_round_is_undone(made: tuple[Path, list[str]]) -> None:
    library, paths = made
    [changed] = shiguang(library, "names", "not", "Doudou", paths[3])
    assert (changed["shown"], changed["not"]) == (2, 1)
    last = shiguang(library, "search", "豆豆", "--all")[-2]
    assert (last["path"], last["band"]) == (paths[3], "no")
    [undone] = shiguang(library, "names", "undo", "豆豆")
    assert undone["not"] == 0


def test_results_are_judged_and_names_travel(made: tuple[Path, list[str]], tmp_path: Path) -> None:
    library, paths = made
    [told] = shiguang(library, "judge", "blue", "--yes", paths[4], "--no", paths[5])
    assert (told["event"], told["yes"], told["no"]) == ("judged", 1, 1)
    *hits, _ = shiguang(library, "search", "blue", "--all")
    assert (hits[0]["path"], hits[-1]["path"]) == (paths[4], paths[5])
    shiguang(library, "names", "add", "Otto", paths[2])
    [out] = shiguang(library, "names", "export", str(tmp_path / "n.jsonl"))
    assert (out["names"], out["examples"], out["judgements"]) == (2, 3, 2)
    [gone] = shiguang(library, "names", "drop", "Otto")
    assert gone == {"event": "dropped", "name": "Otto"}
    back = shiguang(library, "names", "import", str(tmp_path / "n.jsonl"))[-1]
    assert (back["event"], back["examples"], back["unknown"]) == ("imported", 3, 0)
    assert len(shiguang(library, "names", "list")) == 2


def test_what_is_not_there_is_exit_4_and_wrong_use_is_exit_2(made: tuple[Path, list[str]]) -> None:
    library, paths = made
    shiguang(library, "names", "not", "nobody", paths[0], code=4)
    shiguang(library, "names", "add", "豆豆", paths[0] + "x", code=4)
    shiguang(library, "names", "add", "new", code=2)
    shiguang(library, "judge", "2019", "--yes", paths[0], code=2)
    shiguang(library, "judge", "blue", code=2)
