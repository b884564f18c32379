"""The hub's layout: which files a repository holds, how long they are and what their checksums are.

    {mirror}/api/models/{repo}/tree/{revision}        the list, with sizes, LFS sha256 and git blob ids
    {mirror}/{repo}/resolve/{revision}/{file}         a file; headers X-Linked-Size, X-Linked-Etag, X-Repo-Commit

Mirrors without the list are asked file by file for the headers.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeVar
from urllib.parse import quote, urljoin

from core.errors import NotThere
from core.models.entries import Source
from core.models.fetch.download import Wanted
from core.models.fetch.http import REDIRECTS, Broken, opened
from core.models.fetch.patience import Patience
from core.models.fetch.route import Route
from core.progress import CancelToken

Value = TypeVar("Value")

# A page of the list holds a thousand files in some 300 kB; a repository of weights has tens.
MOST_PAGES = 20
MOST_PAGE_BYTES = 16_000_000

_SHA256 = re.compile(r"[0-9a-f]{64}")
_SHA1 = re.compile(r"[0-9a-f]{40}")


@dataclass(frozen=True, slots=True)
class HubFile:
    """What the hub says of one file; "" and None for what it does not say."""

    size: int | None
    sha256: str
    git_sha1: str


def wanted_of(source: Source, route: Route, cancel: CancelToken) -> list[Wanted]:
    """The files of one source, sizes and checksums as far as they are known. Raises NotThere, Unreachable, Cancelled."""
    if source.url:
        said = _asked(source.url, route, cancel, partial(_head, source.url, route, cancel))
        return [Wanted(source.url, source.names[0][0], said.size, source.sha256)]
    files, revision = _listed(source, route, cancel)
    found = []
    for choices, names in zip(source.files, source.names, strict=True):
        path, name, said = _first(source, choices, names, files, route, cancel)
        found.append(
            Wanted(address(source, path, route, revision), name, said.size, said.sha256, said.git_sha1)
        )
    return found


def address(source: Source, path: str, route: Route, revision: str = "") -> str:
    """Where one file of a repository lies, or the plain URL."""
    if source.url:
        return source.url
    return f"{route.mirror}/{source.repo}/resolve/{quote(revision or source.revision, safe='')}/{quote(path)}"


def _first(
    source: Source,
    choices: tuple[str, ...],
    names: tuple[str, ...],
    files: dict[str, HubFile] | None,
    route: Route,
    cancel: CancelToken,
) -> tuple[str, str, HubFile]:
    """The first of the choices that the repository has: (path there, name here, what is known of it)."""
    for path, name in zip(choices, names, strict=True):
        if files is not None:
            if path in files:
                return path, name, files[path]
            continue
        url = address(source, path, route)
        try:
            return path, name, _asked(url, route, cancel, partial(_head, url, route, cancel))
        except NotThere as error:
            if type(error) is not NotThere or path == choices[-1]:
                raise
    raise NotThere(f"{source.repo} has no {' or '.join(choices)} at {route.mirror}")


def _listed(source: Source, route: Route, cancel: CancelToken) -> tuple[dict[str, HubFile] | None, str]:
    """What the repository holds by path, and its commit; None where the mirror has no such list."""
    url: str | None = (
        f"{route.mirror}/api/models/{source.repo}/tree/{quote(source.revision, safe='')}?recursive=true"
    )
    files: dict[str, HubFile] = {}
    commit = ""
    for _ in range(MOST_PAGES):
        if url is None:
            break
        page = url
        try:
            rows, commit, url = _asked(page, route, cancel, partial(_page, page, route, cancel))
        except NotThere as error:
            if type(error) is not NotThere:
                raise
            return None, source.revision
        for row in rows:
            _take(row, files)
    return files, commit or source.revision


def _page(url: str, route: Route, cancel: CancelToken) -> tuple[list[Any], str, str | None]:
    """(rows, commit, address of the next page) of one page of the list."""
    with opened("GET", url, route, cancel) as reply:
        body = reply.read_all(MOST_PAGE_BYTES)
        commit = reply.headers["X-Repo-Commit"] or ""
        following = re.search(r'<([^>]+)>\s*;\s*rel="next"', reply.headers["Link"] or "")
    cancel.check()
    try:
        rows = json.loads(body)
    except ValueError as error:
        # A login page of a hotel's network looks like this.
        raise NotThere(f"{url} is no list of files") from error
    if not isinstance(rows, list):
        raise NotThere(f"{url} is no list of files")
    # Files are then asked for at this very commit, so that a list and its files cannot come from two.
    return rows, commit if _SHA1.fullmatch(commit) else "", urljoin(url, following[1]) if following else None


def _take(row: Any, files: dict[str, HubFile]) -> None:
    if not isinstance(row, dict) or row.get("type") != "file" or not isinstance(row.get("path"), str):
        return
    lfs = row.get("lfs")
    large = lfs if isinstance(lfs, dict) else {}
    size = large.get("size", row.get("size"))
    files[row["path"]] = HubFile(
        size=size if isinstance(size, int) and size >= 0 else None,
        sha256=_if(_SHA256, str(large.get("oid", "")).removeprefix("sha256:")),
        git_sha1="" if large else _if(_SHA1, str(row.get("oid", ""))),
    )


def _head(url: str, route: Route, cancel: CancelToken) -> HubFile:
    """What the headers say of one file. The redirect itself is read: behind it the hub is silent."""
    with opened("HEAD", url, route, cancel, follow=False) as reply:
        headers, status = reply.headers, reply.status
    linked = headers["X-Linked-Size"] or (None if status in REDIRECTS else headers["Content-Length"])
    etag = (headers["X-Linked-Etag"] or (None if status in REDIRECTS else headers["ETag"]) or "").strip()
    etag = etag.removeprefix("W/").strip('"')
    return HubFile(
        size=int(linked) if linked is not None and linked.isdecimal() else None,
        sha256=_if(_SHA256, etag),
        # A plain server's ETag may be anything; forty hexadecimal digits on the hub are the blob's id.
        git_sha1=_if(_SHA1, etag) if headers["X-Repo-Commit"] else "",
    )


def _if(pattern: re.Pattern[str], text: str) -> str:
    return text if pattern.fullmatch(text) else ""


def _asked(url: str, route: Route, cancel: CancelToken, ask: Callable[[], Value]) -> Value:
    """The answer to a question, asked again while the fault is a passing one."""
    patience = Patience(route, cancel)
    while True:
        try:
            return ask()
        except Broken as error:
            patience.fault(error, url)
