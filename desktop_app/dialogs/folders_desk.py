"""Between the watched folders and the window: a folder is chosen, added, removed and put back."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Slot
from PySide6.QtWidgets import QFileDialog, QWidget

from desktop_app.dialogs.reveal import open_folder
from desktop_app.i18n import tr
from desktop_app.views.sidebar import Sidebar
from desktop_app.workers.indexing import Indexing

if TYPE_CHECKING:
    from core.library.roots import Root


class FoldersDesk(QObject):
    """Of one window."""

    def __init__(self, indexing: Indexing, sidebar: Sidebar, window: QWidget) -> None:
        super().__init__(window)
        self._indexing, self._status, self._window = indexing, sidebar.status, window
        self._removed: Root | None = None
        sidebar.add_folder_asked.connect(self.choose)
        sidebar.folders.remove_asked.connect(self._remove)
        sidebar.folders.open_asked.connect(self._open)

    @Slot()
    def choose(self) -> None:
        folder = QFileDialog.getExistingDirectory(self._window, tr("Choose a folder of photos"))
        if folder:
            self.add([folder])

    @Slot(object)
    def add(self, folders: Sequence[str]) -> None:
        """Watch folders and take their photos in."""
        for folder in folders:
            self._indexing.add_folder(folder)

    @Slot(object)
    def _remove(self, root: Root) -> None:
        self._removed = root
        self._indexing.remove_folder(root.id)
        self._status.offer_undo(tr("No longer watched"), self._undo_remove)

    def _undo_remove(self) -> None:
        if self._removed is not None:
            self.add([self._removed.display])
            self._removed = None

    @Slot(object)
    def _open(self, root: Root) -> None:
        open_folder(root.display)
