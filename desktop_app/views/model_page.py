"""One model in full: what it is good at, its facts and published scores, and what can be done with it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QEvent, Qt, Signal, SignalInstance
from PySide6.QtWidgets import (
    QFrame,
    QGridLayout,
    QHBoxLayout,
    QLabel,
    QPushButton,
    QScrollArea,
    QVBoxLayout,
    QWidget,
)

from desktop_app.i18n import tr
from desktop_app.items.model_list import state_words
from desktop_app.views.model_words import facts, good_at_words, scores_of

if TYPE_CHECKING:
    from core.switching import ListedModel


class ModelPage(QWidget):
    """Empty until `show_model`. Its buttons say what the core allows; `show_busy` holds them back meanwhile."""

    get_asked = Signal(object)  # model id
    use_asked = Signal(object)
    drop_asked = Signal(object)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._model: ListedModel | None = None
        self._is_busy = False
        self._name = QLabel()
        self._name.setObjectName("header")
        self._state = QLabel()
        self._state.setObjectName("caption")
        self._good_at = QLabel()
        self._table = QWidget()
        self._grid = QGridLayout(self._table)
        self._grid.setContentsMargins(0, 0, 0, 0)
        self._grid.setHorizontalSpacing(24)
        self._grid.setVerticalSpacing(8)
        self._grid.setColumnStretch(1, 1)
        self._from = QLabel()
        self._from.setObjectName("caption")
        for label in (self._name, self._good_at, self._from):
            label.setWordWrap(True)
        self.get_button, self.use_button, self.drop_button = QPushButton(), QPushButton(), QPushButton()
        for button in (self.get_button, self.use_button):
            button.setObjectName("primary")
        self.get_button.clicked.connect(lambda: self._ask(self.get_asked))
        self.use_button.clicked.connect(lambda: self._ask(self.use_asked))
        self.drop_button.clicked.connect(lambda: self._ask(self.drop_asked))
        self._lay_out()
        self._say()

    def _lay_out(self) -> None:
        page = QWidget()
        page.setObjectName("paper")
        inner = QVBoxLayout(page)
        inner.setContentsMargins(0, 0, 12, 0)
        inner.setSpacing(12)
        for widget in (self._name, self._state, self._good_at, self._table, self._from):
            inner.addWidget(widget)
        inner.addStretch()
        scroll = QScrollArea()
        scroll.setWidgetResizable(True)
        scroll.setFrameShape(QFrame.Shape.NoFrame)
        scroll.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        scroll.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        scroll.setWidget(page)
        buttons = QHBoxLayout()
        buttons.setSpacing(8)
        for button in (self.get_button, self.use_button, self.drop_button):
            buttons.addWidget(button)
        buttons.addStretch()
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(12)
        column.addWidget(scroll, 1)
        column.addLayout(buttons)

    def show_model(self, model: ListedModel | None) -> None:
        self._model = model
        self._say()

    def show_busy(self, is_busy: bool) -> None:
        """While something is being done, nothing else can be begun."""
        self._is_busy = is_busy
        self._enable()

    def _ask(self, signal: SignalInstance) -> None:
        if self._model is not None:
            signal.emit(self._model.id)

    def _say(self) -> None:
        model = self._model
        self.get_button.setText(tr("Get and use"))
        goes_on = model is not None and model.is_building
        self.use_button.setText(tr("Go on") if goes_on else tr("Use"))
        self.drop_button.setText(tr("Drop"))
        self.drop_button.setToolTip(tr("Delete the model and its vectors; photos and what you said stay"))
        self._enable()
        if model is None:
            return
        self._name.setText(model.known.name)
        self._state.setText(state_words(model))
        self._good_at.setText(good_at_words(model))
        self._fill_table(model)
        entry = model.known.entry
        published = bool(entry and entry.scores)
        self._from.setVisible(published)
        self._from.setText(tr("Scores: {by}", by=entry.scores_from) if entry and published else "")

    def _fill_table(self, model: ListedModel) -> None:
        while (item := self._grid.takeAt(0)) is not None:
            if (widget := item.widget()) is not None:
                widget.hide()  # deleted a moment later, and not to be seen until then
                widget.deleteLater()
        for row, (what, value) in enumerate([*facts(model), *scores_of(model)]):
            name, words = QLabel(what), QLabel(value)
            name.setObjectName("secondary")
            words.setWordWrap(True)
            self._grid.addWidget(name, row, 0, Qt.AlignmentFlag.AlignTop)
            self._grid.addWidget(words, row, 1)

    def _enable(self) -> None:
        model = self._model
        for button, can in (
            (self.get_button, model is not None and model.can_get),
            (self.use_button, model is not None and model.can_use),
            (self.drop_button, model is not None and model.can_drop),
        ):
            button.setVisible(can)
            button.setEnabled(not self._is_busy)

    def changeEvent(self, event: QEvent) -> None:
        if event.type() == QEvent.Type.LanguageChange:
            self._say()
        super().changeEvent(event)
