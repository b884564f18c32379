"""A file is whole or as it was before: after an error, on a full disk, with two who write it."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from core.disk import ABANDONED_S, written_whole
from tests.small_disk import run_on_a_small_disk

# Runs in a name space of its own, on a file system of 200 kB; the answer is its exit code.
ON_A_SMALL_DISK = """
import sys
from pathlib import Path
from core.disk import written_whole
from core.errors import DiskFull
file = Path(sys.argv[1]) / "said.json"
with written_whole(file) as new:
    new.write(b"before")
try:
    WRITE
except DiskFull as error:
    sys.exit(3 if str(file) in str(error) and [*file.parent.iterdir()] == [file] and file.read_bytes() == b"before" else 5)
"""


def test_it_appears_with_its_folder_and_takes_the_place_of_what_was_there(tmp_path: Path) -> None:
    file = tmp_path / "new" / "said.json"
    for content in (b"one", b"two"):
        with written_whole(file) as new:
            new.write(content)
        assert file.read_bytes() == content
    assert [*file.parent.iterdir()] == [file]


@pytest.mark.parametrize("shared", [False, True])
def test_an_error_leaves_what_was_there(tmp_path: Path, shared: bool) -> None:
    file = tmp_path / "said.json"
    file.write_bytes(b"before")
    with pytest.raises(ZeroDivisionError), written_whole(file, shared=shared) as new:
        new.write(b"half")
        raise ZeroDivisionError
    assert file.read_bytes() == b"before"
    assert [*tmp_path.iterdir()] == [file]


def test_two_processes_do_not_write_into_one_unfinished_file(tmp_path: Path) -> None:
    file = tmp_path / "said.json"
    other = (
        "import sys; from pathlib import Path; from core.disk import written_whole\n"
        "with written_whole(Path(sys.argv[1]), shared=True) as new: new.write(b'theirs')"
    )
    with written_whole(file, shared=True) as new:
        new.write(b"ours")
        subprocess.run([sys.executable, "-c", other, str(file)], check=True)
        assert file.read_bytes() == b"theirs"
    assert file.read_bytes() == b"ours"


# torch hides what the system said behind an error of its own.
BY_TORCH = "import torch; from core.training.checkpoint import save; save(file, {'a': torch.zeros(100_000)})"
PLAIN = "with written_whole(file) as new: new.write(bytes(300_000))"


@pytest.mark.parametrize("write", [PLAIN, BY_TORCH])
def test_a_full_disk_is_said_and_leaves_what_was_there(tmp_path: Path, write: str) -> None:
    if write == BY_TORCH:
        pytest.importorskip("torch", reason="needs the train extra (torch)")
    code = ON_A_SMALL_DISK.replace("WRITE", write)
    assert run_on_a_small_disk(tmp_path, code, str(tmp_path)) == 3


def test_what_a_killed_process_left_of_a_shared_file_goes_and_what_is_being_written_stays(
    tmp_path: Path,
) -> None:
    file = tmp_path / "said [1].json"
    abandoned, fresh, foreign = (
        tmp_path / name
        for name in ("said [1].json.77.partial", "said [1].json.78.partial", "said 1.json.79.partial")
    )
    for left in (abandoned, fresh, foreign):
        left.write_bytes(b"half")
    before = time.time() - ABANDONED_S - 1
    for left in (abandoned, foreign):
        os.utime(left, (before, before))
    with written_whole(file, shared=True) as new:
        new.write(b"whole")
    assert {*tmp_path.iterdir()} == {file, fresh, foreign}
