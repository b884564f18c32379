"""The answer to a question in the grid of the photos: its hits by band, and what the owner says of them.

"This is it" and "this is not" are seen on the photo at once. The answer that comes back for them changes what is
in it and leaves the rest where it stands, so that one photo after another can be judged.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Slot
from PySide6.QtWidgets import QMenu

from core.search.query import Query
from desktop_app.i18n import tr
from desktop_app.items.band_photos import BandPhotos
from desktop_app.items.cells import Cells
from desktop_app.views.album_page import with_key
from desktop_app.views.grid import Grid
from desktop_app.workers.telling import Telling

if TYPE_CHECKING:
    from core.search.answer import Answer

# The bands of a hit, best first, as the search names them; and below them what the owner said is not it.
SURE, LESS_SURE, NO, NOT_IT = "sure", "less sure", "no", "not it"


class AnswerPage(QObject):
    """Shows one answer at a time in a grid that it shares with other pages. `leave` gives the grid back."""

    def __init__(self, telling: Telling, cells: Cells, grid: Grid, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._telling, self._grid = telling, grid
        self.photos = BandPhotos(cells, self)
        self.answer: Answer | None = None
        self._query = Query()
        self._said: Mapping[int, bool] = {}
        self._bands: dict[str, list[int]] = {}
        self._folded: set[str] = set()
        # Bands that have a button to fold and unfold them.
        self._foldable: set[str] = set()
        self._keeps_place = False
        grid.mark_asked.connect(self.judge)
        telling.moved.connect(self._keep_place)

    # ---- coming and going

    def begin(self) -> None:
        """Another question is asked; what is shown stays until its answer comes."""
        self._keeps_place = False

    def leave(self) -> None:
        self.answer = None
        self._keeps_place = False
        self._grid.set_folds({})
        self._grid.show_decisions({})

    def show_answer(self, query: Query, answer: Answer, said: Mapping[int, bool]) -> None:
        """`said`: what was judged for these words."""
        is_same = self.answer is not None and query == self._query
        stays = self._keeps_place and is_same and self._grid.model() is self.photos
        self._keeps_place = False
        self.answer, self._query, self._said = answer, query, said
        self._bands = {SURE: [], LESS_SURE: [], NO: []}
        for hit in answer.hits:
            if said.get(hit.photo) is not False:
                self._bands[hit.band].append(hit.photo)
        self._bands[NOT_IT] = [photo for photo, is_it in said.items() if not is_it]
        if stays:
            self.photos.take_bands(self._bands, self._folded)
        else:
            # Less sure hits hide behind sure ones, unless the person asked for the nearest whatever they are.
            hides = bool(self._bands[SURE]) and not query.everything
            self._foldable = {LESS_SURE, NOT_IT} if hides else {NOT_IT}
            self._folded = set(self._foldable)
            self.photos.begin_bands(self._bands, self._folded)
        if self._grid.model() is not self.photos:
            self._grid.show_model(self.photos)
        self._grid.show_decisions(said)
        self.say()

    @property
    def count(self) -> int:
        """Photos in any band, folded or not."""
        return sum(len(photos) for photos in self._bands.values())

    @Slot()
    def _keep_place(self) -> None:
        """The owner said something: the answer that comes next is to the same question."""
        self._keeps_place = True

    def unfold(self, band: str) -> None:
        if self.answer is not None:
            self._folded ^= {band}
            self.photos.take_bands(self._bands, self._folded)
            self.say()

    # ---- what the owner says

    @property
    def can_judge(self) -> bool:
        """Whether words were asked that a picture could be."""
        return self.answer is not None and bool(self.answer.reading.meaning)

    @Slot(object, object)
    def judge(self, photos: list[int], is_it: bool | None) -> None:
        if not self.can_judge or not photos:
            return
        others = {photo: old for photo, old in self._said.items() if photo not in set(photos)}
        self._said = {**others, **{photo: is_it for photo in photos if is_it is not None}}
        self._grid.show_decisions(self._said)
        self._grid.choose_after(photos)
        self._telling.judge(self._query.text, dict.fromkeys(photos, is_it))

    @Slot(object, object)
    def add_actions(self, menu: QMenu, photos: list[int]) -> None:
        if not self.can_judge:
            return
        menu.addAction(with_key(tr("This is it"), "A"), lambda: self.judge(photos, True))
        menu.addAction(with_key(tr("This is not it"), "X"), lambda: self.judge(photos, False))
        if any(photo in self._said for photo in photos):
            menu.addAction(tr("Undecided again"), lambda: self.judge(photos, None))
        menu.addSeparator()

    def say(self) -> None:
        """In the language spoken now."""
        if self.answer is None:
            return
        self._grid.set_folds(
            {
                band: tr("Show {n}", n=len(photos)) if band in self._folded else tr("Hide")
                for band, photos in self._bands.items()
                if photos and band in self._foldable
            }
        )
