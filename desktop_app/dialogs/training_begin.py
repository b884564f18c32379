"""The first page of the training dialog: what there is to learn from, the ways with their costs, and the start."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import (
    QButtonGroup,
    QCheckBox,
    QFrame,
    QGridLayout,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QPushButton,
    QRadioButton,
    QVBoxLayout,
    QWidget,
)

from desktop_app.dialogs.training_words import (
    cost_words,
    counts_words,
    held_out_words,
    kept_words,
    obstacle_words,
    stopped_words,
    too_large_words,
    way_name,
    way_words,
    weak_words,
)
from desktop_app.i18n import data_size, explain, sentences, tr
from desktop_app.workers.indexing import State
from desktop_app.workers.training import Training

if TYPE_CHECKING:
    from core.finetuning import Outlook, Way

FIRST_CHOICE = "adapter"
HOWS = ("probe", "adapter", "lora", "full")


class WayRow(QWidget):
    """One way: a radio button with its name, what it does, and what it costs here."""

    def __init__(self, how: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.how = how
        self.button = QRadioButton()
        self._words, self._cost = QLabel(), QLabel()
        self._words.setObjectName("caption")
        self._words.setWordWrap(True)
        self._cost.setObjectName("caption")
        grid = QGridLayout(self)
        grid.setContentsMargins(0, 0, 0, 0)
        grid.setHorizontalSpacing(16)
        grid.setVerticalSpacing(2)
        grid.setColumnStretch(0, 1)
        grid.addWidget(self.button, 0, 0)
        grid.addWidget(self._cost, 0, 1, Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
        grid.addWidget(self._words, 1, 0, 1, 2)
        # Under the name, not under its circle.
        self._words.setContentsMargins(24, 0, 0, 0)

    def show_way(self, way: Way | None, *, is_reading: bool) -> None:
        """way: None until it is known; is_reading: it will be."""
        self.button.setText(way_name(self.how))
        self._words.setText(way_words(self.how))
        if way is not None:
            fits = way.fits
            self._cost.setText(cost_words(way) if fits else tr("not with this model"))
        else:
            fits = True
            self._cost.setText(tr("reckoning what it costs…") if is_reading else "")
        self.button.setEnabled(fits)
        self.button.setAccessibleDescription(f"{self._words.text()} {self._cost.text()}".strip())


class WeakBox(QCheckBox):
    """Whether words that nobody said of the picture itself teach too; hidden where there are none."""

    chosen = Signal(str, bool)  # source, teaches

    def __init__(self, source: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._source = source
        # `clicked`, not `toggled`: what is shown is no choice.
        self.clicked.connect(lambda teaches: self.chosen.emit(self._source, teaches))

    def show_outlook(self, outlook: Outlook | None, *, can_start: bool) -> None:
        count = outlook.weak.get(self._source, 0) if outlook is not None else 0
        self.setVisible(bool(count))
        self.setText(weak_words(self._source, count))
        self.setChecked(outlook is not None and self._source in outlook.also)
        self.setEnabled(can_start)


class PartsBox(QWidget):
    """What has to be installed first, and its button; or the command where that cannot be done from here."""

    asked = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._words, self._why = QLabel(), QLabel()
        for label in (self._words, self._why):
            label.setWordWrap(True)
        self._why.setObjectName("secondary")
        self.button, self.copy_button = QPushButton(), QPushButton()
        self.button.setObjectName("primary")
        self.command = QLineEdit()
        self.command.setReadOnly(True)
        self.button.clicked.connect(self.asked)
        self.copy_button.clicked.connect(self._copy)
        row = QHBoxLayout()
        row.setSpacing(8)
        row.addWidget(self.command, 1)
        row.addWidget(self.copy_button)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(8)
        column.addWidget(self._words)
        column.addWidget(self._why)
        column.addLayout(row)
        column.addWidget(self.button, 0, Qt.AlignmentFlag.AlignLeft)

    def show_outlook(self, outlook: Outlook | None, *, can_start: bool) -> None:
        if outlook is None or not outlook.missing:
            self.hide()
            return
        by_hand = bool(outlook.obstacle)
        self._words.setText(
            tr(
                "Learning needs some more parts, about {size} to download. They are installed into this program and used for learning alone.",
                size=data_size(outlook.download_bytes),
            )
        )
        self._why.setText(
            sentences(obstacle_words(outlook), tr("Type this command, then open this again:"))
            if by_hand
            else ""
        )
        self._why.setVisible(by_hand)
        self.command.setText(outlook.command)
        self.command.setCursorPosition(0)
        self.command.setAccessibleName(tr("Command"))
        self.command.setVisible(by_hand)
        self.copy_button.setText(tr("Copy"))
        self.copy_button.setVisible(by_hand)
        self.button.setText(tr("Download and install"))
        self.button.setVisible(not by_hand)
        self.button.setEnabled(can_start)
        self.show()

    def _copy(self) -> None:
        QGuiApplication.clipboard().setText(self.command.text())


class BeginPage(QWidget):
    learn_asked = Signal(object)  # how
    install_asked = Signal()
    back_asked = Signal()
    anew_asked = Signal()
    closed = Signal()

    def __init__(self, training: Training, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._training = training
        self._about, self._counts, self._held_out = QLabel(), QLabel(), QLabel()
        self._examples, self._note = QLabel(), QLabel()
        self._counts.setObjectName("header")
        for label, name in (
            (self._about, "secondary"),
            (self._held_out, "caption"),
            (self._examples, "secondary"),
            (self._note, ""),
        ):
            label.setObjectName(name)
            label.setWordWrap(True)
        self._examples.setTextFormat(Qt.TextFormat.PlainText)
        self.weak = [WeakBox(source) for source in ("folders", "keywords")]
        for box in self.weak:
            box.chosen.connect(training.choose_weak)
        self.rows = [WayRow(how) for how in HOWS]
        self._group = QButtonGroup(self)
        for row in self.rows:
            self._group.addButton(row.button)
            row.button.setChecked(row.how == (training.how if training.can_go_on else FIRST_CHOICE))
        self._group.buttonToggled.connect(self.say)
        self.parts = PartsBox()
        self.parts.asked.connect(self.install_asked)
        self.start_button, self.anew_button = QPushButton(), QPushButton()
        self.back_button, self._close = QPushButton(), QPushButton()
        self.start_button.setObjectName("primary")
        self.start_button.clicked.connect(lambda: self.learn_asked.emit(self.how))
        self.back_button.clicked.connect(self.back_asked)
        self.anew_button.clicked.connect(self.anew_asked)
        self._close.clicked.connect(self.closed)
        self._lay_out()
        training.looked.connect(self.say)
        training.state_changed.connect(self.say)
        self.say()

    def _lay_out(self) -> None:
        line = QFrame()
        line.setObjectName("hairline")
        buttons = QHBoxLayout()
        buttons.setSpacing(8)
        buttons.addWidget(self.back_button)
        buttons.addStretch()
        buttons.addWidget(self._close)
        buttons.addWidget(self.anew_button)
        buttons.addWidget(self.start_button)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(8)
        for widget in (self._about, self._counts, self._examples, *self.weak, self._held_out, line):
            column.addWidget(widget)
        for row in self.rows:
            column.addSpacing(4)
            column.addWidget(row)
        column.addStretch()
        column.addWidget(self.parts)
        column.addWidget(self._note)
        column.addSpacing(8)
        column.addLayout(buttons)

    @property
    def how(self) -> str:
        return next((row.how for row in self.rows if row.button.isChecked()), FIRST_CHOICE)

    @property
    def _way(self) -> Way | None:
        return next((way for way in self._training.ways or () if way.how == self.how), None)

    @property
    def _stopped(self) -> Way | None:
        """The way that a stopped training would go on."""
        return next((way for way in self._training.ways or () if way.later is not None), None)

    def take_focus(self) -> None:
        next((row.button for row in self.rows if row.button.isChecked()), self.start_button).setFocus()

    def say(self, *_news: object) -> None:
        training = self._training
        outlook = training.outlook
        self._about.setText(
            tr(
                "Shiguang can learn the words you use: from captions you wrote and from photos you put into albums or took out. What it learned is kept only if it finds more of what you said, on photos it did not learn from. Nothing leaves this computer."
            )
        )
        self._counts.setText(counts_words(outlook) if outlook is not None else tr("Reading what you said"))
        self._held_out.setText(held_out_words(outlook) if outlook is not None else "")
        self._examples.setText(_quoted(outlook))
        self._examples.setVisible(bool(outlook is not None and outlook.examples))
        for box in self.weak:
            box.show_outlook(outlook, can_start=training.can_start)
        self._say_ways(outlook)
        self.parts.show_outlook(outlook, can_start=training.can_start)
        why_not = self._why_not(outlook)
        note = why_not or self._last_words()
        self._note.setText(note)
        self._note.setVisible(bool(note))
        way = self._way
        goes_on = training.can_go_on and training.how == self.how
        goes_on = goes_on or (way is not None and way.later is not None)
        self.start_button.setText(tr("Go on") if goes_on else tr("Start"))
        self.start_button.setEnabled(training.can_start and training.ways is not None and not why_not)
        self._close.setText(tr("Close"))
        self.anew_button.setText(tr("Begin anew"))
        self.anew_button.setVisible(self._stopped is not None)
        self.anew_button.setEnabled(training.can_start)
        self.back_button.setText(tr("Go back to the model before"))
        self.back_button.setVisible(outlook is not None and outlook.trained is not None)
        self.back_button.setEnabled(training.can_start)

    def _say_ways(self, outlook: Outlook | None) -> None:
        ways = {way.how: way for way in self._training.ways or ()}
        is_reading = not ways and outlook is not None and not outlook.missing
        is_reading = is_reading and self._training.look_error is None
        for row in self.rows:
            row.show_way(ways.get(row.how), is_reading=is_reading)
            row.setEnabled(outlook is None or not outlook.missing)

    def _why_not(self, outlook: Outlook | None) -> str:
        """Why it cannot start, and what to do about it."""
        if outlook is None or outlook.missing:
            return ""
        if outlook.wanted:
            return tr(
                "Too little was said yet. Write captions for {n} more photos, or put them into albums, then open this again.",
                n=outlook.wanted,
            )
        way = self._way
        if way is not None and way.why_not == "too large":
            return too_large_words(way.memory_bytes)
        if way is not None and way.why_not:
            # The towers take hours: what could not be judged is not begun.
            return tr(
                "{n} photos are too few to judge by, a burst counted once: ten are needed. Describe some more first.",
                n=outlook.counts["held out, bursts once"],
            )
        if not self._training.can_start and not self._training.is_busy:
            return tr("The library is moving to another model. Wait for it, or stop it first.")
        return ""

    def _last_words(self) -> str:
        """How it ended the last time, until something new is begun."""
        training = self._training
        if training.state is State.FAILED and training.error is not None:
            words = explain(training.error)
            return f"{words.what}\n{words.what_to_do}".strip()
        if training.state is State.STOPPED:
            return "\n".join(filter(None, (stopped_words(training), kept_words(None, self._way))))
        if training.look_error is not None:
            words = explain(training.look_error)
            return f"{words.what}\n{words.what_to_do}".strip()
        return kept_words(self._stopped, self._way)


def _quoted(outlook: Outlook | None) -> str:
    texts = outlook.examples if outlook is not None else ()
    return tr("For instance: {words}", words=" · ".join(texts)) if texts else ""
