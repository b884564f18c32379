"""Paints one photo of the grid: its average colour until the picture is there, its state, its selection."""

from __future__ import annotations

from PySide6.QtCore import QModelIndex, QPersistentModelIndex, QPointF, QRectF, Qt
from PySide6.QtGui import QColor, QPainter, QPalette, QPen, QPixmap
from PySide6.QtWidgets import QStyle, QStyledItemDelegate, QStyleOptionViewItem

from desktop_app.items.cells import Cell
from desktop_app.items.photo_model import CELL
from desktop_app.theme.dress import ACCENT, HAIRLINE, INK, PAPER
from desktop_app.theme.icons import draw_icon
from desktop_app.theme.tokens import RADIUS_CELL, VIEWER_INK

State = QStyle.StateFlag
RING = 3.0
BADGE, BADGE_ICON = 22, 14
BADGE_GROUND = "#99000000"
OFFLINE_OPACITY = 0.45


class CellDelegate(QStyledItemDelegate):
    """Paints from what is in memory. `option.rect` is the cell's square."""

    def __init__(self) -> None:
        super().__init__()
        self._badges: dict[tuple[str, float], QPixmap] = {}

    def paint(
        self, painter: QPainter, option: QStyleOptionViewItem, index: QModelIndex | QPersistentModelIndex
    ) -> None:
        square = QRectF(option.rect)
        cell: Cell | None = index.data(CELL)
        palette = option.palette
        if cell is None:
            _fill(painter, square, palette.color(HAIRLINE))
        else:
            self._paint_photo(painter, square, cell, palette)
        self._paint_state(painter, square, option)

    def _paint_photo(self, painter: QPainter, square: QRectF, cell: Cell, palette: QPalette) -> None:
        is_offline = cell.card.state == "offline"
        if is_offline:
            painter.setOpacity(OFFLINE_OPACITY)
        if cell.image is None:
            _fill(painter, square, QColor(cell.card.colour))
        else:
            painter.drawImage(square, cell.image)
        if is_offline:
            painter.setOpacity(1.0)
            self._badge(painter, "disk-offline", square.right() - BADGE - 6, square.bottom() - BADGE - 6)
        if cell.card.favourite:
            self._badge(painter, "heart-filled", square.left() + 6, square.bottom() - BADGE - 6)

    def _paint_state(self, painter: QPainter, square: QRectF, option: QStyleOptionViewItem) -> None:
        palette = option.palette
        if option.state & State.State_Selected:
            # Paper between photo and ring, so that the ring is seen on any picture.
            _ring(painter, square.adjusted(2.5, 2.5, -2.5, -2.5), palette.color(PAPER), 2.0)
            _ring(painter, square.adjusted(0, 0, 0, 0), palette.color(ACCENT), RING)
        elif option.state & State.State_MouseOver:
            _ring(painter, square.adjusted(0.5, 0.5, -0.5, -0.5), palette.color(ACCENT), 1.0)
        if option.state & State.State_HasFocus:
            _ring(painter, square.adjusted(-1.5, -1.5, 1.5, 1.5), palette.color(INK), 1.0)

    def _badge(self, painter: QPainter, name: str, x: float, y: float) -> None:
        ratio = painter.device().devicePixelRatio()
        pixmap = self._badges.get((name, ratio))
        if pixmap is None:
            pixmap = self._badges[name, ratio] = _badge_pixmap(name, ratio)
        painter.drawPixmap(QPointF(x, y), pixmap)


def _badge_pixmap(name: str, ratio: float) -> QPixmap:
    """An icon on a dark disc, so that it is seen on any picture."""
    pixmap = QPixmap(round(BADGE * ratio), round(BADGE * ratio))
    pixmap.setDevicePixelRatio(ratio)
    pixmap.fill(Qt.GlobalColor.transparent)
    painter = QPainter(pixmap)
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    painter.setPen(Qt.PenStyle.NoPen)
    painter.setBrush(QColor(BADGE_GROUND))
    painter.drawEllipse(QRectF(0, 0, BADGE, BADGE))
    inset = (BADGE - BADGE_ICON) / 2
    draw_icon(painter, name, QRectF(inset, inset, BADGE_ICON, BADGE_ICON), QColor(VIEWER_INK))
    painter.end()
    return pixmap


def _fill(painter: QPainter, square: QRectF, colour: QColor) -> None:
    painter.setPen(Qt.PenStyle.NoPen)
    painter.setBrush(colour)
    painter.drawRoundedRect(square, RADIUS_CELL, RADIUS_CELL)


def _ring(painter: QPainter, square: QRectF, colour: QColor, width: float) -> None:
    painter.setPen(QPen(colour, width))
    painter.setBrush(Qt.BrushStyle.NoBrush)
    painter.drawRoundedRect(square, RADIUS_CELL, RADIUS_CELL)
