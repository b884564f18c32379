"""A model is had from the window: fetched from a hub on this machine, installed, and the library moves to it."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from core.models.entries import Source, entries
from desktop_app.dialogs.models import ModelsDialog
from desktop_app.workers.indexing import State
from tests.gui.conftest import Opened
from tests.made_models import make_model
from tests.models.fetch.local_hub import LocalHub, serving

pytest.importorskip("torch", reason="converting needs the extra shiguang[train]")

Photos = Callable[..., Path]
REPO, MODEL, TINY = "people/tiny", "clip-vit-b-32", "local:tiny"


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[LocalHub]:
    """The list's entry of a model leads to a small one, on a hub of this machine."""
    made = tmp_path / "on the hub"
    make_model(made, MODEL, width=48, side=32, seed=2)
    files = {file.name: file.read_bytes() for file in made.iterdir()}
    source = Source(repo=REPO, files=tuple((name,) for name in files))
    monkeypatch.setitem(entries(), MODEL, replace(entries()[MODEL], sources=(source,), bytes=10_000))
    with serving(LocalHub(files={REPO: files})) as running:
        yield running


@pytest.fixture
def ready(opened: Opened, photos: Photos, hub: LocalHub) -> Opened:
    make_model(opened.library / "models" / "local%3Atiny", TINY, width=32, seed=1)
    settings = {"model": TINY, "model_mirror": hub.url, "proxy": "none"}
    (opened.library / "settings.json").write_text(json.dumps(settings))
    opened.open_and_index(photos(12))
    opened.wait_for(lambda: opened.shows(12) and bool(opened.session.models.models))
    return opened


def asked_to_get(opened: Opened) -> ModelsDialog:
    opened.window.models.show_dialog()
    dialog = next(iter(opened.window.findChildren(ModelsDialog)))
    dialog.list.setCurrentIndex(dialog.list.model().index(dialog.list.model().row_of(MODEL)))
    dialog.page.get_button.click()
    return dialog


def in_use(opened: Opened) -> str:
    return next(each.id for each in opened.session.models.models if each.is_in_use)


def test_get_fetches_installs_and_moves_the_library(ready: Opened, hub: LocalHub) -> None:
    asked_to_get(ready)

    ready.wait_for(lambda: in_use(ready) == MODEL)

    assert {path.rsplit("/", 1)[-1] for _, path, _ in hub.asked if "/resolve/" in path} >= set(
        hub.files[REPO]
    )


def test_a_connection_that_breaks_is_said_and_the_next_click_goes_on(ready: Opened, hub: LocalHub) -> None:
    models = ready.session.models
    # Whatever is tried again, nothing more comes.
    hub.break_at = [10**9, 100, *[0] * 20]
    asked_to_get(ready)
    ready.wait_for(lambda: models.error is not None)
    assert models.state is not State.RUNNING
    assert in_use(ready) == TINY

    hub.break_at = []
    models.get(MODEL)

    ready.wait_for(lambda: in_use(ready) == MODEL)
    assert any(given for given in hub.contents_sent()), "it went on where it broke"
