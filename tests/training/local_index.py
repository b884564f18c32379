"""A package index on this machine, real sockets and all: one small wheel, its metadata beside it, Range and ETag."""

from __future__ import annotations

import base64
import hashlib
import io
import threading
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

NAME, MODULE = "tiny-extra", "tiny_extra"
WHEEL = f"{MODULE}-1.0-py3-none-any.whl"
METADATA = f"Metadata-Version: 2.1\nName: {NAME}\nVersion: 1.0\n"


def make_wheel(ballast_bytes: int = 400_000) -> bytes:
    """A wheel with one module, as heavy as wanted."""
    info = f"{MODULE}-1.0.dist-info"
    files = {
        f"{MODULE}.py": b"HERE = True\n",
        f"{MODULE}.bin": bytes(i * i % 251 for i in range(ballast_bytes)),
        f"{info}/METADATA": METADATA.encode(),
        f"{info}/WHEEL": b"Wheel-Version: 1.0\nGenerator: tests\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    record = "".join(f"{name},sha256={_digest(content)},{len(content)}\n" for name, content in files.items())
    files[f"{info}/RECORD"] = f"{record}{info}/RECORD,,\n".encode()
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return packed.getvalue()


def _digest(content: bytes) -> str:
    return base64.urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b"=").decode()


@dataclass
class LocalIndex:
    """stop_at: of the next answer with the wheel, hold after so many bytes until `let_on` is set; 0 sends all."""

    wheel: bytes = field(default_factory=make_wheel)
    stop_at: int = 0
    let_on: threading.Event = field(default_factory=threading.Event)
    held: threading.Event = field(default_factory=threading.Event)
    ranges: list[str] = field(default_factory=list)
    url: str = ""


class _Handler(BaseHTTPRequestHandler):
    index: LocalIndex

    def do_HEAD(self) -> None:
        self._answer(200, self.index.wheel, {})

    def do_GET(self) -> None:
        index = self.index
        if self.path == f"/simple/{NAME}/":
            digest = hashlib.sha256(index.wheel).hexdigest()
            # Both names, as the public index has them: before 23.3 pip knows the first alone.
            beside = 'data-dist-info-metadata="true" data-core-metadata="true"'
            link = f'<a href="/files/{WHEEL}#sha256={digest}" {beside}>{WHEEL}</a>'
            self._answer(200, f"<!DOCTYPE html><html><body>{link}</body></html>".encode(), {})
        elif self.path == f"/files/{WHEEL}.metadata":
            self._answer(200, METADATA.encode(), {})
        elif self.path == f"/files/{WHEEL}":
            self._wheel()
        else:
            self._answer(404, b"", {})

    def _wheel(self) -> None:
        whole, asked = self.index.wheel, self.headers.get("Range", "")
        self.index.ranges.append(asked)
        begin = int(asked.removeprefix("bytes=").rstrip("-")) if asked else 0
        more = {"Content-Range": f"bytes {begin}-{len(whole) - 1}/{len(whole)}"} if asked else {}
        self._answer(206 if asked else 200, whole[begin:], more, hold=True)

    def _answer(self, status: int, body: bytes, more: dict[str, str], *, hold: bool = False) -> None:
        self.send_response(status)
        kind = "text/html" if self.path.endswith("/") else "application/octet-stream"
        for name, value in {"Content-Type": kind, "ETag": '"one"', **more}.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command == "HEAD":
            return
        stop, self.index.stop_at = (self.index.stop_at, 0) if hold else (0, self.index.stop_at)
        try:
            self.wfile.write(body[:stop] if stop else body)
            if stop:
                self.wfile.flush()
                self.index.held.set()
                self.index.let_on.wait(60)
                self.wfile.write(body[stop:])
        except OSError:
            pass  # whoever asked has gone

    def log_message(self, format: str, *values: object) -> None:
        pass


@contextmanager
def served() -> Iterator[LocalIndex]:
    index = LocalIndex()
    handler = type("Handler", (_Handler,), {"index": index})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.daemon_threads = True
    index.url = f"http://127.0.0.1:{server.server_port}/simple/"
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    try:
        yield index
    finally:
        index.let_on.set()
        server.shutdown()
        server.server_close()
        thread.join()
