"""A disk that is full after 200 kB: a file system of its own in a name space of its own, on Linux."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest


def run_on_a_small_disk(folder: Path, code: str, *arguments: str) -> int:
    """How a Python process ends that runs `code` with these arguments while `folder` has room for 200 kB.

    Skips the test where nobody may mount.
    """
    in_a_name_space = ["unshare", "--map-root-user", "--mount", "sh", "-c"]
    mount = f'mount -t tmpfs -o size=200k none "{folder}"'
    if (
        shutil.which("unshare") is None
        or subprocess.run([*in_a_name_space, mount], capture_output=True, check=False).returncode
    ):
        pytest.skip("needs Linux and the right to mount in a name space of its own")
    command = [*in_a_name_space, f'{mount} && exec "$@"', "sh", sys.executable, "-c", code, *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    print(done.stderr, file=sys.stderr)
    return done.returncode
