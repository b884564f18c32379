"""The one writer, the lock, migrations and their backups."""

from __future__ import annotations

import importlib
import pkgutil
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from core.errors import LibraryDamaged, LibraryError, LibraryLocked, LibraryMissing, LibraryNewer
from core.library import migrations
from core.library.database import FILE, latest_version, open_for_reading, open_for_writing
from core.library.frozen import connect_frozen, is_frozen


def test_a_change_that_raises_changes_nothing(tmp_path: Path) -> None:
    database = open_for_writing(tmp_path)

    def half(db):
        db.execute("INSERT INTO roots (path, volume) VALUES (?, 'v')", (b"/a",))
        raise ValueError("in the middle")

    with pytest.raises(ValueError, match="in the middle"):
        database.write(half)
    assert database.reader().execute("SELECT count(*) FROM roots").fetchone() == (0,)
    database.close()


def test_a_second_program_cannot_write_but_can_read(tmp_path: Path) -> None:
    database = open_for_writing(tmp_path)
    database.write(lambda db: db.execute("INSERT INTO roots (path, volume) VALUES (?, 'v')", (b"/a",)))
    code = (
        "import sys; from pathlib import Path; from core.library.database import *; from core.errors import LibraryLocked\n"
        "reading = open_for_reading(Path(sys.argv[1])); print(reading.reader().execute('SELECT count(*) FROM roots').fetchone()[0])\n"
        "reading.close()\n"
        "try: open_for_writing(Path(sys.argv[1]))\n"
        "except LibraryLocked as error: print(error)"
    )
    said = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path)], capture_output=True, text=True, check=True
    ).stdout
    assert said.startswith("1\nThis library is in use by ")
    database.close()


def test_the_lock_goes_with_its_holder(tmp_path: Path) -> None:
    code = "import os, sys; from pathlib import Path; from core.library.database import *; open_for_writing(Path(sys.argv[1])); os._exit(9)"
    subprocess.run([sys.executable, "-c", code, str(tmp_path)], check=False)
    open_for_writing(tmp_path).close()


def test_a_newer_library_is_refused_in_words(tmp_path: Path) -> None:
    open_for_writing(tmp_path).close()
    with sqlite3.connect(tmp_path / FILE) as connection:
        connection.execute("PRAGMA user_version = 999")
    connection.close()
    for opening in (open_for_writing, open_for_reading):
        with pytest.raises(LibraryNewer, match="newer Shiguang"):
            opening(tmp_path)


def test_a_damaged_library_is_refused_in_words_and_stays_as_it_is(tmp_path: Path) -> None:
    (tmp_path / FILE).write_bytes(b"this is no database at all" * 100)
    with pytest.raises(LibraryDamaged):
        open_for_writing(tmp_path)
    assert (tmp_path / FILE).read_bytes().startswith(b"this is no database")


def test_reading_needs_a_library(tmp_path: Path) -> None:
    with pytest.raises(LibraryMissing):
        open_for_reading(tmp_path)
    assert not list(tmp_path.iterdir())


def test_reading_only_refuses_to_write(tmp_path: Path) -> None:
    open_for_writing(tmp_path).close()
    database = open_for_reading(tmp_path)
    with pytest.raises(LibraryLocked):
        database.write(lambda db: None)
    with pytest.raises(sqlite3.OperationalError):
        database.reader().execute("DELETE FROM photos")
    database.close()


def test_every_migration_is_numbered_once_without_gaps() -> None:
    names = sorted(m.name for m in pkgutil.iter_modules(migrations.__path__))
    assert [int(name[:3]) for name in names] == list(range(1, latest_version() + 1))
    for name in names:
        module = importlib.import_module(f"{migrations.__name__}.{name}")
        assert module.__doc__, f"{name} does not say what it is for"


def test_a_migration_makes_a_backup_first_and_all_or_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    database = open_for_writing(tmp_path)
    database.write(lambda db: db.execute("INSERT INTO roots (path, volume) VALUES (?, 'kept')", (b"/a",)))
    database.close()
    later, version = tmp_path / "later", latest_version()
    later.mkdir()
    (later / f"{version + 1:03}_breaks.py").write_text(
        '"""Breaks in the middle."""\ndef apply(db):\n    db.execute("DELETE FROM roots")\n    raise RuntimeError("power cut")\n'
    )
    monkeypatch.setattr(migrations, "__path__", [*migrations.__path__, str(later)])
    with pytest.raises(RuntimeError, match="power cut"):
        open_for_writing(tmp_path)
    monkeypatch.undo()
    sys.modules.pop(f"{migrations.__name__}.{version + 1:03}_breaks", None)
    backups = list((tmp_path / "backups").glob(f"library-v{version:03}-*.db"))
    assert len(backups) == 1
    for file in (tmp_path / FILE, backups[0]):
        connection = sqlite3.connect(file)
        assert connection.execute("SELECT volume FROM roots").fetchall() == [("kept",)]
        assert connection.execute("PRAGMA user_version").fetchone() == (version,)
        connection.close()


def test_a_library_on_a_medium_that_is_read_only_is_read_where_nothing_lies_beside_it(tmp_path: Path) -> None:
    database = open_for_writing(tmp_path)
    database.write(lambda db: db.execute("CREATE TABLE said (word TEXT)"))
    database.write(lambda db: db.execute("INSERT INTO said VALUES ('海')"))
    database.close()
    path = tmp_path / FILE
    connection = connect_frozen(path, 1.0)
    assert connection.execute("SELECT word FROM said").fetchall() == [("海",)]
    with pytest.raises(sqlite3.OperationalError, match="readonly"):
        connection.execute("DELETE FROM said")
    connection.close()
    Path(f"{path}-wal").write_bytes(b"what was not taken in")
    with pytest.raises(LibraryError, match="cannot be written"):
        connect_frozen(path, 1.0)
    assert not is_frozen(path)
