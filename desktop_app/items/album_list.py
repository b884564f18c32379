"""The albums as an item model, each below its parent, and how a row of them is painted."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from PySide6.QtCore import QAbstractListModel, QModelIndex, QObject, QPersistentModelIndex, QRect, QSize, Qt
from PySide6.QtGui import QPainter
from PySide6.QtWidgets import QStyle, QStyledItemDelegate, QStyleOptionViewItem

from desktop_app.i18n import number, tr
from desktop_app.theme.dress import ACCENT, INK, INK_2
from desktop_app.theme.tokens import RADIUS_CELL

if TYPE_CHECKING:
    from core.albums import Shelved

SHELVED = Qt.ItemDataRole.UserRole + 1  # Shelved
DEPTH = Qt.ItemDataRole.UserRole + 2  # albums above it
ROW_PX, PAD, INDENT_PX = 30, 8, 14
# Deeper than this nothing is moved further right: the name needs the room.
DEEPEST_SHOWN = 4

Index = QModelIndex | QPersistentModelIndex
State = QStyle.StateFlag
NOWHERE = QModelIndex()


def in_order(shelf: Sequence[Shelved]) -> list[tuple[Shelved, int]]:
    """(album, depth), children below their parent, beside each other in the order given. Albums that are
    each other's parents stand on top."""
    ids = {each.album.id for each in shelf}
    children: dict[int | None, list[Shelved]] = {}
    for each in shelf:
        parent = each.album.parent if each.album.parent in ids else None
        children.setdefault(parent, []).append(each)
    found: list[tuple[Shelved, int]] = []

    def add(parent: int | None, depth: int) -> None:
        for each in children.pop(parent, []):
            found.append((each, depth))
            add(each.album.id, depth + 1)

    add(None, 0)
    while children:
        add(next(iter(children)), 0)
    return found


class AlbumList(QAbstractListModel):
    """Rows change in place where only counts or names changed, so that the current one stays."""

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._rows: list[tuple[Shelved, int]] = []

    def show_shelf(self, shelf: Sequence[Shelved]) -> None:
        rows = in_order(shelf)
        if [(each.album.id, depth) for each, depth in rows] == [
            (each.album.id, depth) for each, depth in self._rows
        ]:
            self._rows = rows
            if rows:
                self.dataChanged.emit(self.index(0), self.index(len(rows) - 1))
            return
        self.beginResetModel()
        self._rows = rows
        self.endResetModel()

    def row_of(self, album: int) -> int | None:
        return next((row for row, (each, _) in enumerate(self._rows) if each.album.id == album), None)

    def rowCount(self, parent: Index = NOWHERE) -> int:
        return 0 if parent.isValid() else len(self._rows)

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> object:
        if not index.isValid() or index.row() >= len(self._rows):
            return None
        shelved, depth = self._rows[index.row()]
        if role == Qt.ItemDataRole.DisplayRole:
            return shelved.album.name
        if role in (Qt.ItemDataRole.ToolTipRole, Qt.ItemDataRole.AccessibleTextRole):
            return f"{shelved.album.name}\n{count_words(shelved.inside, shelved.maybe)}"
        if role == SHELVED:
            return shelved
        return depth if role == DEPTH else None


class AlbumDelegate(QStyledItemDelegate):
    """A name, elided in the middle, and at the right how many photos are in."""

    def sizeHint(self, option: QStyleOptionViewItem, index: Index) -> QSize:
        return QSize(64, ROW_PX)

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: Index) -> None:
        painter.save()
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        palette, state = option.palette, option.state
        if state & (State.State_Selected | State.State_MouseOver):
            ground = palette.alternateBase() if state & State.State_Selected else palette.mid()
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(ground)
            painter.drawRoundedRect(option.rect, RADIUS_CELL, RADIUS_CELL)
        if state & State.State_HasFocus:
            painter.setPen(palette.color(ACCENT))
            painter.setBrush(Qt.BrushStyle.NoBrush)
            painter.drawRoundedRect(option.rect.adjusted(0, 0, -1, -1), RADIUS_CELL, RADIUS_CELL)
        shelved: Shelved = index.data(SHELVED)
        indent = INDENT_PX * min(int(index.data(DEPTH)), DEEPEST_SHOWN)
        rect = option.rect.adjusted(PAD + indent, 0, -PAD, 0)
        count = number(shelved.inside)
        taken = option.fontMetrics.horizontalAdvance(count)
        painter.setPen(palette.color(INK_2))
        painter.drawText(rect, Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignRight, count)
        room = QRect(rect.x(), rect.y(), rect.width() - taken - PAD, rect.height())
        painter.setPen(palette.color(INK))
        name = option.fontMetrics.elidedText(shelved.album.name, Qt.TextElideMode.ElideMiddle, room.width())
        painter.drawText(room, Qt.AlignmentFlag.AlignVCenter, name)
        painter.restore()


def count_words(inside: int, maybe: int) -> str:
    """ "1,204 photos · 31 maybe"."""
    words = tr("{n} photos", n=inside)
    return f"{words} · {tr('{count} maybe', count=number(maybe))}" if maybe else words
