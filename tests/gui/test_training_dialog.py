"""Learning in the window: what from, at what cost, how far, what came of it; paused, cancelled, closed, undone."""

from __future__ import annotations

import random
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QAbstractButton, QLabel, QLineEdit, QMessageBox, QWidget

pytest.importorskip("torch", reason="needs the train extra (torch)")
pytest.importorskip("peft", reason="needs the train extra (peft)")
pytest.importorskip("onnx", reason="needs the train extra (onnx)")

from core.app import open_library
from core.errors import ModelError
from core.finetuning import Way
from core.library.captions import set_captions
from core.library.database import open_for_writing
from core.photos.thumbs import Thumbs
from core.progress import Progress
from core.settings import TEACH_KEYWORDS
from core.training import extra
from core.training.installing import CHECKPOINTS
from desktop_app.dialogs.training import TrainingDialog
from desktop_app.dialogs.training_begin import BeginPage
from desktop_app.i18n import speak
from desktop_app.workers.indexing import State
from desktop_app.workers.training import BACK, LEARN, Training
from desktop_app.workers.worker import Done, Failed
from tests.gui.conftest import Opened
from tests.made_models import make_model
from tests.training.conftest import PHOTOS, fill, truth
from tests.training.local_index import NAME, served

Ready = Callable[[dict[int, str]], TrainingDialog]


def put_thumbs(library: Path, photos: Path) -> None:
    thumbs = Thumbs(library, writable=True)
    jpegs = sorted(photos.iterdir())
    thumbs.put((photo, jpegs[photo % len(jpegs)].read_bytes()) for photo in range(1, PHOTOS + 1))
    thumbs.close()


@pytest.fixture
def ready(opened: Opened, photos: Callable[..., Path]) -> Ready:
    """Opens the window on a library of 120 photos with these captions, and the dialog with all it can say."""

    def open_it(captions: dict[int, str]) -> TrainingDialog:
        fill(opened.library)
        put_thumbs(opened.library, photos(6))
        database = open_for_writing(opened.library)
        database.write(lambda db: set_captions(db, {(photo, "en"): text for photo, text in captions.items()}))
        database.close()
        opened.open()
        opened.wait_for(lambda: opened.session.is_open and opened.session.indexing.state is State.IDLE)
        return dialog_of(opened)

    return open_it


def dialog_of(opened: Opened) -> TrainingDialog:
    opened.window.training.show_dialog()
    training = opened.session.training
    opened.wait_for(lambda: training.ways is not None or bool(training.outlook and training.outlook.missing))
    return next(each for each in opened.window.findChildren(TrainingDialog) if each.isVisible())


def shuffled() -> dict[int, str]:
    photos, texts = list(truth()), list(truth().values())
    random.Random(9).shuffle(texts)
    return dict(zip(photos, texts, strict=True))


def seen(widget: QWidget) -> list[str]:
    labels = [each for each in widget.findChildren(QWidget) if isinstance(each, QLabel | QAbstractButton)]
    return [each.text() for each in labels if each.isVisible() and each.text()]


def start(dialog: TrainingDialog, how: str = "adapter") -> None:
    next(row for row in dialog.begin.rows if row.how == how).button.setChecked(True)
    dialog.begin.start_button.click()


def over(training: Training) -> bool:
    return not training.is_busy and training.state not in (State.RUNNING, State.PAUSED)


def model_in_use(opened: Opened) -> str:
    library = opened.session._library
    assert library is not None
    return library.use_model().id


# ---- before it starts


def test_a_stopped_training_is_gone_on_with_or_thrown_away(ready: Ready, opened: Opened) -> None:
    page, training = ready(truth()).begin, opened.session.training
    assert not page.anew_button.isVisible()
    folder = opened.library / CHECKPOINTS / "0123"
    folder.mkdir(parents=True)
    # What the core says of a model that can learn whole; this one cannot.
    training.ways = [Way("adapter", True, 60), Way("full", True, 3600, later=2)]
    page.say()

    assert any("Stopped before: The whole model." in text and "2 things" in text for text in seen(page))
    assert page.start_button.text() == "Start"
    next(row for row in page.rows if row.how == "full").button.setChecked(True)
    assert page.start_button.text() == "Go on"
    page.anew_button.click()
    page.window().findChildren(QMessageBox)[-1].accept()
    opened.wait_for(lambda: not page.anew_button.isVisible())
    assert not any("Stopped" in text for text in seen(page))
    assert page.start_button.text() == "Start"
    assert not folder.exists()


