"""Chinese-CLIP is fine-tuned on a set of its own layout: two stages, judged, exported, switched to, undone."""

from __future__ import annotations

import copy
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

torch = pytest.importorskip("torch", reason="needs the train extra (torch)")
pytest.importorskip("peft", reason="needs the train extra (peft)")
pytest.importorskip("onnxscript", reason="needs the train extra (onnxscript)")

from core.cli import main  # noqa: E402
from core.errors import WrongUse  # noqa: E402
from core.models.convert.found import found_checkpoint  # noqa: E402
from core.models.convert.source import open_towers, save_source  # noqa: E402
from core.models.registry import STARTER, model_folder  # noqa: E402
from core.models.spec import TOKENIZER_FILE, ModelSpec  # noqa: E402
from core.progress import CancelToken, silent  # noqa: E402
from core.training.encoders import SourceEncoders  # noqa: E402
from core.training.full import BOTH, LIT, Course, Material, train_encoders  # noqa: E402
from core.training.pair_set import read_pair_set  # noqa: E402
from core.training.sayings import Table  # noqa: E402
from tests.training.made_sets import chinese_clip, wall, wall_set, write_split  # noqa: E402

Lines = list[dict[str, Any]]
COURSE = ("--epochs", "25", "--rate", "3e-3")


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path / "library"


def run(home: Path, capsys: pytest.CaptureFixture[str], *words: str, code: int = 0) -> Lines:
    capsys.readouterr()
    got = main(["--library", str(home), "--json", *words])
    out, said = capsys.readouterr()
    assert got == code, said
    return [json.loads(line) for line in out.splitlines()]


def test_a_chinese_clip_folder_learns_from_a_set_and_is_undone(
    home: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    chinese_clip(tmp_path / "clip")
    walls = str(wall_set(tmp_path / "walls"))
    photos = tmp_path / "photos"
    photos.mkdir()
    for number in range(8):
        (photos / f"{number}.jpg").write_bytes(wall(100 + number))
    run(home, capsys, "models", "import", str(tmp_path / "clip"), "--as", "cn")
    run(home, capsys, "index", str(photos), "--model", "local:cn")
    first = run(home, capsys, "status")[-1]
    before = run(home, capsys, "eval", "retrieval", "--muge", walls, "--split", "valid")[-1]

    verdict = run(home, capsys, "finetune", "--muge", walls, *COURSE)[-1]

    assert (verdict["accepted"], verdict["how"]) == (True, "full"), verdict
    after = run(home, capsys, "eval", "retrieval", "--muge", walls, "--split", "valid")[-1]
    # Six photos share each text, so one of them is first at the best.
    assert after["mean_recall"] > before["mean_recall"] + 0.2
    status = run(home, capsys, "status")[-1]
    assert (status["model"], status["space"]) == ("local:cn+set", verdict["space"])
    assert status["index"]["vectors"] == first["index"]["vectors"] == 8
    old, new = (open_towers(home / "models" / name) for name in ("local%3Acn", "local%3Acn+set"))
    assert not torch.equal(
        old.image.state_dict()["visual_projection.weight"], new.image.state_dict()["visual_projection.weight"]
    )
    run(home, capsys, "finetune", "undo")
    assert run(home, capsys, "status")[-1]["space"] == first["space"]


def of_checkpoint(path: Path, folder: Path) -> tuple[SourceEncoders, ModelSpec]:
    """The towers of a checkpoint in its original layout, to be trained; graphs are not needed for that."""
    found = found_checkpoint(path, None)
    folder.mkdir()
    save_source(found.towers, found.weights, folder)
    found.tokenizer.save(str(folder / TOKENIZER_FILE))
    spec = ModelSpec.load(model_folder(STARTER, None))
    own = replace(
        spec,
        width=found.towers.width,
        context_length=found.context_length,
        preprocessing=found.preprocessing,
        tokenizers=(found.text,),
    )
    return SourceEncoders(folder, own), own


def test_batch_norms_of_an_original_resnet_stay_as_they_were(shared_data: Path, tmp_path: Path) -> None:
    """In the locked stage all of the image tower does; in both stages what batch norms know of photos."""
    encoders, spec = of_checkpoint(shared_data / "parity/checkpoints/cn-rn.pt", tmp_path / "rn")
    # Characters that its small vocabulary has.
    lessons = read_pair_set(wall_set(tmp_path / "walls", 8, 4, names="一二三四"))
    cancel = CancelToken()
    table = Table.of(lessons.training)
    _, squares = lessons.squares(table.photos, spec, cancel)
    texts = encoders.text_inputs(table.texts, silent, cancel)
    material = Material(table, encoders.photo_inputs(squares, silent, cancel), texts, texts)
    image, text = (copy.deepcopy(one.state_dict()) for one in (encoders.image, encoders.text))

    train_encoders(encoders, material, 20.0, Course(stages=(LIT,), epochs=2, rate=1e-2), silent, cancel)

    assert all(torch.equal(value, image[name]) for name, value in encoders.image.state_dict().items())
    assert not torch.equal(
        encoders.text.state_dict()["text_projection.weight"], text["text_projection.weight"]
    )

    train_encoders(encoders, material, 20.0, Course(stages=(BOTH,), epochs=2, rate=1e-2), silent, cancel)

    after = encoders.image.state_dict()
    assert not torch.equal(after["visual.conv1.weight"], image["visual.conv1.weight"])
    running = [name for name in after if "running" in name]
    assert running
    assert all(torch.equal(after[name], image[name]) for name in running)


def test_a_set_without_a_valid_split_holds_out_photos_of_its_own(tmp_path: Path) -> None:
    wall_set(tmp_path, 60, 0)
    for file in tmp_path.glob("valid_*"):
        file.unlink()

    lessons = read_pair_set(tmp_path)

    held_out = {each.photo for each in lessons.held_out}
    assert 4 < len(held_out) < 24
    assert held_out.isdisjoint(each.photo for each in lessons.training)
    assert read_pair_set(tmp_path).held_out == lessons.held_out


def test_a_text_of_a_picture_that_is_not_there_is_named(tmp_path: Path) -> None:
    write_split(tmp_path, "train", {"7": wall(0)}, [("红色的墙", ["7"]), ("绿色的墙", ["8"])])
    lessons = read_pair_set(tmp_path)
    said = [*lessons.training, *lessons.held_out]

    with pytest.raises(WrongUse, match="picture 8"):
        lessons.squares(
            [each.photo for each in said], ModelSpec.load(model_folder(STARTER, None)), CancelToken()
        )


def test_what_belongs_to_encoders_is_refused_for_an_adapter(
    home: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run(home, capsys, "finetune", "--how", "adapter", "--muge", str(tmp_path), code=2)
