"""Kill -9 while a training goes on, is written or taken over: it goes on or is taken back, and nothing is lost."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("torch", reason="needs the train extra (torch)")
pytest.importorskip("peft", reason="needs the train extra (peft)")
pytest.importorskip("onnxscript", reason="needs the train extra (onnxscript)")

from core.app import open_library
from core.library.captions import set_captions
from core.models.registry import known_models
from core.progress import CancelToken, silent
from tests.training.conftest import MODEL, PHOTOS, fill, truth
from tests.training.made_sets import chinese_clip, wall, words_of

pytestmark = pytest.mark.skipif(os.name == "nt", reason="there is no kill -9 on Windows")


def command(home: Path, *words: str) -> list[str]:
    return [sys.executable, "-m", "core.cli", "--library", str(home), "--json", *words]


def killed_at(stage: str, home: Path, *words: str) -> list[str]:
    """Kill the command as soon as it says that it has come to `stage`; the stages before."""
    process = subprocess.Popen(command(home, *words), stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    assert process.stdout is not None
    stages: list[str] = []
    for line in process.stdout:
        said = json.loads(line).get("stage", "")
        if said == stage:
            process.kill()
            break
        stages.append(said)
    process.stdout.close()
    assert process.wait() == -9, stages
    return stages


def through(home: Path, *words: str) -> list[dict[str, Any]]:
    done = subprocess.run(command(home, *words), capture_output=True, check=False)
    assert done.returncode == 0, done.stderr.decode()
    return [json.loads(line) for line in done.stdout.splitlines()]


def serving(home: Path) -> tuple[str, int]:
    """The model in use and how many photos it can find; what a kill left half-made is gone by then."""
    library = open_library(home, writable=True)
    found = library.use_model().id, len(library.space)
    library.close()
    assert not list((home / "models").glob(".new-*"))
    return found


def say_more(home: Path, photo: int) -> None:
    library = open_library(home, writable=True)
    library.database.write(lambda db: set_captions(db, {(photo, "en"): "seen in the morning"}))
    library.close()


@pytest.mark.parametrize("stage", ["train", "write", "move", "check"])
def test_an_adapter_that_was_killed_is_taken_back(tmp_path: Path, stage: str) -> None:
    home = tmp_path / "library"
    fill(home)
    library = open_library(home, writable=True)
    said = {(photo, "en"): text for photo, text in truth().items()}
    library.database.write(lambda db: set_captions(db, said))
    library.close()

    killed_at(stage, home, "finetune", "--seed", "1")

    assert serving(home) == (MODEL, PHOTOS)
    assert through(home, "finetune", "--seed", "1")[-1]["accepted"]
    trained = serving(home)[0]
    assert trained.startswith(f"{MODEL}+personal")
    # What the killed one had put in place is not left beside it.
    assert known_models(home / "models") == ["starter", MODEL, trained]


def test_encoders_that_were_trained_before_a_kill_are_not_trained_again(tmp_path: Path) -> None:
    home = tmp_path / "library"
    photos = tmp_path / "photos"
    photos.mkdir()
    for number in range(72):
        (photos / f"{number}.jpg").write_bytes(wall(number))
    chinese_clip(tmp_path / "clip")
    library = open_library(home, writable=True)
    library.import_model(tmp_path / "clip", silent, CancelToken(), name="cn")
    library.switch_model("local:cn", silent, CancelToken())
    library.watch_folder(photos)
    library.index(silent, CancelToken())
    paths = library.first_paths(library.photo_ids())
    said = {(photo, "zh"): words_of(int(Path(path).stem)) for photo, path in paths.items()}
    library.database.write(lambda db: set_captions(db, said))
    library.close()
    words = ("finetune", "--how", "full", "--epochs", "25", "--rate", "3e-3")

    killed_at("write", home, *words)
    assert serving(home) == ("local:cn", 72)
    say_more(home, 1)
    otherwise = command(home, *words, "--seed", "1", "--dry-run")
    warned = subprocess.run(otherwise, capture_output=True, check=True).stderr.decode()
    assert "asked for otherwise" in warned
    killed_at("build", home, *words)
    assert serving(home) == ("local:cn", 72)
    # What is said meanwhile teaches the next one.
    say_more(home, 2)
    lines = through(home, *words)

    assert lines[-1]["accepted"]
    assert lines[-1]["before"] and lines[-1]["after"]
    assert not any(line.get("stage") in ("train", "write") for line in lines)
    assert serving(home) == ("local:cn+personal", 72)
    assert known_models(home / "models") == ["starter", "local:cn", "local:cn+personal"]
    assert not list((home / "training").glob("*/*"))
    # The next one knows everything.
    plan = through(home, *words, "--dry-run")[-1]
    assert plan["learns_from"]["captions"] == 74
