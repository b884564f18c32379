"""The extra `train` (torch and what belongs to it): whether it is here, and getting it when somebody says so.

pip, in a child process, resolves which files of which versions fit this Python, under the pinned versions and with
the owner's own pip settings. Those files come over our own downloads, which stop and go on between any two bytes
and are checked against the index's sums; then pip installs them without the network. Nothing here imports torch.
"""

from __future__ import annotations

import importlib
import importlib.metadata
import importlib.util
import json
import os
import shutil
import subprocess
import sys
import sysconfig
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit
from urllib.request import url2pathname

from core.errors import DiskFull, NotThere
from core.models.fetch.download import Wanted, download
from core.models.fetch.http import Broken, Unreachable, opened
from core.models.fetch.meter import Meter
from core.models.fetch.route import AUTO, NONE, Route
from core.progress import Cancelled, CancelToken, Progress, Report
from core.resources import FOLDER

# Distributions that training imports; peft and accelerate bring the rest.
PACKAGES = ("torch", "transformers", "safetensors", "onnx", "onnxscript", "peft", "accelerate")
EXTRA = "train"
# PyPI's torch for Linux carries CUDA for gigabytes; a machine without such a card takes the one for processors.
TORCH_FOR_CPU = "https://download.pytorch.org/whl/cpu"
# Download of all of it, as the index had it in 2026: torch for processors, and with CUDA. Wheels unpack to some
# three times their size.
CPU_BYTES, CUDA_BYTES = 300_000_000, 3_200_000_000
TIMES_UNPACKED = 3
# Between two looks at a child process whether somebody wants to stop.
LOOK_EVERY_S = 0.1


class InstallFailed(NotThere):
    """pip could not resolve or install; its last words are the message."""

    code = "install-failed"
    what_to_do = "Check the connection and the free space, then try again, or run the command by hand."


@dataclass(frozen=True, slots=True)
class File:
    """One wheel that is wanted; `size` in bytes, None where the server does not say."""

    url: str
    sha256: str
    size: int | None

    @property
    def name(self) -> str:
        return unquote(urlsplit(self.url).path.rpartition("/")[2])

    @property
    def local(self) -> Path | None:
        """The path of a file that lies on this machine already."""
        parts = urlsplit(self.url)
        return Path(url2pathname(parts.path)) if parts.scheme == "file" else None


def missing(packages: Sequence[str] | None = None) -> tuple[str, ...]:
    """Those of PACKAGES (or of these) that are not wholly installed; imports none of them."""
    importlib.invalidate_caches()
    return tuple(name for name in (PACKAGES if packages is None else packages) if not _is_whole(name))


def requirements() -> tuple[str, ...]:
    """What the extra asks for, "torch>=2.6" and so on: by the checkout's own file, else by what was installed."""
    project = FOLDER.parent / "pyproject.toml"
    if project.is_file():
        table = tomllib.loads(project.read_text(encoding="utf-8"))
        return tuple(table["project"]["optional-dependencies"][EXTRA])
    required = importlib.metadata.requires("shiguang") or []
    return tuple(one.partition(";")[0].strip() for one in required if f'extra == "{EXTRA}"' in one)


def constraints() -> Path | None:
    """The versions everything was tried with; None for a program that was installed without them."""
    path = FOLDER.parent / "packaging" / "constraints.txt"
    return path if path.is_file() else None


def download_bytes() -> int:
    """About what is to be downloaded here; the exact sum is known when the index was asked."""
    return CUDA_BYTES if sys.platform == "linux" and not _more_indexes() else CPU_BYTES


def command() -> str:
    """What a person types where it cannot be installed from the window."""
    pinned = constraints()
    parts = [f'"{sys.executable}" -m pip install', *_more_indexes()]
    if pinned is not None:
        parts.append(f'-c "{pinned}"')
    return " ".join([*parts, *(f'"{one}"' for one in requirements())])


def obstacle() -> str:
    """Why packages cannot be installed from here: "frozen", "no pip", "managed", "read-only"; "" where they can."""
    if getattr(sys, "frozen", False):
        return "frozen"
    if importlib.util.find_spec("pip") is None:
        return "no pip"
    stdlib = Path(sysconfig.get_path("stdlib"))
    if sys.prefix == sys.base_prefix and (stdlib / "EXTERNALLY-MANAGED").exists():
        return "managed"
    if not os.access(sysconfig.get_path("purelib"), os.W_OK):
        return "read-only"
    return ""


