"""An error for a person: what happened, what to do, and the exact words folded away to be copied."""

from __future__ import annotations

import traceback

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QMessageBox, QWidget

from core.errors import Bug, ShiguangError
from desktop_app.i18n import explain, tr


def show_error(error: ShiguangError, parent: QWidget | None = None) -> QMessageBox:
    """Opens the box without waiting for it; closed, it is gone. Without a parent the caller keeps it."""
    words = explain(error)
    box = QMessageBox(
        QMessageBox.Icon.NoIcon, tr("Shiguang"), words.what, QMessageBox.StandardButton.Close, parent
    )
    box.setInformativeText(words.what_to_do)
    # The exact next step too: where the language has its own, it may name a command that ours leaves out.
    details = f"{words.details}\n{error.what_to_do}".strip() if words.details else ""
    if isinstance(error, Bug) and error.__cause__ is not None:
        details = "".join(traceback.format_exception(error.__cause__))
    if details:
        box.setDetailedText(details)
    box.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
    box.open()
    return box
