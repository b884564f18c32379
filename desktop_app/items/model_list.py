"""The models as an item model, and how one of its rows is painted."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from PySide6.QtCore import (
    QAbstractListModel,
    QModelIndex,
    QObject,
    QPersistentModelIndex,
    QRect,
    QSize,
    Qt,
)
from PySide6.QtGui import QPainter
from PySide6.QtWidgets import QStyle, QStyledItemDelegate, QStyleOptionViewItem

from desktop_app.i18n import data_size, number, tr
from desktop_app.theme.dress import INK, INK_2
from desktop_app.theme.tokens import CAPTION, RADIUS_CELL

if TYPE_CHECKING:
    from core.switching import ListedModel

MODEL = Qt.ItemDataRole.UserRole + 1
STATE_WORDS = Qt.ItemDataRole.UserRole + 2
ROW_PX, PAD = 48, 12
Index = QModelIndex | QPersistentModelIndex
State = QStyle.StateFlag
NO_PARENT = QModelIndex()


def state_words(model: ListedModel) -> str:
    """Where a model stands, in one short line."""
    if model.is_in_use:
        if model.photos_to_encode:
            return tr(
                "In use · {done} of {total} photos", done=number(model.vectors), total=number(model.photos)
            )
        return tr("In use")
    if model.is_building:
        return tr("Moving · {done} of {total} photos", done=number(model.vectors), total=number(model.photos))
    if model.is_here:
        return tr("Here, its vectors kept") if model.vectors else tr("Here")
    return tr("To download · {size}", size=data_size(model.known.bytes or 0))


class ModelList(QAbstractListModel):
    """Rows in the order of the registry. The current row survives a new list, because rows are changed in place."""

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.models: list[ListedModel] = []

    def show_models(self, models: Sequence[ListedModel]) -> None:
        if [each.id for each in models] == [each.id for each in self.models]:
            self.models = list(models)
            if models:
                self.dataChanged.emit(self.index(0), self.index(len(models) - 1))
            return
        self.beginResetModel()
        self.models = list(models)
        self.endResetModel()

    def row_of(self, model: str) -> int | None:
        return next((row for row, each in enumerate(self.models) if each.id == model), None)

    def rowCount(self, parent: Index = NO_PARENT) -> int:
        return 0 if parent.isValid() else len(self.models)

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> object:
        if not index.isValid():
            return None
        model = self.models[index.row()]
        if role == Qt.ItemDataRole.DisplayRole:
            return model.known.name
        if role == Qt.ItemDataRole.AccessibleTextRole:
            return f"{model.known.name}, {state_words(model)}"
        if role == STATE_WORDS:
            return state_words(model)
        return model if role == MODEL else None


class ModelDelegate(QStyledItemDelegate):
    """A name, and under it where the model stands; one that is not here is written in secondary ink."""

    def sizeHint(self, option: QStyleOptionViewItem, index: Index) -> QSize:
        return QSize(160, ROW_PX)

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: Index) -> None:
        painter.save()
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        palette, rect = option.palette, option.rect.adjusted(PAD, 0, -PAD, 0)
        if option.state & (State.State_Selected | State.State_MouseOver):
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(
                palette.alternateBase() if option.state & State.State_Selected else palette.mid()
            )
            painter.drawRoundedRect(option.rect, RADIUS_CELL, RADIUS_CELL)
        if option.state & State.State_HasFocus:
            painter.setPen(palette.color(palette.ColorRole.Highlight))
            painter.setBrush(Qt.BrushStyle.NoBrush)
            painter.drawRoundedRect(option.rect.adjusted(0, 0, -1, -1), RADIUS_CELL, RADIUS_CELL)
        model: ListedModel = index.data(MODEL)
        upper = QRect(rect.x(), rect.y() + 6, rect.width(), 20)
        lower = QRect(rect.x(), rect.y() + 25, rect.width(), 16)
        painter.setPen(palette.color(INK if model.is_here else INK_2))
        self._draw(painter, upper, str(index.data()))
        font = painter.font()
        font.setPixelSize(CAPTION)
        painter.setFont(font)
        painter.setPen(palette.color(INK_2))
        self._draw(painter, lower, str(index.data(STATE_WORDS)))
        painter.restore()

    @staticmethod
    def _draw(painter: QPainter, where: QRect, words: str) -> None:
        elided = painter.fontMetrics().elidedText(words, Qt.TextElideMode.ElideMiddle, where.width())
        painter.drawText(where, Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignLeft, elided)
