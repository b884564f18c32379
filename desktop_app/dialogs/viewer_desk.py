"""Between the viewer and the window that it covers: opened over a photo, closed where it was left, and undo in it."""

from __future__ import annotations

from PySide6.QtCore import QObject, Slot
from PySide6.QtWidgets import QWidget

from desktop_app.items.photo_model import PhotoModel
from desktop_app.session import Session
from desktop_app.undo import Said
from desktop_app.views.room import Room
from desktop_app.views.viewer import Viewer


class ViewerDesk(QObject):
    """Of one window; `viewer` is made when the first photo is opened."""

    def __init__(self, session: Session, room: Room, covered: QWidget, window: QWidget) -> None:
        """covered: everything that the viewer hides"""
        super().__init__(window)
        self._session, self._room, self._covered, self._window = session, room, covered, window
        self.viewer: Viewer | None = None
        # Since it was opened: here nothing else is taken back, as nobody would see it.
        self._said: list[Said] = []
        room.opened.connect(self._open)

    @property
    def is_open(self) -> bool:
        return self.viewer is not None and self.viewer.isVisible()

    def close(self) -> None:
        if self.viewer is not None and self.is_open:
            self.viewer.close_viewer()

    def fit(self) -> None:
        """The window has another size."""
        if self.viewer is not None and self.is_open:
            self.viewer.setGeometry(self._window.rect())

    def undo(self) -> None:
        """Take back what was said last here."""
        if self._said:
            self._said.pop().take_back()

    @Slot(object, object)
    def _open(self, model: PhotoModel, photo: int) -> None:
        if self.viewer is None:
            self.viewer = Viewer(self._session.pictures, self._window)
            self.viewer.closed.connect(self._leave)
            self.viewer.favourite_set.connect(self._set_favourite)
            self.viewer.rating_set.connect(self._set_rating)
            self._session.opinions.put_back.connect(self.viewer.take_opinions)
        self._said.clear()
        # What it covers is out of reach of the keyboard, too.
        self._covered.setEnabled(False)
        self.viewer.open_at(model, photo)

    @Slot(object)
    def _leave(self, photo: int | None) -> None:
        self._covered.setEnabled(True)
        self._room.show_photo(photo)

    @Slot(object, bool)
    def _set_favourite(self, photo: int, favourite: bool) -> None:
        self._note(self._session.opinions.set_favourite([photo], favourite))

    @Slot(object, int)
    def _set_rating(self, photo: int, rating: int) -> None:
        self._note(self._session.opinions.set_rating([photo], rating))

    def _note(self, said: Said | None) -> None:
        if said is not None:
            self._said.append(said)
