"""One window a library: a second start hands its folders to the first one, which comes to the front."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Sequence
from pathlib import Path

from PySide6.QtCore import QObject, Signal
from PySide6.QtNetwork import QLocalServer, QLocalSocket

from core.log import logger

log = logger(__name__)

# The first window may be busy starting, and two on one library are worse than a late answer; a dead one's socket
# refuses at once.
ANSWER_WITHIN_MS = 10_000
MOST_BYTES = 1_000_000


def name_of(library: Path) -> str:
    """The name of the socket: short, because some systems allow 100 bytes for its whole path."""
    path = os.fsencode(os.path.realpath(library))
    return f"shiguang-{hashlib.sha256(path).hexdigest()[:24]}"


def hand_over(library: Path, folders: Sequence[str]) -> bool:
    """Give the folders to the window that has this library open; false when there is none."""
    socket = QLocalSocket()
    socket.connectToServer(name_of(library))
    if not socket.waitForConnected(ANSWER_WITHIN_MS):
        return False
    # Bytes of a path that are no text travel as escaped surrogates.
    socket.write(json.dumps({"folders": list(folders)}).encode("ascii") + b"\n")
    # The answer may come while the question is still being written; then there is nothing more to wait for.
    socket.waitForBytesWritten(ANSWER_WITHIN_MS)
    taken = bool(socket.bytesAvailable()) or socket.waitForReadyRead(ANSWER_WITHIN_MS)
    socket.disconnectFromServer()
    return taken


class FirstInstance(QObject):
    """Listens for later starts. `called` brings their folders."""

    called = Signal(object)  # list of paths

    def __init__(self, library: Path, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._server = QLocalServer(self)
        self._server.setSocketOptions(QLocalServer.SocketOption.UserAccessOption)
        self._server.newConnection.connect(self._listen_to)
        name = name_of(library)
        if not self._server.listen(name):
            # Left behind by a program that was killed: nobody answered there before we came here.
            QLocalServer.removeServer(name)
            if not self._server.listen(name):
                log.warning("a second start will not be noticed: %s", self._server.errorString())

    def _listen_to(self) -> None:
        while (socket := self._server.nextPendingConnection()) is not None:
            socket.readyRead.connect(self._read)
            socket.disconnected.connect(socket.deleteLater)

    def _read(self) -> None:
        socket = self.sender()
        if not isinstance(socket, QLocalSocket) or (
            not socket.canReadLine() and socket.bytesAvailable() < MOST_BYTES
        ):
            return
        try:
            message = json.loads(bytes(socket.readLine(MOST_BYTES).data()))
            folders = [str(folder) for folder in message["folders"]]
        except (ValueError, KeyError, TypeError):
            log.warning("a second start said nothing sensible")
            folders = []
        socket.write(b"ok\n")
        socket.flush()  # else it leaves with the event loop, and whoever is called may keep that busy
        self.called.emit(folders)

    def close(self) -> None:
        self._server.close()
