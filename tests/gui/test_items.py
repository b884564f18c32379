"""The models of the window keep Qt's rules, answer from memory, and forget what is too much."""

from __future__ import annotations

import pytest
from PySide6.QtCore import QBuffer, QIODevice, QPersistentModelIndex
from PySide6.QtGui import QColor, QImage
from pytestqt.modeltest import ModelTester
from pytestqt.qtbot import QtBot

from core.library.files import Fault
from core.library.photos import Card
from core.library.roots import Root
from desktop_app.i18n import tr
from desktop_app.items.cell_image import cell_image, picture_image
from desktop_app.items.cells import Cells, Wish
from desktop_app.items.fault_model import FaultModel, as_text
from desktop_app.items.folder_model import STATE_WORDS, FolderModel
from desktop_app.items.photo_model import CELL, PHOTO, PhotoModel
from desktop_app.items.timeline import Insert, Remove
from tests.gui.conftest import LONG_MS

pytestmark = pytest.mark.usefixtures("english")


def card(photo: int, taken: str = "2019-07-21T10:00:00", state: str = "here") -> Card:
    return Card(photo, f"{photo}.jpg", taken, 0x336699, 400, 300, state)


def root(number: int, path: bytes, state: str) -> Root:
    return Root(id=number, path=path, volume="v", in_volume=path, state=state, scanned_at=None)


def image(side_px: int = 10) -> QImage:
    made = QImage(side_px, side_px, QImage.Format.Format_RGB32)
    made.fill(QColor("red"))
    return made


def jpeg(width: int, height: int) -> bytes:
    made = QImage(width, height, QImage.Format.Format_RGB32)
    made.fill(QColor("#336699"))
    buffer = QBuffer()
    buffer.open(QIODevice.OpenModeFlag.WriteOnly)
    made.save(buffer, "JPG")
    return bytes(buffer.data().data())


@pytest.fixture
def cells(qtbot: QtBot) -> Cells:
    return Cells(image_bytes=10 * 10 * 4 * 3)


# ---- photos


def test_the_photo_model_keeps_qts_rules(cells: Cells, qtmodeltester: ModelTester) -> None:
    model = PhotoModel(cells)
    qtmodeltester.check(model)
    model.show_timeline([(3, "2020-02-01"), (2, "2019-07-02"), (1, "2019-07-01")])
    model.apply([Remove(1, 1), Insert(0, ((5, "2021-01-01"),)), Insert(2, ((4, "2019-12-24"),))])
    cells.take({3: card(3)}, {3: image()}, 10)
    model.show_bands([("sure", [1, 2]), ("less sure", [])])
    model.unfold("less sure", [3, 4])
    model.unfold("less sure", [])
    qtmodeltester.check(model)


def test_months_are_counted_as_photos_come_and_go(cells: Cells) -> None:
    model = PhotoModel(cells)
    model.show_timeline([(3, "2020-02-01"), (2, "2019-07-02"), (1, "")])
    model.apply([Remove(0, 1), Insert(0, ((5, "2019-07-09"),))])
    sections = [(section.key, section.count, section.title) for section in model.sections]
    assert sections == [("2019-07", 2, "July 2019"), ("", 1, "Without a date")]


def test_a_photo_stays_selected_when_others_come_before_it(cells: Cells) -> None:
    model = PhotoModel(cells)
    model.show_timeline([(2, "2019"), (1, "2018")])
    kept = QPersistentModelIndex(model.index(1))
    model.apply([Insert(0, ((9, "2022"), (8, "2021"))), Insert(3, ((7, "2018-06"),))])
    assert (kept.row(), kept.data(PHOTO)) == (4, 1)


def test_an_unfolded_band_can_be_folded_again(cells: Cells) -> None:
    model = PhotoModel(cells)
    model.show_bands([("sure", [1]), ("less sure", [])])
    assert [(s.count, s.title) for s in model.sections] == [(1, ""), (0, "Less sure below")]
    model.unfold("less sure", [2, 3])
    assert model.photos(0, 9) == [1, 2, 3]
    model.unfold("less sure", [])
    assert model.photos(0, 9) == [1]


def test_a_band_above_another_can_be_unfolded(cells: Cells) -> None:
    model = PhotoModel(cells)
    model.show_bands([("sure", [1]), ("less sure", []), ("no", [4])])
    model.unfold("less sure", [2, 3])
    assert model.photos(0, 9) == [1, 2, 3, 4]
    model.unfold("less sure", [])
    assert model.photos(0, 9) == [1, 4]


def test_a_model_tells_only_the_rows_that_are_seen_and_changed(cells: Cells, qtbot: QtBot) -> None:
    model = PhotoModel(cells)
    model.show_timeline([(photo, "") for photo in range(9, 0, -1)])
    model.saw(2, 4)
    with qtbot.waitSignal(model.dataChanged, timeout=LONG_MS) as changed:
        cells.take({1: card(1), 5: card(5), 6: card(6)}, {}, 10)
    assert (changed.args[0].row(), changed.args[1].row()) == (3, 4)