@pytest.mark.parametrize(
    ("instead", "words"), [("otherwise", "takes the place"), ("taken back", "something you took back")]
)
def test_a_stopped_training_is_not_replaced_without_a_word(
    ready: Ready, opened: Opened, instead: str, words: str
) -> None:
    page, training = ready(truth()).begin, opened.session.training
    training.ways = [Way("adapter", True, 60), Way("full", True, 3600, instead=instead)]
    page.say()
    assert not any(words in text for text in seen(page))
    next(row for row in page.rows if row.how == "full").button.setChecked(True)
    assert any(words in text for text in seen(page))
    assert page.start_button.text() == "Start"


def test_only_the_way_that_was_stopped_goes_on(ready: Ready, opened: Opened) -> None:
    page, training = ready(truth()).begin, opened.session.training
    training.kind, training.how, training.state = LEARN, "probe", State.STOPPED
    page.say()
    assert page.start_button.text() == "Start"
    next(row for row in page.rows if row.how == "probe").button.setChecked(True)
    assert page.start_button.text() == "Go on"
    # Opened again, it is the one that is chosen.
    again = BeginPage(training)
    assert again.how == "probe"
    training.kind = BACK
    again.say()
    assert again.start_button.text() == "Start"


def test_why_nothing_can_be_said_of_the_costs_is_shown(ready: Ready, opened: Opened) -> None:
    page, training = ready(truth()).begin, opened.session.training
    training.ways = None
    training._take_ways(Failed(ModelError("its source is broken")))
    assert any("its source is broken" in text for text in seen(page))
    assert not page.start_button.isEnabled()
    training._take_ways(Done([Way("adapter", True, 60)]))
    assert not any("broken" in text for text in seen(page))


def test_it_says_what_it_learns_from_and_what_each_way_costs(ready: Ready) -> None:
    dialog = ready(truth())
    texts = seen(dialog.begin)
    assert any("120 captions" in text and "about 120 photos" in text for text in texts)
    assert any(text.startswith("For instance: ") and "red" in text for text in texts)
    assert any("kept back" in text for text in texts)
    assert sum(text.endswith("GB of memory") for text in texts) == 2
    # This model came without its original weights.
    assert texts.count("not with this model") == 2
    assert dialog.begin.start_button.isEnabled()


def test_keywords_teach_where_it_is_chosen_and_the_choice_is_kept(ready: Ready, opened: Opened) -> None:
    dialog = ready(truth())
    folders, keywords = dialog.begin.weak
    # Nothing else is there to learn from.
    assert not folders.isVisible()
    assert not keywords.isVisible()
    dialog.close()
    library = opened.session._library
    assert library is not None
    for photo in range(1, 31):
        library.set_keywords(photo, ["outing"])

    dialog = dialog_of(opened)
    folders, keywords = dialog.begin.weak
    opened.wait_for(keywords.isVisible)
    assert not folders.isVisible()
    assert "outing" not in " ".join(seen(dialog.begin))
    teaching = opened.session.training.outlook.weak["keywords"]
    assert keywords.text() == f"Learn from keywords, too ({teaching} of them)"
    keywords.click()
    opened.wait_for(lambda: any(f"{teaching} keywords" in text for text in seen(dialog.begin)))
    assert keywords.isChecked()
    assert library.settings.get(TEACH_KEYWORDS)
    keywords.click()
    opened.wait_for(lambda: not any(f"{teaching} keywords" in text for text in seen(dialog.begin)))
    assert not library.settings.get(TEACH_KEYWORDS)


def test_too_little_said_is_told_and_cannot_be_started(ready: Ready) -> None:
    dialog = ready({1: "red", 2: "green"})
    assert any(text.startswith("Too little was said yet.") for text in seen(dialog.begin))
    assert not dialog.begin.start_button.isEnabled()


def test_it_is_reached_by_its_key_and_worked_by_keys_alone(ready: Ready, opened: Opened) -> None:
    ready(truth()).reject()
    opened.window.activateWindow()
    opened.wait_for(opened.window.isActiveWindow)
    QTest.keyClick(opened.window, Qt.Key.Key_L, Qt.KeyboardModifier.ControlModifier)
    dialog = next(each for each in opened.window.findChildren(TrainingDialog) if each.isVisible())
    opened.wait_for(dialog.begin.start_button.isEnabled)
    adapter = next(row for row in dialog.begin.rows if row.how == "adapter").button
    dialog.activateWindow()
    adapter.setFocus()
    opened.wait_for(adapter.hasFocus)
    QTest.keyClick(adapter, Qt.Key.Key_Up)
    assert dialog.begin.how == "probe"
    reached = set()
    widget: QWidget | None = adapter
    for _ in range(40):
        widget = widget.nextInFocusChain() if widget is not None else None
        if isinstance(widget, QAbstractButton) and widget.focusPolicy() & Qt.FocusPolicy.TabFocus:
            reached.add(widget)
    assert {dialog.begin.start_button, dialog.begin._close} <= reached
    QTest.keyClick(dialog, Qt.Key.Key_Escape)
    assert not dialog.isVisible()


