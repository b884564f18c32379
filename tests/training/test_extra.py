"""The extra is asked of an index, fetched, gone on with, and installed; what is not there is said."""

from __future__ import annotations

import os
import sys
import threading
import time
import venv
from collections.abc import Iterator
from pathlib import Path

import pytest

from core.models.fetch import Route
from core.progress import Cancelled, CancelToken, Progress, silent
from core.training import extra
from tests.training.local_index import MODULE, NAME, WHEEL, LocalIndex, served


@pytest.fixture
def index(monkeypatch: pytest.MonkeyPatch) -> Iterator[LocalIndex]:
    """The only index that pip knows."""
    with served() as found:
        for name in [name for name in os.environ if name.startswith("PIP_")]:
            monkeypatch.delenv(name)
        monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
        monkeypatch.setenv("PIP_INDEX_URL", found.url)
        monkeypatch.setenv("NO_PROXY", "127.0.0.1")
        yield found


@pytest.fixture
def python(tmp_path: Path) -> Path:
    """An environment of its own to install into, so that the one that runs stays as it is."""
    venv.create(tmp_path / "environment", with_pip=False)
    return tmp_path / "environment" / ("Scripts/python.exe" if os.name == "nt" else "bin/python")


def installed(python: Path) -> bool:
    return bool(list(python.parent.parent.rglob(f"{MODULE}.py")))


def test_what_is_missing_is_named_and_nothing_is_imported() -> None:
    assert extra.missing(("numpy", "no-such-distribution")) == ("no-such-distribution",)


def test_a_distribution_without_its_list_of_files_counts_as_missing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    info = tmp_path / "halved-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: halved\nVersion: 1.0\n")
    monkeypatch.syspath_prepend(tmp_path)
    assert extra.missing(("halved",)) == ("halved",)
    (info / "RECORD").write_text("halved.py,,\n")
    assert extra.missing(("halved",)) == ()


def test_the_extra_asks_for_what_training_imports() -> None:
    names = {one.partition(">")[0] for one in extra.requirements()}
    assert set(extra.PACKAGES) <= names


def test_the_command_by_hand_names_this_python_the_pins_and_every_requirement() -> None:
    command = extra.command()
    assert command.startswith(f'"{sys.executable}" -m pip install')
    assert all(f'"{one}"' in command for one in extra.requirements())
    pinned = extra.constraints()
    assert pinned is not None
    assert str(pinned) in command


def test_it_is_fetched_with_its_size_said_and_installed(
    index: LocalIndex, python: Path, tmp_path: Path
) -> None:
    seen: list[Progress] = []

    count = extra.install([NAME], tmp_path / "wheels", Route(), seen.append, CancelToken(), python=python)

    assert count == 1
    assert installed(python)
    assert list(dict.fromkeys(each.stage for each in seen)) == ["resolve", "download", "install"]
    last = [each for each in seen if each.stage == "download"][-1]
    assert (last.done, last.total, last.unit) == (len(index.wheel), len(index.wheel), "byte")
    assert not (tmp_path / "wheels").exists()


def test_what_is_here_is_not_fetched_again(index: LocalIndex, python: Path, tmp_path: Path) -> None:
    extra.install([NAME], tmp_path / "wheels", Route(), silent, CancelToken(), python=python)
    index.ranges.clear()
    assert extra.install([NAME], tmp_path / "wheels", Route(), silent, CancelToken(), python=python) == 0
    assert index.ranges == []


def test_a_stopped_download_installs_nothing_and_goes_on_where_it_stood(
    index: LocalIndex, python: Path, tmp_path: Path
) -> None:
    index.stop_at = 300_000
    partial = tmp_path / "wheels" / f"{WHEEL}.partial"
    cancel = CancelToken()

    def stop() -> None:
        index.held.wait(60)
        # What was sent need not have come yet.
        until = time.monotonic() + 60
        while not (partial.is_file() and partial.stat().st_size) and time.monotonic() < until:
            time.sleep(0.01)
        cancel.cancel()

    stopper = threading.Thread(target=stop)
    stopper.start()
    with pytest.raises(Cancelled):
        extra.install([NAME], tmp_path / "wheels", Route(), silent, cancel, python=python)
    stopper.join()
    index.let_on.set()
    assert not installed(python)
    have = partial.stat().st_size
    assert 0 < have <= 300_000

    extra.install([NAME], tmp_path / "wheels", Route(), silent, CancelToken(), python=python)

    assert index.ranges == ["", f"bytes={have}-"]
    assert installed(python)


def test_what_no_index_has_is_refused_with_pips_words(
    index: LocalIndex, python: Path, tmp_path: Path
) -> None:
    with pytest.raises(extra.InstallFailed, match="no-such-distribution"):
        extra.install(
            ["no-such-distribution"], tmp_path / "wheels", Route(), silent, CancelToken(), python=python
        )


def test_a_stop_before_the_index_answered_ends_pip(index: LocalIndex, python: Path, tmp_path: Path) -> None:
    cancel = CancelToken()

    def stop(progress: Progress) -> None:
        cancel.cancel()

    with pytest.raises(Cancelled):
        extra.install([NAME], tmp_path / "wheels", Route(), stop, cancel, python=python)
    assert index.ranges == []


def test_a_program_with_its_own_python_says_why_it_takes_no_packages(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "frozen", True, raising=False)
    assert extra.obstacle() == "frozen"
