"""A server with the hub's layout on this machine, real sockets and all, that misbehaves as it is told."""

from __future__ import annotations

import hashlib
import json
import re
import ssl
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import unquote, urlsplit

COMMIT = "c0ffee" * 6 + "c0ff"


@dataclass
class LocalHub:
    """What the server holds, how it behaves, and what it was asked.

    files      repository -> path -> content
    break_at   of the first answers with a file's content: stop after so many bytes; one is used up an answer
    errors     statuses of the next answers instead of the content
    lengths_off_by  how wrong the Content-Length of the next answers is
    """

    files: dict[str, dict[str, bytes]] = field(default_factory=dict)
    break_at: list[int] = field(default_factory=list)
    errors: list[int] = field(default_factory=list)
    ranges: bool = True
    lists: bool = True
    etags: bool = True
    etag_suffix: str = ""
    redirects_to: str = ""
    lengths_off_by: list[int] = field(default_factory=list)
    wrong_bytes: bool = False
    trickle_s: float = 0.0
    chunked: bool = False
    asked: list[tuple[str, str, str]] = field(default_factory=list)
    agents: set[str] = field(default_factory=set)
    sent_headers: set[str] = field(default_factory=set)
    url: str = ""
    trickling: threading.Event = field(default_factory=threading.Event)
    stopped: threading.Event = field(default_factory=threading.Event)

    def sha256(self, repo: str, path: str) -> str:
        return hashlib.sha256(self.files[repo][path]).hexdigest()

    def contents_sent(self) -> list[str]:
        """The Range of every answer with a file's content, "" for a whole one."""
        return [given for method, path, given in self.asked if method == "GET" and "/resolve/" in path]


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    hub: LocalHub

    def do_HEAD(self) -> None:
        self.do_GET()

    def do_GET(self) -> None:
        hub, path = self.hub, unquote(urlsplit(self.path).path)
        hub.asked.append((self.command, path, self.headers.get("Range", "")))
        hub.agents.add(self.headers.get("User-Agent", ""))
        hub.sent_headers |= {name.lower() for name in self.headers}
        if match := re.fullmatch(r"/api/models/([^/]+/[^/]+)/tree/([^/]+)", path):
            self._list(match[1])
        elif match := re.fullmatch(r"(?:/moved)?/([^/]+/[^/]+)/resolve/([^/]+)/(.+)", path):
            self._file(match[1], match[3], path)
        else:
            self._status(404)

    def _list(self, repo: str) -> None:
        if not self.hub.lists or repo not in self.hub.files:
            self._status(404)
            return
        rows = [{"type": "directory", "path": "onnx", "oid": "0" * 40, "size": 0}]
        for path, content in self.hub.files[repo].items():
            row = {"type": "file", "path": path, "oid": _blob_id(content), "size": len(content)}
            if len(content) > 1000:
                row["lfs"] = {
                    "oid": hashlib.sha256(content).hexdigest(),
                    "size": len(content),
                    "pointerSize": 131,
                }
            rows.append(row)
        body = json.dumps(rows).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("X-Repo-Commit", COMMIT)
        self.end_headers()
        self.wfile.write(body)

    def _file(self, repo: str, name: str, path: str) -> None:
        hub, content = self.hub, self.hub.files.get(repo, {}).get(name)
        if content is None:
            self._status(404)
            return
        if self.command == "HEAD":
            self._head(content)
            return
        if hub.errors:
            self._status(hub.errors.pop(0))
            return
        if hub.redirects_to and not path.startswith("/moved"):
            self.send_response(302)
            self.send_header("Location", hub.redirects_to.format(path=path))
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        self._content(bytes(reversed(content)) if hub.wrong_bytes else content)

    def _head(self, content: bytes) -> None:
        large = len(content) > 1000
        self.send_response(302 if large else 200)
        if large:
            self.send_header("Location", "/nowhere")
            self.send_header("X-Linked-Size", str(len(content)))
            self.send_header("X-Linked-Etag", f'"{hashlib.sha256(content).hexdigest()}"')
            self.send_header("Content-Length", "0")
        else:
            self.send_header("ETag", f'"{_blob_id(content)}"')
            self.send_header("Content-Length", str(len(content)))
        self.send_header("X-Repo-Commit", COMMIT)
        self.end_headers()

    def _content(self, content: bytes) -> None:
        hub = self.hub
        etag = f'"{hashlib.md5(content, usedforsecurity=False).hexdigest()}{hub.etag_suffix}"'
        begin = self._begin(etag, len(content))
        body = content[begin:]
        off_by = hub.lengths_off_by.pop(0) if hub.lengths_off_by else 0
        self.send_response(206 if begin else 200)
        if begin:
            self.send_header("Content-Range", f"bytes {begin}-{len(content) - 1}/{len(content)}")
        if hub.etags:
            self.send_header("ETag", etag)
        if hub.chunked:
            self.send_header("Transfer-Encoding", "chunked")
        else:
            self.send_header("Content-Length", str(len(body) + off_by))
        self.end_headers()
        if hub.chunked:
            self.wfile.write(b"%x\r\n%s\r\n0\r\n\r\n" % (len(body), body))
        elif hub.trickle_s:
            self._trickle(body)
        elif hub.break_at:
            self.wfile.write(body[: hub.break_at.pop(0)])
            self.close_connection = True
        else:
            self.wfile.write(body[: len(body) + min(0, off_by)])
            self.close_connection = True

    def _begin(self, etag: str, length: int) -> int:
        match = re.fullmatch(r"bytes=(\d+)-", self.headers.get("Range", ""))
        unchanged = self.headers.get("If-Range", etag) == etag
        return int(match[1]) if match and self.hub.ranges and unchanged and int(match[1]) < length else 0

    def _trickle(self, body: bytes) -> None:
        for i in range(len(body)):
            self.wfile.write(body[i : i + 1])
            self.wfile.flush()
            self.hub.trickling.set()
            if self.hub.stopped.wait(self.hub.trickle_s):
                return

    def _status(self, status: int) -> None:
        self.send_response(status)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:
        pass


