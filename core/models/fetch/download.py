"""One file, fetched whole or gone on with: `<name>.partial` grows until its bytes are the right ones.

Beside a partial file lies `<name>.partial.json`: where it came from and the server's ETag then. Going on asks
for the rest by Range with If-Range, so a file that changed meanwhile is sent, and begun, anew.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from core.disk import is_full
from core.errors import DiskFull, LibraryError, ModelError
from core.models.fetch.http import Broken, Reply, opened
from core.models.fetch.meter import Meter
from core.models.fetch.patience import Patience
from core.models.fetch.route import Route
from core.progress import CancelToken

CHUNK_BYTES = 1 << 18
# A connection that brought this much counts as a good one, so a long download over a bad line comes to its end.
GOOD_BYTES = 1 << 20
# Where nobody says how long a file is, something that does not end must.
MOST_BYTES = 20_000_000_000


@dataclass(frozen=True, slots=True)
class Wanted:
    """One file to fetch.

    name      path below the download's folder
    size      in bytes, None where unknown
    sha256    of its bytes, "" where unknown
    git_sha1  of its git blob, "" where unknown: what the hub publishes for files outside its large-file store
    """

    url: str
    name: str
    size: int | None = None
    sha256: str = ""
    git_sha1: str = ""


def download(wanted: Wanted, folder: Path, route: Route, meter: Meter, cancel: CancelToken) -> Path:
    """Fetch one file below `folder`; its path. What lies there already is gone on with, or taken as it is.

    Raises NotThere and Unreachable (the partial file stays), ModelError for bytes that are not the right ones
    (nothing stays), DiskFull, Cancelled (the partial file stays).
    """
    target = folder / wanted.name
    if target.is_file():
        if _is_right(target, wanted, cancel):
            meter.has(target.stat().st_size)
            return target
        target.unlink()
    partial = Partial(target, wanted)
    meter.has(partial.size)
    while True:
        resumed = partial.size > 0
        _complete(partial, wanted, route, meter, cancel)
        if _is_right(partial.path, wanted, cancel):
            partial.keep()
            return target
        meter.has(-partial.size)
        partial.forget()
        # What a stopped download left may be the fault; what came in one piece is what the server has.
        if not resumed:
            raise ModelError(
                f"{wanted.url} came with other bytes than it should have (its checksum differs).",
                what_to_do="Try again later, or another mirror: the setting model_mirror. Nothing of it was kept.",
            )


class Partial:
    """The part of a file that is here, and where it came from."""

    def __init__(self, target: Path, wanted: Wanted) -> None:
        self._target = target
        self._wanted = wanted
        self.path = target.with_name(target.name + ".partial")
        self._note = target.with_name(target.name + ".partial.json")
        self.etag = ""
        target.parent.mkdir(parents=True, exist_ok=True)
        try:
            said = json.loads(self._note.read_text(encoding="utf-8"))
            known = (said["url"], said["sha256"]) == (wanted.url, wanted.sha256)
            self.etag = str(said["etag"])
        except (OSError, ValueError, KeyError, TypeError):
            known = False
        # Without the server's word for "the same file" only a checksum could tell a mixture from the whole.
        if not known or not (self.etag or wanted.sha256):
            self.forget()
        self.size = self.path.stat().st_size if self.path.is_file() else 0
        if wanted.size is not None and self.size > wanted.size:
            self.forget()

    def begin(self, etag: str) -> None:
        """Start with nothing, from the file that the server calls `etag`."""
        self.forget()
        self.etag = etag
        said = {"url": self._wanted.url, "sha256": self._wanted.sha256, "etag": etag}
        with _written(self._note):
            self._note.write_text(json.dumps(said), encoding="utf-8")

    def append(self, reply: Reply, meter: Meter, cancel: CancelToken, most: int) -> None:
        """Take in the rest of an answer, up to `most` bytes in all. Raises Broken, DiskFull, Cancelled."""
        with _written(self.path), self.path.open("ab") as file:
            while self.size < most and (chunk := reply.read(min(CHUNK_BYTES, most - self.size))):
                file.write(chunk)
                self.size += len(chunk)
                meter.came(len(chunk))
                cancel.check()

    def keep(self) -> None:
        """The file is whole and right: give it its name."""
        with _written(self.path):
            with self.path.open("rb+") as file:
                os.fsync(file.fileno())
            self.path.replace(self._target)
            self._note.unlink(missing_ok=True)

    def forget(self) -> None:
        self.path.unlink(missing_ok=True)
        self._note.unlink(missing_ok=True)
        self.size = 0
        self.etag = ""


def _complete(partial: Partial, wanted: Wanted, route: Route, meter: Meter, cancel: CancelToken) -> None:
    patience = Patience(route, cancel)
    while wanted.size is None or partial.size < wanted.size:
        before = partial.size
        try:
            _transfer(partial, wanted, route, meter, cancel)
        except Broken as error:
            if partial.size - before >= GOOD_BYTES:
                patience.good()
            patience.fault(error, wanted.url)
        else:
            return


def _transfer(partial: Partial, wanted: Wanted, route: Route, meter: Meter, cancel: CancelToken) -> None:
    """One request, its answer appended. Raises Broken where it ends before the file does."""
    asked = partial.size
    headers = {"Range": f"bytes={asked}-"} if asked else {}
    if asked and partial.etag:
        headers["If-Range"] = partial.etag
    with opened("GET", wanted.url, route, cancel, headers) as reply:
        etag = _strong_etag(reply)
        begins, total = _extent(reply, asked)
        goes_on = asked and begins == asked and (not etag or not partial.etag or etag == partial.etag)
        if not goes_on:
            meter.has(-partial.size)
            partial.begin(etag)
            if begins != 0:
                raise Broken("the server has another file now")
        # What the list says counts more than the answer's own length, which servers have been seen to get wrong.
        most = wanted.size if wanted.size is not None else total if total is not None else MOST_BYTES
        partial.append(reply, meter, cancel, most)
        cancel.check()
        if partial.size < most and (wanted.size is not None or total is not None):
            raise Broken(f"the connection broke after {partial.size:,} of {most:,} bytes")


def _extent(reply: Reply, asked: int) -> tuple[int, int | None]:
    """(where the answer's bytes begin, how long the whole file is or None); (-1, None) where that is not said."""
    if reply.status == 206:
        match = re.fullmatch(r"bytes (\d+)-\d+/(\d+|\*)", (reply.headers["Content-Range"] or "").strip())
        if match is None:
            return -1, None
        return int(match[1]), None if match[2] == "*" else int(match[2])
    if reply.status == 416:
        return -1, None
    length = reply.headers["Content-Length"]
    return 0, int(length) if length is not None and length.isdecimal() else None


def _strong_etag(reply: Reply) -> str:
    etag = (reply.headers["ETag"] or "").strip()
    # A weak one promises the same meaning, not the same bytes.
    return "" if etag.startswith("W/") else etag


def _is_right(path: Path, wanted: Wanted, cancel: CancelToken) -> bool:
    """Whether the file has the size and the checksum that are known of it."""
    size = path.stat().st_size if path.is_file() else -1
    if size < 0 or (wanted.size is not None and size != wanted.size):
        return False
    if wanted.sha256:
        return _digest(path, hashlib.sha256(), cancel) == wanted.sha256
    if wanted.git_sha1:
        blob = hashlib.sha1(f"blob {size}\0".encode(), usedforsecurity=False)
        return _digest(path, blob, cancel) == wanted.git_sha1
    return True


def _digest(path: Path, digest: hashlib._Hash, cancel: CancelToken) -> str:
    with path.open("rb") as file:
        while chunk := file.read(1 << 22):
            digest.update(chunk)
            cancel.check()
    return digest.hexdigest()


@contextmanager
def _written(path: Path) -> Iterator[None]:
    """What the file system says while `path` is written, in our words."""
    try:
        yield
    except OSError as error:
        if is_full(error):
            raise DiskFull(
                f"The disk is full: {path} could not be written.",
                what_to_do="Free some space and start again; what has come is kept.",
            ) from error
        raise LibraryError(f"{path} cannot be written: {error.strerror or error}") from error
