"""The models in the window: listed, used, paused, stopped, refused, dropped; search goes on meanwhile."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QAbstractButton, QLabel, QMessageBox, QWidget

from core.app import open_library
from core.progress import Cancelled, CancelToken, Progress, silent
from core.search.query import Query
from core.switching import ListedModel
from desktop_app.dialogs.models import ModelsDialog
from desktop_app.i18n import speak
from desktop_app.items.model_list import ModelList, state_words
from desktop_app.views.model_words import facts, job_pace_words, job_words, scores_of
from desktop_app.workers.indexing import State
from desktop_app.workers.models import USE, Job
from tests.gui.conftest import LONG_MS, Opened
from tests.made_models import make_model

Photos = Callable[..., Path]
TINY, SECOND = "local:tiny", "local:second"


def folder_of(library: Path, model: str) -> Path:
    return library / "models" / model.replace(":", "%3A")


@pytest.fixture
def ready(opened: Opened, photos: Photos) -> Opened:
    """A window on a library that uses a tiny model, with a second one beside it."""
    make_model(folder_of(opened.library, TINY), TINY, width=32, seed=1)
    make_model(folder_of(opened.library, SECOND), SECOND, width=48, side=16, seed=2)
    (opened.library / "settings.json").write_text(json.dumps({"model": TINY}))
    opened.open_and_index(photos(30))
    opened.wait_for(lambda: opened.shows(30) and opened.session.indexing.state is State.IDLE)
    opened.wait_for(lambda: bool(opened.session.models.models))
    return opened


def dialog_of(opened: Opened) -> ModelsDialog:
    opened.window.models.show_dialog()
    return next(iter(opened.window.findChildren(ModelsDialog)))


def choose(dialog: ModelsDialog, model: str) -> None:
    row = dialog.list.model().row_of(model)
    assert row is not None
    dialog.list.setCurrentIndex(dialog.list.model().index(row))


def listed(opened: Opened, model: str) -> ListedModel:
    return next(each for each in opened.session.models.models if each.id == model)


def seen(widget: QWidget) -> list[str]:
    labels = [each for each in widget.findChildren(QWidget) if isinstance(each, QLabel | QAbstractButton)]
    return [each.text() for each in labels if each.isVisible() and each.text()]


def wait_to_see(opened: Opened, widget: QWidget, *texts: str) -> None:
    """What is put into a layout is shown a moment later."""
    opened.wait_for(lambda: set(texts) <= set(seen(widget)))


def use_second(opened: Opened) -> None:
    with opened.qtbot.waitSignal(opened.session.models.moved, timeout=LONG_MS):
        opened.session.models.use(SECOND)


# ---- the list


def test_the_dialog_lists_every_model_and_begins_with_the_one_in_use(ready: Opened) -> None:
    dialog = dialog_of(ready)
    ids = [each.id for each in ready.session.models.models]
    assert {"starter", "cn-clip-vit-b-16", "clip-vit-b-32", TINY, SECOND} <= set(ids)
    assert dialog.list.model().rowCount() == len(ids)
    wait_to_see(ready, dialog.page, "tiny", "In use")
    assert dialog.list.currentIndex().data() == "tiny"


def test_a_model_to_be_had_shows_what_is_published_of_it(ready: Opened) -> None:
    dialog = dialog_of(ready)
    choose(dialog, "cn-clip-vit-b-16")
    entry = listed(ready, "cn-clip-vit-b-16").known.entry
    assert entry is not None
    facts = ("Chinese", "MIT", "753 MB", "MUGE text to image R@1")
    wait_to_see(ready, dialog.page, "Chinese-CLIP ViT-B/16", entry.good_at["en"], *facts, "Get and use")
    texts = seen(dialog.page)
    assert any(entry.scores_from in text for text in texts)
    assert "Use" not in texts
    assert "Drop" not in texts


def test_a_model_that_is_here_says_what_a_move_would_take(ready: Opened) -> None:
    dialog = dialog_of(ready)
    choose(dialog, SECOND)
    wait_to_see(ready, dialog.page, "Use", "Drop", "Not measured yet", "30 photos · 7 kB")


def test_the_dialog_is_worked_by_keys_alone(ready: Opened) -> None:
    dialog = dialog_of(ready)
    ready.qtbot.waitExposed(dialog)
    dialog.activateWindow()
    dialog.list.setFocus()
    choose(dialog, SECOND)
    before = dialog.list.currentIndex().row()
    QTest.keyClick(dialog.list, Qt.Key.Key_Up)
    assert dialog.list.currentIndex().row() == before - 1
    QTest.keyClick(dialog.list, Qt.Key.Key_Down)
    reached = set()
    widget: QWidget | None = dialog.list
    for _ in range(40):
        widget = widget.nextInFocusChain() if widget is not None else None
        if isinstance(widget, QAbstractButton) and widget.focusPolicy() & Qt.FocusPolicy.TabFocus:
            reached.add(widget.text())
    assert {"Use", "Drop", "Import…", "Close"} <= reached
    QTest.keyClick(dialog, Qt.Key.Key_Escape)
    assert not dialog.isVisible()


def test_the_dialog_speaks_chinese(ready: Opened) -> None:
    speak("zh_CN")
    dialog = dialog_of(ready)
    choose(dialog, "cn-clip-vit-b-16")
    wait_to_see(ready, dialog.page, "获取并使用", "语言", "中文", "下载大小")
    assert dialog.windowTitle() == "模型"


def test_a_new_list_keeps_the_current_row(
    ready: Opened,
    qtmodeltester: object,
) -> None:
    rows = ModelList()
    rows.show_models(ready.session.models.models)
    qtmodeltester.check(rows)  # type: ignore[attr-defined]
    dialog = dialog_of(ready)
    choose(dialog, SECOND)
    with ready.qtbot.waitSignal(ready.session.models.listed, timeout=LONG_MS):
        ready.session.models.list_again()
    assert dialog.list.currentIndex().data() == "second"


# ---- moving


def test_a_model_is_used_and_search_answers_with_it(ready: Opened) -> None:
    dialog = dialog_of(ready)
    choose(dialog, SECOND)
    with ready.qtbot.waitSignal(ready.session.models.moved, timeout=LONG_MS) as signal:
        dialog.page.use_button.click()
        assert not dialog.page.use_button.isEnabled(), "one thing at a time"
    assert (signal.args[0].in_use, signal.args[0].photos) == (True, 30)
    ready.wait_for(lambda: listed(ready, SECOND).is_in_use)
    assert state_words(listed(ready, TINY)) == "Here, its vectors kept"
    ready.wait_for(lambda: "In use" in seen(dialog.page))


def test_a_question_that_stands_is_answered_again_by_the_new_model(ready: Opened) -> None:
    answers: list[object] = []
    ready.session.asking.answered.connect(answers.append)
    ready.window.top.search.setText("red")
    ready.wait_for(lambda: len(answers) == 1)
    use_second(ready)
    ready.wait_for(lambda: len(answers) == 2)


def test_a_move_is_shown_in_the_strip_and_can_be_paused_and_stopped(ready: Opened) -> None:
    models, strip = ready.session.models, ready.window.sidebar.status
    with ready.qtbot.waitSignal(models.progress, timeout=LONG_MS):
        models.use(SECOND)
    models.pause()
    assert models.state is State.PAUSED
    assert any(text.startswith("Paused") for text in seen(strip))
    strip.job_went_on.emit()
    assert models.state is State.RUNNING
    assert any(text.startswith("Moving to second") for text in seen(strip))
    strip.job_stopped.emit()
    ready.wait_for(lambda: models.state in (State.STOPPED, State.IDLE))


def test_a_stopped_move_can_be_gone_on_with_or_dismissed(ready: Opened) -> None:
    models, strip = ready.session.models, ready.window.sidebar.status
    models.use(SECOND)
    models.stop()
    ready.wait_for(lambda: models.state is State.STOPPED)
    assert "What is done is kept" in seen(strip)
    with ready.qtbot.waitSignal(models.moved, timeout=LONG_MS):
        strip.job_went_on.emit()
    models.use(TINY)
    models.stop()
    ready.wait_for(lambda: models.state is State.STOPPED)
    strip.job_dismissed.emit()
    assert models.state is State.IDLE
    assert "30 photos" in seen(strip)


def test_an_interrupted_move_goes_on_when_the_window_opens(opened: Opened, photos: Photos) -> None:
    make_model(folder_of(opened.library, TINY), TINY, width=32, seed=1)
    make_model(folder_of(opened.library, SECOND), SECOND, width=48, side=16, seed=2)
    (opened.library / "settings.json").write_text(json.dumps({"model": TINY}))
    library = open_library(opened.library, writable=True)
    library.watch_folder(photos(30))
    library.index(silent, CancelToken())
    cancel = CancelToken()

    def stop(progress: Progress) -> None:
        if progress.stage == "build":
            cancel.cancel()

    with pytest.raises(Cancelled):
        library.switch_model(SECOND, stop, cancel)
    library.close()
    with opened.qtbot.waitSignal(opened.session.models.moved, timeout=LONG_MS):
        opened.open()


def test_a_move_that_fails_stays_until_it_was_read(ready: Opened) -> None:
    file = folder_of(ready.library, SECOND) / "image.onnx"
    file.write_bytes(file.read_bytes()[:-10])
    models, strip = ready.session.models, ready.window.sidebar.status
    models.use(SECOND)
    ready.wait_for(lambda: models.state is State.FAILED)
    assert "second did not work" in seen(strip)
    assert "Details" in seen(strip)
    assert listed(ready, TINY).is_in_use


def test_a_model_that_finds_less_asks_first(ready: Opened) -> None:
    make_model(folder_of(ready.library, "local:deaf"), "local:deaf", deaf=True)
    library = ready.session._library
    assert library is not None
    for photo, (first, _) in zip(library.photo_ids(), library.timeline(), strict=True):
        hits = library.search(Query("red" if first % 2 else "blue", everything=True, limit=1)).hits
        assert hits
        library.set_caption(photo, "en", "red" if photo in {hit.photo for hit in hits} else "blue green")
    models = ready.session.models
    held_back: list[object] = []
    models.finds_less.connect(held_back.append)
    models.use("local:deaf")
    ready.wait_for(lambda: not models.is_busy)
    if not held_back:
        pytest.skip("the drawn captions tell nothing")
    box = next(iter(ready.window.findChildren(QMessageBox)))
    assert "deaf finds less of what you described" in box.text()
    assert listed(ready, TINY).is_in_use
    with ready.qtbot.waitSignal(models.moved, timeout=LONG_MS):
        next(button for button in box.buttons() if button.text() == "Use it anyway").click()


# ---- dropping and bringing


def test_a_dropped_model_leaves_the_list(ready: Opened) -> None:
    dialog = dialog_of(ready)
    choose(dialog, SECOND)
    dialog.page.drop_button.click()
    box = next(iter(dialog.findChildren(QMessageBox)))
    assert "It was imported" in box.informativeText()
    next(button for button in box.buttons() if button.text() == "Drop").click()
    ready.wait_for(lambda: all(each.id != SECOND for each in ready.session.models.models))
    assert not folder_of(ready.library, SECOND).exists()


def test_the_model_in_use_has_no_button_to_drop_it(ready: Opened) -> None:
    dialog = dialog_of(ready)
    wait_to_see(ready, dialog.page, "In use")
    assert {"Use", "Drop", "Get and use"}.isdisjoint(seen(dialog.page))


def test_an_import_that_cannot_be_is_said_and_nothing_stays(ready: Opened, tmp_path: Path) -> None:
    broken = tmp_path / "broken.pt"
    broken.write_bytes(b"no weights at all")
    models = ready.session.models
    with ready.qtbot.waitSignal(models.refused, timeout=LONG_MS):
        models.import_from(broken)
    assert models.state is State.IDLE
    assert all(each.id != "local:broken" for each in models.models)


# ---- words


def test_words_say_device_pace_and_time(english: None) -> None:
    job = Job(USE, "m", "Big")
    progress = Progress("build", 1_200, 5_000, 8.1, device="openvino")
    assert job_words(job, State.RUNNING, progress) == "Moving to Big 1,200/5,000"
    assert job_words(job, State.PAUSED, progress) == "Paused: Big 1,200/5,000"
    assert job_words(job, State.RUNNING, Progress("compare", 3, 40)) == "Comparing Big by your captions"
    assert job_pace_words(State.RUNNING, progress) == "OpenVINO · 8.1 photos/s · 8 minutes left"
    download = Progress("fetch", 300_000_000, 753_000_000, 5_000_000.0, unit="byte")
    assert job_words(Job("get", "m", "Big"), State.RUNNING, download) == "Getting Big 300 MB/753 MB"
    assert job_pace_words(State.RUNNING, download).startswith("5 MB/s · ")


def test_every_model_of_the_list_has_its_words_in_both_languages(ready: Opened) -> None:
    for language in ("en", "zh_CN"):
        speak(language)
        for each in ready.session.models.models:
            assert state_words(each)
            assert all(value for _, value in [*facts(each), *scores_of(each)])
    speak("en")


def test_a_library_without_a_models_folder_still_has_the_registry(opened: Opened, photos: Photos) -> None:
    opened.open_and_index(photos(1))
    assert not (opened.library / "models").exists()
    dialog = dialog_of(opened)
    opened.wait_for(lambda: "In use" in seen(dialog.page))
    assert len(opened.session.models.models) > 10
