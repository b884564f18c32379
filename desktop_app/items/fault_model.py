"""The files that failed as a Qt table: which, why, and what to do."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import TYPE_CHECKING

from PySide6.QtCore import QAbstractTableModel, QModelIndex, QObject, QPersistentModelIndex, Qt

from desktop_app.i18n import explain_fault, tr
from desktop_app.items.folder_model import shown_path

if TYPE_CHECKING:
    from core.library.files import Fault

AnyIndex = QModelIndex | QPersistentModelIndex
NOWHERE = QModelIndex()
COLUMNS = 3


class FaultModel(QAbstractTableModel):
    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._faults: list[Fault] = []

    def rowCount(self, parent: AnyIndex = NOWHERE) -> int:
        return 0 if parent.isValid() else len(self._faults)

    def columnCount(self, parent: AnyIndex = NOWHERE) -> int:
        return 0 if parent.isValid() else COLUMNS

    def headerData(
        self, section: int, orientation: Qt.Orientation, role: int = Qt.ItemDataRole.DisplayRole
    ) -> object:
        if orientation == Qt.Orientation.Horizontal and role == Qt.ItemDataRole.DisplayRole:
            return (tr("File"), tr("Why"), tr("What to do"))[section]
        return None

    def data(self, index: AnyIndex, role: int = Qt.ItemDataRole.DisplayRole) -> object:
        if not index.isValid() or index.row() >= len(self._faults):
            return None
        fault = self._faults[index.row()]
        words = explain_fault(fault)
        if role == Qt.ItemDataRole.DisplayRole:
            name = shown_path(os.path.basename(fault.path) or fault.path)
            return (name, words.what, words.what_to_do)[index.column()]
        if role == Qt.ItemDataRole.ToolTipRole:
            return (shown_path(fault.path), words.details, words.what_to_do)[index.column()]
        return None

    def show_faults(self, faults: Sequence[Fault]) -> None:
        self.beginResetModel()
        self._faults = list(faults)
        self.endResetModel()

    @property
    def faults(self) -> Sequence[Fault]:
        return self._faults


def as_text(faults: Sequence[Fault]) -> str:
    """The list to copy: a line a file, with the exact reason."""
    return "\n".join(f"{shown_path(fault.path)}\t{fault.code}\t{fault.reason}" for fault in faults)
