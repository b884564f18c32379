"""The curves of a training: the loss of every step, and what the photos held out give, against the steps."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from PySide6.QtCore import QPointF, QRectF, QSize, Qt
from PySide6.QtGui import QColor, QPainter, QPaintEvent, QPen, QPolygonF
from PySide6.QtWidgets import QSizePolicy, QWidget

from desktop_app.i18n import number, tr
from desktop_app.theme.dress import ACCENT, HAIRLINE, INK_2
from desktop_app.theme.tokens import CAPTION

LEFT_PX, RIGHT_PX, TOP_PX, BOTTOM_PX = 48, 48, 28, 36
# Lines of the grid, the axes among them.
LINES = 5
# Where the axis of shares may end: quarters of each are plain numbers.
ENDS = (0.04, 0.08, 0.2, 0.4, 0.6, 0.8, 1.0)
# More points than pixels would only cost time.
MOST_POINTS = 600
Points = Sequence[tuple[int, float]]


@dataclass(frozen=True, slots=True)
class Scale:
    """A range of values on an axis; `low` is less than `high`."""

    low: float
    high: float

    @classmethod
    def of(cls, values: Sequence[float]) -> Scale:
        """Wide enough for the values, with a little air."""
        low, high = min(values, default=0.0), max(values, default=1.0)
        air = 0.05 * (high - low) or 0.5 * abs(high) or 0.5
        return cls(low - air, high + air)

    @classmethod
    def of_shares(cls, shares: Sequence[float]) -> Scale:
        """From nothing to the next plain end above them."""
        return cls(0.0, next((end for end in ENDS if end >= max(shares, default=1.0)), 1.0))

    def share(self, value: float) -> float:
        """Where a value lies, 0 at `low` and 1 at `high`."""
        return (value - self.low) / (self.high - self.low)

    def at(self, share: float) -> float:
        return self.low + share * (self.high - self.low)


class CurveView(QWidget):
    """Two curves with an axis each: the loss thin, at the left; the held-out share thick and dotted, at the right."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._losses: Points = ()
        self._scores: Points = ()
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        self.setMinimumHeight(180)

    def sizeHint(self) -> QSize:
        return QSize(560, 240)

    def show_points(self, losses: Points, scores: Points) -> None:
        """(step, value), in order; scores are shares, 0 to 1."""
        self._losses = _thinned(losses)
        self._scores = _thinned(scores)
        self.setAccessibleName(tr("How it learns"))
        self.setAccessibleDescription(self._said())
        self.update()

    def _said(self) -> str:
        parts = []
        if self._losses:
            parts.append(f"{tr('Loss')} {number(self._losses[-1][1], 2)}")
        if self._scores:
            parts.append(
                f"{tr('How far in front, on photos kept back')} {number(100 * self._scores[-1][1], 1)} %"
            )
        return " · ".join(parts)

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        font = painter.font()
        font.setPixelSize(CAPTION)
        painter.setFont(font)
        field = QRectF(self.rect()).adjusted(LEFT_PX, TOP_PX, -RIGHT_PX, -BOTTOM_PX)
        last = max([step for step, _ in (*self._losses, *self._scores)], default=0)
        steps = Scale(0, max(last, 1))
        losses = Scale.of([value for _, value in self._losses])
        scores = Scale.of_shares([value for _, value in self._scores])
        self._draw_axes(painter, field, steps, losses, scores)
        self._draw_legend(painter, field)
        self._draw_curve(painter, field, steps, losses, self._losses, self._loss_pen())
        self._draw_curve(painter, field, steps, scores, self._scores, self._score_pen())
        self._draw_dots(painter, field, steps, scores)

    def _draw_axes(
        self, painter: QPainter, field: QRectF, steps: Scale, losses: Scale, scores: Scale
    ) -> None:
        grey, line = self.palette().color(INK_2), QPen(self.palette().color(HAIRLINE), 1)
        right, left = Qt.AlignmentFlag.AlignRight, Qt.AlignmentFlag.AlignLeft
        middle = Qt.AlignmentFlag.AlignVCenter
        for i in range(LINES):
            share = i / (LINES - 1)
            y = field.bottom() - share * field.height()
            painter.setPen(line)
            painter.drawLine(QPointF(field.left(), y), QPointF(field.right(), y))
            painter.setPen(grey)
            if self._losses:
                where = QRectF(0, y - 8, LEFT_PX - 8, 16)
                painter.drawText(where, right | middle, number(losses.at(share), 2))
            if self._scores:
                where = QRectF(field.right() + 8, y - 8, RIGHT_PX - 8, 16)
                painter.drawText(where, left | middle, f"{number(100 * scores.at(share))} %")
        painter.setPen(grey)
        below = QRectF(field.left(), field.bottom() + 4, field.width(), 16)
        painter.drawText(below, left, "0")
        painter.drawText(below, right, number(steps.high) if self._losses else "")
        painter.drawText(below, Qt.AlignmentFlag.AlignHCenter, tr("Steps"))

    def _draw_legend(self, painter: QPainter, field: QRectF) -> None:
        """Each curve's name above its axis, with a piece of the curve as it is drawn."""
        metrics = painter.fontMetrics()
        for words, pen, at_left in (
            (tr("Loss"), self._loss_pen(), True),
            (tr("How far in front, on photos kept back"), self._score_pen(), False),
        ):
            width = metrics.horizontalAdvance(words)
            begin = 8.0 if at_left else field.right() + RIGHT_PX - 8 - width - 24
            painter.setPen(pen)
            painter.drawLine(QPointF(begin, 8), QPointF(begin + 18, 8))
            if not at_left:
                self._dot(painter, QPointF(begin + 9, 8))
            painter.setPen(self.palette().color(INK_2))
            where = QRectF(begin + 24, 0, width + 2, 16)
            painter.drawText(where, Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter, words)

    def _draw_curve(
        self, painter: QPainter, field: QRectF, steps: Scale, scale: Scale, points: Points, pen: QPen
    ) -> None:
        painter.setPen(pen)
        painter.setBrush(Qt.BrushStyle.NoBrush)
        painter.drawPolyline(QPolygonF([_place(field, steps, scale, point) for point in points]))

    def _draw_dots(self, painter: QPainter, field: QRectF, steps: Scale, scores: Scale) -> None:
        for point in self._scores:
            self._dot(painter, _place(field, steps, scores, point))

    def _dot(self, painter: QPainter, where: QPointF) -> None:
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(self.palette().color(ACCENT))
        painter.drawEllipse(where, 3, 3)

    def _loss_pen(self) -> QPen:
        return _pen(self.palette().color(INK_2), 1.0)

    def _score_pen(self) -> QPen:
        return _pen(self.palette().color(ACCENT), 2.0)


def _place(field: QRectF, steps: Scale, scale: Scale, point: tuple[int, float]) -> QPointF:
    step, value = point
    return QPointF(
        field.left() + steps.share(step) * field.width(),
        field.bottom() - scale.share(value) * field.height(),
    )


def _pen(colour: QColor, width_px: float) -> QPen:
    pen = QPen(colour, width_px)
    pen.setJoinStyle(Qt.PenJoinStyle.RoundJoin)
    return pen


def _thinned(points: Points) -> Points:
    """At most MOST_POINTS of them at equal distances, the last one always."""
    if len(points) <= MOST_POINTS:
        return tuple(points)
    every = -(-len(points) // MOST_POINTS)
    return (*points[:-1:every], points[-1])
