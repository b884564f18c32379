"""The backup file: a zip whose `backup.json` lists every other entry with its size and sha256.

Reading trusts nothing: an entry that is not listed, or listed and not there, or of another content, a name that
leads elsewhere, more than fits: the file is refused, and nothing of it was used.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import re
import zipfile
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import IO, Any

from core.disk import is_full, sync_folder
from core.errors import DiskFull, NotThere, WrongUse
from core.progress import CancelToken

KIND, EDITION = "shiguang backup", 1
CONTENTS = "backup.json"
# `said/captions.jsonl`, `models/local%3Amine/image.onnx`: no "..", no absolute path, nothing hidden, and of models
# only imported and fine-tuned ones, so that nothing passes for a published one.
_NAME = re.compile(
    r"said/[a-z_]+\.jsonl|photos\.jsonl|models/(?=local%3A|[^/]*\+)[A-Za-z0-9_][A-Za-z0-9._+%-]*(/[A-Za-z0-9_][A-Za-z0-9._+%-]*){1,3}"
)
_MOST_CONTENTS_BYTES = 16 << 20
# A caption is no book; a longer line is an attack on the memory.
_MOST_LINE_BYTES = 1 << 20
_MOST_SAID_BYTES = 4 << 30
_CHUNK = 1 << 20


class BackupDamaged(WrongUse):
    """Broken, truncated, or no backup at all."""

    code = "backup-damaged"
    what_to_do = "Choose another backup; nothing was changed."


class BackupNewer(WrongUse):
    code = "backup-newer"
    what_to_do = "Update Shiguang and restore again; nothing was changed."


@dataclass(frozen=True, slots=True)
class Entry:
    size_bytes: int
    sha256: str


# ---- writing


class ArchiveWriter:
    """A backup being written. `with` it: at the end the file stands whole in its place, or not at all."""

    def __init__(self, path: Path, about: dict[str, Any]) -> None:
        self._path = path
        self._partial = path.with_name(path.name + ".partial")
        self._about = about
        self._entries: dict[str, Entry] = {}
        self._stack = contextlib.ExitStack()

    def __enter__(self) -> ArchiveWriter:
        with saying_what_is_wrong(self._path):
            self._file = self._stack.enter_context(self._partial.open("wb"))
            self._zip = self._stack.enter_context(zipfile.ZipFile(self._file, "w", zipfile.ZIP_DEFLATED))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with saying_what_is_wrong(self._path):
            try:
                if kind is None:
                    self._finish()
            finally:
                with contextlib.suppress(OSError, ValueError):
                    self._stack.close()
                self._partial.unlink(missing_ok=True)

    def _finish(self) -> None:
        entries = {
            name: {"bytes": entry.size_bytes, "sha256": entry.sha256} for name, entry in self._entries.items()
        }
        contents = {"kind": KIND, "edition": EDITION, **self._about, "entries": entries}
        self._zip.writestr(CONTENTS, json.dumps(contents, ensure_ascii=False, indent=1))
        self._zip.close()
        self._file.flush()
        os.fsync(self._file.fileno())
        self._stack.close()
        self._partial.replace(self._path)
        sync_folder(self._path.parent)

    def add_lines(self, name: str, rows: Iterable[dict[str, Any]], cancel: CancelToken) -> int:
        """One JSON object a line; how many. Raises Cancelled, DiskFull, WrongUse."""
        count = 0

        def lines() -> Iterator[bytes]:
            nonlocal count
            for row in rows:
                count += 1
                yield json.dumps(row, ensure_ascii=False).encode("utf-8", "replace") + b"\n"

        self._add(name, lines(), cancel, zipfile.ZIP_DEFLATED)
        return count

    def add_file(self, name: str, source: Path, cancel: CancelToken) -> None:
        """A file as it is; weights do not get smaller by packing. Raises as `add_lines`."""
        with saying_what_is_wrong(source), source.open("rb") as file:
            self._add(name, iter(lambda: file.read(_CHUNK), b""), cancel, zipfile.ZIP_STORED)

    def _add(self, name: str, parts: Iterable[bytes], cancel: CancelToken, packing: int) -> None:
        assert _NAME.fullmatch(name), name
        info = zipfile.ZipInfo(name)
        info.compress_type = packing
        digest, size = hashlib.sha256(), 0
        with saying_what_is_wrong(self._path), self._zip.open(info, "w", force_zip64=True) as entry:
            for part in parts:
                cancel.check()
                entry.write(part)
                digest.update(part)
                size += len(part)
        self._entries[name] = Entry(size, digest.hexdigest())


@contextlib.contextmanager
def saying_what_is_wrong(path: Path) -> Iterator[None]:
    """The system's errors in our words."""
    try:
        yield
    except OSError as error:
        if is_full(error):
            raise DiskFull(
                f"The disk that holds {path} is full.", what_to_do="Free some space, or choose another disk."
            ) from error
        raise WrongUse(
            f"{path} cannot be used: {error.strerror or error}.", what_to_do="Choose another file."
        ) from error


