"""Opens the library in a lane: what is heavy to import is imported there, after the window is up."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from core.progress import CancelToken, Report

if TYPE_CHECKING:
    from core.app import Shiguang


class Opening:
    """A task that remembers what it opened, so that it can be closed though nobody took it."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.library: Shiguang | None = None

    def run(self, report: Report, cancel: CancelToken) -> Shiguang:
        """The library, made when it is not there. Raises LibraryError."""
        # numpy, ONNX Runtime and the database come with it: half a second that the window need not wait for.
        from core.app import open_library

        self.library = open_library(self._folder, writable=True)
        return self.library
