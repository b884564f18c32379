"""What lies in a root, compared with what the library holds of it.

The walk costs one `scandir` a folder and one stat a file; nothing is opened. A file whose size and date
are as before is unchanged. Its inode may differ (FAT and network drives number anew at every mount),
unless another known file has that inode now: then two files changed places, and both are looked into.

A new path whose inode, size and date belong to a known file of the same disk that is not at its old place
any more is that file, moved. What is not found any more is *missing*, which deletes nothing. Folders that
cannot be listed are noted, and the files known below them stay as they are. Symbolic links to folders are
not followed (they may loop); links to files are.
"""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass, field, replace

from sqlite_utils import Database as Tables

from core.library import files as table
from core.library.database import Database
from core.library.files import FileToIndex, KnownFile, SeenFile
from core.library.roots import Root, below_root, mark_root, mark_scanned, move_root, watched_roots
from core.log import logger
from core.photos.kinds import passed_over_by_name
from core.photos.volumes import is_offline, present_path
from core.progress import CancelToken, Pace

log = logger(__name__)
SEP = os.sep.encode()
FILES_A_TRANSACTION = 5_000


@dataclass(frozen=True, slots=True)
class Junk:
    """Passed over by its name; a folder of that name is not entered."""

    seen: SeenFile


@dataclass(frozen=True, slots=True)
class Unreadable:
    path: bytes
    reason: str


@dataclass(slots=True)
class Findings:
    """What a scan found to do, and what it found out on the way."""

    to_index: list[FileToIndex] = field(default_factory=list)
    moved: int = 0
    missing: int = 0
    seen: int = 0


def walk(
    root: bytes, below: bytes, cancel: CancelToken, avoid: bytes = b""
) -> Iterator[SeenFile | Junk | Unreadable]:
    """Everything below one folder of a root (b"" for the root itself); paths are relative to the root.

    avoid: an absolute folder that is not entered (the library's own: following it would feed on itself).
    """
    folders = [below]
    while folders:
        cancel.check()
        folder = folders.pop()
        if avoid and os.path.join(root, folder) == avoid:
            continue
        try:
            with os.scandir(os.path.join(root, folder) if folder else root) as entries:
                for entry in entries:
                    path = folder + SEP + entry.name if folder else entry.name
                    try:
                        found = _seen(entry, path, folders)
                    except (FileNotFoundError, NotADirectoryError):
                        continue  # gone while we looked, or a link that leads nowhere
                    except OSError as error:
                        if error.errno != errno.ELOOP:
                            yield Unreadable(path, f"This file cannot be looked at: {error.strerror}.")
                        continue
                    if found is not None:
                        yield found
        except (FileNotFoundError, NotADirectoryError):
            continue
        except OSError as error:
            yield Unreadable(folder, f"This folder cannot be read: {error.strerror}.")


def _seen(entry: os.DirEntry[bytes], path: bytes, folders: list[bytes]) -> SeenFile | Junk | None:
    junk = passed_over_by_name(os.fsdecode(entry.name))
    if entry.is_dir(follow_symlinks=False):
        if not junk:
            folders.append(path)
            return None
        return Junk(SeenFile(path, 0, 0, 0))
    status = entry.stat()
    if not stat.S_ISREG(status.st_mode):
        return None
    if os.name == "nt":
        # On Windows a directory entry's own stat has no inode.
        status = os.stat(entry.path)
    seen = SeenFile(path, status.st_size, status.st_mtime_ns, status.st_ino & 0x7FFF_FFFF_FFFF_FFFF)
    return Junk(seen) if junk else seen


def locate(database: Database, root: Root) -> Root | None:
    """The root where it is now, its state noted; None when its disk or folder is away."""
    path = os.fsdecode(root.path)
    if os.path.isdir(root.path) and not is_offline(path, root.volume):
        if root.state != "here":
            database.write(lambda db: mark_root(db, root.id, "here"))
        return root
    elsewhere = present_path(root.volume, os.fsdecode(root.in_volume))
    if (
        elsewhere is not None
        and elsewhere != path
        and not _is_covered(database, os.fsencode(elsewhere), root)
    ):
        moved = os.fsencode(elsewhere)

        def move(db: Tables) -> None:
            move_root(db, root.id, moved)
            mark_root(db, root.id, "here")

        database.write(move)
        return replace(root, path=moved, state="here")
    state = "offline" if is_offline(path, root.volume) else "gone"
    if root.state != state:
        database.write(lambda db: mark_root(db, root.id, state))
    return None


def _is_covered(database: Database, path: bytes, but: Root) -> bool:
    """Whether another watched root holds this path already."""
    others = (root for root in watched_roots(database.reader()) if root.id != but.id)
    return any(below_root(path, root.path) is not None for root in others)


def scan(
    database: Database,
    root: Root,
    pace: Pace,
    cancel: CancelToken,
    *,
    below: bytes = b"",
    everything: bool = False,
) -> Findings:
    """Bring the library's files of a root (or of one folder or file of it) up to date.

    everything: look into unchanged files too (`index --rescan`).
    """
    comparison = _Comparison(database, root, below, everything)
    comparison.meet(_entries(root, below, cancel, os.fsencode(database.path.parent)), pace, cancel)
    if is_offline(os.fsdecode(root.path), root.volume) or not os.path.isdir(root.path):
        # It went while we looked: what was not seen is not missing.
        locate(database, root)
        return Findings()
    return comparison.settle()