def install(
    wanted: Sequence[str],
    folder: Path,
    route: Route,
    report: Report,
    cancel: CancelToken,
    *,
    python: Path | None = None,
) -> int:
    """Get `wanted` (requirements) and what they need, and install them; how many packages that was.

    folder  where the wheels come to lie: a stopped download goes on there; emptied at the end
    python  of the environment to install into; None: the one that runs
    Stages reported: resolve, download (bytes), install. Raises InstallFailed, Unreachable, ModelError for wrong
    checksums, DiskFull, Cancelled.
    """
    report(Progress("resolve"))
    files = _sized(_resolve(wanted, route, cancel, python), route, cancel)
    if files:
        _want_room(files, folder)
        total = None if any(one.size is None for one in files) else sum(one.size or 0 for one in files)
        meter = Meter(report, "download", total)
        wheels = [_fetched(one, folder, route, meter, cancel) for one in files]
        meter.flush()
        cancel.check()
        report(Progress("install", 0, len(wheels)))
        # Not to be stopped half-way: what is half installed would look like something that is there.
        _pip(["install", "--no-index", "--no-deps", *map(str, wheels)], None, python)
    shutil.rmtree(folder, ignore_errors=True)
    importlib.invalidate_caches()
    return len(files)


def _is_whole(name: str) -> bool:
    """Whether a distribution is installed to its end: its list of files is written last."""
    try:
        found = importlib.metadata.distribution(name)
    except importlib.metadata.PackageNotFoundError:
        return False
    return any(found.read_text(file) for file in ("RECORD", "installed-files.txt", "SOURCES.txt"))


def _more_indexes() -> list[str]:
    if sys.platform != "linux" or shutil.which("nvidia-smi"):
        return []
    return ["--extra-index-url", TORCH_FOR_CPU]


def _resolve(wanted: Sequence[str], route: Route, cancel: CancelToken, python: Path | None) -> list[File]:
    """The files that pip would install now; none where everything is here."""
    pinned = constraints()
    # Wheels alone: nothing that comes is executed to be installed.
    options = ["install", "--dry-run", "--report", "-", "--only-binary", ":all:"]
    if pinned is not None:
        options += ["--constraint", str(pinned)]
    if any(one.startswith("torch") for one in wanted):
        options += _more_indexes()
    if route.proxy not in (AUTO, NONE):
        options += ["--proxy", route.proxy]
    told: dict[str, Any] = json.loads(_pip([*options, *wanted], cancel, python) or "{}")
    return [
        File(
            one["download_info"]["url"],
            one["download_info"].get("archive_info", {}).get("hashes", {}).get("sha256", ""),
            None,
        )
        for one in told.get("install", [])
    ]


def _sized(files: Sequence[File], route: Route, cancel: CancelToken) -> list[File]:
    """The same with the sizes that the servers tell, asked before the first byte is fetched."""
    found = []
    for one in files:
        local = one.local
        size = local.stat().st_size if local is not None else _length(one.url, route, cancel)
        found.append(File(one.url, one.sha256, size))
    return found


def _length(url: str, route: Route, cancel: CancelToken) -> int | None:
    try:
        with opened("HEAD", url, route, cancel) as reply:
            length = reply.headers["Content-Length"]
    except (Broken, NotThere):
        # A server may refuse the question and still hand out the file.
        return None
    return int(length) if length is not None and length.isdecimal() else None


def _want_room(files: Sequence[File], folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    come = sum(one.size or 0 for one in files if one.local is None)
    unpacked = TIMES_UNPACKED * sum(one.size or 0 for one in files)
    for place, need in ((folder, come), (Path(sysconfig.get_path("purelib")), unpacked)):
        free = shutil.disk_usage(place).free
        if free < need:
            raise DiskFull(
                f"{need / 1e9:.1f} GB are needed on the disk of {place}, {free / 1e9:.1f} GB are free.",
                what_to_do="Free some space there and try again.",
            )


def _fetched(one: File, folder: Path, route: Route, meter: Meter, cancel: CancelToken) -> Path:
    local = one.local
    if local is not None:
        meter.has(one.size or 0)
        return local
    try:
        return download(Wanted(one.url, one.name, one.size, one.sha256), folder, route, meter, cancel)
    except Unreachable as error:
        error.what_to_do = f"Check the connection and try again; what has come is kept. By hand: {command()}"
        raise


def _pip(arguments: Sequence[str], cancel: CancelToken | None, python: Path | None) -> str:
    """Run pip to its end; what it wrote on stdout. Raises InstallFailed, and Cancelled where a token is given."""
    begin = [sys.executable, "-m", "pip", *(["--python", str(python)] if python is not None else [])]
    fixed = ["--disable-pip-version-check", "--no-input", "--quiet"]
    action, *rest = arguments
    child = subprocess.Popen(
        [*begin, action, *fixed, *rest],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        encoding="utf-8",
        errors="replace",
        # No console flashes up beside the window.
        creationflags=getattr(subprocess, "CREATE_NO_WINDOW", 0),
    )
    with child:
        while True:
            try:
                out, said = child.communicate(timeout=LOOK_EVERY_S)
                break
            except subprocess.TimeoutExpired:
                if cancel is not None and cancel.is_cancelled:
                    child.kill()
                    child.communicate()
                    raise Cancelled from None
    if child.returncode:
        words = [line.strip().removeprefix("ERROR: ") for line in said.splitlines() if line.strip()]
        why = " ".join(words[-2:]) or f"it ended with {child.returncode}"
        raise InstallFailed(f"What learning needs could not be installed. pip says: {why}")
    return out