# ---- reading


class Archive:
    """A backup open for reading, its list of contents checked. Close it."""

    def __init__(self, path: Path) -> None:
        """Raises NotThere, BackupDamaged or BackupNewer."""
        self._path = path
        if not path.exists():
            raise NotThere(f"There is no file {path}.", what_to_do="Check its name.")
        try:
            self._zip = zipfile.ZipFile(path)
        # NotImplementedError: a version of the format that nobody wrote.
        except (zipfile.BadZipFile, NotImplementedError, OSError, ValueError) as error:
            raise BackupDamaged(f"{path} is no backup, or broken: {error}.") from error
        try:
            self.entries = self._contents()
        except BaseException:
            self.close()
            raise

    def __enter__(self) -> Archive:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def close(self) -> None:
        self._zip.close()

    def damaged(self, why: str) -> BackupDamaged:
        return BackupDamaged(f"The backup {self._path} is broken: {why}.")

    def newer(self) -> BackupNewer:
        return BackupNewer(f"The backup {self._path} was made by a newer Shiguang.")

    def check(self, cancel: CancelToken) -> None:
        """Read everything once and compare it with the list. Raises BackupDamaged or Cancelled."""
        said = sum(entry.size_bytes for name, entry in self.entries.items() if not name.startswith("models/"))
        if said > _MOST_SAID_BYTES:
            raise self.damaged("it holds more than anybody can have said")
        for name, entry in self.entries.items():
            digest, size = hashlib.sha256(), 0
            for part in self.parts(name):
                cancel.check()
                digest.update(part)
                size += len(part)
                if size > entry.size_bytes:
                    break
            if (size, digest.hexdigest()) != (entry.size_bytes, entry.sha256):
                raise self.damaged(f"{name} is not what was backed up")

    def parts(self, name: str) -> Iterator[bytes]:
        """The bytes of an entry, a megabyte at a time. Raises BackupDamaged."""
        with self._open(name) as file:
            while part := self._read(file, _CHUNK):
                yield part

    def lines(self, name: str) -> Iterator[Any]:
        """The JSON values of an entry, one a line. Raises BackupDamaged."""
        with self._open(name) as file:
            while line := self._read_line(file):
                try:
                    yield json.loads(line)
                except (ValueError, RecursionError) as error:
                    raise self.damaged(f"{name} holds a line that is no JSON") from error

    def _contents(self) -> dict[str, Entry]:
        names = [info.filename for info in self._zip.infolist()]
        if CONTENTS not in names:
            raise BackupDamaged(f"{self._path} is no backup of Shiguang.")
        with self._open(CONTENTS) as file:
            raw = self._read(file, _MOST_CONTENTS_BYTES)
        try:
            contents = json.loads(raw)
            if contents["kind"] != KIND:
                raise ValueError(contents["kind"])
            if contents["edition"] > EDITION:
                raise self.newer()
            entries = {
                name: Entry(int(one["bytes"]), str(one["sha256"]))
                for name, one in contents["entries"].items()
            }
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
            raise self.damaged("its list of contents cannot be read") from error
        if sorted(names) != sorted([*entries, CONTENTS]):
            raise self.damaged("it does not hold what it lists")
        odd = next((name for name in entries if not _NAME.fullmatch(name)), None)
        if odd is not None:
            raise self.damaged(f"it holds {odd!r}, which no backup does")
        return entries

    def _open(self, name: str) -> IO[bytes]:
        try:
            return self._zip.open(name)
        except (zipfile.BadZipFile, KeyError, RuntimeError, NotImplementedError, OSError) as error:
            raise self.damaged(f"{name} cannot be unpacked") from error

    def _read(self, file: IO[bytes], limit: int) -> bytes:
        try:
            return file.read(limit)
        except (zipfile.BadZipFile, zlib.error, EOFError, OSError) as error:
            raise self.damaged("it cannot be unpacked") from error

    def _read_line(self, file: IO[bytes]) -> bytes:
        try:
            line = file.readline(_MOST_LINE_BYTES + 1)
        except (zipfile.BadZipFile, zlib.error, EOFError, OSError) as error:
            raise self.damaged("it cannot be unpacked") from error
        if len(line) > _MOST_LINE_BYTES:
            raise self.damaged("it holds a line without end")
        return line
