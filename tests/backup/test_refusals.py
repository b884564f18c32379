"""What is no good backup is refused with one clear error, and nothing at all is changed."""

from __future__ import annotations

import errno
import hashlib
import json
import os
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from core.backup import archive
from core.backup.archive import BackupDamaged, BackupNewer
from core.errors import DiskFull, NotThere, ShiguangError
from core.library.database import FILE, Database
from core.library.said import SAID
from core.progress import Cancelled, CancelToken
from tests.backup.conftest import HASHES, dump, everything, load, save
from tests.made_models import make_model


def rewritten(path: Path, change: Callable[[dict[str, bytes]], None], *, honest: bool = True) -> Path:
    """A backup with other contents; `honest` ones have their sha256 right."""
    with zipfile.ZipFile(path) as file:
        entries = {name: file.read(name) for name in file.namelist()}
    contents = json.loads(entries.pop("backup.json"))
    change(entries)
    if honest:
        contents["entries"] = {
            name: {"bytes": len(raw), "sha256": hashlib.sha256(raw).hexdigest()}
            for name, raw in entries.items()
        }
    new = path.with_name("changed.zip")
    with zipfile.ZipFile(new, "w") as file:
        for name, raw in entries.items():
            file.writestr(name, raw)
        file.writestr("backup.json", json.dumps(contents))
    return new


def lines(name: str, *rows: Any) -> Callable[[dict[str, bytes]], None]:
    def change(entries: dict[str, bytes]) -> None:
        entries[f"said/{name}.jsonl"] = b"".join(
            (row if isinstance(row, bytes) else json.dumps(row).encode()) + b"\n" for row in rows
        )

    return change


HEX = HASHES[0].hex()
ALBUM = {"parent": None, "name": "x", "key": None, "rule": "[]", "one_of": 0, "shift": 0.0, "automatic": 1, "created_at": 1.0}  # fmt: skip


@pytest.mark.parametrize(
    "change",
    [
        lines("opinions", {"photo": HEX, "rating": 9, "favourite": None}),
        lines("opinions", {"photo": HEX, "rating": True, "favourite": None}),
        lines("opinions", {"photo": "../x", "rating": 1, "favourite": None}),
        lines("opinions", {"photo": HEX, "rating": 1}),
        lines("opinions", {"photo": HEX, "rating": 1, "favourite": 0, "id": 3}),
        lines("keywords", {"photo": HEX, "word": ["a"]}),
        lines("keywords", ["a"]),
        lines("keywords", {"photo": HEX, "word": "\ud800"}),
        lines("albums", ALBUM | {"created_at": 10**400}),
        lines("albums", ALBUM | {"created_at": 2**63}),
        lines("albums", ALBUM | {"rule": '[["a", "b", "\\ud800"]]'}),
        lines("keywords", b"{"),
        lines("keywords", b"[" * 100_000),
        lines("captions", b'{"photo": "' + b"a" * (2 << 20)),
        lines("albums", ALBUM | {"rule": "not json"}),
        lines("albums", ALBUM | {"shift": float("nan")}),
        lines("album_decisions", {"album": "none", "photo": HEX, "accepted": 1, "decided_at": 1.0}),
        lambda entries: entries.update({"../../escape.txt": b"x"}),
        lambda entries: entries.update({"/tmp/escape.txt": b"x"}),
        lambda entries: entries.update({"models/../../escape/model.json": b"x"}),
        lambda entries: entries.update({"models/.hidden/model.json": b"x"}),
        lambda entries: entries.update({"models/local%3Abad/model.json": b"{}"}),
        lambda entries: entries.update({"models/cn-clip-rn50/model.json": b"{}"}),
    ],
)
def test_contents_that_nobody_backed_up_are_refused_whole(
    said: Database,
    libraries: Callable[[str], Database],
    tmp_path: Path,
    change: Callable[[dict[str, bytes]], None],
) -> None:
    save(said, tmp_path / "a.zip")
    changed = rewritten(tmp_path / "a.zip", change)
    refused(libraries("second"), changed, BackupDamaged)


def refused(database: Database, file: Path, kind: type[ShiguangError]) -> None:
    """Restoring raises one error with a next step, and nothing at all is changed."""
    before = dump(database), files_below(database.path.parent.parent)
    with pytest.raises(kind) as caught:
        load(database, file)
    assert caught.value.what_to_do
    assert (dump(database), files_below(database.path.parent.parent)) == before


