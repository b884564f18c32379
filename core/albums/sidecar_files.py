"""Where sidecars lie and how they are written: beside the photo, new and then renamed, so that one is old or new.

`<name>.<ext>.xmp` is ours and digiKam's and darktable's, `<name>.xmp` Lightroom's; the first wins where both speak.
"""

from __future__ import annotations

import errno
import hashlib
import os
import stat
import threading
from collections.abc import Iterable

from core.albums.sidecar import MOST_BYTES, Sidecar, SidecarFault, Words
from core.disk import sync_folder
from core.library.files import SeenFile

# Passed over by its name wherever it is met, should a crash leave it.
_BEGINNING, _ENDING = b"._", b".xmp.partial"
# The disk is away, full for us, or says no: nothing is wrong with the sidecar, and a later time may do.
_NOT_NOW = (errno.EACCES, errno.EPERM, errno.EROFS, errno.EIO, errno.ENOENT, errno.ENOTDIR, errno.EBUSY)
# Events come within seconds of the writing; what is older was met by a scan.
_REMEMBERED = 100_000


class NotNow(Exception):
    """It could not be written now; `str()` says why. Tried again the next time."""


def sidecar_of(photo: bytes) -> bytes:
    """The path that we write, for a photo's path."""
    return photo + b".xmp"


def sidecars_of(photo: bytes, names: frozenset[bytes]) -> list[bytes]:
    """The paths that may speak for a photo, the first first. `names` are those in its folder."""
    folder, name = os.path.split(photo)
    own = [name + end for end in (b".xmp", b".XMP")]
    stem = [os.path.splitext(name)[0] + end for end in (b".xmp", b".XMP")]
    return [os.path.join(folder, each) for each in dict.fromkeys((*own, *stem)) if each in names]


def names_in(folder: bytes) -> frozenset[bytes]:
    """What lies in a folder; nothing where it cannot be listed."""
    try:
        return frozenset(os.listdir(folder))
    except OSError:
        return frozenset()


def look_of(path: bytes) -> str:
    """Its name, size and date: whether another program was there shows at the price of a stat. "" for none."""
    try:
        status = os.stat(path)
    except OSError:
        return ""
    return f"{os.path.basename(path).hex()} {status.st_size} {status.st_mtime_ns}"


def looks_of(paths: list[bytes]) -> str:
    """The looks of several, as they are stored when they were read."""
    return ";".join(look for path in paths if (look := look_of(path)))


def looked_again(looks: str, before: str, after: str) -> str:
    """`looks` after we wrote the sidecar that looked like `before` ("" for none). One that another program changed
    since it was read stays unread."""
    known = looks.split(";") if looks else []
    if before and before not in known:
        return looks
    name = after.partition(" ")[0]
    return ";".join([after, *(each for each in known if each.partition(" ")[0] != name)])


def content_of(path: bytes) -> bytes | None:
    """The bytes of a sidecar, at most one more than is allowed; None where there is none. Raises SidecarFault."""
    try:
        if not stat.S_ISREG(os.stat(path).st_mode):
            raise SidecarFault("This sidecar is no file.")
        with open(path, "rb") as file:
            return file.read(MOST_BYTES + 1)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise SidecarFault(f"This sidecar cannot be read: {error.strerror}.") from error


def words_with(words: Words, path: bytes) -> Words:
    """`words`, and what this sidecar says of the properties that they leave open. Raises SidecarFault."""
    said = Sidecar(content_of(path)).words
    return Words(
        words.subjects or said.subjects,
        words.hierarchical or said.hierarchical,
        words.tags or said.tags,
        words.rating if words.rating is not None else said.rating,
        words.description or said.description,
    )


def write(path: bytes, content: bytes) -> SeenFile:
    """Write a sidecar whole or not at all; what lies there then, `path` as given. `sync_folders` afterwards.

    Raises NotNow, or OSError when the disk is full.
    """
    # A link stays a link: what it leads to is written.
    target = os.path.realpath(path)
    folder, name = os.path.split(target)
    short = hashlib.blake2b(name, digest_size=8).hexdigest().encode()
    partial = os.path.join(folder, _BEGINNING + short + _ENDING)
    try:
        mode = _mode_of(target)
        try:
            with open(partial, "wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            if mode is not None:
                os.chmod(partial, mode)
            os.replace(partial, target)
        finally:
            if os.path.lexists(partial):
                os.unlink(partial)
        status = os.stat(target)
    except OSError as error:
        if error.errno in _NOT_NOW:
            raise NotNow(f"{error.strerror}.") from error
        raise
    return SeenFile(path, status.st_size, status.st_mtime_ns, status.st_ino & 0x7FFF_FFFF_FFFF_FFFF)


def _mode_of(target: bytes) -> int | None:
    """The mode of a sidecar that is to be replaced. One that its owner locked is not to be."""
    try:
        status = os.stat(target)
    except FileNotFoundError:
        return None
    if not status.st_mode & 0o222:
        raise PermissionError(errno.EACCES, "This sidecar is write-protected")
    return stat.S_IMODE(status.st_mode)


def sync_folders(paths: Iterable[bytes]) -> None:
    """See to it that what was written at these paths outlives a power cut: without it a rename may be lost."""
    for folder in {os.path.dirname(os.path.realpath(path)) for path in paths}:
        sync_folder(folder)


class OwnWrites:
    """The sidecars we wrote ourselves: events about them tell nothing new. Any thread may ask."""

    def __init__(self) -> None:
        self._written: dict[bytes, SeenFile] = {}
        self._guard = threading.Lock()

    def note(self, seen: SeenFile) -> None:
        """`path` absolute."""
        with self._guard:
            if len(self._written) >= _REMEMBERED:
                self._written.clear()
            self._written[seen.path] = seen

    def without(self, paths: frozenset[bytes]) -> frozenset[bytes]:
        """Those that are not a sidecar lying there as we left it."""
        with self._guard:
            ours = {path: self._written[path] for path in paths if path in self._written}
        return paths - {path for path, seen in ours.items() if _is_as(path, seen)}


def _is_as(path: bytes, seen: SeenFile) -> bool:
    try:
        status = os.stat(path)
    except OSError:
        return False
    return (status.st_size, status.st_mtime_ns) == (seen.size_bytes, seen.mtime_ns)
