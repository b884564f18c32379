"""How often a request is tried again, and what is waited in between."""

from __future__ import annotations

from core.models.fetch.http import Broken, Unreachable
from core.models.fetch.route import Route
from core.progress import CancelToken

# A machine without a connection should say so at once, and not after all attempts.
ATTEMPTS_AT_NOBODY = 2


class Patience:
    """Counts the failed attempts of one file or question."""

    def __init__(self, route: Route, cancel: CancelToken) -> None:
        self._route = route
        self._cancel = cancel
        self._failed = 0

    def good(self) -> None:
        """The last attempt brought something: the next fault counts as the first again."""
        self._failed = 0

    def fault(self, error: Broken, url: str) -> None:
        """Wait, twice as long each time. Raises Unreachable after the last attempt, Cancelled."""
        self._cancel.check()
        self._failed += 1
        attempts = self._route.attempts
        if self._failed >= (min(attempts, ATTEMPTS_AT_NOBODY) if error.nobody else attempts):
            raise Unreachable(f"{url} cannot be fetched: {error}") from error
        self._cancel.wait(max(error.wait_s, self._route.first_wait_s * 2 ** (self._failed - 1)))
        self._cancel.check()
