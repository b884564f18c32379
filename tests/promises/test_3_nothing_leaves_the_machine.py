"""No internet socket is opened by indexing and searching, and no heavy library is loaded for them."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from core.app import Shiguang
from core.search.query import Query
from tests.promises.conftest import Photos, index

# Runs in a fresh interpreter; sockets of the internet kinds are refused before anything is imported.
GUARDED = """
import socket, sys, json
real = socket.socket.__init__
def guarded(self, family=-1, *rest, **more):
    if more.get("fileno") is None and family in (-1, socket.AF_INET, socket.AF_INET6):
        raise AssertionError("an internet socket")
    real(self, family, *rest, **more)
socket.socket.__init__ = guarded
from core.cli.main import main
if __name__ == "__main__":
    library, folder = sys.argv[1:]
    codes = [main(["--library", library, *rest]) for rest in (["index", folder], ["search", "一只猫"], ["search", "the sea"])]
    heavy = sorted({"torch", "transformers", "PySide6"} & set(sys.modules))
    print(json.dumps({"codes": codes, "heavy": heavy}))
"""


def test_index_and_search_open_no_internet_socket_in_this_process(
    library: Shiguang, photos: Photos, no_internet: list[str]
) -> None:
    photos.add("a.jpg", 1)
    index(library, photos.folder)
    library.search(Query("a cat on the sofa"))
    assert no_internet == []


def test_neither_torch_nor_transformers_nor_a_window_is_loaded(photos: Photos, tmp_path: Path) -> None:
    photos.add("a.jpg", 1)
    script = tmp_path / "guarded.py"
    script.write_text(GUARDED)
    command = [sys.executable, str(script), str(tmp_path / "library"), str(photos.folder)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout.splitlines()[-1]) == {"codes": [0, 0, 0], "heavy": []}
