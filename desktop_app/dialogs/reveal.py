"""Opens folders in the system's own file program."""

from __future__ import annotations

import os

from PySide6.QtCore import QUrl
from PySide6.QtGui import QDesktopServices


def open_folder(path: str) -> bool:
    """Whether the system took it. A path whose bytes are no text cannot be named to another program."""
    try:
        path.encode()
    except UnicodeEncodeError:
        return False
    return QDesktopServices.openUrl(QUrl.fromLocalFile(path))


def open_folder_of(path: str) -> bool:
    return open_folder(os.path.dirname(path))
