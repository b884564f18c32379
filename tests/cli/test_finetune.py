"""`finetune` and `captions` from the command line, as scripts see them."""

from __future__ import annotations

import importlib.metadata
import json
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("torch", reason="needs the train extra (torch)")
pytest.importorskip("onnx", reason="needs the train extra (onnx)")

from core.cli import main
from core.library.captions import set_captions
from core.library.database import open_for_writing
from core.library.photos import set_keywords
from core.training.installing import CHECKPOINTS
from tests.training.conftest import fill, truth

Ends = tuple[int, list[dict[str, Any]]]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    fill(tmp_path / "library")
    database = open_for_writing(tmp_path / "library")
    database.write(lambda db: set_captions(db, {(photo, "en"): text for photo, text in truth().items()}))
    database.close()
    return tmp_path / "library"


def run(folder: Path, capsys: pytest.CaptureFixture[str], *words: str) -> Ends:
    capsys.readouterr()
    code = main(["--library", str(folder), "--json", *words])
    return code, [json.loads(line) for line in capsys.readouterr().out.splitlines()]


def test_a_dry_run_says_what_it_would_learn_from(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, lines = run(folder, capsys, "finetune", "--dry-run")

    assert code == 0
    plan = lines[-1]
    assert plan["event"] == "plan"
    assert plan["learns_from"]["captions"] == 120
    assert plan["learns_from"]["held out"] > 10
    assert not plan["why_not"]
    assert run(folder, capsys, "status")[1][-1]["model"] == "local:tiny"


def test_keywords_teach_only_where_they_are_asked_for(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    database = open_for_writing(folder)
    database.write(lambda db: [set_keywords(db, photo, ["mauer"]) for photo in range(1, 31)])
    database.close()

    plain = run(folder, capsys, "finetune", "--dry-run")[1][-1]["learns_from"]
    more = run(folder, capsys, "finetune", "--dry-run", "--also", "keywords,folders")[1][-1]["learns_from"]

    assert "keywords" not in plain
    assert more == plain | {"keywords": more["keywords"]}
    assert 15 < more["keywords"] <= 30
    with pytest.raises(SystemExit, match="2"):
        run(folder, capsys, "finetune", "--also", "dreams")


def test_a_better_model_is_taken_into_use_and_undone(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = run(folder, capsys, "status")[1][-1]["space"]

    code, lines = run(folder, capsys, "finetune", "--seed", "1")

    verdict = lines[-1]
    assert (code, verdict["event"], verdict["accepted"]) == (0, "verdict", True), verdict
    assert set(verdict) >= {"before", "after", "p", "space", "why"}
    status = run(folder, capsys, "status")[1][-1]
    assert (status["space"], status["model"]) == (verdict["space"], "local:tiny+personal")
    assert run(folder, capsys, "finetune", "undo")[0] == 0
    assert run(folder, capsys, "status")[1][-1]["space"] == before


def test_undoing_nothing_is_said(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(folder, capsys, "finetune", "undo")[0] == 4


def test_encoders_without_their_weights_cannot_be_trained(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(folder, capsys, "finetune", "--how", "full")[0] == 2


def test_a_teacher_that_is_not_here_or_has_nobody_to_teach_is_said(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(folder, capsys, "finetune", "--how", "full", "--teacher", "clip-vit-l-14")[0] == 4
    # Refused before anything is opened, encoded or dropped.
    assert run(folder, capsys, "finetune", "--teacher", "starter") == (2, [])


def test_what_was_stopped_is_not_given_up_for_a_training_that_cannot_begin(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    database = open_for_writing(folder)
    database.write(lambda db: db.execute("DELETE FROM captions WHERE photo > 24"))
    database.close()
    checkpoint = folder / CHECKPOINTS / "0123" / "1-lit.pt"
    checkpoint.parent.mkdir(parents=True)
    checkpoint.write_bytes(b"learned")

    code, lines = run(folder, capsys, "finetune", "--how", "full", "--anew")

    assert (code, lines[-1]["accepted"], lines[-1]["reason"]) == (0, False, "too few")
    assert checkpoint.exists()


@pytest.mark.parametrize("words", [("--epochs", "0"), ("--rate", "-1"), ("--rate", "nan"), ("--epochs", "x")])
def test_numbers_that_train_nothing_are_refused(folder: Path, words: tuple[str, str]) -> None:
    with pytest.raises(SystemExit, match="2"):
        main(["--library", str(folder), "finetune", "--how", "full", *words])


def test_a_part_that_is_missing_is_named_with_the_command_that_installs_it(
    folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    known = importlib.metadata.distribution

    def without_peft(name: str) -> importlib.metadata.Distribution:
        if name == "peft":
            raise importlib.metadata.PackageNotFoundError(name)
        return known(name)

    monkeypatch.setattr(importlib.metadata, "distribution", without_peft)
    capsys.readouterr()

    assert main(["--library", str(folder), "finetune", "--how", "full"]) == 4
    said = capsys.readouterr().err
    assert "peft" in said and "pip install" in said


def test_captions_of_unknown_photos_are_counted(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "c.jsonl"
    path.write_text('{"path": "nowhere.jpg", "caption": "x", "lang": "en"}\n', encoding="utf-8")

    code, lines = run(folder, capsys, "captions", "import", str(path))

    assert code == 0
    assert lines[-1] == {"event": "imported", "taken": 0, "same": 0, "unknown": 1}
    assert run(folder, capsys, "captions", "export", str(tmp_path / "out.jsonl"))[1][-1]["captions"] == 0
