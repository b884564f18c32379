"""One HTTP request and its answer: redirects, proxies, timeouts; stopped at once when the task is cancelled.

No cookies, no telemetry, no more in a header than the program's name. Only http and https addresses are ever
opened, and a redirect never leads from https back to http.
"""

from __future__ import annotations

import base64
import http.client
import socket
import ssl
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from email.message import Message
from urllib.parse import SplitResult, unquote, urljoin, urlsplit

from core import __version__
from core.errors import NotThere
from core.models.fetch.route import Route
from core.progress import CancelToken

USER_AGENT = f"shiguang/{__version__}"
REDIRECTS = (301, 302, 303, 307, 308)
MOST_REDIRECTS = 8
# What may work a moment later: the server has a bad time, or asks for a pause.
PASSING = (408, 425, 429, 500, 502, 503, 504)
# A cancelled task must not wait for bytes that do not come.
WATCH_EVERY_S = 0.1


class Unreachable(NotThere):
    """A server that cannot be reached, or breaks off again and again."""

    code = "unreachable"
    what_to_do = "Check the connection and try again; what has come is kept."


class Broken(Exception):
    """A fault of the connection or the server that may pass; the request is worth another attempt.

    wait_s  how long the server asks to be left alone
    nobody  whether nobody answered who can be trusted: this machine is offline, or behind a wall, and will be for a while
    """

    def __init__(self, why: str, *, wait_s: float = 0.0, nobody: bool = False) -> None:
        super().__init__(why)
        self.wait_s = wait_s
        self.nobody = nobody


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer whose body is still to be read. `url` is where it came from in the end."""

    url: str
    status: int
    headers: Message
    _response: http.client.HTTPResponse

    def read(self, size: int) -> bytes:
        """Up to `size` bytes as soon as any are there, b"" at the end. Raises Broken."""
        try:
            return self._response.read1(size)
        except (OSError, http.client.HTTPException, ValueError) as error:
            # ValueError: Python's SSL socket says so when it was shut in the middle of a read.
            raise Broken(_why(error)) from error

    def read_all(self, most: int) -> bytes:
        """The whole body. Raises Broken, also for one longer than `most` bytes."""
        parts: list[bytes] = []
        length = 0
        while part := self.read(1 << 16):
            parts.append(part)
            length += len(part)
            if length > most:
                raise Broken(f"the answer is longer than {most} bytes")
        return b"".join(parts)


@contextmanager
def opened(
    method: str,
    url: str,
    route: Route,
    cancel: CancelToken,
    headers: Mapping[str, str] | None = None,
    *,
    follow: bool = True,
) -> Iterator[Reply]:
    """Ask for `url`; the answer, whatever its status below 400 is, 416 included.

    follow  whether redirects are followed; where not, the redirect itself is the answer
    Raises NotThere where the server says that there is no such thing, Broken for passing faults, Cancelled.
    """
    for _ in range(MOST_REDIRECTS):
        parts = _parts(url)
        connection = _connection(parts, route)
        try:
            with _answer(connection, method, parts, route, cancel, headers or {}) as response:
                if response.status in REDIRECTS and follow and response.headers["Location"]:
                    url = _redirected(url, response.headers["Location"])
                    continue
                _refuse(response, url)
                yield Reply(url, response.status, response.headers, response)
                return
        finally:
            connection.close()
    raise NotThere(f"{url} leads in a circle", what_to_do="Try another mirror: the setting model_mirror.")


@contextmanager
def _answer(
    connection: http.client.HTTPConnection,
    method: str,
    parts: SplitResult,
    route: Route,
    cancel: CancelToken,
    headers: Mapping[str, str],
) -> Iterator[http.client.HTTPResponse]:
    cancel.check()
    proxy = route.proxy_for(parts)
    target = parts._replace(scheme="", netloc="", fragment="").geturl() or "/"
    own = {"User-Agent": USER_AGENT, "Accept": "*/*", **headers}
    if proxy is not None and parts.scheme == "http":
        target = parts._replace(fragment="").geturl()
        own |= _proxy_authorization(proxy)
    try:
        connection.connect()
        # Kept here: http.client forgets its socket once the answer says that the connection ends with it.
        sock = connection.sock
        with _shut_when_cancelled(sock, cancel):
            connection.request(method, target, headers=own)
            response = connection.getresponse()
            yield response
    except (OSError, http.client.HTTPException) as error:
        cancel.check()
        nobody = isinstance(error, socket.gaierror | ConnectionRefusedError | ssl.SSLCertVerificationError)
        raise Broken(f"{parts.hostname}: {_why(error)}", nobody=nobody) from error
    finally:
        connection.close()


@contextmanager
def _shut_when_cancelled(sock: socket.socket, cancel: CancelToken) -> Iterator[None]:
    """While inside, a cancelled task's socket is shut, so that a read that waits for bytes returns."""
    ended = threading.Event()

    def watch() -> None:
        while not ended.is_set():
            if cancel.wait(WATCH_EVERY_S) and not ended.is_set():
                try:
                    # The plain socket's own: SSLSocket.shutdown would take the TLS state away from the reader.
                    socket.socket.shutdown(sock, socket.SHUT_RDWR)
                except OSError:
                    pass
                return

    threading.Thread(target=watch, name="shut when cancelled", daemon=True).start()
    try:
        yield
    finally:
        ended.set()


