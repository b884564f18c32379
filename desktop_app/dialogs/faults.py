"""The files that could not be taken in: which, why, what to do."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from PySide6.QtCore import Qt
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import (
    QAbstractItemView,
    QDialog,
    QHBoxLayout,
    QHeaderView,
    QLabel,
    QPushButton,
    QTableView,
    QVBoxLayout,
    QWidget,
)

from desktop_app.dialogs.reveal import open_folder_of
from desktop_app.i18n import tr
from desktop_app.items.fault_model import FaultModel, as_text

if TYPE_CHECKING:
    from core.library.files import Fault

ROW_PX = 36


class FaultsDialog(QDialog):
    """Opened empty; `show_faults` fills it, and says so when there are none."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setWindowTitle(tr("Not taken in"))
        self.resize(880, 480)
        self._model = FaultModel(self)
        self._heading = QLabel(tr("Reading the list…"))
        self._heading.setObjectName("header")
        self._note = note = QLabel(
            tr("These files were left as they are. Each is tried again when it changes.")
        )
        note.setObjectName("secondary")
        note.setWordWrap(True)
        self._table = QTableView()
        self._table.setModel(self._model)
        self._table.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self._table.setWordWrap(False)
        self._table.setShowGrid(False)
        self._table.setTextElideMode(Qt.TextElideMode.ElideMiddle)
        self._table.verticalHeader().hide()
        self._table.verticalHeader().setDefaultSectionSize(ROW_PX)
        header = self._table.horizontalHeader()
        header.setDefaultAlignment(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter)
        header.setHighlightSections(False)
        header.setSectionResizeMode(QHeaderView.ResizeMode.Stretch)
        self._table.setAccessibleName(tr("Not taken in"))
        self._open = QPushButton(tr("Open folder"))
        self._copy = QPushButton(tr("Copy the list"))
        close = QPushButton(tr("Close"))
        self._open.clicked.connect(self._open_folder)
        self._copy.clicked.connect(self._copy_list)
        close.clicked.connect(self.accept)
        self._table.selectionModel().selectionChanged.connect(self._enable_open)
        buttons = QHBoxLayout()
        buttons.addWidget(self._open)
        buttons.addWidget(self._copy)
        buttons.addStretch()
        buttons.addWidget(close)
        column = QVBoxLayout(self)
        column.setContentsMargins(24, 24, 24, 16)
        column.setSpacing(12)
        for widget in (self._heading, note, self._table):
            column.addWidget(widget)
        column.addLayout(buttons)
        self._open.setEnabled(False)
        self._copy.setEnabled(False)

    def show_faults(self, faults: Sequence[Fault]) -> None:
        self._model.show_faults(faults)
        self._heading.setText(
            tr("{n} files could not be read", n=len(faults)) if faults else tr("Every file was taken in")
        )
        self._note.setVisible(bool(faults))
        self._copy.setEnabled(bool(faults))
        if faults:
            self._table.selectRow(0)

    def _enable_open(self) -> None:
        self._open.setEnabled(self._table.selectionModel().hasSelection())

    def _open_folder(self) -> None:
        rows = self._table.selectionModel().selectedRows()
        if rows:
            open_folder_of(self._model.faults[rows[0].row()].path)

    def _copy_list(self) -> None:
        QGuiApplication.clipboard().setText(as_text(self._model.faults))
