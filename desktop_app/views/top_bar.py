"""The bar on top: the search box in the middle, cell size and settings at the right."""

from __future__ import annotations

from PySide6.QtCore import QEvent, Qt, Signal, SignalInstance
from PySide6.QtGui import QAction, QActionGroup, QKeyEvent, QKeySequence
from PySide6.QtWidgets import QHBoxLayout, QLineEdit, QMenu, QSizePolicy, QSlider, QToolButton, QWidget

from desktop_app.i18n import tr
from desktop_app.theme.icons import IconButton, icon

BAR_PX = 56
SEARCH_MOST_PX = 640
CELL_LEAST_PX, CELL_MOST_PX, CELL_STEP_PX = 96, 320, 16
# Left of the search box as much room as its neighbours take on the right, so that it stands in the middle.
RIGHT_PX = 196


class SearchBox(QLineEdit):
    """Down and Enter go on to the photos; Escape empties the box, and a second one leaves it."""

    left = Signal()
    entered = Signal()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() == Qt.Key.Key_Escape:
            if self.text():
                self.clear()
            else:
                self.left.emit()
        elif event.key() == Qt.Key.Key_Down:
            self.left.emit()
        elif event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
            self.entered.emit()
        else:
            super().keyPressEvent(event)


class TopBar(QWidget):
    """Signals what was typed and chosen; the choices themselves are kept elsewhere."""

    theme_chosen = Signal(object)  # auto, light or dark
    language_chosen = Signal(object)  # auto, zh_CN or en
    shortcuts_asked = Signal()
    models_asked = Signal()
    training_asked = Signal()
    names_asked = Signal()
    carrying_asked = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.search = SearchBox()
        self.search.setMaximumWidth(SEARCH_MOST_PX)
        self.search.setMinimumWidth(160)
        self.search.setClearButtonEnabled(True)
        self._magnifier = QAction(self)
        self.search.addAction(self._magnifier, QLineEdit.ActionPosition.LeadingPosition)
        self.cell_size = QSlider(Qt.Orientation.Horizontal)
        self.cell_size.setRange(CELL_LEAST_PX, CELL_MOST_PX)
        self.cell_size.setSingleStep(CELL_STEP_PX)
        self.cell_size.setPageStep(2 * CELL_STEP_PX)
        self.cell_size.setFixedWidth(88)
        self._smaller = IconButton("zoom-out")
        self._larger = IconButton("zoom-in")
        self._smaller.clicked.connect(self.smaller)
        self._larger.clicked.connect(self.larger)
        self._settings = IconButton("settings")
        self._settings.setPopupMode(QToolButton.ToolButtonPopupMode.InstantPopup)
        self._menu = QMenu(self)
        self._settings.setMenu(self._menu)
        self._theme, self._language = "auto", "auto"
        self._lay_out()
        self._say()

    def _lay_out(self) -> None:
        self.setFixedHeight(BAR_PX)
        left, right = QWidget(), QWidget()
        left.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Preferred)
        left.setMaximumWidth(RIGHT_PX)
        right.setFixedWidth(RIGHT_PX)
        tools = QHBoxLayout(right)
        tools.setContentsMargins(0, 0, 0, 0)
        tools.setSpacing(4)
        tools.addStretch()
        for widget in (self._smaller, self.cell_size, self._larger, self._settings):
            tools.addWidget(widget)
        row = QHBoxLayout(self)
        row.setContentsMargins(16, 0, 12, 0)
        row.setSpacing(8)
        row.addWidget(left, 1)
        row.addStretch(1)
        row.addWidget(self.search, 1000)
        row.addStretch(1)
        row.addWidget(right)

    def show_choices(self, theme: str, language: str, cell_px: int) -> None:
        self._theme, self._language = theme, language
        self.cell_size.setValue(cell_px)
        self._fill_menu()

    def smaller(self) -> None:
        self.cell_size.setValue(self.cell_size.value() - CELL_STEP_PX)

    def larger(self) -> None:
        self.cell_size.setValue(self.cell_size.value() + CELL_STEP_PX)

    def open_settings(self) -> None:
        self._menu.popup(self._settings.mapToGlobal(self._settings.rect().bottomLeft()))

    def _fill_menu(self) -> None:
        self._menu.clear()
        themes = (("auto", tr("Like the system")), ("light", tr("Light")), ("dark", tr("Dark")))
        # A language is written in itself, so that it is found by whoever speaks it.
        languages = (("auto", tr("Like the system")), ("zh_CN", "中文"), ("en", "English"))
        self._add_choices(tr("Appearance"), themes, self._theme, self.theme_chosen)
        self._menu.addSeparator()
        self._add_choices(tr("Language"), languages, self._language, self.language_chosen)
        self._menu.addSeparator()
        for words, keys, signal in (
            (tr("Names…"), "Ctrl+N", self.names_asked),
            (tr("Models…"), "Ctrl+M", self.models_asked),
            (tr("Learn from you…"), "Ctrl+L", self.training_asked),
            (tr("Backup and sidecars…"), "Ctrl+B", self.carrying_asked),
            (tr("Keyboard shortcuts"), "F1", self.shortcuts_asked),
        ):
            action = self._menu.addAction(words, QKeySequence(keys), signal.emit)
            # The menu only names the key. The window has it, and of two owners Qt asks neither.
            action.setShortcutContext(Qt.ShortcutContext.WidgetShortcut)

    def _add_choices(
        self, title: str, choices: tuple[tuple[str, str], ...], chosen: str, signal: SignalInstance
    ) -> None:
        heading = self._menu.addAction(title)
        heading.setEnabled(False)
        group = QActionGroup(self._menu)
        for value, words in choices:
            action = self._menu.addAction(words)
            action.setCheckable(True)
            action.setChecked(value == chosen)
            action.setActionGroup(group)
            action.triggered.connect(lambda _checked, value=value: signal.emit(value))

    def _say(self) -> None:
        self.search.setPlaceholderText(tr("What do you remember?"))
        self.search.setAccessibleName(tr("Search"))
        self._magnifier.setIcon(icon("search", self.palette()))
        self.cell_size.setAccessibleName(tr("Size of the photos"))
        self.cell_size.setToolTip(tr("Size of the photos"))
        self._smaller.say(tr("Smaller photos"), "Ctrl+-")
        self._larger.say(tr("Larger photos"), "Ctrl++")
        self._settings.say(tr("Settings"), "Ctrl+,")
        self._fill_menu()

    def changeEvent(self, event: QEvent) -> None:
        if event.type() in (QEvent.Type.LanguageChange, QEvent.Type.PaletteChange):
            self._say()
        super().changeEvent(event)
