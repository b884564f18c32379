"""The review: the photos that an album is least sure of, one at a time, until nothing is worth asking."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QEvent, QSize, Qt, Signal, Slot
from PySide6.QtGui import QKeyEvent
from PySide6.QtWidgets import QHBoxLayout, QLabel, QPushButton, QVBoxLayout, QWidget

from core.errors import ShiguangError
from desktop_app.i18n import explain, number, tr
from desktop_app.undo import Said
from desktop_app.views.album_why import WhyPanel
from desktop_app.views.elided_label import ElidedLabel
from desktop_app.views.picture_view import PictureView
from desktop_app.views.review_queue import ReviewQueue
from desktop_app.workers.album_tasks import Asked, Reason
from desktop_app.workers.albums import Curating, Round
from desktop_app.workers.pictures import Decoded, Glance, Pictures

if TYPE_CHECKING:
    from core.albums import Album

SIDE_PX = 248


class ReviewPage(QWidget):
    """Asks one photo after another; what is said is learned while the next one is looked at."""

    left = Signal()

    def __init__(self, curating: Curating, pictures: Pictures, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._curating, self._pictures = curating, pictures
        self._album: Album | None = None
        self._queue = ReviewQueue()
        # Of each mark of the queue.
        self._said: list[Said] = []
        self._photo: int | None = None
        self._inside = 0
        self._is_waiting = False
        self._asks_anyway = False
        self.picture = PictureView()
        self.why = WhyPanel()
        self._name, self._progress = ElidedLabel(), QLabel()
        self._name.setObjectName("header")
        self._progress.setObjectName("secondary")
        self._end = QLabel()
        self._end.setWordWrap(True)
        self._note = QLabel()
        self._note.setObjectName("caption")
        self._note.setWordWrap(True)
        self._note.hide()
        self.accept, self.reject, self.skip = QPushButton(), QPushButton(), QPushButton()
        self._undo, self._anyway, self._leave = QPushButton(), QPushButton(), QPushButton()
        self._undo.setObjectName("link")
        self._anyway.setObjectName("link")
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self._lay_out()
        self._connect()
        self._say()

    def _lay_out(self) -> None:
        side = QWidget()
        side.setFixedWidth(SIDE_PX)
        column = QVBoxLayout(side)
        column.setContentsMargins(16, 0, 16, 16)
        column.setSpacing(8)
        column.addWidget(self._name)
        column.addWidget(self._progress)
        column.addWidget(self._end)
        column.addWidget(self._note)
        column.addSpacing(8)
        column.addWidget(self.why, 1)
        for button in (self.accept, self.reject, self.skip):
            column.addWidget(button)
        links = QHBoxLayout()
        links.addWidget(self._undo)
        links.addStretch()
        links.addWidget(self._anyway)
        column.addLayout(links)
        column.addWidget(self._leave)
        for button in side.findChildren(QPushButton):
            button.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(0)
        row.addWidget(self.picture, 1)
        row.addWidget(side)

    def _connect(self) -> None:
        self.accept.clicked.connect(self._accept)
        self.reject.clicked.connect(self._reject)
        self.skip.clicked.connect(self._skip)
        self._undo.clicked.connect(self.undo)
        self._anyway.clicked.connect(self._ask_anyway)
        self._leave.clicked.connect(self.left)
        self._curating.asked.connect(self._take_asked)
        self._curating.not_asked.connect(self._take_not_asked)
        self._curating.reasoned.connect(self._take_reason)
        self._curating.went.connect(self._take_round)
        self._pictures.glanced.connect(self._take_glance)
        self._pictures.decoded.connect(self._take_picture)
        self._pictures.failed.connect(self._take_error)
        self.picture.sharper_wanted.connect(self._ask_sharper)

    # ---- coming and going

    def begin(self, album: Album, inside: int) -> None:
        """Review this album; `inside` photos are in it now."""
        self._album, self._inside = album, inside
        self._queue, self._said = ReviewQueue(), []
        self._photo = None
        self._is_waiting = self._asks_anyway = False
        self.picture.clear()
        self.why.show_reason(None)
        self._ask()
        self._say()
        self.setFocus()

    def end(self) -> None:
        self._album = self._photo = None
        self._pictures.drop()
        self.picture.clear()

    def _ask(self) -> None:
        if self._album is not None and not self._is_waiting:
            self._is_waiting = True
            self._curating.ask(self._album.id, self._queue.seen, anyway=self._asks_anyway)

    def _ask_anyway(self) -> None:
        self._asks_anyway = True
        self._ask()
        self.setFocus()

    # ---- what comes

    @Slot(object)
    def _take_asked(self, asked: Asked) -> None:
        self._is_waiting = False
        if self._album is None or asked.album.id != self._album.id:
            return
        self._inside = asked.inside
        self._queue.take([one.photo for one in asked.members])
        if self._photo is None:
            # Not asked again where this is all there is: that would go round for ever.
            self._show(self._queue.next())
        self._say()

    @Slot()
    def _take_not_asked(self) -> None:
        self._is_waiting = False
        self._say()

    @Slot(object)
    def _take_round(self, round_: Round) -> None:
        if self._album is not None and round_.page.album.id == self._album.id:
            self._inside = round_.changed.inside
            self._say()

    @Slot(object)
    def _take_reason(self, reason: Reason) -> None:
        if reason.member.photo == self._photo:
            self.why.show_reason(reason)

    @Slot(object)
    def _take_glance(self, glance: Glance) -> None:
        if glance.photo != self._photo or glance.details is None:
            return
        self.picture.show_photo(QSize(glance.details.width, glance.details.height), glance.thumb)
        self._ask_sharper()

    @Slot(object)
    def _take_picture(self, decoded: Decoded) -> None:
        if decoded.photo == self._photo and decoded.image is not None:
            self.picture.sharpen(decoded.image)

    @Slot(object)
    def _take_error(self, error: ShiguangError) -> None:
        if self._photo is not None:
            self._note.setText(explain(error).what)
            self._note.show()

    def _ask_sharper(self) -> None:
        if self._photo is not None and self.picture.longer_side_px > self.picture.image_px > 0:
            self._pictures.decode(self._photo, self.picture.longer_side_px)

    # ---- one photo

    def _show_next(self) -> None:
        self._show(self._queue.next())
        if self._queue.is_short:
            self._ask()

    def _show(self, photo: int | None) -> None:
        self._photo = photo
        self._note.hide()
        self.why.show_reason(None)
        if photo is None or self._album is None:
            self._pictures.drop()
            self.picture.clear()
        else:
            self._pictures.look(photo)
            self._curating.reason(self._album.id, photo)
        self._say()

    def _accept(self) -> None:
        self._mark(True)

    def _reject(self) -> None:
        self._mark(False)

    def _mark(self, accepted: bool) -> None:
        if self._photo is not None and self._album is not None:
            said = self._curating.mark(self._album.id, [self._photo], accepted)
            if said is None:
                return
            self._said.append(said)
            self._queue.marked(self._photo)
            self._show_next()

    def _skip(self) -> None:
        if self._photo is not None:
            self._show_next()

    @Slot()
    def undo(self) -> None:
        """Take the last mark of this review back and ask about its photo again."""
        photo = self._queue.take_back(self._photo)
        if photo is not None:
            self._said.pop().take_back()
            self._show(photo)
        self.setFocus()

    # ---- Qt

    def keyPressEvent(self, event: QKeyEvent) -> None:
        actions = {
            Qt.Key.Key_A: self._accept,
            Qt.Key.Key_X: self._reject,
            Qt.Key.Key_Right: self._skip,
            Qt.Key.Key_Space: self._skip,
            Qt.Key.Key_Escape: self.left.emit,
        }
        action = actions.get(Qt.Key(event.key()))
        if action is None or event.modifiers() & Qt.KeyboardModifier.ControlModifier:
            super().keyPressEvent(event)
        else:
            action()

    def _say(self) -> None:
        is_over = self._photo is None and not self._is_waiting
        self._name.show_words(self._album.name if self._album is not None else "")
        marks = tr("{n} marks", n=self._queue.marks)
        self._progress.setText(f"{marks} · {tr('{count} in', count=number(self._inside))}")
        self._end.setText(tr("Nothing is left that is worth asking.") if is_over else "")
        self._end.setVisible(is_over)
        self._anyway.setVisible(is_over and not self._asks_anyway)
        self._undo.setEnabled(self._queue.marks > 0)
        for button in (self.accept, self.reject, self.skip):
            button.setEnabled(self._photo is not None)
        self.accept.setText(f"{tr('Belongs here')} (A)")
        self.reject.setText(f"{tr('Does not belong here')} (X)")
        self.skip.setText(f"{tr('Skip')} (→)")
        self._undo.setText(tr("Undo"))
        self._anyway.setText(tr("Ask anyway"))
        self._leave.setText(tr("Back to the album"))
        self.picture.setAccessibleName(tr("Photo"))

    def changeEvent(self, event: QEvent) -> None:
        if event.type() == QEvent.Type.LanguageChange:
            self._say()
        super().changeEvent(event)
