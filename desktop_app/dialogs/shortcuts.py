"""All keys, in a table."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtGui import QKeySequence
from PySide6.QtWidgets import QDialog, QGridLayout, QLabel, QPushButton, QVBoxLayout, QWidget

from desktop_app.i18n import tr


def shortcuts() -> tuple[tuple[str, str], ...]:
    """(keys, what they do), in the order of the page."""
    native = QKeySequence.SequenceFormat.NativeText
    control = QKeySequence("Ctrl+F").toString(native).removesuffix("F")
    return (
        (f"/  {control}F", tr("Search")),
        ("Esc", tr("Back, one step each")),
        ("← → ↑ ↓", tr("From photo to photo")),
        ("Enter  Space", tr("Open the photo")),
        ("Z", tr("Fit or full size, in the viewer")),
        ("F", tr("Favourite")),
        ("0–5", tr("Rating")),
        ("A  X", tr("Belongs in the album, or does not; in the review, too")),
        ("A  X", tr("What was searched for, or not, among the results")),
        ("W", tr("Why a photo is in the album")),
        ("→  Space", tr("Skip, in the review")),
        (f"{control}Z", tr("Undo what was said last of photos")),
        (f"{control}A", tr("Select all")),
        (f"{control}+  {control}-", tr("Larger or smaller photos")),
        (f"{control}O", tr("Add a folder")),
        (f"{control}N", tr("Names")),
        (f"{control}M", tr("Models")),
        (f"{control}L", tr("Learn from you")),
        (f"{control}B", tr("Backup and sidecars")),
        (f"{control},", tr("Settings")),
        ("F1  ?", tr("Keyboard shortcuts")),
    )


class ShortcutsDialog(QDialog):
    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setWindowTitle(tr("Keyboard shortcuts"))
        column = QVBoxLayout(self)
        column.setContentsMargins(24, 24, 24, 16)
        column.setSpacing(16)
        grid = QGridLayout()
        grid.setHorizontalSpacing(32)
        grid.setVerticalSpacing(8)
        for row, (keys, what) in enumerate(shortcuts()):
            label = QLabel(keys)
            label.setObjectName("secondary")
            grid.addWidget(label, row, 0)
            grid.addWidget(QLabel(what), row, 1)
        column.addLayout(grid)
        close = QPushButton(tr("Close"))
        close.clicked.connect(self.accept)
        column.addWidget(close, 0, Qt.AlignmentFlag.AlignRight)
