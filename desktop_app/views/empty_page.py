"""What stands where there are no photos to show: one sentence, and what to do. Which one, a plain function decides."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, auto

from PySide6.QtCore import QEvent, QSize, Qt, Signal
from PySide6.QtWidgets import QHBoxLayout, QLabel, QPushButton, QSizePolicy, QVBoxLayout, QWidget

from core.errors import ShiguangError
from desktop_app.i18n import explain, tr
from desktop_app.theme.dress import INK_2
from desktop_app.theme.icons import icon_pixmap

ICON_PX = 48


class Page(Enum):
    """What the room beside the sidebar shows."""

    PHOTOS = auto()
    OPENING = auto()
    CANNOT_OPEN = auto()
    FIRST_RUN = auto()
    LOOKING = auto()
    NO_PHOTOS = auto()
    NOTHING_FOUND = auto()
    NO_FAVOURITES = auto()
    EMPTY_ALBUM = auto()


@dataclass(frozen=True, slots=True)
class Situation:
    """What the page depends on. A question is asked when something was typed or a place was chosen."""

    is_open: bool = False
    error: ShiguangError | None = None
    folders: int = 0
    photos: int = 0
    is_indexing: bool = False
    asks: bool = False
    asks_for_favourites: bool = False
    answered: bool = False
    hits: int = 0
    album_photos: int | None = None  # of the album that is shown; None while none is, or not known yet


def page_for(now: Situation) -> Page:
    if now.error is not None:
        return Page.CANNOT_OPEN
    if not now.is_open:
        return Page.OPENING
    if now.asks and now.answered and not now.hits:
        return Page.NO_FAVOURITES if now.asks_for_favourites else Page.NOTHING_FOUND
    if now.album_photos == 0:
        return Page.EMPTY_ALBUM
    if now.asks or now.photos:
        return Page.PHOTOS
    if not now.folders:
        return Page.FIRST_RUN
    return Page.LOOKING if now.is_indexing else Page.NO_PHOTOS


class EmptyPage(QWidget):
    """One sentence, at most one line more, at most one button."""

    folder_asked = Signal()
    nearest_asked = Signal()
    edit_asked = Signal()
    error_opened = Signal(object)  # ShiguangError

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._page = Page.OPENING
        self._error: ShiguangError | None = None
        self._icon = QLabel()
        self._line = QLabel()
        self._line.setObjectName("empty-line")
        self._more = QLabel()
        self._more.setObjectName("secondary")
        self._button = QPushButton()
        self._button.clicked.connect(self._act)
        column = QVBoxLayout(self)
        column.setContentsMargins(32, 32, 32, 64)
        column.setSpacing(16)
        column.addStretch()
        for label in (self._icon, self._line, self._more):
            label.setAlignment(Qt.AlignmentFlag.AlignCenter)
            label.setWordWrap(label is not self._icon)
            column.addWidget(label)
        row = QHBoxLayout()
        row.addStretch()
        row.addWidget(self._button)
        row.addStretch()
        self._button.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Fixed)
        column.addLayout(row)
        column.addStretch()

    def show_page(self, page: Page, error: ShiguangError | None = None) -> None:
        self._page, self._error = page, error
        self._say()

    def _say(self) -> None:
        line, more, button = self._words()
        self._line.setText(line)
        self._more.setText(more)
        self._more.setVisible(bool(more))
        self._button.setText(button)
        self._button.setVisible(bool(button))
        self._button.setObjectName("link" if self._page is Page.NOTHING_FOUND else "primary")
        self._button.style().polish(self._button)
        names = {Page.FIRST_RUN: "folder", Page.NOTHING_FOUND: "search", Page.NO_FAVOURITES: "heart"}
        names |= {
            Page.EMPTY_ALBUM: "album",
            Page.CANNOT_OPEN: "warning",
            Page.NO_PHOTOS: "photos",
            Page.LOOKING: "photos",
        }
        name = names.get(self._page)
        self._icon.setVisible(name is not None)
        if name is not None:
            ratio = self.devicePixelRatioF()
            self._icon.setPixmap(icon_pixmap(name, self.palette().color(INK_2), ICON_PX, ratio))

    def _words(self) -> tuple[str, str, str]:
        """The sentence, the line under it, the button; "" for none."""
        page = self._page
        if page is Page.CANNOT_OPEN and self._error is not None:
            words = explain(self._error)
            return words.what, words.what_to_do, tr("Details")
        if page is Page.FIRST_RUN:
            return (
                tr("Choose a folder of photos, or drop it here"),
                tr("Photos stay where they are; nothing leaves this computer."),
                tr("Choose a folder…"),
            )
        if page is Page.LOOKING:
            return tr("Looking for photos…"), tr("They appear here as they are found."), ""
        if page is Page.NO_PHOTOS:
            return tr("There are no photos in these folders"), "", tr("Choose a folder…")
        if page is Page.NOTHING_FOUND:
            return tr("Nothing here looks right"), "", tr("Show the nearest anyway")
        if page is Page.NO_FAVOURITES:
            return tr("No favourites yet"), tr("Press F on a photo to make it one."), ""
        if page is Page.EMPTY_ALBUM:
            return (
                tr("Nothing is in this album yet"),
                tr("Say in other words what belongs in it, or review what comes near."),
                tr("Edit album"),
            )
        return "", "", ""

    def _act(self) -> None:
        if self._page is Page.NOTHING_FOUND:
            self.nearest_asked.emit()
        elif self._page is Page.EMPTY_ALBUM:
            self.edit_asked.emit()
        elif self._page is Page.CANNOT_OPEN:
            self.error_opened.emit(self._error)
        else:
            self.folder_asked.emit()

    def sizeHint(self) -> QSize:
        return QSize(480, 360)

    def changeEvent(self, event: QEvent) -> None:
        if event.type() in (QEvent.Type.LanguageChange, QEvent.Type.PaletteChange):
            self._say()
        super().changeEvent(event)
