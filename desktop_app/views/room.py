"""The room beside the sidebar: the photos, all of them, those of a question or of an album, or what to do when there
are none."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from PySide6.QtCore import QEvent, QPoint, Qt, Signal, Slot
from PySide6.QtWidgets import QLineEdit, QMenu, QStackedWidget, QVBoxLayout, QWidget

from core.errors import ShiguangError
from core.search.query import Query
from desktop_app.i18n import explain, tr
from desktop_app.session import Session
from desktop_app.views.album_page import AlbumPage
from desktop_app.views.album_proposals import ProposalsPage
from desktop_app.views.answer_page import AnswerPage
from desktop_app.views.empty_page import EmptyPage, Page, Situation, page_for
from desktop_app.views.grid import Grid
from desktop_app.views.places import ALL, QUESTION, SUGGESTIONS
from desktop_app.views.places import FAVOURITES as FAVOURITES_PLACE
from desktop_app.views.result_line import Result, ResultLine
from desktop_app.views.review_page import ReviewPage
from desktop_app.workers.indexing import State
from desktop_app.workers.keeping import Overview

if TYPE_CHECKING:
    from core.albums import Album
    from core.search.answer import Answer
    from core.search.query import Reading

HITS = 1000
NEAREST = 20
FAVOURITES = "favourite:yes"
FAVOURITES_AT_MOST = 100_000


class Room(QWidget):
    """Holds the question and shows its answer, or an album; without either, the timeline."""

    opened = Signal(object, object)  # model, photo
    folder_asked = Signal()
    error_opened = Signal(object)  # ShiguangError
    went_back = Signal()  # from a question to all photos
    went_to = Signal(object)  # Place
    album_asked = Signal(object)  # Reading: what was asked is to become an album
    menu_filling = Signal(object, object)  # QMenu, photos: whoever has something to say of them adds it

    def __init__(self, session: Session, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("paper")
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self._session = session
        self._query: Query | None = None
        self._counts: dict[str, int] = {}
        self._now = Situation()
        self.grid = Grid()
        self.grid.show_model(session.timeline)
        self.empty = EmptyPage()
        self._line = ResultLine()
        self._line.hide()
        self._new: set[int] = set()
        self.album = AlbumPage(session.albums, session.cells, self.grid, self)
        self.answer = AnswerPage(session.telling, session.cells, self.grid, self)
        self.review = ReviewPage(session.albums, session.pictures)
        self.proposals = ProposalsPage(session.cells)
        self._pages = QStackedWidget()
        for page in (self.grid, self.empty, self.review, self.proposals):
            self._pages.addWidget(page)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        column.addWidget(self._line)
        column.addWidget(self.album.header)
        column.addWidget(self._pages, 1)
        self._connect()
        self._choose_page()
        self._say()

    def _connect(self) -> None:
        self.grid.opened.connect(self._open)
        self.grid.unfold_asked.connect(self._unfold)
        self.grid.menu_asked.connect(self._show_menu)
        self.menu_filling.connect(self.album.add_actions)
        self.menu_filling.connect(self.answer.add_actions)
        self.empty.folder_asked.connect(self.folder_asked)
        self.empty.nearest_asked.connect(self.ask_nearest)
        self.empty.error_opened.connect(self.error_opened)
        self._line.again_asked.connect(self._session.asking.ask_again)
        self._line.album_asked.connect(self._ask_album)
        self.album.filled.connect(self._count_album)
        self.album.header.review_asked.connect(self.begin_review)
        self.review.left.connect(self.end_review)
        self.proposals.left.connect(self.show_all)
        session = self._session
        session.indexing.stored.connect(self._note_new)
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
        self.went_to.emit(QUESTION)
        self._begin(Query(text=text.strip(), limit=HITS), at_once=at_once)

    def ask_favourites(self) -> None:
        self.went_to.emit(FAVOURITES_PLACE)
        self._begin(Query(filters=FAVOURITES, limit=FAVOURITES_AT_MOST), at_once=True)

    def ask_nearest(self) -> None:
        """The nearest photos though none is good enough."""
        if self._query is not None:
            self._begin(replace(self._query, everything=True, limit=NEAREST), at_once=True)

    def show_all(self) -> None:
        self._leave()
        if self.grid.model() is not self._session.timeline:
            self.grid.show_model(self._session.timeline)
        self._choose_page()
        self.went_to.emit(ALL)
        self.went_back.emit()

    def step_back(self) -> bool:
        """One step towards all photos; false when there was none to take."""
        if self.album.step_back():
            return True
        if self._query is None and self.album.album is None:
            return False
        self.show_all()
        return True

    def _leave(self) -> None:
        """Whatever is shown now is left: question, album, review or suggestions."""
        self._session.asking.forget()
        self._query = None
        self._line.hide()
        self._line.end_notice()
        self.answer.leave()
        self.album.leave()
        self.review.end()
        self._session.albums.stop_proposing()
        self._pages.setCurrentWidget(self.grid)
        self._now = replace(self._now, asks=False, answered=False, album_photos=None)

    def _begin(self, query: Query, *, at_once: bool) -> None:
        if self._query is None:
            self._leave()
        self._query = query
        self.answer.begin()
        self._line.end_notice()
        is_favourites = query.filters == FAVOURITES
        self._now = replace(self._now, asks=True, asks_for_favourites=is_favourites, answered=False)
        self._line.setVisible(not is_favourites)
        if not self._session.asking.is_warm and not is_favourites:
            self._line.show_words(tr("Getting ready to search…"))
        self._session.asking.ask(query, at_once=at_once)

    # ---- the answer

    @Slot(object)
    def _take_answer(self, answer: Answer) -> None:
        if self._query is None:
            return
        self._new.clear()
        self._line.show_new(0)
        self.answer.show_answer(self._query, answer, self._session.asking.said)
        self._say_result()
        self._now = replace(self._now, answered=True, hits=self.answer.count)
        self._choose_page()

    @Slot(object)
    def _unfold(self, band: str) -> None:
        self.album.unfold(band)
        self.answer.unfold(band)

    def _say_result(self) -> None:
        answer = self.answer.answer
        if answer is None:
            return
        reading = answer.reading
        chips = [*reading.chips, *(tr("not {words}", words=words) for words in reading.unlike)]
        progress = self._session.indexing.latest
        result = Result(tuple(chips), len(answer.hits), answer.ms.get("total", 0.0) / 1000)
        if self._now.is_indexing and progress is not None and progress.total:
            searched = self._counts.get("photos", 0)
            result = replace(result, searched=searched, total=searched + progress.total - progress.done)
        self._line.show_result(result, can_be_album=bool(reading.meaning or reading.filters))

    @Slot(object)
    def _take_error(self, error: ShiguangError) -> None:
        if self._query is not None:
            self._line.show()
            self._line.show_words(explain(error).what)

    @Slot(object)
    def _note_new(self, photos: Sequence[int]) -> None:
        """Photos were stored while an answer stands: it stays as it is until somebody wants them."""
        if self.answer.answer is not None and self._line.isVisible():
            timeline = self._session.keeping
            self._new.update(photo for photo in photos if not timeline.shows(photo))
            self._line.show_new(len(self._new))

    def _ask_album(self) -> None:
        if self.reading is not None:
            self.album_asked.emit(self.reading)

    @property
    def reading(self) -> Reading | None:
        """How the question that stands was read; None while there is none, or no answer yet."""
        answer = self.answer.answer
        return answer.reading if answer is not None else None

    # ---- what is said of photos

    @Slot(QPoint)
    def _show_menu(self, point: QPoint) -> None:
        menu = self.photo_menu()
        if menu is not None:
            menu.popup(point)

    def photo_menu(self) -> QMenu | None:
        """What can be said of the chosen photos; None where there is nothing."""
        photos = self.grid.chosen_photos
        if not photos:
            return None
        menu = QMenu(self)
        menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.menu_filling.emit(menu, photos)
        if menu.isEmpty():
            menu.deleteLater()
            return None
        return menu

    def offer_undo(self, words: str, undo: Callable[[], None]) -> None:
        """Say beside the answer what was noted, with a link that calls `undo`, for some seconds."""
        self._line.offer_undo(words, undo)

    # ---- albums

    def show_album(self, album: Album) -> None:
        self._leave()
        self.album.show_album(album)
        self.went_to.emit(album.id)
        self.grid.setFocus()

    def show_suggestions(self) -> None:
        self._leave()
        self.proposals.begin()
        self._pages.setCurrentWidget(self.proposals)
        self.proposals.setFocus()
        self.went_to.emit(SUGGESTIONS)

    def begin_review(self) -> None:
        """Ask one photo after another about the album that is shown."""
        page = self.album.page
        if page is not None:
            self.album.header.hide()
            self._pages.setCurrentWidget(self.review)
            self.review.begin(page.album, len(page.bands["in"]))

    def end_review(self) -> None:
        self.review.end()
        self.album.header.show()
        self._pages.setCurrentWidget(self.grid)
        self._choose_page()
        self.grid.setFocus()

    def undo_in_review(self) -> bool:
        """Whether a review is on; then its last mark is taken back."""
        is_reviewing = self._pages.currentWidget() is self.review
        if is_reviewing:
            self.review.undo()
        return is_reviewing

    @Slot(object)
    def _count_album(self, photos: int) -> None:
        self._now = replace(self._now, album_photos=photos)
        self._choose_page()

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
        if self._pages.currentWidget() in (self.review, self.proposals):
            return  # left by whoever goes somewhere else
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
        self.album.say()
        self.answer.say()
        self._say_result()
        self.grid.viewport().update()

    def changeEvent(self, event: QEvent) -> None:
        if event.type() == QEvent.Type.LanguageChange:
            self._say()
        super().changeEvent(event)
