"""Pictures made ready for the screen, in whatever thread asks.

They are read through QImageReader, which decodes and scales without holding Python's lock (measured with
PySide6 6.12); `QImage.fromData` and `QImage.scaled` hold it, and the window would stand still meanwhile.
"""

from __future__ import annotations

from PySide6.QtCore import QBuffer, QByteArray, QIODevice, QRect, QRectF, QSize, Qt
from PySide6.QtGui import QBrush, QImage, QImageReader, QPainter

# The library's own JPEG files are small; a file that claims more than this is not one of them.
MOST_MB = 1024


def picture_image(jpeg: bytes) -> QImage | None:
    """The whole picture; None when the bytes are none."""
    with _Source(jpeg) as reader:
        image = reader.read()
    return None if image.isNull() else image


def cell_image(jpeg: bytes, side_px: int, radius_px: float) -> QImage | None:
    """The picture filling a square of `side_px` pixels of the screen; None when the bytes are no picture.

    The corners are cut here, once, because clipping while painting costs more than drawing.
    """
    with _Source(jpeg) as reader:
        size = reader.size()
        if not size.isValid() or size.isEmpty() or side_px <= 0:
            return None
        scaled = size.scaled(QSize(side_px, side_px), Qt.AspectRatioMode.KeepAspectRatioByExpanding)
        reader.setScaledSize(scaled)
        left, top = (scaled.width() - side_px) // 2, (scaled.height() - side_px) // 2
        reader.setScaledClipRect(QRect(left, top, side_px, side_px))
        square = reader.read()
    if square.isNull():
        return None
    return _rounded(square, radius_px) if radius_px > 0 else square


def _rounded(square: QImage, radius_px: float) -> QImage:
    cut = QImage(square.size(), QImage.Format.Format_ARGB32_Premultiplied)
    cut.fill(Qt.GlobalColor.transparent)
    painter = QPainter(cut)
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    painter.setPen(Qt.PenStyle.NoPen)
    painter.setBrush(QBrush(square))
    painter.drawRoundedRect(QRectF(cut.rect()), radius_px, radius_px)
    painter.end()
    return cut


class _Source:
    """A QImageReader on bytes; its buffer lives as long as the `with`."""

    def __init__(self, jpeg: bytes) -> None:
        self._buffer = QBuffer()
        self._buffer.setData(QByteArray(jpeg))

    def __enter__(self) -> QImageReader:
        self._buffer.open(QIODevice.OpenModeFlag.ReadOnly)
        # Without a format every plugin is asked in turn. The one for SVG connects a signal, while PySide holds
        # Python's lock: the window's thread, which held Qt's lock of signals and waited for Python's, stood still.
        reader = QImageReader(self._buffer, QByteArray(b"jpeg"))
        reader.setAutoDetectImageFormat(False)
        reader.setAutoTransform(False)  # what the library hands out is upright already
        reader.setAllocationLimit(MOST_MB)
        return reader

    def __exit__(self, *error: object) -> None:
        self._buffer.close()
