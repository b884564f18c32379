"""The icon family: small SVG files of 18 px and 1.5 px strokes, drawn in the colour of the palette.

Every stroke in the files is `currentColor`, which is replaced by the colour asked for.
"""

from __future__ import annotations

from functools import cache

from PySide6.QtCore import QByteArray, QEvent, QRectF, QSize, Qt
from PySide6.QtGui import QColor, QIcon, QPainter, QPalette, QPixmap
from PySide6.QtSvg import QSvgRenderer
from PySide6.QtWidgets import QToolButton, QWidget

from core.resources import resource
from desktop_app.theme.dress import INK, INK_2
from desktop_app.theme.tokens import ICON

NAMES = (
    "accepted",
    "album",
    "close",
    "copy",
    "disk-offline",
    "down",
    "folder",
    "heart",
    "heart-filled",
    "left",
    "pause",
    "photos",
    "play",
    "plus",
    "right",
    "search",
    "settings",
    "star",
    "star-filled",
    "stop",
    "suggestions",
    "warning",
    "zoom-in",
    "zoom-out",
)


@cache
def _svg(name: str) -> str:
    return resource("icons", f"{name}.svg").read_text("utf-8")


def draw_icon(painter: QPainter, name: str, where: QRectF, colour: QColor) -> None:
    """Draw an icon of the family, scaled to fill `where` (a square)."""
    renderer = QSvgRenderer(QByteArray(_svg(name).replace("currentColor", colour.name()).encode()))
    renderer.render(painter, where)


def icon_pixmap(name: str, colour: QColor, side_px: int = ICON, ratio: float = 1.0) -> QPixmap:
    """The icon as a picture of `side_px` logical pixels for a screen of `ratio` pixels each."""
    pixmap = QPixmap(QSize(round(side_px * ratio), round(side_px * ratio)))
    pixmap.setDevicePixelRatio(ratio)
    pixmap.fill(Qt.GlobalColor.transparent)
    painter = QPainter(pixmap)
    draw_icon(painter, name, QRectF(0, 0, side_px, side_px), colour)
    painter.end()
    return pixmap


def icon(name: str, palette: QPalette) -> QIcon:
    """The icon in ink, and in secondary ink where it is disabled; sharp at 1x, 2x and 3x."""
    made = QIcon()
    for ratio in (1.0, 2.0, 3.0):
        made.addPixmap(icon_pixmap(name, palette.color(INK), ratio=ratio))
        made.addPixmap(icon_pixmap(name, palette.color(INK_2), ratio=ratio), QIcon.Mode.Disabled)
    return made


class IconButton(QToolButton):
    """A button that is only an icon; it has a name for screen readers and takes the theme's colour."""

    def __init__(self, name: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._name = name
        self.setIconSize(QSize(ICON, ICON))
        self.setCursor(Qt.CursorShape.ArrowCursor)
        self.show_icon(name)

    def show_icon(self, name: str) -> None:
        self._name = name
        self.setIcon(icon(name, self.palette()))

    def say(self, words: str, keys: str = "") -> None:
        """What the button does, as a tooltip and for screen readers; `keys` is the shortcut to mention."""
        self.setAccessibleName(words)
        self.setToolTip(f"{words} ({keys})" if keys else words)

    def changeEvent(self, event: QEvent) -> None:
        if event.type() == QEvent.Type.PaletteChange:
            self.show_icon(self._name)
        super().changeEvent(event)