# ---- learning


def test_what_was_learned_is_shown_before_and_after_and_undone_by_one_click(
    ready: Ready, opened: Opened
) -> None:
    dialog, training = ready(truth()), opened.session.training
    moved: list[object] = []
    training.moved.connect(moved.append)

    start(dialog)
    opened.wait_for(lambda: training.result is not None)

    assert dialog.pages.currentWidget() is dialog.result
    assert model_in_use(opened) == "local:tiny+personal"
    assert len(moved) == 1
    texts = seen(dialog.result)
    assert {"It learned your words", "Before", "After", "Go back"} <= set(texts)
    assert any(text.endswith("it finds more of what you said.") for text in texts)
    strips = dialog.result._strips
    assert len(strips) == 20
    opened.wait_for(lambda: all(strip._images for strip in strips))
    assert len(training.curve.losses) == 100
    assert len(training.curve.scores) == 20
    assert training.curve.scores[-1][1] > training.curve.scores[0][1]

    dialog.result.back_button.click()
    opened.wait_for(lambda: over(training) and len(moved) == 2)
    assert model_in_use(opened) == "local:tiny"
    assert dialog.pages.currentWidget() is dialog.begin


def test_a_model_that_was_trained_before_can_be_left_later(ready: Ready, opened: Opened) -> None:
    dialog, training = ready(truth()), opened.session.training
    start(dialog, "probe")
    opened.wait_for(lambda: training.result is not None)
    dialog.accept()
    assert training.result is None, "closed is read"

    again = dialog_of(opened)
    opened.wait_for(lambda: again.begin.back_button.isVisible() and again.begin.back_button.isEnabled())
    again.begin.back_button.click()
    opened.wait_for(lambda: over(training) and model_in_use(opened) == "local:tiny")


def test_a_refusal_says_why_and_changes_nothing(ready: Ready, opened: Opened) -> None:
    dialog, training = ready(shuffled()), opened.session.training
    start(dialog)
    opened.wait_for(lambda: training.result is not None)

    texts = seen(dialog.result)
    assert "It stays as it was" in texts
    assert any("than before" in text or "chance" in text or "forgot" in text for text in texts)
    assert "Go back" not in texts
    assert model_in_use(opened) == "local:tiny"


def test_a_pause_holds_it_and_it_goes_on(ready: Ready, opened: Opened) -> None:
    dialog, training = ready(truth()), opened.session.training
    training.drawn.connect(lambda: training.state is State.RUNNING and training.pause())
    start(dialog)
    opened.wait_for(lambda: training.state is State.PAUSED)
    assert "Go on" in seen(dialog.running)
    training.drawn.disconnect()
    training.drawn.connect(dialog.running._draw)
    dialog.running.pause_button.click()
    assert training.state is State.RUNNING
    opened.wait_for(lambda: training.result is not None)


def test_cancelling_leaves_everything_as_it_was(ready: Ready, opened: Opened) -> None:
    dialog, training = ready(truth()), opened.session.training
    library = opened.session._library
    assert library is not None
    before = [(each.model, each.id, each.vectors) for each in library.spaces()]
    start(dialog)
    opened.wait_for(lambda: bool(training.curve.losses))
    dialog.running.cancel_button.click()
    opened.wait_for(lambda: over(training))

    assert training.state is State.STOPPED
    assert "Nothing was changed" in seen(dialog.begin)
    assert [(each.model, each.id, each.vectors) for each in library.spaces()] == before
    assert [path.name for path in (opened.library / "models").iterdir() if path.is_dir()] == ["local%3Atiny"]


@pytest.mark.parametrize("stage", ["move", "compare"])
def test_cancelling_while_the_photos_are_taken_along_leaves_everything_as_it_was(
    ready: Ready, opened: Opened, stage: str
) -> None:
    dialog, training = ready(truth()), opened.session.training
    worker_progress: list[Progress] = []

    def stop_there(progress: Progress) -> None:
        worker_progress.append(progress)
        if progress.stage == stage:
            training.stop()

    start(dialog)
    # In the training's own thread: the window's would come too late.
    training._worker.progress.connect(stop_there, Qt.ConnectionType.DirectConnection)
    opened.wait_for(lambda: over(training))

    assert training.state is State.STOPPED, worker_progress[-1]
    assert model_in_use(opened) == "local:tiny"
    assert [path.name for path in (opened.library / "models").iterdir() if path.is_dir()] == ["local%3Atiny"]


