"""The models: which there are, what each is good for, get, import, use and drop; and how far the move to one is."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QEvent, QModelIndex, Qt, Slot
from PySide6.QtWidgets import (
    QDialog,
    QFileDialog,
    QFrame,
    QHBoxLayout,
    QLabel,
    QListView,
    QMenu,
    QMessageBox,
    QProgressBar,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from core.progress import Progress
from desktop_app.dialogs.error_box import show_error
from desktop_app.i18n import explain, tr
from desktop_app.items.model_list import MODEL, ModelDelegate, ModelList
from desktop_app.theme.icons import IconButton
from desktop_app.views.model_page import ModelPage
from desktop_app.views.model_words import comparison_words, job_pace_words, job_words
from desktop_app.workers.indexing import State
from desktop_app.workers.models import Models

if TYPE_CHECKING:
    from core.app import Switched
    from core.switching import ListedModel

BAR_STEPS = 1000
LIST_PX = 232


class JobLine(QWidget):
    """What is being done, how far it is, and pause and stop; nothing while nothing is done."""

    def __init__(self, models: Models, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._models = models
        self._bar = QProgressBar()
        self._bar.setRange(0, BAR_STEPS)
        self._bar.setTextVisible(False)
        self._line, self._pace = QLabel(), QLabel()
        self._pace.setObjectName("caption")
        self._details = QPushButton()
        self._details.setObjectName("link")
        self._pause, self._stop = IconButton("pause"), IconButton("stop")
        self._pause.clicked.connect(self._toggle)
        self._stop.clicked.connect(models.stop)
        self._details.clicked.connect(self._show_error)
        words = QVBoxLayout()
        words.setSpacing(2)
        words.addWidget(self._line)
        words.addWidget(self._pace)
        row = QHBoxLayout()
        row.addLayout(words, 1)
        for widget in (self._details, self._pause, self._stop):
            row.addWidget(widget)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(8)
        column.addWidget(self._bar)
        column.addLayout(row)
        # As high as it ever gets, so that nothing moves when something begins.
        self.setFixedHeight(60)
        models.progress.connect(self.say)
        models.state_changed.connect(self.say)
        self.say()

    @Slot(object)
    def say(self, _news: object = None) -> None:
        models = self._models
        job, state, progress = models.job, models.state, models.latest
        is_seen = job is not None and state is not State.IDLE
        for widget in (self._bar, self._line, self._pace, self._pause):
            widget.setVisible(is_seen)
        self._stop.setVisible(is_seen and state in (State.RUNNING, State.PAUSED))
        self._details.setVisible(is_seen and models.error is not None)
        if job is None:
            return
        self._line.setText(job_words(job, state, progress))
        error = models.error
        self._pace.setText(explain(error).what if error is not None else job_pace_words(state, progress))
        self._details.setText(tr("Details"))
        goes_on = state is not State.RUNNING
        self._pause.show_icon("play" if goes_on else "pause")
        self._pause.say(tr("Go on") if goes_on else tr("Pause"))
        self._stop.say(tr("Stop"))
        self._bar.setValue(round(BAR_STEPS * _share(progress)))

    def _toggle(self) -> None:
        if self._models.state is State.RUNNING:
            self._models.pause()
        else:
            self._models.go_on()

    def _show_error(self) -> None:
        if self._models.error is not None:
            show_error(self._models.error, self)

    def changeEvent(self, event: QEvent) -> None:
        if event.type() == QEvent.Type.LanguageChange:
            self.say()
        super().changeEvent(event)


class ModelsDialog(QDialog):
    """Opened empty; filled as soon as the models are listed."""

    def __init__(self, models: Models, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._models = models
        # The model that the person looks at; "" until one was chosen: then the one in use.
        self._chosen = ""
        self._stage = ""
        self.setWindowTitle(tr("Models"))
        self.resize(820, 600)
        self._rows = ModelList(self)
        self._delegate = ModelDelegate()
        self.list = QListView()
        self.list.setItemDelegate(self._delegate)
        self.list.setModel(self._rows)
        self.list.setFixedWidth(LIST_PX)
        self.list.setMouseTracking(True)
        self.list.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.list.setAccessibleName(tr("Models"))
        self.page = ModelPage()
        self.job = JobLine(models)
        self._bring = QPushButton(tr("Import…"))
        self._bring_menu = QMenu(self._bring)
        self._bring_menu.addAction(tr("From a file…"), self._choose_file)
        self._bring_menu.addAction(tr("From a folder…"), self._choose_folder)
        self._bring.setMenu(self._bring_menu)
        self._close = QPushButton(tr("Close"))
        self._close.clicked.connect(self.accept)
        self._lay_out()
        self._connect()
        self._take_models(models.models)
        self._take_state(models.state)
        models.list_again()
        self.list.setFocus()

    def _lay_out(self) -> None:
        note = QLabel(tr("Search goes on with the model in use until another one has seen every photo."))
        note.setObjectName("secondary")
        note.setWordWrap(True)
        sides = QHBoxLayout()
        sides.setSpacing(24)
        sides.addWidget(self.list)
        sides.addWidget(self.page, 1)
        line = QFrame()
        line.setObjectName("hairline")
        buttons = QHBoxLayout()
        buttons.addWidget(self._bring)
        buttons.addStretch()
        buttons.addWidget(self._close)
        column = QVBoxLayout(self)
        column.setContentsMargins(24, 24, 24, 16)
        column.setSpacing(12)
        column.addWidget(note)
        column.addLayout(sides, 1)
        column.addWidget(line)
        column.addWidget(self.job)
        column.addLayout(buttons)

    def _connect(self) -> None:
        models, page = self._models, self.page
        self.list.selectionModel().currentChanged.connect(self._choose)
        page.get_asked.connect(models.get)
        page.use_asked.connect(models.use)
        page.drop_asked.connect(self._ask_drop)
        models.listed.connect(self._take_models)
        models.state_changed.connect(self._take_state)
        models.progress.connect(self._take_progress)

    # ---- what comes

    @Slot(object)
    def _take_models(self, models: list[ListedModel]) -> None:
        chosen = self._chosen
        self._rows.show_models(models)
        if not models:
            return
        used = next((each.id for each in models if each.is_in_use), models[0].id)
        row = self._rows.row_of(chosen or used)
        self.list.setCurrentIndex(self._rows.index(row if row is not None else 0))
        self._chosen = chosen if row is not None else ""
        self._show_model()

    @Slot(object)
    def _take_state(self, state: State) -> None:
        is_busy = state in (State.RUNNING, State.PAUSED) or self._models.is_held
        self.page.show_busy(is_busy)
        self._bring.setEnabled(not is_busy)

    @Slot(object)
    def _take_progress(self, progress: Progress) -> None:
        """The job line tells the counts; the list is read again where another stage begins."""
        if progress.stage != self._stage:
            self._stage = progress.stage
            self._models.list_again()

    def _choose(self, index: QModelIndex) -> None:
        if index.isValid():
            self._chosen = index.data(MODEL).id
        self._show_model()

    def _show_model(self) -> None:
        self.page.show_model(self.list.currentIndex().data(MODEL))

    # ---- what is asked

    def _choose_file(self) -> None:
        path, _ = QFileDialog.getOpenFileName(self, tr("Import a model"))
        if path:
            self._models.import_from(Path(path))

    def _choose_folder(self) -> None:
        path = QFileDialog.getExistingDirectory(self, tr("Import a model"))
        if path:
            self._models.import_from(Path(path))

    @Slot(object)
    def _ask_drop(self, model: str) -> None:
        listed = next((each for each in self._models.models if each.id == model), None)
        if listed is None:
            return
        box = ask(
            tr("Drop {name}?", name=listed.known.name),
            tr("It can be downloaded again.")
            if listed.known.entry is not None
            else tr("It was imported and is not to be had again from here."),
            tr("Drop"),
            self,
        )
        box.accepted.connect(lambda: self._models.drop(model))


def ask_to_move(switched: Switched, name: str, models: Models, parent: QWidget) -> QMessageBox:
    """The new model finds fewer of the owner's photos: it is built and waits for a word."""
    box = ask(
        tr("{name} finds less of what you described", name=name),
        comparison_words(switched),
        tr("Use it anyway"),
        parent,
    )
    box.accepted.connect(lambda: models.use(switched.model, anyway=True))
    return box


def ask(what: str, more: str, yes: str, parent: QWidget) -> QMessageBox:
    """A question with one way to go on and one to leave it; opened without waiting for the answer."""
    box = QMessageBox(
        QMessageBox.Icon.NoIcon, tr("Shiguang"), what, QMessageBox.StandardButton.NoButton, parent
    )
    box.setInformativeText(more)
    box.addButton(yes, QMessageBox.ButtonRole.AcceptRole)
    leave = box.addButton(tr("Leave it"), QMessageBox.ButtonRole.RejectRole)
    box.setDefaultButton(leave)
    box.setEscapeButton(leave)
    box.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
    box.open()
    return box


def _share(progress: Progress | None) -> float:
    return progress.done / progress.total if progress is not None and progress.total else 0.0
