"""The command line as docs/contracts.md fixes it, run as a process of its own."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image

from core.cli.parser import build_parser
from core.library.database import open_for_writing
from tests.promises.conftest import Photos, shiguang

DOCS = Path(__file__).parents[2] / "docs"


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Photos]:
    """A library of three pictures, one broken file and one video."""
    home = tmp_path_factory.mktemp("cli")
    photos = Photos(home / "照片")
    photos.add("red cat 红猫.jpg", 1, exif=_dated("2019:07:01 10:00:00"))
    photos.add("b.png", 2)
    photos.add("2020/c.jpg", 3)
    (photos.folder / "broken.jpg").write_bytes(b"\xff\xd8\xff\xe0 not a picture")
    (photos.folder / "clip.mp4").write_bytes(b"\0\0\0\x18ftypmp42\0\0\0\0mp42isom" + b"\0" * 100)
    lines = shiguang(home / "library", "index", str(photos.folder), code=1)
    assert {key: lines[-1][key] for key in ("event", "photos", "files", "decoded", "encoded", "failed", "moved", "missing")} == {
        "event": "done", "photos": 3, "files": 3, "decoded": 3, "encoded": 3, "failed": 1, "moved": 0, "missing": 0,
    }  # fmt: skip
    assert {line["event"] for line in lines[:-1]} <= {"progress"}
    return home / "library", photos


def _dated(when: str) -> bytes:
    exif = Image.Exif()
    exif[0x9003] = when
    return exif.tobytes()


def test_an_unchanged_folder_costs_nothing_and_is_exit_0(made: tuple[Path, Photos]) -> None:
    done = shiguang(made[0], "index")[-1]
    assert (done["decoded"], done["encoded"], done["failed"]) == (0, 0, 0)


def test_status_says_what_is_there(made: tuple[Path, Photos]) -> None:
    [status] = shiguang(made[0], "status")
    assert (status["photos"], status["files"], status["offline"], status["failed"]) == (3, 3, 0, 1)
    assert status["passed_over"]["video"] == 1
    assert status["index"] == {"kind": "exact", "vectors": 3}
    assert status["model"] == "starter"
    assert status["bytes"]["library"] > 0
    assert [root["state"] for root in status["roots"]] == ["here"]


def test_faults_have_path_stage_code_and_reason(made: tuple[Path, Photos]) -> None:
    [fault] = shiguang(made[0], "faults")
    assert fault["path"] == str(made[1].folder / "broken.jpg")
    assert fault["stage"] == "decode"
    assert fault["code"] and fault["reason"]


def test_search_ends_with_a_summary_and_ranks_its_hits(made: tuple[Path, Photos]) -> None:
    *hits, summary = shiguang(made[0], "search", "红猫 2019", "--all")
    assert [hit["rank"] for hit in hits] == list(range(1, len(hits) + 1))
    assert hits[0]["path"].endswith("red cat 红猫.jpg")
    assert hits[0]["why"] == "name: 红猫"
    assert {hit["band"] for hit in hits} <= {"sure", "less sure", "no"}
    assert summary["read_as"] == {"meaning": ["红猫"], "not": [], "filters": ["2019"]}
    assert set(summary["ms"]) == {"parse", "text", "index", "total"}


def test_search_by_picture_finds_the_picture(made: tuple[Path, Photos]) -> None:
    file = made[1].folder / "b.png"
    hits = shiguang(made[0], "search", "--image", str(file), "--all", "--limit", "1")
    assert hits[0]["path"] == str(file)
    assert hits[0]["score"] > 0.99


def test_filters_alone_are_an_answer_newest_first(made: tuple[Path, Photos]) -> None:
    hits = shiguang(made[0], "search", "--filter", "year:2019")
    assert [Path(hit["path"]).name for hit in hits[:-1]] == ["red cat 红猫.jpg"]


def test_photo_show_and_set(made: tuple[Path, Photos]) -> None:
    path = str(made[1].folder / "b.png")
    shiguang(
        made[0],
        "photo",
        "set",
        path,
        "--caption",
        "外婆",
        "--rating",
        "4",
        "--favourite",
        "true",
        "--keyword",
        "家",
        "home",
    )
    [photo] = shiguang(made[0], "photo", "show", path)
    assert (photo["caption"], photo["rating"], photo["favourite"], photo["keywords"]) == (
        "外婆",
        4,
        True,
        ["home", "家"],
    )
    assert photo["files"][0]["path"] == path
    assert len(shiguang(made[0], "photo", "list")) == 3


def test_embed_gives_unit_vectors(made: tuple[Path, Photos]) -> None:
    one, two = shiguang(made[0], "embed", "--text", "一只猫", "a cat")
    assert one["input"] == "一只猫"
    assert len(one["embedding"]) == one["width"]
    assert sum(x * x for x in two["embedding"]) == pytest.approx(1, abs=1e-4)
    [image] = shiguang(made[0], "embed", "--image", str(made[1].folder / "b.png"))
    assert sum(x * x for x in image["embedding"]) == pytest.approx(1, abs=1e-4)


def test_doctor_finds_nothing_wrong(made: tuple[Path, Photos]) -> None:
    checks = shiguang(made[0], "doctor")
    assert all(check["ok"] for check in checks)
    report = shiguang(made[0], "doctor", "--report")
    assert str(made[0].parent) not in str(report)


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (["search", ""], 2),
        (["search", "x", "--filter", "colour:red"], 2),
        (["index", "/nowhere/at/all"], 4),
        (["index", "--model", "cn-clip-none"], 4),
        (["photo", "show", "/nowhere.jpg"], 4),
        (["photo", "set", "/nowhere.jpg", "--rating", "5"], 4),
        (["no-such-command"], 2),
        (["embed", "--text", "x", "--precision", "bf16"], 4),
    ],
)
def test_bad_input_gets_one_clear_error_and_its_exit_code(
    made: tuple[Path, Photos], arguments: list[str], code: int
) -> None:
    command = [sys.executable, "-m", "core.cli", "--library", str(made[0]), "--json", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == code
    assert done.stdout == ""
    assert "Traceback" not in done.stderr
    assert done.stderr.strip()


def test_without_a_library_reading_says_what_to_do(tmp_path: Path) -> None:
    assert shiguang(tmp_path / "none", "status", code=3) == []
    assert not (tmp_path / "none").exists()


def test_a_library_in_use_is_exit_3_for_writing_and_readable(made: tuple[Path, Photos]) -> None:
    database = open_for_writing(made[0])
    try:
        assert shiguang(made[0], "index", code=3) == []
        assert shiguang(made[0], "status")[0]["photos"] == 3
    finally:
        database.close()


@pytest.mark.skipif(os.name == "nt", reason="Ctrl-C is sent otherwise on Windows")
def test_ctrl_c_stops_cleanly_and_keeps_what_is_done(tmp_path: Path) -> None:
    photos = Photos(tmp_path / "photos")
    for seed in range(400):
        photos.add(f"{seed}.png", seed)
    command = [
        sys.executable,
        "-m",
        "core.cli",
        "--library",
        str(tmp_path / "library"),
        "--json",
        "index",
        str(photos.folder),
    ]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert process.stdout is not None
    for line in process.stdout:
        if '"index"' in line:
            process.send_signal(signal.SIGINT)
            break
    _, said = process.communicate()
    assert process.returncode == 130, said
    done = shiguang(tmp_path / "library", "index")[-1]
    assert done["photos"] == 400


def test_watch_follows_a_new_file(tmp_path: Path) -> None:
    photos = Photos(tmp_path / "photos")
    photos.add("a.jpg", 1)
    command = [
        sys.executable,
        "-m",
        "core.cli",
        "--library",
        str(tmp_path / "library"),
        "--json",
        "watch",
        str(photos.folder),
    ]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    assert process.stdout is not None
    try:
        for line in process.stdout:
            if '"done"' in line and '"photos": 1' in line:
                photos.add("b.jpg", 2)
            if '"done"' in line and '"photos": 2' in line:
                break
    finally:
        process.send_signal(signal.SIGINT if os.name != "nt" else signal.SIGTERM)
        process.communicate()
    assert os.name == "nt" or process.returncode == 130


def test_every_command_is_in_the_contract() -> None:
    contract = (DOCS / "contracts.md").read_text(encoding="utf-8")
    choices = next(
        action.choices
        for action in build_parser()._actions
        if action.choices and action.dest == "==SUPPRESS=="
    )
    for command in choices:
        assert re.search(rf"`{command}\b", contract), f"{command} is not in docs/contracts.md"