# ---- what is in memory


def test_only_what_is_missing_is_asked_for_in_the_order_of_the_view(cells: Cells, qtbot: QtBot) -> None:
    cells.take({1: card(1), 2: card(2)}, {1: image(), 2: None}, 10)
    with qtbot.waitSignal(cells.wanted, timeout=LONG_MS) as wanted:
        cells.want([3, 2, 1, 4], 10)
    assert wanted.args == [Wish((3, 4), 10, 0.0)]


def test_another_cell_size_asks_again_and_shows_the_old_picture_meanwhile(cells: Cells, qtbot: QtBot) -> None:
    cells.take({1: card(1)}, {1: image(10)}, 10)
    with qtbot.waitSignal(cells.wanted, timeout=LONG_MS) as wanted:
        cells.want([1], 20)
    assert wanted.args[0].photos == (1,)
    cell = cells.get(1)
    assert cell is not None and cell.image is not None


def test_pictures_are_bounded_in_bytes_and_the_oldest_go_first(cells: Cells) -> None:
    for photo in range(1, 6):
        cells.take({photo: card(photo)}, {photo: image(10)}, 10)
    assert cells.image_bytes <= 10 * 10 * 4 * 3
    kept = [
        photo for photo in range(1, 6) if (cell := cells.get(photo)) is not None and cell.image is not None
    ]
    assert kept == [3, 4, 5]


def test_a_changed_card_is_asked_for_again_and_the_old_one_stays_in_sight(cells: Cells, qtbot: QtBot) -> None:
    cells.take({1: card(1)}, {1: image()}, 10)
    with qtbot.waitSignal(cells.forgotten, timeout=LONG_MS):
        cells.forget_cards([1])
    with qtbot.waitSignal(cells.wanted, timeout=LONG_MS):
        cells.want([1], 10)
    assert cells.get(1) is not None
    cells.take({1: card(1, state="offline")}, {}, 10)
    cell = cells.get(1)
    assert cell is not None and cell.card.state == "offline"


def test_data_answers_nothing_for_what_is_not_in_memory(cells: Cells) -> None:
    model = PhotoModel(cells)
    model.show_timeline([(1, "")])
    assert model.index(0).data(CELL) is None
    assert model.index(0).data() is None
    assert model.index(0).data(PHOTO) == 1


@pytest.mark.parametrize(("width", "height"), [(40, 30), (30, 40), (5, 400), (1, 1)])
def test_a_cell_is_filled_whatever_the_pictures_shape(qtbot: QtBot, width: int, height: int) -> None:
    made = cell_image(jpeg(width, height), 32, 4.0)
    assert made is not None
    assert (made.width(), made.height()) == (32, 32)
    assert made.pixelColor(0, 0).alpha() < 255, "round corners"
    assert made.pixelColor(16, 16).alpha() == 255


SVG = b'<svg xmlns="http://www.w3.org/2000/svg" width="40" height="30"><rect width="40" height="30"/></svg>'


@pytest.mark.parametrize("broken", [b"", b"no picture", jpeg(40, 30)[:60], SVG])
def test_bytes_that_are_no_jpeg_are_no_cell(qtbot: QtBot, broken: bytes) -> None:
    assert cell_image(broken, 32, 4.0) is None
    assert picture_image(broken) is None


# ---- folders and faults


def test_the_folder_model_keeps_qts_rules_and_says_the_state(
    qtbot: QtBot, qtmodeltester: ModelTester
) -> None:
    model = FolderModel()
    qtmodeltester.check(model)
    roots = [root(1, "/照片/夏天".encode(), "here"), root(2, b"/usb/\xff", "offline")]
    model.show_roots(roots)
    qtmodeltester.check(model)
    assert [model.index(row).data() for row in range(2)] == ["夏天", "\N{REPLACEMENT CHARACTER}"]
    assert [model.index(row).data(STATE_WORDS) for row in range(2)] == ["", "Drive not connected"]


def test_a_folder_that_changes_its_state_keeps_its_row(qtbot: QtBot) -> None:
    model = FolderModel()
    model.show_roots([root(1, b"/a", "here")])
    kept = QPersistentModelIndex(model.index(0))
    with qtbot.waitSignal(model.dataChanged, timeout=LONG_MS):
        model.show_roots([root(1, b"/a", "gone")])
    assert kept.data(STATE_WORDS) == tr("Folder not found")


def test_the_fault_model_keeps_qts_rules_and_says_why(qtbot: QtBot, qtmodeltester: ModelTester) -> None:
    model = FaultModel()
    model.show_faults([Fault("/a/b.jpg", "decode", "truncated", "The file ends after 900 bytes.")])
    qtmodeltester.check(model)
    assert [model.index(0, column).data() for column in range(2)] == [
        "b.jpg",
        "The file ends after 900 bytes.",
    ]
    assert as_text(model.faults) == "/a/b.jpg\ttruncated\tThe file ends after 900 bytes."