def test_a_closed_dialog_leaves_one_line_in_the_strip_until_it_was_read(ready: Ready, opened: Opened) -> None:
    dialog, training = ready(truth()), opened.session.training
    strip = opened.window.sidebar.status
    start(dialog)
    opened.wait_for(lambda: len(training.curve.losses) > 3)
    dialog.reject()
    strip._pause.click()
    assert training.state is State.PAUSED
    assert any(text.startswith("Paused: ") for text in seen(strip))
    strip._pause.click()
    opened.wait_for(lambda: training.result is not None)
    assert {"It learned your words", "Show"} <= set(seen(strip))
    strip._link.click()
    again = next(each for each in opened.window.findChildren(TrainingDialog) if each.isVisible())
    assert again.pages.currentWidget() is again.result
    again.reject()
    assert "It learned your words" not in seen(strip)


def test_closing_the_window_stops_it_and_the_library_opens_as_it_was(ready: Ready, opened: Opened) -> None:
    dialog, training = ready(truth()), opened.session.training
    start(dialog)
    opened.wait_for(lambda: bool(training.curve.losses))
    assert opened.close()
    library = open_library(opened.library, writable=True)
    assert library.use_model().id == "local:tiny"
    assert [record.model for record in library.spaces()] == ["local:tiny"]
    library.close()


def test_while_it_learns_the_library_moves_to_no_other_model(ready: Ready, opened: Opened) -> None:
    make_model(opened.library / "models" / "local%3Asecond", "local:second", width=32, side=16, seed=2)
    dialog, training, models = ready(truth()), opened.session.training, opened.session.models
    start(dialog)
    models.use("local:second")
    assert models.job is None
    training.stop()
    opened.wait_for(lambda: over(training))
    models.use("local:second")
    assert models.job is not None
    assert not training.can_start
    opened.wait_for(lambda: not models.is_busy)


# ---- the extra


@pytest.fixture
def without_extra(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Training asks for a package that is not here yet; what is installed goes into a folder of its own."""
    monkeypatch.setattr(extra, "PACKAGES", (NAME,))
    monkeypatch.setattr(extra, "requirements", lambda: (NAME,))
    monkeypatch.setenv("PIP_TARGET", str(tmp_path / "site"))
    monkeypatch.setenv("PIP_CONFIG_FILE", "/dev/null")
    monkeypatch.delenv("PIP_FIND_LINKS", raising=False)
    monkeypatch.syspath_prepend(tmp_path / "site")


def test_the_missing_parts_are_installed_by_a_click_and_then_it_can_start(
    without_extra: None, ready: Ready, opened: Opened, monkeypatch: pytest.MonkeyPatch
) -> None:
    with served() as index:
        monkeypatch.setenv("PIP_INDEX_URL", index.url)
        dialog, training = ready(truth()), opened.session.training
        assert any("to download" in text for text in seen(dialog.begin))
        assert not dialog.begin.start_button.isEnabled()
        assert index.ranges == [], "nothing is fetched before the click"
        dialog.begin.parts.button.click()
        assert dialog.pages.currentWidget() is dialog.running
        opened.wait_for(lambda: over(training) and training.ways is not None)
    assert training.error is None
    assert not dialog.begin.parts.isVisible()
    assert dialog.begin.start_button.isEnabled()


def test_an_install_that_fails_says_so_and_can_be_tried_again(
    without_extra: None, ready: Ready, opened: Opened, monkeypatch: pytest.MonkeyPatch
) -> None:
    with served() as index:
        monkeypatch.setenv("PIP_INDEX_URL", index.url.replace("simple", "nothing-here"))
        dialog, training = ready(truth()), opened.session.training
        dialog.begin.parts.button.click()
        opened.wait_for(lambda: over(training))
    assert training.state is State.FAILED
    assert any(NAME in text for text in seen(dialog.begin))
    opened.wait_for(dialog.begin.parts.button.isEnabled)


def test_where_nothing_can_be_installed_the_command_is_said(
    without_extra: None, ready: Ready, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "frozen", True, raising=False)
    dialog = ready(truth())
    command = next(each for each in dialog.begin.findChildren(QLineEdit) if each.isVisible())
    assert command.text() == extra.command()
    assert "Download and install" not in seen(dialog.begin)


# ---- words


def test_everything_is_said_in_chinese(ready: Ready, opened: Opened) -> None:
    speak("zh_CN")
    dialog, training = ready(truth()), opened.session.training
    assert dialog.windowTitle() == "学习你的说法"
    start(dialog, "probe")
    opened.wait_for(lambda: training.result is not None)
    assert training.result is not None
    searches = {pair.text for pair in training.result.searches}
    for text in set(seen(dialog.result)) - searches:
        assert not text.isascii() or not any(letter.isalpha() for letter in text), text
