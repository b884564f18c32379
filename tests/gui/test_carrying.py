"""Backups and sidecars from the window: begun, counted, read back in, refused."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from PySide6.QtWidgets import QLabel
from pytestqt.qtbot import QtBot

from core.settings import SIDECARS
from desktop_app.dialogs.carrying import CarryingDialog
from desktop_app.i18n import speak
from desktop_app.workers.carrying import Outside
from tests.gui.conftest import LONG_MS, Opened
from tests.made_models import make_model

Photos = Callable[..., Path]
TINY = "local:tiny"
# As another program writes it.
FIVE_STARS = """<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">
<rdf:Description rdf:about="" xmlns:xmp="http://ns.adobe.com/xap/1.0/" xmp:Rating="5"/></rdf:RDF></x:xmpmeta>"""


def shown(opened: Opened, photos: Path) -> Opened:
    """The window on a library of these photos, with a tiny model."""
    make_model(opened.library / "models" / "local%3Atiny", TINY, width=32, seed=1)
    (opened.library / "settings.json").write_text(json.dumps({"model": TINY}))
    opened.open_and_index(photos)
    opened.wait_for(lambda: opened.shows(2))
    return opened


@pytest.fixture
def ready(opened: Opened, photos: Photos) -> Opened:
    return shown(opened, photos(2))


@pytest.fixture
def second(qtbot: QtBot, tmp_path: Path, ready: Opened, photos: Photos) -> Iterator[Opened]:
    """Another library that watches the same photos, where nothing was said."""
    made = Opened(qtbot, tmp_path / "second library")
    made.library.mkdir()
    yield shown(made, photos(0))
    made.close()


def dialog_of(opened: Opened) -> CarryingDialog:
    opened.window.carrying.show_dialog()
    return next(iter(opened.window.findChildren(CarryingDialog)))


def rate_first(opened: Opened, stars: int) -> int:
    photo = opened.session.timeline.photo(0)
    opened.session.opinions.set_rating([photo], stars)
    opened.wait_for(lambda: stars_of(opened, photo) == stars)
    return photo


def stars_of(opened: Opened, photo: int) -> int | None:
    opened.session.cells.want([photo], 96)
    cell = opened.session.cells.get(photo)
    return cell.card.rating if cell is not None and cell.card is not None else None


def test_what_was_said_goes_into_a_file_and_into_another_library(
    ready: Opened, second: Opened, tmp_path: Path
) -> None:
    rate_first(ready, 4)
    file = tmp_path / "备份.shiguang.zip"
    dialog = dialog_of(ready)
    with ready.qtbot.waitSignal(ready.session.carrying.ended, timeout=LONG_MS):
        ready.session.carrying.back_up(file, models=False)
        assert not dialog.backup_button.isEnabled(), "one thing at a time"
    assert dialog.words.text().startswith("What you said of 1 photo is in the file")
    assert file.is_file()

    other = dialog_of(second)
    with second.qtbot.waitSignal(second.session.carrying.brought, timeout=LONG_MS):
        second.session.carrying.restore(file)
    assert other.words.text().startswith("1 thing that you had said came.")
    photos = [second.session.timeline.photo(row) for row in range(2)]
    second.wait_for(lambda: 4 in [stars_of(second, photo) for photo in photos])


def test_a_file_that_is_no_backup_is_said_and_changes_nothing(ready: Opened, tmp_path: Path) -> None:
    wrong = tmp_path / "holiday.zip"
    wrong.write_bytes(b"no backup at all")
    photo = rate_first(ready, 2)
    dialog = dialog_of(ready)
    with ready.qtbot.waitSignal(ready.session.carrying.brought, timeout=LONG_MS):
        ready.session.carrying.restore(wrong)
    assert "holiday.zip" in dialog.words.text()
    assert dialog.restore_button.isEnabled()
    assert stars_of(ready, photo) == 2


def test_sidecars_are_written_counted_and_read_in(ready: Opened, photos: Photos) -> None:
    rate_first(ready, 3)
    dialog = dialog_of(ready)
    dialog.write_button.click()
    ready.wait_for(lambda: dialog.words.text() == "1 sidecar written.")
    [sidecar] = photos(0).glob("*.xmp")
    ready.wait_for(lambda: dialog.counts.text() == "1 sidecar is written.")

    [other] = (jpeg for jpeg in photos(0).glob("*.jpg") if jpeg.name not in sidecar.name)
    Path(f"{other}.xmp").write_text(FIVE_STARS, encoding="utf-8")
    dialog.read_button.click()
    ready.wait_for(lambda: dialog.words.text().startswith("1 sidecar was new or changed."))
    rows = [ready.session.timeline.photo(row) for row in range(2)]
    ready.wait_for(lambda: {stars_of(ready, row) for row in rows} == {3, 5})


def test_the_choice_to_write_by_itself_is_kept(ready: Opened) -> None:
    dialog = dialog_of(ready)
    ready.wait_for(lambda: dialog.counts.text().strip() != "")
    assert not dialog.by_itself.isChecked(), "off until asked for"
    dialog.by_itself.click()
    settings = ready.library / "settings.json"
    ready.wait_for(lambda: json.loads(settings.read_text()).get(SIDECARS.name) is True)
    again = CarryingDialog(ready.session.carrying, ready.window)
    ready.wait_for(again.by_itself.isChecked)


def test_what_waits_for_its_folder_is_said(ready: Opened) -> None:
    dialog = dialog_of(ready)
    ready.session.carrying.looked.emit(Outside(812, 3, True, False))
    words = dialog.counts.text()
    assert words == "812 sidecars are written. 3 are not written yet: their folders cannot be written to."


def test_the_dialog_speaks_chinese(ready: Opened, english: None) -> None:
    speak("zh_CN")
    said = [label.text() for label in dialog_of(ready).findChildren(QLabel)]
    assert {"备份", "附属文件"} <= set(said)
