"""The watched folders as a Qt model: the last part of the path, the state in words, the whole path on demand."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import TYPE_CHECKING

from PySide6.QtCore import QAbstractListModel, QModelIndex, QObject, QPersistentModelIndex, Qt

from desktop_app.i18n import tr

if TYPE_CHECKING:
    from core.library.roots import Root

ROOT = Qt.ItemDataRole.UserRole + 1  # Root
STATE_WORDS = Qt.ItemDataRole.UserRole + 2  # "" where the folder is here

AnyIndex = QModelIndex | QPersistentModelIndex
NOWHERE = QModelIndex()


class FolderModel(QAbstractListModel):
    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._roots: list[Root] = []

    def rowCount(self, parent: AnyIndex = NOWHERE) -> int:
        return 0 if parent.isValid() else len(self._roots)

    def data(self, index: AnyIndex, role: int = Qt.ItemDataRole.DisplayRole) -> object:
        if not index.isValid() or index.row() >= len(self._roots):
            return None
        root = self._roots[index.row()]
        if role == Qt.ItemDataRole.DisplayRole:
            return shown_path(os.path.basename(root.display) or root.display)
        if role == Qt.ItemDataRole.ToolTipRole:
            words = folder_state_words(root.state)
            return shown_path(root.display) + (f"\n{words}" if words else "")
        if role == Qt.ItemDataRole.AccessibleTextRole:
            return " · ".join(filter(None, (shown_path(root.display), folder_state_words(root.state))))
        if role == ROOT:
            return root
        if role == STATE_WORDS:
            return folder_state_words(root.state)
        return None

    def show_roots(self, roots: Sequence[Root]) -> None:
        """Rows change only where something changed, so that the selection stays."""
        if [root.id for root in roots] == [root.id for root in self._roots]:
            changed = [row for row, root in enumerate(roots) if root != self._roots[row]]
            self._roots = list(roots)
            for row in changed:
                self.dataChanged.emit(self.index(row), self.index(row))
            return
        self.beginResetModel()
        self._roots = list(roots)
        self.endResetModel()

    @property
    def roots(self) -> Sequence[Root]:
        return self._roots


def folder_state_words(state: str) -> str:
    """What is to be said of a folder's state; nothing where all is well."""
    return {"offline": tr("Drive not connected"), "gone": tr("Folder not found")}.get(state, "")


def shown_path(path: str) -> str:
    """A path for the eye: bytes that are no text become a mark, because Qt draws no lone surrogates."""
    return path.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
