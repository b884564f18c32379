"""The window: puts sidebar, search box, photos and viewer together and passes on what they say."""

from __future__ import annotations

from PySide6.QtCore import QEvent, Signal, Slot
from PySide6.QtGui import QCloseEvent, QKeySequence, QResizeEvent, QShortcut
from PySide6.QtWidgets import QDialog, QMainWindow, QSplitter, QVBoxLayout, QWidget

from core.errors import ShiguangError
from core.log import logger
from core.settings import CELL_PX, LANGUAGE, SIDEBAR_PX, THEME, Setting, Settings
from desktop_app.dialogs.albums_desk import AlbumsDesk
from desktop_app.dialogs.carrying_desk import CarryingDesk
from desktop_app.dialogs.error_box import show_error
from desktop_app.dialogs.faults import FaultsDialog
from desktop_app.dialogs.folders_desk import FoldersDesk
from desktop_app.dialogs.models_desk import ModelsDesk
from desktop_app.dialogs.names_desk import NamesDesk
from desktop_app.dialogs.shortcuts import ShortcutsDialog
from desktop_app.dialogs.training_desk import TrainingDesk
from desktop_app.dialogs.viewer_desk import ViewerDesk
from desktop_app.i18n import speak, tr
from desktop_app.items.folder_model import FolderModel
from desktop_app.session import Receiver, Session
from desktop_app.theme.dress import Dress
from desktop_app.views.drop_area import DropArea
from desktop_app.views.room import Room
from desktop_app.views.sidebar import Sidebar
from desktop_app.views.top_bar import TopBar
from desktop_app.workers.indexing import State
from desktop_app.workers.keeping import Overview

log = logger(__name__)

LEAST_WIDTH, LEAST_HEIGHT = 720, 480
FIRST_WIDTH, FIRST_HEIGHT = 1200, 800
SIDEBAR_LEAST_PX, SIDEBAR_MOST_PX = 180, 320


