"""An album in the room of the photos: the same grid under a head of its own, moved at once by every mark."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Signal, Slot
from PySide6.QtWidgets import QMenu

from desktop_app.i18n import tr
from desktop_app.items.album_photos import IN, MAYBE, REJECTED, AlbumPhotos, Page
from desktop_app.items.cells import Cells
from desktop_app.views.album_header import AlbumHeader
from desktop_app.views.grid import Grid
from desktop_app.workers.albums import Curating, Round

if TYPE_CHECKING:
    from core.albums import Album, Changed


class AlbumPage(QObject):
    """Shows one album at a time in a grid that it shares with other pages. `leave` gives the grid back."""

    filled = Signal(object)  # how many photos there are to see
    why_asked = Signal(object, object)  # album's id, photo

    def __init__(self, curating: Curating, cells: Cells, grid: Grid, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._curating, self._grid = curating, grid
        self.header = AlbumHeader()
        self.header.hide()
        self.photos = AlbumPhotos(cells, self)
        self.album: int | None = None
        self.page: Page | None = None
        self._round: Round | None = None
        self._is_looking = False
        self._unfolded: set[str] = set()
        self._connect()

    def _connect(self) -> None:
        curating, header, grid = self._curating, self.header, self._grid
        curating.looked.connect(self._take_page)
        curating.went.connect(self._take_round)
        curating.slid.connect(self._take_slide)
        grid.mark_asked.connect(self._mark)
        grid.why_asked.connect(self._ask_why)
        header.slid.connect(self._slide)
        header.border_set.connect(self._keep_border)
        header.undo_asked.connect(self.undo)
        header.look_asked.connect(self._look)
        header.back_asked.connect(self.step_back)

    # ---- coming and going

    def show_album(self, album: Album) -> None:
        self.album, self.page, self._round = album.id, None, None
        self._is_looking = False
        self._unfolded = set()
        self.header.show_album(album)
        self.header.show()
        self._grid.show_decisions({})
        self._grid.set_folds({})
        self.photos.show_bands([])
        if self._grid.model() is not self.photos:
            self._grid.show_model(self.photos)
        self._curating.open(album.id)

    def leave(self) -> None:
        self.album = self.page = None
        self.header.hide()
        self._grid.show_decisions({})
        self._grid.set_folds({})
        self._curating.leave()

    def step_back(self) -> bool:
        """From what came and went to the whole album; false when that is what is shown."""
        if not self._is_looking or self.page is None:
            return False
        self._is_looking = False
        self.header.show_looking(False)
        self.photos.show_page(self.page, self._folded)
        self._say_folds()
        return True

    # ---- what comes

    @Slot(object)
    def _take_page(self, page: Page) -> None:
        if page.album.id != self.album:
            return
        is_first = self.page is None
        if is_first and not page.bands[IN]:
            self._unfolded.add(MAYBE)
        self.page = page
        self.header.show_page(page)
        self._grid.show_decisions(page.decisions)
        if is_first:
            self.photos.show_page(page, self._folded)
        elif not self._is_looking:
            self.photos.take_page(page, self._folded)
        self._say_folds()
        self.filled.emit(sum(len(photos) for photos in page.bands.values()))

    @Slot(object)
    def _take_round(self, round_: Round) -> None:
        if round_.page.album.id != self.album:
            return
        self._round = round_
        self._take_page(round_.page)
        self.header.show_round(round_.changed, is_undo=round_.is_undo)

    @Slot(object)
    def _take_slide(self, changed: Changed) -> None:
        if changed.album != self.album or self.page is None:
            return
        self.header.show_slide(changed)
        if not self._is_looking:
            self.photos.take_page(self.page.moved(changed), self._folded)

    # ---- what the owner says

    @Slot(object, object)
    def _mark(self, photos: list[int], accepted: bool | None) -> None:
        if self.album is None or self.page is None or not photos:
            return
        # The mark is seen at once; what it moves comes from the library.
        said = {photo: accepted for photo in photos if accepted is not None}
        others = {photo: old for photo, old in self.page.decisions.items() if photo not in set(photos)}
        self._grid.show_decisions({**others, **said})
        self._grid.choose_after(photos)
        self._curating.mark(self.album, photos, accepted)

    @Slot()
    def undo(self) -> None:
        """Take back the round that the head tells of."""
        if self._round is not None and self._round.said is not None:
            self._round.said.take_back()

    @Slot(float)
    def _slide(self, shift: float) -> None:
        if self.album is not None:
            self._curating.slide(self.album, shift)

    @Slot(float)
    def _keep_border(self, shift: float) -> None:
        if self.album is not None:
            self._curating.keep_border(self.album, shift)

    @Slot()
    def _look(self) -> None:
        if self._round is not None:
            self._is_looking = True
            self._grid.set_folds({})
            self.header.show_looking(True)
            self.photos.show_change(self._round.changed)

    @Slot(object)
    def _ask_why(self, photo: int) -> None:
        if self.album is not None:
            self.why_asked.emit(self.album, photo)

    # ---- folds

    @property
    def _folded(self) -> set[str]:
        return {MAYBE, REJECTED} - self._unfolded

    def unfold(self, band: str) -> None:
        if self.page is not None:
            self._unfolded ^= {band}
            self.photos.take_page(self.page, self._folded)
            self._say_folds()

    def _say_folds(self) -> None:
        page = self.page
        if page is None or self._is_looking:
            return
        self._grid.set_folds(
            {
                band: tr("Hide") if band in self._unfolded else tr("Show {n}", n=len(page.bands[band]))
                for band in (MAYBE, REJECTED)
                if page.bands[band]
            }
        )

    # ---- menu and words

    @Slot(object, object)
    def add_actions(self, menu: QMenu, photos: list[int]) -> None:
        if self.album is None:
            return
        for words, keys, accepted in (
            (tr("Belongs here"), "A", True),
            (tr("Does not belong here"), "X", False),
            (tr("Undecided again"), "", None),
        ):
            menu.addAction(with_key(words, keys), lambda said=accepted: self._mark(photos, said))
        menu.addSeparator()
        menu.addAction(with_key(tr("Why is this here?"), "W"), lambda: self._ask_why(photos[0]))
        menu.addSeparator()

    def say(self) -> None:
        """In the language spoken now."""
        self._say_folds()


def with_key(words: str, key: str) -> str:
    """The grid has the key itself; the menu only names it."""
    return f"{words}\t{key}" if key else words
