"""The head of an album's page: its name, counts and words, the border as a slider, and what the last round did."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QEvent, Qt, QTimer, Signal
from PySide6.QtWidgets import QHBoxLayout, QLabel, QPushButton, QSlider, QVBoxLayout, QWidget

from desktop_app.i18n import number, tr
from desktop_app.items.album_list import count_words
from desktop_app.items.album_photos import IN, MAYBE, Page
from desktop_app.views.album_chips import ChipRow, chips_of
from desktop_app.views.elided_label import ElidedLabel

if TYPE_CHECKING:
    from core.albums import Album, Changed

# Undo is offered where it happened, for this long.
NOTICE_MS = 8000
# The slider: tenths of a standard deviation, to the right more photos.
STEPS, TENTHS = 30, 10.0
# Moved by keys it is never let go: it counts as that when it rests so long.
RESTS_MS = 700


class AlbumHeader(QWidget):
    """Of one height whatever it says, so that the photos below it never move."""

    slid = Signal(float)  # the border while it is moved, in standard deviations; above 0 fewer photos
    border_set = Signal(float)  # where it was let go
    review_asked = Signal()
    edit_asked = Signal()
    undo_asked = Signal()
    look_asked = Signal()
    back_asked = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._album: Album | None = None
        self._page: Page | None = None
        self._shift = 0.0
        self._is_looking = False
        self._name, self._counts = ElidedLabel(), QLabel()
        self._name.setObjectName("header")
        self._counts.setObjectName("secondary")
        self._fewer, self._more = QLabel(), QLabel()
        for label in (self._fewer, self._more):
            label.setObjectName("caption")
        self.slider = QSlider(Qt.Orientation.Horizontal)
        self.slider.setRange(-STEPS, STEPS)
        self.slider.setPageStep(5)
        self.slider.setFixedWidth(96)
        self._review, self._edit = QPushButton(), QPushButton()
        self._chips = ChipRow()
        self.notice = QLabel()
        self.notice.setObjectName("secondary")
        self._look, self._undo, self._back = QPushButton(), QPushButton(), QPushButton()
        for button in (self._look, self._undo, self._back):
            button.setObjectName("link")
            button.hide()
        self._notice_ends = QTimer(self)
        self._notice_ends.setSingleShot(True)
        self._notice_ends.setInterval(NOTICE_MS)
        self._rests = QTimer(self)
        self._rests.setSingleShot(True)
        self._rests.setInterval(RESTS_MS)
        self._lay_out()
        self._connect()
        self._say()

    def _lay_out(self) -> None:
        upper = QHBoxLayout()
        upper.setSpacing(12)
        upper.addWidget(self._name)
        upper.addWidget(self._counts)
        upper.addStretch(1)
        border = QHBoxLayout()
        border.setSpacing(6)
        for widget in (self._fewer, self.slider, self._more):
            border.addWidget(widget)
        upper.addLayout(border)
        upper.addWidget(self._review)
        upper.addWidget(self._edit)
        lower = QHBoxLayout()
        lower.setSpacing(4)
        lower.addWidget(self._chips, 1)
        for widget in (self.notice, self._look, self._undo, self._back):
            lower.addWidget(widget)
        column = QVBoxLayout(self)
        column.setContentsMargins(16, 0, 16, 8)
        column.setSpacing(4)
        column.addLayout(upper)
        column.addLayout(lower)
        self.setFixedHeight(76)

    def _connect(self) -> None:
        self.slider.valueChanged.connect(self._slide)
        self.slider.sliderReleased.connect(self._let_go)
        self._rests.timeout.connect(self._let_go)
        self._notice_ends.timeout.connect(self.end_notice)
        self._review.clicked.connect(self.review_asked)
        self._edit.clicked.connect(self.edit_asked)
        self._look.clicked.connect(self.look_asked)
        self._undo.clicked.connect(self.undo_asked)
        self._back.clicked.connect(self.back_asked)

    # ---- what it shows

    def show_album(self, album: Album) -> None:
        """An album that is being looked into: what is known of it at once."""
        self._album, self._page = album, None
        self.show_looking(False)
        self.end_notice()
        self._show_shift(album.shift)
        self._say()

    def show_page(self, page: Page) -> None:
        self._album, self._page = page.album, page
        if not self.slider.isSliderDown() and not self._rests.isActive():
            self._show_shift(page.album.shift)
        self._say()

    def show_slide(self, changed: Changed) -> None:
        """What the border would do where the slider stands."""
        self._notice_ends.stop()
        came, went = number(len(changed.came)), number(len(changed.went))
        words = tr("+{came}, −{went}: {n} photos", came=came, went=went, n=changed.inside)
        self._show_notice(words, is_done=False, has_moved=False)

    def show_round(self, changed: Changed, *, is_undo: bool) -> None:
        """What a round of marks or a new border did, with the way back for some seconds."""
        came, went = number(len(changed.came)), number(len(changed.went))
        has_moved = bool(changed.came or changed.went)
        if is_undo:
            words = tr("Taken back: +{came}, −{went}", came=came, went=went)
        elif changed.marks and has_moved:
            words = tr("+{came}, −{went} after your {n} marks", came=came, went=went, n=changed.marks)
        elif changed.marks:
            words = tr("Noted, nothing else moved")
        else:
            words = tr("+{came}, −{went} by the border", came=came, went=went)
        self._show_notice(words, is_done=not is_undo, has_moved=has_moved)
        self._notice_ends.start()

    def show_looking(self, is_looking: bool) -> None:
        """Whether only what came and went is shown: then there is a way back."""
        self._is_looking = is_looking
        self._back.setVisible(is_looking)
        if is_looking:
            self._look.hide()

    def end_notice(self) -> None:
        self._show_notice("", is_done=False, has_moved=False)

    def _show_notice(self, words: str, *, is_done: bool, has_moved: bool) -> None:
        self.notice.setText(words)
        self._undo.setVisible(is_done)
        self._look.setVisible(has_moved and not self._is_looking)

    # ---- the border

    def _show_shift(self, shift: float) -> None:
        self._shift = shift
        self.slider.blockSignals(True)
        self.slider.setValue(round(-TENTHS * shift))
        self.slider.blockSignals(False)

    def _slide(self, value: int) -> None:
        self.slid.emit(-value / TENTHS)
        if not self.slider.isSliderDown():
            self._rests.start()

    def _let_go(self) -> None:
        self._rests.stop()
        shift = -self.slider.value() / TENTHS
        if shift != self._shift:
            self._shift = shift
            self.border_set.emit(shift)

    # ---- words

    def _say(self) -> None:
        self._fewer.setText(tr("Fewer"))
        self._more.setText(tr("More"))
        self.slider.setAccessibleName(tr("Where the album ends"))
        self.slider.setToolTip(tr("Where the album ends"))
        self._review.setText(tr("Review"))
        self._edit.setText(tr("Edit"))
        self._look.setText(tr("Look"))
        self._undo.setText(tr("Undo"))
        self._back.setText(tr("Back to the album"))
        if self._album is not None:
            self._name.show_words(self._album.name)
            self._chips.show_chips(chips_of(self._album))
        page = self._page
        self._counts.setText(count_words(len(page.bands[IN]), len(page.bands[MAYBE])) if page else "")

    def changeEvent(self, event: QEvent) -> None:
        if event.type() == QEvent.Type.LanguageChange:
            self.end_notice()
            self._say()
        super().changeEvent(event)
