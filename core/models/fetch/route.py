"""How the internet is reached: which mirror of the hub, through which proxy, with how much patience."""

from __future__ import annotations

import os
import urllib.request
from dataclasses import dataclass
from urllib.parse import SplitResult, urlsplit

from core.errors import WrongUse

HUB = "https://huggingface.co"
AUTO, NONE = "auto", "none"
# A server that restarts or a line that drops is back within half a minute: 1 + 2 + 4 + 8 s are waited in all.
ATTEMPTS = 5
FIRST_WAIT_S = 1.0


@dataclass(frozen=True, slots=True)
class Route:
    """How files are fetched.

    mirror        where the hub's repositories lie, without a slash at the end
    proxy         "auto": as the system and HTTPS_PROXY say; "none"; or http://[user:password@]host:port
    timeout_s     of every connection, and of every wait for the next bytes
    attempts      how often a file may fail without bringing anything new before it is given up
    first_wait_s  before the second attempt; each further one waits twice as long
    """

    mirror: str = HUB
    proxy: str = AUTO
    timeout_s: float = 20.0
    attempts: int = ATTEMPTS
    first_wait_s: float = FIRST_WAIT_S

    def __post_init__(self) -> None:
        _must_be_web(self.mirror, "mirror")
        if self.proxy not in (AUTO, NONE):
            _must_be_web(self.proxy, "proxy")

    def proxy_for(self, url: SplitResult) -> SplitResult | None:
        """The proxy that this address is reached through, None for none. Raises WrongUse for one we cannot speak to."""
        if self.proxy == NONE:
            return None
        if self.proxy != AUTO:
            given: str | None = self.proxy
        elif urllib.request.proxy_bypass(url.netloc.rpartition("@")[2]):
            given = None
        else:
            given = urllib.request.getproxies().get(url.scheme)
        if not given:
            return None
        proxy = urlsplit(given if "://" in given else f"http://{given}")
        if proxy.scheme != "http" or not proxy.hostname:
            raise WrongUse(
                f"The proxy {given} cannot be used: only http:// proxies can.",
                what_to_do='Set HTTPS_PROXY or the setting "proxy" to an http:// proxy, or the setting to "none".',
            )
        return proxy


def route_of(mirror: str, proxy: str) -> Route:
    """The route that the settings name. mirror "auto": $HF_ENDPOINT, else the hub itself. Raises WrongUse."""
    if mirror == AUTO:
        mirror = os.environ.get("HF_ENDPOINT") or HUB
    return Route(mirror=mirror.rstrip("/"), proxy=proxy)


def _must_be_web(address: str, what: str) -> None:
    parts = urlsplit(address)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise WrongUse(
            f"{address!r} is no address for the {what}.",
            what_to_do="It begins with https:// or http://, for instance https://hf-mirror.com",
        )
