"""A picture on black that can be zoomed and moved: fitted into the window, or as large as wanted."""

from __future__ import annotations

from PySide6.QtCore import QPointF, QRectF, QSize, QSizeF, Qt, Signal
from PySide6.QtGui import QColor, QImage, QMouseEvent, QPainter, QPaintEvent, QResizeEvent, QWheelEvent
from PySide6.QtWidgets import QWidget

from desktop_app.theme.tokens import VIEWER_GROUND

# One notch of the wheel.
ZOOM_STEP = 1.25
MOST_ZOOM = 8.0
NOTCH = 120


class PictureView(QWidget):
    """Draws an image of the photo's shape; a sharper image of the same photo may come later and changes nothing else.

    The scale is logical pixels a photo pixel; `None` means fitted into the view.
    """

    sharper_wanted = Signal()  # the image here has fewer pixels than the screen shows

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._image: QImage | None = None
        self._photo_size = QSizeF()
        self._scale: float | None = None
        self._centre = QPointF()  # the photo's point in the middle of the view, in photo pixels
        self._grabbed: QPointF | None = None
        self.setAttribute(Qt.WidgetAttribute.WA_OpaquePaintEvent)

    def show_photo(self, size: QSize, image: QImage | None) -> None:
        """Another photo, of this size when upright: fitted."""
        self._photo_size = QSizeF(size)
        self._image = image
        self._scale = None
        self._centre = QPointF(size.width() / 2, size.height() / 2)
        self.update()

    def sharpen(self, image: QImage) -> None:
        if self._image is None or image.width() >= self._image.width():
            self._image = image
            self.update()

    def clear(self) -> None:
        self._image = None
        self._photo_size = QSizeF()
        self.update()

    # ---- zoom

    @property
    def fit_scale(self) -> float:
        """The scale that fits the photo in; small photos are not enlarged beyond their own pixels."""
        if self._photo_size.isEmpty():
            return 1.0
        wide = self.width() / self._photo_size.width()
        high = self.height() / self._photo_size.height()
        return min(wide, high, 1 / self.devicePixelRatioF())

    @property
    def scale(self) -> float:
        return self.fit_scale if self._scale is None else self._scale

    @property
    def is_fitted(self) -> bool:
        return self._scale is None

    @property
    def longer_side_px(self) -> int:
        """Pixels of the screen that the photo's longer side takes now."""
        side = max(self._photo_size.width(), self._photo_size.height())
        return round(side * self.scale * self.devicePixelRatioF())

    @property
    def image_px(self) -> int:
        return max(self._image.width(), self._image.height()) if self._image is not None else 0

    def zoom(self, factor: float, around: QPointF | None = None) -> None:
        """Larger or smaller, with the point under `around` (the middle) staying where it is."""
        middle = QPointF(self.width() / 2, self.height() / 2)
        around = around if around is not None else middle
        before = self.scale
        wanted = min(max(before * factor, self.fit_scale), MOST_ZOOM)
        if wanted <= self.fit_scale:
            self.fit()
            return
        offset = around - middle
        self._centre += offset / before - offset / wanted
        self._scale = wanted
        self._keep_inside()
        self.sharper_wanted.emit()

    def toggle_full_size(self) -> None:
        """Between fitted and one pixel of the photo on one pixel of the screen."""
        full = 1 / self.devicePixelRatioF()
        if not self.is_fitted:
            self.fit()
        elif full > self.fit_scale:
            self.zoom(full / self.scale)

    def fit(self) -> None:
        self._scale = None
        self._centre = QPointF(self._photo_size.width() / 2, self._photo_size.height() / 2)
        self.update()

    def move_by(self, offset: QPointF) -> None:
        """Move the picture by logical pixels."""
        self._centre -= offset / self.scale
        self._keep_inside()

    def _keep_inside(self) -> None:
        """No black beside a picture that is larger than the view."""
        half_width = min(self.width() / self.scale, self._photo_size.width()) / 2
        half_height = min(self.height() / self.scale, self._photo_size.height()) / 2
        self._centre.setX(min(max(self._centre.x(), half_width), self._photo_size.width() - half_width))
        self._centre.setY(min(max(self._centre.y(), half_height), self._photo_size.height() - half_height))
        self.update()

    # ---- Qt

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.fillRect(self.rect(), QColor(VIEWER_GROUND))
        if self._image is None or self._photo_size.isEmpty():
            return
        painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform)
        size = self._photo_size * self.scale
        corner = QPointF(self.width() / 2, self.height() / 2) - self._centre * self.scale
        painter.drawImage(QRectF(corner, size), self._image)

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        if not self.is_fitted and self.scale <= self.fit_scale:
            self.fit()
        self.sharper_wanted.emit()

    def wheelEvent(self, event: QWheelEvent) -> None:
        if event.angleDelta().y():
            self.zoom(ZOOM_STEP ** (event.angleDelta().y() / NOTCH), event.position())
        event.accept()

    def mousePressEvent(self, event: QMouseEvent) -> None:
        if event.button() == Qt.MouseButton.LeftButton and not self.is_fitted:
            self._grabbed = event.position()
            self.setCursor(Qt.CursorShape.ClosedHandCursor)

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        if self._grabbed is not None:
            self.move_by(event.position() - self._grabbed)
            self._grabbed = event.position()
        else:
            event.ignore()  # the viewer shows its tools

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        self._grabbed = None
        self.unsetCursor()

    def mouseDoubleClickEvent(self, event: QMouseEvent) -> None:
        if self.is_fitted and 1 / self.devicePixelRatioF() > self.fit_scale:
            self.zoom(1 / self.devicePixelRatioF() / self.scale, event.position())
        else:
            self.fit()
