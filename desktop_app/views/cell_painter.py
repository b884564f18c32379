"""Paints the grid: a photo's average colour until its picture is there, its state, its selection, headings.

It is called for every cell of every frame, some hundred times, so it takes what it draws and asks no model.
"""

from __future__ import annotations

from PySide6.QtCore import QPointF, QRect, QRectF, Qt
from PySide6.QtGui import QColor, QFont, QGuiApplication, QPainter, QPen, QPixmap

from desktop_app.i18n import number
from desktop_app.items.cells import Cell
from desktop_app.theme.dress import ACCENT, HAIRLINE, INK, INK_2, PAPER
from desktop_app.theme.icons import draw_icon
from desktop_app.theme.tokens import HEADER, RADIUS_CELL, VIEWER_INK

RING = 3.0
BADGE, BADGE_ICON, BADGE_INSET, BADGE_GAP = 22, 14, 6, 4
BADGE_GROUND = "#99000000"
PALE_OPACITY = 0.45


class CellPainter:
    """Draws into squares of logical pixels. The colours are the application's: a view's own palette has what
    the style sheet made of it, for instance a transparent ground."""

    def __init__(self) -> None:
        self._badges: dict[tuple[str, float], QPixmap] = {}

    def paint(
        self,
        painter: QPainter,
        square: QRectF,
        cell: Cell | None,
        ratio: float,
        decision: bool | None = None,
    ) -> None:
        """A photo; None for one of which nothing is known yet. `ratio` is the screen's pixels a logical one.

        decision  accepted or rejected in the album that is shown: a tick or a cross, and what is rejected is pale
        """
        if cell is None:
            _fill(painter, square, QGuiApplication.palette().color(HAIRLINE))
            return
        is_offline = cell.card.state == "offline"
        is_pale = is_offline or decision is False
        if is_pale:
            painter.setOpacity(PALE_OPACITY)
        if cell.image is None:
            _fill(painter, square, QColor(cell.card.colour))
        elif cell.image.width() == round(square.width() * ratio) and ratio == 1.0:
            painter.drawImage(square.topLeft(), cell.image)
        else:
            painter.drawImage(square, cell.image)
        if is_pale:
            painter.setOpacity(1.0)
        if is_offline:
            self._badge(painter, "disk-offline", square.right() - BADGE - BADGE_INSET, square, ratio)
        left = square.left() + BADGE_INSET
        if decision is not None:
            self._badge(painter, "accepted" if decision else "close", left, square, ratio)
            left += BADGE + BADGE_GAP
        if cell.card.favourite:
            self._badge(painter, "heart-filled", left, square, ratio)

    def mark(
        self, painter: QPainter, square: QRectF, *, is_selected: bool, is_hovered: bool, is_current: bool
    ) -> None:
        """The rings round a cell."""
        palette = QGuiApplication.palette()
        if is_selected:
            # Paper between photo and ring, so that the ring is seen on any picture.
            _ring(painter, square.adjusted(2.5, 2.5, -2.5, -2.5), palette.color(PAPER), 2.0)
            _ring(painter, square, palette.color(ACCENT), RING)
        elif is_hovered:
            _ring(painter, square.adjusted(0.5, 0.5, -0.5, -0.5), palette.color(ACCENT), 1.0)
        if is_current:
            _ring(painter, square.adjusted(-1.5, -1.5, 1.5, 1.5), palette.color(INK), 1.0)

    def _badge(self, painter: QPainter, name: str, x: float, square: QRectF, ratio: float) -> None:
        pixmap = self._badges.get((name, ratio))
        if pixmap is None:
            pixmap = self._badges[name, ratio] = _badge_pixmap(name, ratio)
        painter.drawPixmap(QPointF(x, square.bottom() - BADGE - BADGE_INSET), pixmap)


def paint_heading(
    painter: QPainter, band: QRect, margin: int, title: str, count: int, *, is_stuck: bool
) -> None:
    """A section's title and its number of photos on paper; a line under it where photos go by beneath."""
    palette, face = QGuiApplication.palette(), QGuiApplication.font()
    painter.fillRect(band, palette.color(PAPER))
    font = QFont(face)
    font.setPixelSize(HEADER)
    font.setWeight(QFont.Weight.Medium)
    painter.setFont(font)
    painter.setPen(palette.color(INK))
    text = band.adjusted(margin, 0, -margin, 0)
    painter.drawText(text, Qt.AlignmentFlag.AlignVCenter, title)
    used = painter.fontMetrics().horizontalAdvance(title) + 8
    painter.setFont(face)
    painter.setPen(palette.color(INK_2))
    if count:
        painter.drawText(text.adjusted(used, 1, 0, 0), Qt.AlignmentFlag.AlignVCenter, number(count))
    if is_stuck:
        painter.fillRect(QRect(band.left(), band.bottom(), band.width(), 1), palette.color(HAIRLINE))


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
