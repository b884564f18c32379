"""An album out of here: as copies, links or a list, into a folder of the owner's choice."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import Slot
from PySide6.QtWidgets import (
    QButtonGroup,
    QDialog,
    QFileDialog,
    QHBoxLayout,
    QLabel,
    QProgressBar,
    QPushButton,
    QRadioButton,
    QVBoxLayout,
    QWidget,
)

from core.progress import Progress
from desktop_app.dialogs.reveal import open_folder
from desktop_app.i18n import error_sentences, explain, number, sentences, tr
from desktop_app.views.elided_label import ElidedLabel
from desktop_app.workers.albums import Curating
from desktop_app.workers.worker import Done, End, Failed, Worker

if TYPE_CHECKING:
    from core.albums import Album

BAR_STEPS = 1000


class ExportDialog(QDialog):
    """Stays open beside the window while it exports; closed before the end, it stops, and what is there stays."""

    def __init__(self, curating: Curating, album: Album, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._curating, self._album = curating, album
        self._worker: Worker | None = None
        self._folder: Path | None = None
        self.setWindowTitle(tr("Export album"))
        self.setFixedWidth(440)
        self._name = ElidedLabel()
        self._name.setObjectName("header")
        self._name.show_words(album.name)
        self._forms = QButtonGroup(self)
        self._choices: dict[str, QRadioButton] = {}
        for form, words in (
            ("copies", tr("Copies of the photos")),
            ("links", tr("Links to the photos")),
            ("json", tr("A list as JSON")),
            ("csv", tr("A list for a spreadsheet (CSV)")),
        ):
            self._choices[form] = QRadioButton(words)
            self._forms.addButton(self._choices[form])
        self._choices["copies"].setChecked(True)
        self._bar = QProgressBar()
        self._bar.setRange(0, BAR_STEPS)
        self._bar.setTextVisible(False)
        self.words = QLabel()
        self.words.setObjectName("secondary")
        self.words.setWordWrap(True)
        self._open, self._close = QPushButton(tr("Open folder")), QPushButton(tr("Close"))
        self._export = QPushButton(tr("Choose a folder…"))
        self._export.setObjectName("primary")
        self._open.hide()
        self._open.clicked.connect(self._open_folder)
        self._close.clicked.connect(self.reject)
        self._export.clicked.connect(self._choose_folder)
        self._lay_out()

    def _lay_out(self) -> None:
        buttons = QHBoxLayout()
        buttons.addWidget(self._open)
        buttons.addStretch()
        buttons.addWidget(self._close)
        buttons.addWidget(self._export)
        column = QVBoxLayout(self)
        column.setContentsMargins(24, 24, 24, 16)
        column.setSpacing(12)
        column.addWidget(self._name)
        for choice in self._choices.values():
            column.addWidget(choice)
        column.addWidget(self._bar)
        column.addWidget(self.words)
        column.addLayout(buttons)

    @property
    def form(self) -> str:
        return next(form for form, choice in self._choices.items() if choice.isChecked())

    def choose_form(self, form: str) -> None:
        self._choices[form].setChecked(True)

    def _choose_folder(self) -> None:
        folder = QFileDialog.getExistingDirectory(self, tr("Export album"))
        if folder:
            self.export_to(Path(folder))

    def export_to(self, folder: Path) -> None:
        """Begin; one export at a time."""
        if self._worker is not None:
            return
        self._folder = folder
        self._worker = self._curating.export(
            self._album.id, folder, self.form, self._take_end, self._take_progress
        )
        self._export.setEnabled(False)
        self._open.hide()
        self.words.setText(tr("Exporting…"))

    @Slot(object)
    def _take_progress(self, progress: Progress) -> None:
        if progress.total:
            self._bar.setValue(round(BAR_STEPS * progress.done / progress.total))
            done, total = number(progress.done), number(progress.total)
            self.words.setText(tr("{done} of {total}", done=done, total=total))

    @Slot(object)
    def _take_end(self, end: End) -> None:
        self._worker = None
        self._export.setEnabled(True)
        self._bar.setValue(0)
        if isinstance(end, Done):
            words = [tr("{n} photos are there.", n=end.value.photos)]
            if end.value.missing:
                words.append(tr("{n} photos are not here now.", n=len(end.value.missing)))
            self.words.setText(sentences(*words))
            self.words.setToolTip("\n".join(end.value.missing[:50]))
            self._open.show()
        elif isinstance(end, Failed):
            self.words.setText(error_sentences(end.error))
            self.words.setToolTip(explain(end.error).details)

    def _open_folder(self) -> None:
        if self._folder is not None:
            open_folder(str(self._folder))

    def done(self, result: int) -> None:
        if self._worker is not None:
            self._worker.cancel.cancel()
        super().done(result)
