"""What every test may ask for, and what holds for every test."""

from __future__ import annotations

import logging
import os
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from core.log import stop_log

# Before anything imports Qt: a test opens no window on anybody's screen unless asked to.
os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")

SHARED_DATA = Path(__file__).resolve().parents[2] / "shared" / "data"


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of large test data beside the checkout; a test that needs it is skipped where it is not."""
    if not SHARED_DATA.is_dir():
        pytest.skip(f"needs the test data in {SHARED_DATA}")
    return SHARED_DATA


class InternetSocket(AssertionError):
    """Something opened an internet socket where nothing may leave the machine."""


@pytest.fixture
def no_internet(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Internet sockets fail in this process, and the list names each attempt, also one that was swallowed.

    Local sockets between processes (AF_UNIX) are no breach. Child processes are not covered.
    """
    attempts: list[str] = []
    real = socket.socket

    class GuardedSocket(real):  # type: ignore[misc, valid-type]
        def __init__(self, family: int = -1, *rest: object, **named: object) -> None:
            given = (
                socket.AF_INET if family == -1 and named.get("fileno") is None and len(rest) < 3 else family
            )
            if given in (socket.AF_INET, socket.AF_INET6):
                attempts.append(socket.AddressFamily(given).name)
                raise InternetSocket(f"an internet socket ({attempts[-1]}) was opened")
            super().__init__(family, *rest, **named)

    def refused(host: object, *rest: object, **named: object) -> None:
        attempts.append(f"name of {host!r}")
        raise InternetSocket(f"the internet name {host!r} was asked for")

    monkeypatch.setattr(socket, "socket", GuardedSocket)
    monkeypatch.setattr(socket, "getaddrinfo", refused)
    return attempts


@pytest.fixture(autouse=True)
def _log_as_found() -> Iterator[None]:
    """A log that a test started is closed after it, so that no file stays open and `caplog` hears the next."""
    yield
    stop_log()
    logging.getLogger("shiguang").propagate = True
