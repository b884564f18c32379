"""Backups, and sidecars beside the photos: what they are, two choices, and four buttons."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import QDate, Slot
from PySide6.QtWidgets import (
    QCheckBox,
    QDialog,
    QFileDialog,
    QFrame,
    QHBoxLayout,
    QLabel,
    QProgressBar,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from core.progress import Progress
from desktop_app.dialogs.carrying_words import end_words, fault_words
from desktop_app.i18n import number, sentences, tr
from desktop_app.workers.carrying import Carrier, Outside

# Lines break here; without a fixed width a dialog counts too few of them.
TEXT_PX = 432
BAR_STEPS = 1000
# Of a backup's file, in the dialog that asks for it.
SUFFIX = ".shiguang.zip"


class CarryingDialog(QDialog):
    """What was begun goes on when this is closed; opened again, it says how it ended."""

    def __init__(self, carrier: Carrier, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._carrier = carrier
        self.setWindowTitle(tr("Backup and sidecars"))
        self.models = QCheckBox(tr("With models that you imported or taught"))
        self.by_itself = QCheckBox(tr("Write them whenever folders were looked through"))
        self.automatic = QCheckBox(tr("Also with the albums that a photo is in by itself"))
        self.backup_button, self.restore_button = QPushButton(tr("Back up…")), QPushButton(tr("Restore…"))
        self.write_button, self.read_button = QPushButton(tr("Write now")), QPushButton(tr("Read in"))
        self.counts, self.words = QLabel(" "), QLabel()
        self.counts.setObjectName("caption")
        self.words.setWordWrap(True)
        self.words.setFixedWidth(TEXT_PX)
        self._bar = QProgressBar()
        self._bar.setRange(0, BAR_STEPS)
        self._bar.setTextVisible(False)
        self.close_button, self.stop_button = QPushButton(tr("Close")), QPushButton(tr("Stop"))
        self._lay_out()
        self._connect()
        self._show_work()
        carrier.look()

    def _lay_out(self) -> None:
        column = QVBoxLayout(self)
        column.setContentsMargins(24, 24, 24, 16)
        column.setSpacing(12)
        column.setSizeConstraint(QVBoxLayout.SizeConstraint.SetFixedSize)
        self._add_part(
            column,
            tr("Backup"),
            tr(
                "Everything you said, in one file: albums, ratings, captions, names. Your photos are not in it. Restoring adds what is missing and takes nothing away."
            ),
        )
        column.addWidget(self.models)
        column.addLayout(_row(self.backup_button, self.restore_button))
        line = QFrame()
        line.setObjectName("hairline")
        column.addSpacing(4)
        column.addWidget(line)
        column.addSpacing(4)
        self._add_part(
            column,
            tr("Sidecars"),
            tr(
                "Small XMP files beside the photos, which digiKam, Lightroom and darktable read and write. The photos themselves stay as they are."
            ),
        )
        column.addWidget(self.by_itself)
        column.addWidget(self.automatic)
        column.addWidget(self.counts)
        column.addLayout(_row(self.write_button, self.read_button))
        column.addSpacing(4)
        column.addWidget(self._bar)
        column.addWidget(self.words)
        buttons = QHBoxLayout()
        buttons.addStretch()
        buttons.addWidget(self.stop_button)
        buttons.addWidget(self.close_button)
        column.addLayout(buttons)

    def _add_part(self, column: QVBoxLayout, title: str, words: str) -> None:
        heading, about = QLabel(title), QLabel(words)
        heading.setObjectName("header")
        about.setObjectName("secondary")
        about.setWordWrap(True)
        about.setFixedWidth(TEXT_PX)
        column.addWidget(heading)
        column.addWidget(about)

    def _connect(self) -> None:
        carrier = self._carrier
        self.backup_button.clicked.connect(self._choose_backup)
        self.restore_button.clicked.connect(self._choose_restore)
        self.write_button.clicked.connect(carrier.write)
        self.read_button.clicked.connect(carrier.read)
        self.stop_button.clicked.connect(carrier.stop)
        self.close_button.clicked.connect(self.accept)
        # `clicked` is a person's doing only, `toggled` also ours.
        self.by_itself.clicked.connect(carrier.write_by_itself)
        self.automatic.clicked.connect(carrier.name_automatic)
        carrier.looked.connect(self._take_look)
        carrier.began.connect(self._show_work)
        carrier.progress.connect(self._take_progress)
        carrier.ended.connect(self._show_work)

    def _choose_backup(self) -> None:
        today = QDate.currentDate().toString("yyyy-MM-dd")
        suggested = str(Path.home() / f"{tr('Shiguang')} {today}{SUFFIX}")
        path, _ = QFileDialog.getSaveFileName(self, tr("Back up"), suggested, f"*{SUFFIX}")
        if path:
            self._carrier.back_up(Path(path), models=self.models.isChecked())

    def _choose_restore(self) -> None:
        path, _ = QFileDialog.getOpenFileName(self, tr("Restore"), str(Path.home()), "*.zip")
        if path:
            self._carrier.restore(Path(path))

    @Slot(object)
    def _take_look(self, outside: Outside) -> None:
        self.by_itself.setChecked(outside.by_itself)
        self.automatic.setChecked(outside.automatic)
        words = [tr("{n} sidecars are written.", n=outside.written)]
        if outside.waiting:
            words.append(
                tr("{n} are not written yet: their folders cannot be written to.", n=outside.waiting)
            )
        self.counts.setText(sentences(*words))

    @Slot(object)
    def _take_progress(self, progress: Progress) -> None:
        if progress.total:
            self._bar.setValue(round(BAR_STEPS * progress.done / progress.total))
            done, total = number(progress.done), number(progress.total)
            self.words.setText(tr("{done} of {total}", done=done, total=total))

    @Slot()
    def _show_work(self) -> None:
        """What runs now, or how the last one ended."""
        carrier = self._carrier
        for button in (self.backup_button, self.restore_button, self.write_button, self.read_button):
            button.setEnabled(not carrier.is_busy)
        self.stop_button.setVisible(carrier.is_busy)
        if carrier.is_busy:
            self.words.setText(tr("Working…"))
            return
        self._bar.setValue(0)
        if carrier.done is not None:
            self.words.setText(end_words(*carrier.done))
            self.words.setToolTip(fault_words(carrier.done[1]))


def _row(*buttons: QPushButton) -> QHBoxLayout:
    row = QHBoxLayout()
    row.setSpacing(8)
    for button in buttons:
        row.addWidget(button)
    row.addStretch()
    return row
