"""One photo over the whole window: zoom, move, next and previous, favourite and rating."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from PySide6.QtCore import QEvent, QPointF, QSize, Qt, QTimer, Signal, Slot
from PySide6.QtGui import QColor, QKeyEvent, QMouseEvent, QPalette, QResizeEvent
from PySide6.QtWidgets import QHBoxLayout, QLabel, QWidget

from core.errors import ShiguangError
from desktop_app.i18n import error_sentences, tr
from desktop_app.items.photo_model import PhotoModel
from desktop_app.theme.dress import INK, INK_2
from desktop_app.theme.icons import IconButton
from desktop_app.theme.tokens import VIEWER_INK
from desktop_app.views.picture_view import ZOOM_STEP, PictureView
from desktop_app.workers.pictures import Decoded, Glance, Pictures

if TYPE_CHECKING:
    from core.library.opinions import Opinion

BAR_PX = 56
# Everything but the picture goes away when the mouse has not moved for this long.
TOOLS_MS = 2000
ARROW_PAN_PX = 80
STARS = 5


class Viewer(QWidget):
    """Shows the photos of a model one at a time. It covers its parent and closes by Escape."""

    closed = Signal(object)  # the photo shown last
    favourite_set = Signal(object, bool)  # photo, favourite
    rating_set = Signal(object, int)  # photo, 0 to 5

    def __init__(self, pictures: Pictures, parent: QWidget) -> None:
        super().__init__(parent)
        self._covered = parent
        self._pictures = pictures
        self._model: PhotoModel | None = None
        self._row = -1
        self._photo: int | None = None
        self._favourite = False
        self._rating = 0
        self._asked_px = 0
        self._full_px = 0
        self.picture = PictureView(self)
        self._bar = QWidget(self)
        self._close, self._previous, self._next = IconButton("close"), IconButton("left"), IconButton("right")
        self._heart = IconButton("heart")
        self._name, self._note = QLabel(), QLabel()
        self._hide_tools = QTimer(self)
        self._hide_tools.setSingleShot(True)
        self._hide_tools.setInterval(TOOLS_MS)
        self._hide_tools.timeout.connect(self._bar.hide)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setMouseTracking(True)
        self.picture.setMouseTracking(True)
        self._lay_out()
        self._connect()
        self._say()
        self.hide()

    def _lay_out(self) -> None:
        palette = QPalette(self.palette())
        for role in (INK, INK_2, QPalette.ColorRole.Text):
            palette.setColor(role, QColor(VIEWER_INK))
        self._bar.setPalette(palette)
        self._bar.setStyleSheet(
            f"QWidget {{ background: rgba(0, 0, 0, 140); color: {VIEWER_INK}; }}"
            "QToolButton { background: transparent; } QToolButton:hover { background: rgba(255, 255, 255, 40); }"
            f"QToolButton:focus {{ border: 1px solid {VIEWER_INK}; }} QLabel {{ background: transparent; }}"
        )
        row = QHBoxLayout(self._bar)
        row.setContentsMargins(12, 0, 12, 0)
        row.setSpacing(8)
        for widget in (self._close, self._name, self._note):
            row.addWidget(widget)
        row.addStretch(1)
        self._stars = [IconButton("star") for _ in range(STARS)]
        for button in (*self._stars, self._heart, self._previous, self._next):
            row.addWidget(button)
        for button in self._bar.findChildren(IconButton):
            button.setPalette(palette)
            button.setFocusPolicy(Qt.FocusPolicy.TabFocus)

    def _connect(self) -> None:
        self._close.clicked.connect(self.close_viewer)
        self._previous.clicked.connect(self.show_previous)
        self._next.clicked.connect(self.show_next)
        self._heart.clicked.connect(self.toggle_favourite)
        for star in self._stars:
            star.clicked.connect(self._rate_by_star)
        self._pictures.glanced.connect(self._take_glance)
        self._pictures.decoded.connect(self._take_picture)
        self._pictures.failed.connect(self._take_error)
        self.picture.sharper_wanted.connect(self._ask_sharper)

    # ---- what is shown

    def open_at(self, model: PhotoModel, photo: int) -> None:
        """Show this photo of the model; next and previous go through its rows."""
        row = model.row_of(photo)
        if row is None:
            return
        self._model = model
        self.setGeometry(self._covered.rect())
        self.show()
        self.raise_()
        self.setFocus()
        self._show_row(row)

    def show_next(self) -> None:
        self._step(1)

    def show_previous(self) -> None:
        self._step(-1)

    def close_viewer(self) -> None:
        photo = self._photo
        self._pictures.drop()
        self._photo = None
        self.picture.clear()
        self.hide()
        self.closed.emit(photo)

    def _step(self, by: int) -> None:
        # Rows come and go while the viewer is open; the photo says where we are now.
        if self._model is None or self._photo is None:
            return
        row = self._row if self._model.photo(self._row) == self._photo else self._model.row_of(self._photo)
        wanted = (self._row if row is None else row) + by
        if 0 <= wanted < self._model.rowCount():
            self._show_row(wanted)

    def _show_row(self, row: int) -> None:
        assert self._model is not None
        photo = self._model.photo(row)
        if photo is None:
            return
        self._row, self._photo = row, photo
        self._asked_px = self._full_px = 0
        cell = self._model.cells.get(photo)
        if cell is not None:
            # The cell's picture is cut to a square: only its colour is of use until the thumbnail is here.
            self._name.setText(cell.card.name)
            self._full_px = max(cell.card.width, cell.card.height)
            self.picture.show_photo(QSize(cell.card.width, cell.card.height), None)
        self._note.setText("")
        self._show_opinion(cell.card.favourite if cell else False, (cell.card.rating if cell else 0) or 0)
        self._previous.setEnabled(row > 0)
        self._next.setEnabled(row + 1 < self._model.rowCount())
        self._show_tools()
        self._pictures.look(photo)

    @Slot(object)
    def _take_glance(self, glance: Glance) -> None:
        details = glance.details
        if glance.photo != self._photo:
            return
        if details is not None:
            self._full_px = max(details.width, details.height)
            self._show_opinion(details.favourite, details.rating or 0)
            self.picture.show_photo(QSize(details.width, details.height), glance.thumb)
        elif glance.thumb is not None:
            self.picture.show_photo(glance.thumb.size(), glance.thumb)
        self._ask_sharper()

    @Slot(object)
    def _take_picture(self, decoded: Decoded) -> None:
        if decoded.photo == self._photo and decoded.image is not None:
            self.picture.sharpen(decoded.image)

    @Slot(object)
    def _take_error(self, error: ShiguangError) -> None:
        self._note.setText(error_sentences(error))
        self._bar.show()

    def _ask_sharper(self) -> None:
        """Ask for as many pixels as the screen shows, the photo's own at most, and never twice."""
        if self._photo is None or not self._full_px:
            return
        wanted = min(self.picture.longer_side_px, self._full_px)
        if wanted > self.picture.image_px and wanted > self._asked_px:
            # Beyond the fitted size the whole picture is fetched at once, not step by step with the wheel.
            self._asked_px = wanted if self.picture.is_fitted else self._full_px
            self._pictures.decode(self._photo, self._asked_px)

    # ---- what the owner says

    @Slot(object)
    def take_opinions(self, opinions: Mapping[int, Opinion]) -> None:
        """What was said of these photos was taken back."""
        if self._photo in opinions:
            own = opinions[self._photo]
            self._show_opinion(own.favourite, own.rating or 0)

    def toggle_favourite(self) -> None:
        if self._photo is not None:
            self._show_opinion(not self._favourite, self._rating)
            self.favourite_set.emit(self._photo, self._favourite)

    def rate(self, rating: int) -> None:
        if self._photo is not None:
            self._show_opinion(self._favourite, rating)
            self.rating_set.emit(self._photo, rating)

    def _rate_by_star(self) -> None:
        rating = next(i for i, star in enumerate(self._stars, 1) if star is self.sender())
        self.rate(0 if rating == self._rating else rating)

    def _show_opinion(self, favourite: bool, rating: int) -> None:
        self._favourite, self._rating = favourite, rating
        self._heart.show_icon("heart-filled" if favourite else "heart")
        for number_of_star, star in enumerate(self._stars, 1):
            star.show_icon("star-filled" if number_of_star <= rating else "star")

    # ---- Qt

    def keyPressEvent(self, event: QKeyEvent) -> None:
        key = Qt.Key(event.key())
        actions = {
            Qt.Key.Key_Escape: self.close_viewer,
            Qt.Key.Key_Return: self.close_viewer,
            Qt.Key.Key_Enter: self.close_viewer,
            Qt.Key.Key_Space: self.show_next,
            Qt.Key.Key_PageDown: self.show_next,
            Qt.Key.Key_PageUp: self.show_previous,
            Qt.Key.Key_Z: self.picture.toggle_full_size,
            Qt.Key.Key_F: self.toggle_favourite,
        }
        if key in actions:
            actions[key]()
        elif (
            Qt.Key.Key_0 <= key <= Qt.Key.Key_5
            and not event.modifiers() & Qt.KeyboardModifier.ControlModifier
        ):
            self.rate(key - Qt.Key.Key_0)
        elif key in (Qt.Key.Key_Plus, Qt.Key.Key_Equal):
            self.picture.zoom(ZOOM_STEP)
        elif key == Qt.Key.Key_Minus:
            self.picture.zoom(1 / ZOOM_STEP)
        elif not self._pan_or_step(key):
            super().keyPressEvent(event)

    def _pan_or_step(self, key: int) -> bool:
        """Arrows move through a zoomed picture, else from photo to photo. Shift is not asked for."""
        offsets = {
            Qt.Key.Key_Left: QPointF(ARROW_PAN_PX, 0),
            Qt.Key.Key_Right: QPointF(-ARROW_PAN_PX, 0),
            Qt.Key.Key_Up: QPointF(0, ARROW_PAN_PX),
            Qt.Key.Key_Down: QPointF(0, -ARROW_PAN_PX),
        }
        if key not in offsets:
            return False
        if not self.picture.is_fitted:
            self.picture.move_by(offsets[Qt.Key(key)])
        elif key in (Qt.Key.Key_Left, Qt.Key.Key_Up):
            self.show_previous()
        else:
            self.show_next()
        return True

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        self._show_tools()

    def _show_tools(self) -> None:
        self._bar.show()
        self._hide_tools.start()

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self.picture.setGeometry(self.rect())
        self._bar.setGeometry(0, 0, self.width(), BAR_PX)

    def _say(self) -> None:
        self.setAccessibleName(tr("Photo"))
        self._close.say(tr("Back to all photos"), "Esc")
        self._previous.say(tr("Previous photo"), "←")
        self._next.say(tr("Next photo"), "→")
        self._heart.say(tr("Favourite"), "F")
        for number_of_star, star in enumerate(self._stars, 1):
            star.say(tr("{n} stars", n=number_of_star), str(number_of_star))

    def changeEvent(self, event: QEvent) -> None:
        if event.type() == QEvent.Type.LanguageChange:
            self._say()
        super().changeEvent(event)