def _entries(
    root: Root, below: bytes, cancel: CancelToken, avoid: bytes
) -> Iterator[SeenFile | Junk | Unreadable]:
    """One file, or everything below a folder."""
    place = os.path.join(root.path, below)
    if below_root(place, avoid) is not None:
        return
    if below and not os.path.isdir(place):
        if any(passed_over_by_name(os.fsdecode(part)) for part in below.split(SEP)[:-1]):
            return
        try:
            status = os.stat(place)
        except OSError:
            return
        if stat.S_ISREG(status.st_mode):
            seen = SeenFile(below, status.st_size, status.st_mtime_ns, status.st_ino & 0x7FFF_FFFF_FFFF_FFFF)
            yield Junk(seen) if passed_over_by_name(os.fsdecode(below.rpartition(SEP)[2])) else seen
        return
    if below and any(passed_over_by_name(os.fsdecode(part)) for part in below.split(SEP)):
        return
    yield from walk(root.path, below, cancel, avoid)


class _Comparison:
    """One scan's two sides: what the library knows and what was seen."""

    def __init__(self, database: Database, root: Root, below: bytes, everything: bool) -> None:
        self._database = database
        self._root = root
        self._below = below
        self._everything = everything
        self._known = table.files_below(database.reader(), root.id, below)
        self._path_of_inode = {known.inode: path for path, known in self._known.items() if known.inode}
        self._met: set[bytes] = set()
        self._new: list[SeenFile] = []
        self._junk: list[SeenFile] = []
        self._back: list[int] = []
        self._renumbered: list[tuple[int, SeenFile]] = []
        self._changed: list[tuple[int, SeenFile]] = []
        self._unreadable: list[Unreadable] = []
        self._findings = Findings()

    def meet(self, entries: Iterator[SeenFile | Junk | Unreadable], pace: Pace, cancel: CancelToken) -> None:
        for entry in entries:
            cancel.check()
            if isinstance(entry, Unreadable):
                self._unreadable.append(entry)
                continue
            pace.step()
            seen = entry.seen if isinstance(entry, Junk) else entry
            known = self._known.get(seen.path)
            if known is None or known.kind == "folder":
                (self._junk if isinstance(entry, Junk) else self._new).append(seen)
            else:
                self._met.add(seen.path)
                self._compare(seen, known)
        self._findings.seen = len(self._met) + len(self._new)

    def _compare(self, seen: SeenFile, known: KnownFile) -> None:
        if known.state != "here":
            self._back.append(known.id)
        if known.kind == "junk":
            return
        same = seen.size_bytes == known.size_bytes and seen.mtime_ns == known.mtime_ns
        if same and seen.inode != known.inode:
            same = self._path_of_inode.get(seen.inode, seen.path) == seen.path
            self._renumbered.append((known.id, seen))
        if not same:
            self._changed.append((known.id, seen))
        if not same or known.kind == "new" or self._everything:
            self._findings.to_index.append(FileToIndex(known.id, seen.path, known.photo))

    def settle(self) -> Findings:
        """Write down what was found; the files to look into."""
        moves, new = self._moves()
        gone_ids = {move[0] for move in moves}
        unreadable = {u.path for u in self._unreadable}
        below_unreadable = tuple(path + SEP for path in unreadable if path)
        lost = [
            known.id
            for path, known in self._known.items()
            if path not in self._met
            and known.state != "missing"
            and known.kind != "folder"
            and known.id not in gone_ids
            and not (b"" in unreadable or path in unreadable or path.startswith(below_unreadable))
        ]

        def write(db: Tables) -> None:
            # Missing first: a moved file may take a place whose old row goes.
            table.set_state(db, lost, "missing")
            table.move_files(db, moves)
            table.record_unreadable(
                db, self._root.id, self._below, [(u.path, u.reason) for u in self._unreadable]
            )
            table.add_files(db, self._root.id, self._junk, "junk")
            table.set_state(db, self._back, "here")
            for file, seen in self._renumbered:
                table.note_inode(db, file, seen)
            for file, seen in self._changed:
                table.note_change(db, file, seen)
            if not self._below:
                mark_scanned(db, self._root.id)

        self._database.write(write)
        # In parts, so that a decision made meanwhile does not wait behind half a million files.
        for begin in range(0, len(new), FILES_A_TRANSACTION):
            self._add(new[begin : begin + FILES_A_TRANSACTION])
        self._findings.moved, self._findings.missing = len(moves), len(lost)
        if new:
            added = table.files_below(self._database.reader(), self._root.id, self._below)
            self._findings.to_index += [FileToIndex(added[s.path].id, s.path, None) for s in new]
        return self._findings

    def _add(self, new: list[SeenFile]) -> None:
        self._database.write(lambda db: table.add_files(db, self._root.id, new))

    def _moves(self) -> tuple[list[tuple[int, int, SeenFile]], list[SeenFile]]:
        """Split what is new here into (file id, this root, where) of moved files, and truly new ones."""
        moves: list[tuple[int, int, SeenFile]] = []
        new: list[SeenFile] = []
        taken: set[int] = set()
        reader = self._database.reader()
        for seen in self._new:
            for file, root, path in table.files_like(reader, seen, self._root.volume):
                still_there = os.path.lexists(os.path.join(root, path))
                if file not in taken and not still_there:
                    taken.add(file)
                    moves.append((file, self._root.id, seen))
                    break
            else:
                new.append(seen)
        return moves, new