def _connection(parts: SplitResult, route: Route) -> http.client.HTTPConnection:
    host, port = parts.hostname or "", parts.port
    proxy = route.proxy_for(parts)
    if parts.scheme == "http":
        if proxy is not None:
            return http.client.HTTPConnection(proxy.hostname or "", proxy.port or 80, timeout=route.timeout_s)
        return http.client.HTTPConnection(host, port, timeout=route.timeout_s)
    context = ssl.create_default_context()
    if proxy is None:
        return http.client.HTTPSConnection(host, port, timeout=route.timeout_s, context=context)
    connection = http.client.HTTPSConnection(
        proxy.hostname or "", proxy.port or 80, timeout=route.timeout_s, context=context
    )
    connection.set_tunnel(host, port or 443, headers=_proxy_authorization(proxy))
    return connection


def _proxy_authorization(proxy: SplitResult) -> dict[str, str]:
    if proxy.username is None:
        return {}
    said = f"{unquote(proxy.username)}:{unquote(proxy.password or '')}"
    return {"Proxy-Authorization": "Basic " + base64.b64encode(said.encode()).decode()}


def _parts(url: str) -> SplitResult:
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise NotThere(f"{url} is no address of the web", what_to_do="Try another mirror.")
    return parts


def _redirected(url: str, location: str) -> str:
    # Servers send bytes above ASCII as they are; http.client hands them over as Latin-1.
    new = urljoin(url, location.encode("latin-1", "replace").decode("utf-8", "replace").replace(" ", "%20"))
    scheme = urlsplit(new).scheme
    if scheme not in ("http", "https") or (scheme == "http" and urlsplit(url).scheme == "https"):
        raise NotThere(
            f"{url} leads to {new}, which is not opened: downloads stay on https.",
            what_to_do="Try another mirror: the setting model_mirror.",
        )
    return new


def _refuse(response: http.client.HTTPResponse, url: str) -> None:
    status = response.status
    if status in PASSING:
        try:
            wait_s = min(60.0, float(response.headers["Retry-After"] or 0))
        except ValueError:
            wait_s = 0.0
        raise Broken(f"{urlsplit(url).hostname} answers {status} {response.reason}", wait_s=wait_s)
    if status >= 400 and status != 416:  # 416: the range asked for is not there, which the caller understands
        because = " (it wants a login)" if status in (401, 403, 407) else ""
        raise NotThere(f"{url} is not to be had: {status} {response.reason}{because}")


def _why(error: Exception) -> str:
    """What happened to the connection, in words."""
    if isinstance(error, TimeoutError):
        return "no answer in time"
    if isinstance(error, socket.gaierror):
        return "its name is not known here (is the machine online?)"
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"its certificate does not hold ({error.verify_message}); SSL_CERT_FILE may name another list"
    if isinstance(error, ConnectionRefusedError):
        return "it refuses the connection"
    if isinstance(error, http.client.RemoteDisconnected | ConnectionError | http.client.IncompleteRead):
        return "the connection broke"
    return str(error) or type(error).__name__
