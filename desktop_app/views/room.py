"""The room beside the sidebar: the photos, all of them or those of a question, or what to do when there are none."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from PySide6.QtCore import QEvent, Qt, Signal, Slot
from PySide6.QtWidgets import QLineEdit, QStackedWidget, QVBoxLayout, QWidget

from core.errors import ShiguangError
from core.search.query import Query
from desktop_app.i18n import explain, tr
from desktop_app.items.photo_model import PhotoModel
from desktop_app.session import Session
from desktop_app.views.empty_page import EmptyPage, Page, Situation, page_for
from desktop_app.views.grid import Grid
from desktop_app.views.result_line import Result, ResultLine
from desktop_app.workers.indexing import State
from desktop_app.workers.keeping import Overview

if TYPE_CHECKING:
    from core.search.answer import Answer

# The bands of a hit, best first, as the search names them.
SURE, LESS_SURE, NO = "sure", "less sure", "no"
HITS = 1000
NEAREST = 20
FAVOURITES = "favourite:yes"
FAVOURITES_AT_MOST = 100_000


class Room(QWidget):
    """Holds the question and shows its answer; without a question, the timeline."""

    opened = Signal(object, object)  # model, photo
    folder_asked = Signal()
    error_opened = Signal(object)  # ShiguangError
    went_back = Signal()  # from a question to all photos

    def __init__(self, session: Session, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("paper")
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self._session = session
        self._hits = PhotoModel(session.cells, self)
        self._query: Query | None = None
        self._answer: Answer | None = None
        self._is_unfolded = False
        self._counts: dict[str, int] = {}
        self._now = Situation()
        self.grid = Grid()
        self.grid.show_model(session.timeline)
        self.empty = EmptyPage()
        self._line = ResultLine()
        self._line.hide()
        self._pages = QStackedWidget()
        self._pages.addWidget(self.grid)
        self._pages.addWidget(self.empty)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        column.addWidget(self._line)
        column.addWidget(self._pages, 1)
        self._connect()
        self._choose_page()
        self._say()

    def _connect(self) -> None:
        self.grid.opened.connect(self._open)
        self.grid.unfold_asked.connect(self._unfold)
        self.empty.folder_asked.connect(self.folder_asked)
        self.empty.nearest_asked.connect(self.ask_nearest)
        self.empty.error_opened.connect(self.error_opened)
        session = self._session
        session.opened.connect(self._say_open)
        session.cannot_open.connect(self._say_cannot_open)
        session.asking.answered.connect(self._take_answer)
        session.asking.failed.connect(self._take_error)
        session.keeping.overviewed.connect(self._take_overview)
        session.keeping.loaded.connect(self._count_photos)
        session.keeping.loaded.connect(self._take_focus)
        session.timeline.sections_changed.connect(self._count_photos)
        session.timeline.modelReset.connect(self._count_photos)
        session.indexing.state_changed.connect(self._take_state)

    # ---- the question

    def ask(self, text: str, *, at_once: bool = False) -> None:
        """Ask for what was typed; nothing typed means all photos."""
        if not text.strip():
            if self._query is not None and self._query.filters != FAVOURITES:
                self.show_all()
            return
        self._begin(Query(text=text.strip(), limit=HITS), at_once=at_once)

    def ask_favourites(self) -> None:
        self._begin(Query(filters=FAVOURITES, limit=FAVOURITES_AT_MOST), at_once=True)

    def ask_nearest(self) -> None:
        """The nearest photos though none is good enough."""
        if self._query is not None:
            self._begin(replace(self._query, everything=True, limit=NEAREST), at_once=True)

    def show_all(self) -> None:
        self._session.asking.forget()
        self._query = self._answer = None
        self._line.hide()
        self.grid.set_fold(None, "")
        if self.grid.model() is not self._session.timeline:
            self.grid.show_model(self._session.timeline)
        self._now = replace(self._now, asks=False, answered=False)
        self._choose_page()
        self.went_back.emit()

    def step_back(self) -> bool:
        """One step towards all photos; false when there was none to take."""
        if self._query is None:
            return False
        self.show_all()
        return True

    def _begin(self, query: Query, *, at_once: bool) -> None:
        self._query = query
        self._is_unfolded = False
        is_favourites = query.filters == FAVOURITES
        self._now = replace(self._now, asks=True, asks_for_favourites=is_favourites, answered=False)
        self._line.setVisible(not is_favourites)
        if not self._session.asking.is_warm and not is_favourites:
            self._line.show_words(tr("Getting ready to search…"))
        self._session.asking.ask(query, at_once=at_once)

    # ---- the answer

    @Slot(object)
    def _take_answer(self, answer: Answer) -> None:
        self._answer = answer
        self._hits.show_bands(self._bands(answer))
        if self.grid.model() is not self._hits:
            self.grid.show_model(self._hits)
        self._say_fold()
        self._say_result()
        self._now = replace(self._now, answered=True, hits=len(answer.hits))
        self._choose_page()

    def _bands(self, answer: Answer) -> list[tuple[str, Sequence[int]]]:
        """The hits by band; the less sure ones are folded where there are sure ones above them."""
        by_band: dict[str, list[int]] = {SURE: [], LESS_SURE: [], NO: []}
        for hit in answer.hits:
            by_band[hit.band].append(hit.photo)
        folded = self._folds(answer) and not self._is_unfolded
        shown = {band: photos for band, photos in by_band.items() if photos}
        return [(band, [] if band == LESS_SURE and folded else photos) for band, photos in shown.items()]

    def _folds(self, answer: Answer) -> bool:
        """Less sure hits hide behind sure ones, unless the person asked for the nearest whatever they are."""
        is_everything = self._query is not None and self._query.everything
        return not is_everything and any(hit.band == SURE for hit in answer.hits)

    @Slot(object)
    def _unfold(self, band: str) -> None:
        if self._answer is None:
            return
        self._is_unfolded = not self._is_unfolded
        photos = [hit.photo for hit in self._answer.hits if hit.band == band] if self._is_unfolded else []
        self._hits.unfold(band, photos)
        self._say_fold()

    def _say_fold(self) -> None:
        hits = self._answer.hits if self._answer is not None else ()
        less = sum(hit.band == LESS_SURE for hit in hits)
        if not less or self._answer is None or not self._folds(self._answer):
            self.grid.set_fold(None, "")
        elif self._is_unfolded:
            self.grid.set_fold(LESS_SURE, tr("Hide"))
        else:
            self.grid.set_fold(LESS_SURE, tr("Show {n}", n=less))

    def _say_result(self) -> None:
        if self._answer is None:
            return
        reading = self._answer.reading
        chips = [*reading.chips, *(tr("not {words}", words=words) for words in reading.unlike)]
        progress = self._session.indexing.latest
        result = Result(tuple(chips), len(self._answer.hits), self._answer.ms.get("total", 0.0) / 1000)
        if self._now.is_indexing and progress is not None and progress.total:
            searched = self._counts.get("photos", 0)
            result = replace(result, searched=searched, total=searched + progress.total - progress.done)
        self._line.show_result(result)

    @Slot(object)
    def _take_error(self, error: ShiguangError) -> None:
        if self._query is not None:
            self._line.show()
            self._line.show_words(explain(error).what)

    # ---- what it depends on

    def _say_open(self) -> None:
        self._now = replace(self._now, is_open=True)

    @Slot(object)
    def _say_cannot_open(self, error: ShiguangError) -> None:
        self._now = replace(self._now, error=error)
        self._choose_page()

    @Slot(object)
    def _take_overview(self, overview: Overview) -> None:
        self._counts = overview.counts
        self._now = replace(self._now, folders=len(overview.roots))
        self._choose_page()

    @Slot(object)
    def _take_state(self, state: State) -> None:
        self._now = replace(self._now, is_indexing=state in (State.RUNNING, State.PAUSED))
        self._choose_page()

    def _count_photos(self) -> None:
        self._now = replace(self._now, photos=self._session.timeline.rowCount())
        self._choose_page()

    def _take_focus(self) -> None:
        """The arrow keys go to the photos from the start, unless somebody is typing already."""
        if not isinstance(self.window().focusWidget(), QLineEdit):
            self.grid.setFocus()

    def _choose_page(self) -> None:
        page = page_for(self._now)
        if page is Page.PHOTOS:
            self._pages.setCurrentWidget(self.grid)
        else:
            self.empty.show_page(page, self._now.error)
            self._pages.setCurrentWidget(self.empty)

    # ---- opening

    @Slot(object)
    def _open(self, photo: int) -> None:
        self.opened.emit(self.grid.model(), photo)

    def show_photo(self, photo: int | None) -> None:
        """Make a photo the current one and bring it into sight, as the viewer left it."""
        model = self.grid.photo_model
        row = model.row_of(photo) if model is not None and photo is not None else None
        if model is not None and row is not None:
            self.grid.setCurrentIndex(model.index(row))
            self.grid.scrollTo(model.index(row))
        self.grid.setFocus()

    def _say(self) -> None:
        self.grid.setAccessibleName(tr("Photos"))
        self._say_fold()
        self._say_result()
        self.grid.viewport().update()

    def changeEvent(self, event: QEvent) -> None:
        if event.type() == QEvent.Type.LanguageChange:
            self._say()
        super().changeEvent(event)