def files_below(folder: Path) -> list[Path]:
    # SQLite's own files come and go with its readers.
    return sorted(path for path in folder.rglob("*") if not path.name.startswith(FILE))


def test_another_content_than_was_listed_is_refused(
    said: Database, libraries: Callable[[str], Database], tmp_path: Path
) -> None:
    save(said, tmp_path / "a.zip")
    rated = lines("opinions", {"photo": HEX, "rating": 5, "favourite": None})
    second = libraries("second")
    refused(second, rewritten(tmp_path / "a.zip", rated, honest=False), BackupDamaged)


@pytest.mark.parametrize("share", [0.0, 0.1, 0.5, 0.9, 0.99])
def test_a_truncated_file_is_refused(
    said: Database, libraries: Callable[[str], Database], tmp_path: Path, share: float
) -> None:
    save(said, tmp_path / "a.zip")
    raw = (tmp_path / "a.zip").read_bytes()
    (tmp_path / "half.zip").write_bytes(raw[: int(len(raw) * share)])
    second = libraries("second")
    refused(second, tmp_path / "half.zip", BackupDamaged)


def test_any_turned_byte_is_harmless(
    said: Database, libraries: Callable[[str], Database], tmp_path: Path
) -> None:
    save(said, tmp_path / "a.zip")
    raw = (tmp_path / "a.zip").read_bytes()
    second = libraries("second")
    for at in range(0, len(raw), 61):
        (tmp_path / "turned.zip").write_bytes(raw[:at] + bytes([raw[at] ^ 0x55]) + raw[at + 1 :])
        try:
            load(second, tmp_path / "turned.zip")
        except ShiguangError as error:
            assert error.what_to_do
        else:
            # A byte of the zip that says nothing, a date for instance.
            assert everything(second) == everything(said)


def test_a_zip_of_another_program_is_refused(libraries: Callable[[str], Database], tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "other.zip", "w") as file:
        file.writestr("photo.jpg", b"x")
    refused(libraries("second"), tmp_path / "other.zip", BackupDamaged)
    with pytest.raises(NotThere):
        load(libraries("second"), tmp_path / "none.zip")


@pytest.mark.parametrize("newer", ["edition", "table"])
def test_a_newer_backup_is_refused_in_words(
    said: Database,
    libraries: Callable[[str], Database],
    tmp_path: Path,
    newer: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    second = libraries("second")
    if newer == "edition":
        monkeypatch.setattr(archive, "EDITION", archive.EDITION + 1)
        save(said, tmp_path / "a.zip")
        monkeypatch.undo()
        refused(second, tmp_path / "a.zip", BackupNewer)
    else:
        save(said, tmp_path / "a.zip")
        refused(second, rewritten(tmp_path / "a.zip", lines("dreams", {"photo": HEX})), BackupNewer)


def test_a_restore_that_is_stopped_changed_nothing(
    said: Database, libraries: Callable[[str], Database], tmp_path: Path
) -> None:
    save(said, tmp_path / "a.zip")
    second = libraries("second")

    class StopsAt(CancelToken):
        left = 0

        def check(self) -> None:
            self.left -= 1
            if self.left == 0:
                raise Cancelled

    before = dump(second)
    # Each place where it can be stopped, to the last before it is done.
    for left in range(1, 200):
        cancel = StopsAt()
        cancel.left = left
        try:
            load(second, tmp_path / "a.zip", cancel)
        except Cancelled:
            assert dump(second) == before
        else:
            break
    assert left > len(SAID)
    assert everything(second) == everything(said)


def test_a_full_disk_leaves_the_backup_from_before(
    said: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "a.zip").write_bytes(b"the one from before")

    def full(handle: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr("core.backup.archive.os.fsync", full)
    with pytest.raises(DiskFull):
        save(said, tmp_path / "a.zip")
    assert (tmp_path / "a.zip").read_bytes() == b"the one from before"
    assert not list(tmp_path.glob("*.partial"))


def test_a_model_that_does_not_fit_together_refuses_the_backup(
    said: Database, libraries: Callable[[str], Database], tmp_path: Path
) -> None:
    make_model(tmp_path / "first" / "models" / "local%3Atiny")
    save(said, tmp_path / "a.zip", models=True)

    def poison(entries: dict[str, bytes]) -> None:
        entries["models/local%3Atiny/image.onnx"] = b"another graph"

    second = libraries("second")
    (tmp_path / "second" / "models").mkdir()
    refused(second, rewritten(tmp_path / "a.zip", poison), BackupDamaged)