class Window(QMainWindow):
    """One library. `closed` comes once, when the window has given everything back."""

    closed = Signal(bool)  # whether every thread stopped in time

    def __init__(self, session: Session, settings: Settings, dress: Dress) -> None:
        super().__init__()
        self._session, self._settings, self._dress = session, settings, dress
        self._folder_list = FolderModel(self)
        self.sidebar = Sidebar(self._folder_list)
        self.top = TopBar()
        self.room = Room(session)
        self.models = ModelsDesk(session.models, self.sidebar.status, self)
        self.training = TrainingDesk(session.training, self.sidebar.status, self)
        self.albums = AlbumsDesk(session.albums, self.sidebar, self.room, self)
        self.names = NamesDesk(session, self.room, self.sidebar.status, self)
        self.folders = FoldersDesk(session.indexing, self.sidebar, self)
        self.carrying = CarryingDesk(session.carrying, self.top, self)
        self._overview: Overview | None = None
        self._is_closed = False
        self._lay_out()
        self.viewing = ViewerDesk(session, self.room, self._drops, self)
        self._connect()
        self._add_shortcuts()
        self.top.show_choices(settings.get(THEME), settings.get(LANGUAGE), settings.get(CELL_PX))
        self.room.grid.set_cell_px(settings.get(CELL_PX))
        self._say()
        self.setFocus()  # on nothing in particular, until there are photos or somebody types

    def _lay_out(self) -> None:
        main = QWidget()
        main.setObjectName("paper")
        column = QVBoxLayout(main)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        column.addWidget(self.top)
        column.addWidget(self.room, 1)
        self._splitter = QSplitter()
        self._splitter.setChildrenCollapsible(False)
        self._splitter.setHandleWidth(1)
        self._splitter.addWidget(self.sidebar)
        self._splitter.addWidget(main)
        self._splitter.setStretchFactor(1, 1)
        self.sidebar.setMinimumWidth(SIDEBAR_LEAST_PX)
        self.sidebar.setMaximumWidth(SIDEBAR_MOST_PX)
        self._splitter.setSizes([self._settings.get(SIDEBAR_PX), FIRST_WIDTH])
        self._drops = DropArea(self._splitter)
        self.setCentralWidget(self._drops)
        self.setMinimumSize(LEAST_WIDTH, LEAST_HEIGHT)
        self.resize(FIRST_WIDTH, FIRST_HEIGHT)

    def _connect(self) -> None:
        sidebar, top, room, session = self.sidebar, self.top, self.room, self._session
        sidebar.all_photos_asked.connect(room.show_all)
        sidebar.favourites_asked.connect(self._show_favourites)
        sidebar.faults_asked.connect(self.show_faults)
        sidebar.status.paused.connect(session.indexing.pause)
        sidebar.status.went_on.connect(session.indexing.go_on)
        sidebar.status.stopped.connect(session.indexing.stop)
        sidebar.status.error_opened.connect(self.show_error)
        top.search.textChanged.connect(room.ask)
        top.search.entered.connect(self._ask_at_once)
        top.search.left.connect(room.grid.setFocus)
        top.cell_size.valueChanged.connect(room.grid.set_cell_px)
        top.theme_chosen.connect(self._choose_theme)
        top.language_chosen.connect(self._choose_language)
        top.shortcuts_asked.connect(self.show_shortcuts)
        room.folder_asked.connect(self.folders.choose)
        room.error_opened.connect(self.show_error)
        room.went_back.connect(top.search.clear)
        room.grid.back_asked.connect(room.step_back)
        room.grid.favourite_asked.connect(self._toggle_favourite)
        room.grid.rating_asked.connect(self._rate)
        self._drops.dropped.connect(self.folders.add)
        session.keeping.overviewed.connect(self._take_overview)
        session.indexing.progress.connect(sidebar.status.show_progress)
        session.indexing.state_changed.connect(self._take_state)
        session.indexing.refused.connect(self.show_error)
        session.opinions.refused.connect(self.show_error)
        top.models_asked.connect(self.models.show_dialog)
        self.albums.left_question.connect(top.search.clear)
        top.training_asked.connect(self.training.show_dialog)
        top.names_asked.connect(self.names.show_dialog)

    def _add_shortcuts(self) -> None:
        for keys, action in (
            ("/", self._focus_search),
            ("Ctrl+F", self._focus_search),
            ("Ctrl+O", self.folders.choose),
            ("Ctrl+Z", self._undo),
            ("Ctrl++", self.top.larger),
            ("Ctrl+=", self.top.larger),
            ("Ctrl+-", self.top.smaller),
            ("Ctrl+M", self.models.show_dialog),
            ("Ctrl+L", self.training.show_dialog),
            ("Ctrl+N", self.names.show_dialog),
            ("Ctrl+,", self.top.open_settings),
            ("F1", self.show_shortcuts),
            ("?", self.show_shortcuts),
        ):
            QShortcut(QKeySequence(keys), self).activated.connect(action)

    # ---- places and questions

    def _focus_search(self) -> None:
        self.viewing.close()
        self.top.search.setFocus()
        self.top.search.selectAll()

    def _ask_at_once(self) -> None:
        self.room.ask(self.top.search.text(), at_once=True)
        self.room.grid.setFocus()

    def _show_favourites(self) -> None:
        self.top.search.clear()
        self.room.ask_favourites()

    # ---- folders

    @Slot(object)
    def _take_overview(self, overview: Overview) -> None:
        self._overview = overview
        self._folder_list.show_roots(overview.roots)
        self.sidebar.show_overview(overview)
        self._say_counts()

    def _say_counts(self) -> None:
        overview = self._overview
        words = tr("{n} photos", n=overview.counts["photos"]) if overview and overview.roots else ""
        self.sidebar.status.show_idle_words(words)

    @Slot(object)
    def _take_state(self, state: State) -> None:
        self.sidebar.status.show_state(state, self._session.indexing.error)

    # ---- photos

    @Slot(object)
    def _toggle_favourite(self, photos: list[int]) -> None:
        opinions = self._session.opinions
        opinions.set_favourite(photos, not self._session.cells.all_favourites(photos))

    @Slot(object, int)
    def _rate(self, photos: list[int], rating: int) -> None:
        self._session.opinions.set_rating(photos, rating)

    def _undo(self) -> None:
        """Take back what was said last: in the viewer or the review what was said there."""
        if self.viewing.is_open:
            self.viewing.undo()
        elif not self.room.undo_in_review():
            self._session.undo.take_last()

    # ---- settings

    @Slot(object)
    def _choose_theme(self, choice: str) -> None:
        self._dress.choose(choice)
        self._keep_choice(THEME, choice)

    @Slot(object)
    def _choose_language(self, choice: str) -> None:
        speak(choice)
        self._keep_choice(LANGUAGE, choice)

    def _keep_choice(self, setting: Setting[str], choice: str) -> None:
        """It counts already; where it cannot be stored that is said."""
        try:
            self._settings.set(setting, choice)
        except ShiguangError as error:
            self.show_error(error)
        settings = self._settings
        self.top.show_choices(settings.get(THEME), settings.get(LANGUAGE), self.top.cell_size.value())

    def _keep_sizes(self) -> None:
        """What was dragged is kept when the window closes, not at every pixel; a full disk keeps no window open."""
        try:
            for setting, value in ((CELL_PX, self.top.cell_size.value()), (SIDEBAR_PX, self.sidebar.width())):
                if value != self._settings.get(setting):
                    self._settings.set(setting, value)
        except ShiguangError as error:
            log.warning("sizes of the window are not kept: %s", error)

    # ---- dialogs

    def show_faults(self) -> None:
        dialog = FaultsDialog(self)
        receiver = Receiver(dialog)
        receiver.came.connect(dialog.show_faults)
        receiver.failed.connect(dialog.reject)
        receiver.failed.connect(self.show_error)
        self._session.read_faults(receiver)
        self._open(dialog)

    def show_shortcuts(self) -> None:
        self._open(ShortcutsDialog(self))

    def _open(self, dialog: QDialog) -> None:
        dialog.finished.connect(dialog.deleteLater)
        dialog.open()

    @Slot(object)
    def show_error(self, error: ShiguangError) -> None:
        show_error(error, self)

    # ---- Qt

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self.viewing.fit()

    def changeEvent(self, event: QEvent) -> None:
        if event.type() == QEvent.Type.LanguageChange:
            self._say()
        super().changeEvent(event)

    def _say(self) -> None:
        self.setWindowTitle(tr("Shiguang"))
        self._say_counts()

    def closeEvent(self, event: QCloseEvent) -> None:
        event.accept()
        if not self._is_closed:
            self._is_closed = True
            self._keep_sizes()
            self.hide()  # what still has to be finished is nobody's business
            self.closed.emit(self._session.close())
