"""A photo file's bytes, read once and never written."""

from __future__ import annotations

import mmap
import os
import stat
from dataclasses import dataclass
from pathlib import Path

from core.photos.containers.parts import Buffer
from core.photos.faults import fault, fault_of_os_error
from core.photos.kinds import HEAD_BYTES, Kind, kind_of

# Larger files (raw, scans) are mapped, not copied. A mapped file that shrinks under us kills the process, which
# then costs one file; so smaller ones, which are nearly all, are copied.
_MAPPED_FROM_BYTES = 64 << 20
# No picture within the pixel budget needs more; a larger file is not hashed for minutes only to be refused.
_MOST_BYTES = 2 << 30


@dataclass(frozen=True, slots=True)
class Contents:
    """A file's bytes and facts; `data` is empty where `kind` is no picture.

    size_bytes and mtime_ns are of the moment before reading: a file that changes meanwhile is found changed later.
    """

    data: Buffer
    kind: Kind
    size_bytes: int
    mtime_ns: int


def read_file(path: bytes) -> Contents:
    """The whole file where it is a picture, else only what it is.

    Raises PhotoFault: gone, no-permission, read-error, too-large, no-memory.
    """
    name = Path(os.fsdecode(path)).name
    try:
        # Without blocking: a pipe that is named like a picture must not hold up anything.
        flags = (
            os.O_RDONLY
            | getattr(os, "O_BINARY", 0)
            | getattr(os, "O_NONBLOCK", 0)
            | getattr(os, "O_CLOEXEC", 0)
        )
        handle = os.open(os.fsdecode(path), flags)
        try:
            return _read(handle, name)
        finally:
            os.close(handle)
    except OSError as error:
        raise fault_of_os_error(error) from error


def _read(handle: int, name: str) -> Contents:
    facts = os.fstat(handle)
    size, mtime_ns = facts.st_size, facts.st_mtime_ns
    if not stat.S_ISREG(facts.st_mode):
        raise fault("read-error", "This is not a file but a folder or a device.")
    head = os.read(handle, HEAD_BYTES)
    kind = kind_of(name, head)
    if kind not in (Kind.PHOTO, Kind.RAW):
        return Contents(b"", kind, size, mtime_ns)
    if size > _MOST_BYTES:
        raise fault("too-large", f"The file has {size:,} bytes, more than a picture needs.")
    if size >= _MAPPED_FROM_BYTES:
        return Contents(mmap.mmap(handle, 0, access=mmap.ACCESS_READ), kind, size, mtime_ns)
    pieces = [head]
    while piece := os.read(handle, max(1 << 16, size - len(head) + 1)):
        pieces.append(piece)
    return Contents(b"".join(pieces), kind, size, mtime_ns)