def _blob_id(content: bytes) -> str:
    return hashlib.sha1(b"blob %d\0" % len(content) + content, usedforsecurity=False).hexdigest()


@contextmanager
def serving(hub: LocalHub, certificate: Path | None = None) -> Iterator[LocalHub]:
    """The hub, answering at `hub.url` until the end of the block; over https with a certificate and key in PEM."""
    handler = type("Handler", (_Handler,), {"hub": hub})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        server.daemon_threads = True
        if certificate is not None:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(certificate)
            server.socket = context.wrap_socket(
                server.socket, server_side=True, do_handshake_on_connect=False
            )
        server.handle_error = lambda request, address: None  # type: ignore[method-assign]  # readers that go away are meant
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        hub.url = f"http{'s' if certificate else ''}://127.0.0.1:{server.server_address[1]}"
        try:
            yield hub
        finally:
            hub.stopped.set()
            server.shutdown()
            thread.join()


class _ProxyHandler(BaseHTTPRequestHandler):
    seen: list[tuple[str, str]]
    to: LocalHub

    def do_GET(self) -> None:
        """Answers for every host in the world with what the local hub says."""
        self.seen.append((self.path, self.headers.get("Proxy-Authorization", "")))
        there = urlsplit(self.to.url)
        connection = HTTPConnection(there.hostname or "", there.port)
        parts = urlsplit(self.path)
        connection.request(self.command, parts._replace(scheme="", netloc="").geturl())
        answer = connection.getresponse()
        body = answer.read()
        self.send_response(answer.status)
        for name, value in answer.getheaders():
            if name.lower() not in ("date", "server", "transfer-encoding"):
                self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)
        connection.close()

    def do_HEAD(self) -> None:
        self.do_GET()

    def log_message(self, format: str, *args: object) -> None:
        pass


@contextmanager
def proxying(hub: LocalHub) -> Iterator[tuple[str, list[tuple[str, str]]]]:
    """(address of a proxy that leads to the hub, what it was asked: (address, authorization))."""
    seen: list[tuple[str, str]] = []
    handler = type("Handler", (_ProxyHandler,), {"seen": seen, "to": hub})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield f"127.0.0.1:{server.server_address[1]}", seen
        finally:
            server.shutdown()
            thread.join()


def wait_for(condition: threading.Event, timeout_s: float = 60.0) -> None:
    began = time.monotonic()
    while not condition.wait(0.05):
        assert time.monotonic() - began < timeout_s
