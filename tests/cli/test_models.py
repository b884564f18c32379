"""`shiguang models`: exit codes and JSON as docs/contracts.md fixes them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from core.cli.main import main
from core.library.database import open_for_writing
from core.models.entries import entries
from core.models.registry import STARTER, folder_name
from tests.made_models import make_model
from tests.models.fetch.local_hub import LocalHub, serving
from tests.promises.conftest import Photos, shiguang

KEYS = {"id", "languages", "state", "width", "bytes", "licence", "images_per_s"}
GARDEN = "local:garden"

Run = Callable[..., list[dict[str, Any]]]


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path / "library"


@pytest.fixture
def run(home: Path, capsys: pytest.CaptureFixture[str]) -> Run:
    """Runs a command in this process; its JSON objects, `said` holds what it told the person."""

    def run(*arguments: str, code: int = 0) -> list[dict[str, Any]]:
        got = main(["--library", str(home), "--json", "models", *arguments])
        out, said = capsys.readouterr()
        assert got == code, said
        run.said = said  # type: ignore[attr-defined]
        return [json.loads(line) for line in out.splitlines()]

    return run


def add_model(home: Path, model: str, **more: Any) -> Path:
    folder = home / "models" / folder_name(model)
    make_model(folder, model, **more)
    return folder


def test_list_has_every_model_and_needs_no_library(run: Run, home: Path, no_internet: list[str]) -> None:
    models = run("list")
    assert [one["id"] for one in models] == list(entries())
    assert all(set(one) == KEYS for one in models)
    assert {one["state"] for one in models if one["id"] != STARTER} == {"available"}
    assert not home.exists()
    assert no_internet == []


@pytest.mark.parametrize("model", list(entries()))
def test_show_says_more_and_opens_no_socket(run: Run, model: str, no_internet: list[str]) -> None:
    [shown] = run("show", model)
    assert set(shown) >= KEYS | {"name", "good_at", "scores", "preprocessing", "context_length", "pooling"}
    assert no_internet == []


def test_show_of_a_model_that_is_here_tells_its_spec(run: Run, home: Path) -> None:
    add_model(home, GARDEN, width=32)
    [shown] = run("show", GARDEN)
    assert (shown["state"], shown["width"], shown["precision"]["image"]) == ("here", 32, "fp32")


@pytest.mark.parametrize("command", ["show", "get", "use", "drop", "check"])
def test_a_model_that_there_is_not_is_exit_4_and_makes_no_library(
    run: Run, home: Path, command: str, no_internet: list[str]
) -> None:
    run(command, "nothing", code=4)
    assert "nothing" in run.said  # type: ignore[attr-defined]
    assert not home.exists()
    assert no_internet == []


@pytest.mark.parametrize("command", ["use", "check"])
def test_a_model_that_is_not_here_yet_says_how_to_get_it(run: Run, home: Path, command: str) -> None:
    run(command, "clip-vit-b-32", code=4)
    assert "shiguang models get clip-vit-b-32" in run.said  # type: ignore[attr-defined]
    assert not home.exists()


def test_check_of_a_whole_model_is_exit_0(run: Run) -> None:
    *findings, model = run("check", STARTER)
    findings = [one for one in findings if "check" in one]
    assert {one["check"] for one in findings} == {"files", "image tower", "text tower"}
    assert all(one["ok"] for one in findings)
    assert model["ok"] is True and set(model) >= KEYS


@pytest.mark.parametrize("broken", ["image.onnx", "text.onnx", "tokenizer.json"])
def test_check_names_a_changed_file_with_exit_2(run: Run, home: Path, broken: str) -> None:
    folder = add_model(home, GARDEN)
    with (folder / broken).open("ab") as file:
        file.write(b" ")
    lines = run("check", GARDEN, code=2)
    wrong = [one for one in lines if one.get("ok") is False and "check" in one]
    assert [one["check"] for one in wrong] == [f"file {broken}"]


def test_use_switches_and_drop_takes_away(run: Run, home: Path, tmp_path: Path) -> None:
    add_model(home, GARDEN, width=32)
    photos = Photos(tmp_path / "photos")
    for seed in range(3):
        photos.add(f"{seed}.jpg", seed)
    shiguang(home, "index", str(photos.folder))
    *_, used = run("use", GARDEN)
    assert used["id"] == GARDEN
    assert shiguang(home, "status")[0]["model"] == GARDEN
    run("drop", GARDEN, code=2)
    run("drop", STARTER, code=2)
    assert (home / "models" / folder_name(GARDEN) / "model.json").exists()
    run("use", STARTER)
    *_, dropped = run("drop", GARDEN)
    assert dropped["state"] is None
    assert not (home / "models" / folder_name(GARDEN)).exists()
    run("show", GARDEN, code=4)


def test_a_library_in_use_is_listed_and_not_written(run: Run, home: Path) -> None:
    add_model(home, GARDEN)
    database = open_for_writing(home)
    try:
        assert GARDEN in [one["id"] for one in run("list")]
        for command in (["get", "clip-rn50"], ["use", GARDEN], ["drop", GARDEN], ["import", str(home)]):
            run(*command, code=3)
    finally:
        database.close()


def test_get_without_a_connection_says_which_files_to_put_where(run: Run, home: Path) -> None:
    pytest.importorskip("torch", reason="converting needs the extra shiguang[train]")
    home.mkdir()
    # Nobody listens on port 9; the proxy of this machine, if any, is passed over.
    settings = {"model_mirror": "http://127.0.0.1:9", "proxy": "none"}
    (home / "settings.json").write_text(json.dumps(settings))
    run("get", "cn-clip-vit-b-16", code=4)
    folder = home / "models" / ".downloads" / "cn-clip-vit-b-16"
    assert f'shiguang models import "{folder / "clip_cn_vit-b-16.pt"}" --as cn-clip-vit-b-16' in run.said  # type: ignore[attr-defined]
    assert [one["id"] for one in run("list") if one["state"] == "here"] == [STARTER]


def test_without_torch_get_and_import_say_what_to_install(home: Path, tmp_path: Path) -> None:
    given = tmp_path / "model.pt"
    given.write_bytes(b"weights")
    # None in sys.modules is what Python itself puts there for a package that cannot be imported.
    script = "import sys; sys.modules['torch'] = None; from core.cli.main import main; sys.exit(main(sys.argv[1:]))"
    for command in (["get", "clip-rn50"], ["import", str(given)]):
        arguments = ["--library", str(home), "--json", "models", *command]
        # The address is a closed port: a byte that was asked for before the message would show.
        environment = {**os.environ, "HTTPS_PROXY": "http://127.0.0.1:9"}
        done = subprocess.run(
            [sys.executable, "-c", script, *arguments],
            capture_output=True,
            text=True,
            env=environment,
            check=False,
        )
        assert done.returncode == 4, done.stderr
        assert f'"{sys.executable}" -m pip install "shiguang[train]"' in done.stderr
        assert not (home / "models").exists() or not any((home / "models").iterdir())


class TestImport:
    """With torch, from files on this machine."""

    @pytest.fixture(autouse=True)
    def _torch(self) -> None:
        pytest.importorskip("torch", reason="converting needs the extra shiguang[train]")

    @pytest.fixture
    def tiny(self, tmp_path: Path) -> Path:
        make_model(tmp_path / "tiny", "local:whatever", width=32)
        return tmp_path / "tiny"

    def test_files_become_a_local_model_that_embeds(self, run: Run, home: Path, tiny: Path) -> None:
        *_, model = run("import", str(tiny), "--as", "garden")
        assert (model["id"], model["state"], model["width"]) == (GARDEN, "here", 32)
        assert model["images_per_s"] > 0
        [embedded] = shiguang(home, "embed", "--text", "red", "--model", GARDEN)
        assert embedded["width"] == 32
        assert all(one["ok"] for one in run("check", GARDEN) if "ok" in one)

    def test_the_name_of_the_files_serves(self, run: Run, tiny: Path) -> None:
        *_, model = run("import", str(tiny))
        assert model["id"] == "local:tiny"

    @pytest.mark.parametrize("name", ["a/b", "..", "拾光"])
    def test_a_bad_name_is_exit_2(self, run: Run, tiny: Path, name: str) -> None:
        run("import", str(tiny), "--as", name, code=2)
        assert "--as NAME" in run.said  # type: ignore[attr-defined]

    def test_a_name_that_is_taken_is_exit_2(self, run: Run, tiny: Path, home: Path) -> None:
        add_model(home, GARDEN)
        run("import", str(tiny), "--as", "garden", code=2)
        assert f"models drop {GARDEN}" in run.said  # type: ignore[attr-defined]

    def test_a_path_that_is_not_there_is_exit_4(self, run: Run, tmp_path: Path) -> None:
        run("import", str(tmp_path / "no.pt"), code=4)

    def test_what_is_no_model_is_exit_2_and_leaves_nothing(
        self, run: Run, home: Path, tmp_path: Path
    ) -> None:
        empty = tmp_path / "empty"
        empty.mkdir()
        run("import", str(empty), "--as", "nothing", code=2)
        assert "local:nothing" not in [one["id"] for one in run("list")]
        assert [each.name for each in (home / "models").iterdir()] == []


@pytest.fixture
def hub(tmp_path: Path) -> Iterator[LocalHub]:
    with serving(
        LocalHub(files={"OFA-Sys/chinese-clip-rn50": {"clip_cn_rn50.pt": b"no checkpoint" * 100}})
    ) as hub:
        yield hub


def test_get_of_a_download_that_is_no_checkpoint_is_exit_2_and_installs_nothing(
    run: Run, home: Path, hub: LocalHub
) -> None:
    pytest.importorskip("torch", reason="converting needs the extra shiguang[train]")
    home.mkdir()
    (home / "settings.json").write_text(json.dumps({"model_mirror": hub.url, "proxy": "none"}))
    lines = run("get", "cn-clip-rn50", code=2)
    assert next(one["stage"] for one in lines if one.get("event") == "progress") == "download"
    assert [one["id"] for one in run("list") if one["state"] == "here"] == [STARTER]
    assert [each.name for each in (home / "models").iterdir()] == [".downloads"]
