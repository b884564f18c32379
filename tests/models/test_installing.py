"""A model comes into the library whole, or nothing of it does."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from core.errors import ModelError, NotThere, WrongUse
from core.models.entries import Entry, Source, entries
from core.models.fetch import Route, Unreachable
from core.models.installing import get_model, import_given
from core.models.preprocess import Pixels
from core.models.registry import MEASURED_FILE, STARTER, known_model, known_models, model_folder
from core.models.runtime.measured import recall
from core.models.spec import ModelSpec, Preprocessing
from core.progress import Cancelled, CancelToken, Progress, silent
from tests.made_models import COLOURS, make_model
from tests.models.fetch.local_hub import LocalHub, serving

pytest.importorskip("torch", reason="converting needs the extra shiguang[train]")

REPO = "people/tiny"
TINY = "clip-vit-b-32"


class ColourfulPhotos:
    """An owner with so many photos, each of one colour."""

    def __init__(self, count: int = 0) -> None:
        self._count = count

    def pictures(self, preprocessing: Preprocessing, cancel: CancelToken) -> Pixels:
        size = preprocessing.size_px
        dice = np.random.default_rng(3)
        colours = dice.choice(np.array(list(COLOURS.values())), self._count) * 200
        noise = dice.integers(0, 56, (self._count, size, size, 3))
        return (colours[:, None, None] + noise).clip(0, 255).astype(np.uint8)

    def texts(self) -> list[str]:
        return list(COLOURS)


@pytest.fixture
def tiny(tmp_path: Path) -> Path:
    """A model folder of two ONNX files, somewhere on the disk."""
    folder = tmp_path / "elsewhere" / "tiny model"
    make_model(folder, "local:other", width=32, side=32, seed=1)
    return folder


@pytest.fixture
def hub(tiny: Path) -> Iterator[LocalHub]:
    with serving(
        LocalHub(files={REPO: {file.name: file.read_bytes() for file in tiny.iterdir()}})
    ) as running:
        yield running


def entry_of(hub: LocalHub) -> Entry:
    files = tuple((name,) for name in hub.files[REPO])
    return replace(entries()[TINY], sources=(Source(repo=REPO, files=files),), bytes=10_000)


def route(hub: LocalHub) -> Route:
    return Route(mirror=hub.url, proxy="none", attempts=2, first_wait_s=0.01)


def below(models: Path) -> set[str]:
    """What lies in `models/`, what was measured left aside."""
    return {each.name for each in models.iterdir()} - {MEASURED_FILE} if models.is_dir() else set()


def test_a_model_is_fetched_installed_and_measured_and_its_download_goes(
    hub: LocalHub, tmp_path: Path
) -> None:
    models = tmp_path / "models"
    stages: list[Progress] = []
    spec = get_model(entry_of(hub), models, route(hub), ColourfulPhotos(), stages.append, CancelToken())
    assert spec.id == TINY
    assert known_models(models) == [STARTER, TINY]
    assert below(models) == {TINY}
    assert recall(models / MEASURED_FILE, spec.space_id) is not None
    assert (known_model(TINY, models).images_per_s or 0) > 0
    assert stages[0].stage == "download"


def test_a_model_that_is_here_is_not_fetched_again(hub: LocalHub, tmp_path: Path) -> None:
    models = tmp_path / "models"
    for _ in range(2):
        hub.asked.clear()
        get_model(entry_of(hub), models, route(hub), ColourfulPhotos(), silent, CancelToken())
    assert hub.asked == []


def test_a_broken_connection_installs_nothing_and_the_next_call_goes_on(
    hub: LocalHub, tmp_path: Path
) -> None:
    models = tmp_path / "models"
    hub.break_at = [10**9, 100, 0, 0]
    with pytest.raises(Unreachable):
        get_model(entry_of(hub), models, route(hub), ColourfulPhotos(), silent, CancelToken())
    assert below(models) == {".downloads"}
    assert known_models(models) == [STARTER]
    hub.break_at = []
    get_model(entry_of(hub), models, route(hub), ColourfulPhotos(), silent, CancelToken())
    assert TINY in known_models(models)


def test_a_download_that_is_no_model_installs_nothing(hub: LocalHub, tmp_path: Path) -> None:
    models = tmp_path / "models"
    hub.files[REPO]["text.onnx"] = b"not a graph" * 200
    with pytest.raises(ModelError):
        get_model(entry_of(hub), models, route(hub), ColourfulPhotos(), silent, CancelToken())
    assert below(models) == {".downloads"}
    assert known_models(models) == [STARTER]


def test_a_stop_while_it_is_converted_installs_nothing(hub: LocalHub, tmp_path: Path) -> None:
    models = tmp_path / "models"
    cancel = CancelToken()

    def stop_after_the_download(progress: Progress) -> None:
        if progress.stage != "download":
            cancel.cancel()

    with pytest.raises(Cancelled):
        get_model(entry_of(hub), models, route(hub), ColourfulPhotos(), stop_after_the_download, cancel)
    assert below(models) == {".downloads"}
    assert known_models(models) == [STARTER]


def test_given_files_become_a_local_model(tiny: Path, tmp_path: Path) -> None:
    models = tmp_path / "models"
    spec = import_given(tiny, None, models, None, ColourfulPhotos(), silent, CancelToken())
    assert spec.id == "local:tiny-model"
    assert ModelSpec.load(model_folder(spec.id, models)).width == 32


def test_with_enough_photos_faster_forms_are_tried_and_what_runs_still_finds(
    tiny: Path, tmp_path: Path
) -> None:
    models = tmp_path / "models"
    stages: list[str] = []
    spec = import_given(
        tiny,
        "tiny",
        models,
        None,
        ColourfulPhotos(80),
        lambda progress: stages.append(progress.stage),
        CancelToken(),
    )
    ModelSpec.load(model_folder("local:tiny", models)).check(model_folder("local:tiny", models))
    assert spec.id == "local:tiny"
    assert len(set(stages) - {"read", "done", "measure"}) > 0


@pytest.mark.parametrize("name", ["a b", "", "拾光"])
def test_a_bad_name_is_refused_before_anything_is_read(tiny: Path, tmp_path: Path, name: str) -> None:
    with pytest.raises(WrongUse):
        import_given(tiny, name, tmp_path / "models", None, ColourfulPhotos(), silent, CancelToken())
    assert not (tmp_path / "models").exists()


def test_a_path_that_is_not_there_is_exit_4(tmp_path: Path) -> None:
    with pytest.raises(NotThere):
        import_given(
            tmp_path / "no.pt", "a", tmp_path / "models", None, ColourfulPhotos(), silent, CancelToken()
        )


def test_files_that_do_not_fit_together_leave_nothing(tiny: Path, tmp_path: Path) -> None:
    said = json.loads((tiny / "model.json").read_text(encoding="utf-8"))
    (tiny / "model.json").write_text(json.dumps({**said, "width": 31}), encoding="utf-8")
    with pytest.raises(ModelError):
        import_given(tiny, "tiny", tmp_path / "models", None, ColourfulPhotos(), silent, CancelToken())
    assert below(tmp_path / "models") == set()
