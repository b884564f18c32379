"""The two commands of the README, with nothing but Python: make the environment, then run or test Shiguang.

    python3 packaging/bootstrap.py run  [FOLDER ...]       the window, on those folders
    python3 packaging/bootstrap.py test [PYTEST OPTION ...]
    --offline                                              only with what is already downloaded

`.venv` beside pyproject.toml holds the environment, `.cache/wheels` the packages it was made from, at the
versions of constraints.txt. A stamp tells the next call that nothing changed. What the system lacks is named with
the command that installs it, and installed where this user may.
"""

from __future__ import annotations

import sys

# Said before anything that an older Python cannot read; so this file must be one that 3.8 can parse.
if sys.version_info < (3, 11):  # noqa: UP036 - that is what is being found out
    import os
    import shutil

    for _name in ("python3.14", "python3.13", "python3.12", "python3.11"):
        _newer = shutil.which(_name)
        if _newer and os.system(f'"{_newer}" -c "import sys; sys.exit(sys.version_info < (3, 11))"') == 0:
            os.execv(_newer, [_newer, *sys.argv])
    sys.exit(
        f"Shiguang needs Python 3.11 or newer; this is {sys.version.split()[0]}, and no newer one is on the PATH.\n"
        "Get it from your system's packages or from https://www.python.org/downloads/ and call this again with it."
    )

import argparse
import hashlib
import importlib.util
import json
import os
import platform
import select
import shutil
import subprocess
import sysconfig
import tomllib
import urllib.error
import urllib.request
from collections.abc import Mapping, Sequence
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
import system_packages

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
WHEELS = ROOT / ".cache" / "wheels"
STAMP = VENV / "shiguang-stamp.json"
CONSTRAINTS = ROOT / "packaging" / "constraints.txt"
MADE_FROM = (ROOT / "pyproject.toml", CONSTRAINTS, Path(__file__).resolve())
PYTHON = VENV / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
SHIGUANG = VENV / ("Scripts/shiguang.exe" if os.name == "nt" else "bin/shiguang")

# Older ones download whole packages only to see what they need.
PIP = "pip>=24.1"
# Extras that tests use beside the extra "test"; a user installs them when they are wanted.
FOR_TESTS = ("train", "openvino")
# PyPI's torch for Linux carries 3 GB of CUDA; the tests of training run on the CPU build.
TORCH_FOR_CPU = "https://download.pytorch.org/whl/cpu"
# If one of these cannot be imported, the environment is broken, whatever pip thinks.
MUST_IMPORT = "import numpy, onnxruntime, tokenizers, PIL, watchdog, sqlite_utils, platformdirs, PySide6"


class SetupFailed(Exception):
    """The environment could not be made; the message says why and what to do."""


def say(text: str) -> None:
    """Tell the person; stdout stays for answers."""
    print(f"shiguang: {text}", file=sys.stderr, flush=True)


def call(command: Sequence[str | Path], **options: object) -> int:
    """Run a program to its end and return its exit code: as a shell says, 126 for one that cannot be started.

    It gets Ctrl-C itself and ends in its own time; 130 then.
    """
    try:
        child = subprocess.Popen([str(part) for part in command], **options)  # type: ignore[call-overload]
    except OSError as error:
        say(f"{command[0]} cannot be started: {error.strerror}")
        return 126
    with child:
        while True:
            try:
                code: int = child.wait()
            except KeyboardInterrupt:
                continue
            return code if code >= 0 else 128 - code


# The stamp


def fingerprint() -> str:
    """Changes with whatever the environment is made from: the project's files, this Python, this place."""
    told = hashlib.sha256(f"{sys.version}\0{sys.base_prefix}\0{ROOT}".encode(errors="surrogateescape"))
    for path in MADE_FROM:
        told.update(path.read_bytes())
    return told.hexdigest()


def read_stamp() -> dict[str, object]:
    """What the last complete set-up noted; empty when there was none, or for other files than today's."""
    try:
        stamp = json.loads(STAMP.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return stamp if isinstance(stamp, dict) and stamp.get("made_from") == fingerprint() else {}


def write_stamp(extras: Sequence[str], no_hnswlib: str) -> None:
    """Last of all and in one go, so that a set-up cut short is never taken for a complete one."""
    new = STAMP.with_suffix(".new")
    stamp = {"made_from": fingerprint(), "extras": sorted(extras), "no_hnswlib": no_hnswlib}
    new.write_text(json.dumps(stamp), encoding="utf-8")
    new.replace(STAMP)


# The environment


def prepare(for_tests: bool, offline: bool) -> None:
    """Make `.venv` hold what is needed; returns at once when it does already. Raises SetupFailed."""
    stamp = read_stamp()
    known = {str(extra) for extra in stamp.get("extras", [])}  # type: ignore[attr-defined]
    wanted = {"test"} if for_tests else set()
    # Without hnswlib the stamp says what was missing, so that a compiler installed since is noticed.
    if stamp and wanted <= known and PYTHON.exists() and stamp["no_hnswlib"] in ("", compiler_missing()):
        return
    made_new = make_venv()
    try:
        install(known | wanted, offline)
    except SetupFailed:
        if made_new or works():
            raise
        say("The environment is damaged; it is made again.")
        shutil.rmtree(VENV)
        make_venv()
        install(known | wanted, offline)


def make_venv() -> bool:
    """A `.venv` whose Python and pip answer; true when it had to be made."""
    if VENV.is_file():
        raise SetupFailed(f"{VENV} is in the way: it is no folder. Move it and call this again.")
    STAMP.unlink(missing_ok=True)
    answers = "import sys, pip; sys.exit(sys.version_info < (3, 11))"
    if PYTHON.exists() and call([PYTHON, "-c", answers], stderr=subprocess.DEVNULL) == 0:
        return False
    if VENV.is_symlink():
        raise SetupFailed(
            f"{VENV} is a link to a folder without a working Python. Remove it and call this again."
        )
    if VENV.exists():
        say("The environment in .venv does not answer; it is made again.")
        shutil.rmtree(VENV)
    if importlib.util.find_spec("ensurepip") is None or importlib.util.find_spec("venv") is None:
        version = f"{sys.version_info.major}.{sys.version_info.minor}"
        system_packages.provide({f"python{version}-venv": system_packages.venv_package(version)}, say)
    say(f"Making the environment in {VENV} with Python {platform.python_version()}.")
    if call([sys.executable, "-m", "venv", VENV]):
        shutil.rmtree(VENV, ignore_errors=True)
        raise SetupFailed(
            f"Python could not make an environment in {VENV}. On Debian and Ubuntu its package is apart: "
            "sudo apt-get install python3-venv"
        )
    return True


def install(extras: set[str], offline: bool) -> None:
    """Fetch the pinned packages as wheels, then install the project on them. Raises SetupFailed."""
    WHEELS.mkdir(parents=True, exist_ok=True)
    project = tomllib.loads(MADE_FROM[0].read_text(encoding="utf-8"))
    needed = [PIP, *project["build-system"]["requires"], *project["project"]["dependencies"]]
    optional = project["project"]["optional-dependencies"]
    if "test" in extras:
        needed += optional["test"]
    if not offline:
        say(
            "Fetching the packages (the first time some hundred megabytes)."
            if not any(WHEELS.iterdir())
            else "Looking for new packages."
        )
        if pip("wheel", "--wheel-dir", WHEELS, *needed):
            raise SetupFailed("The packages could not be fetched; pip says why above. Is the network there?")
    if from_wheels(*needed) or from_wheels("--no-build-isolation", "--no-deps", "--editable", ROOT):
        missing = " Called with --offline, it has only .cache/wheels." if offline else ""
        raise SetupFailed(f"The packages could not be installed; pip says why above.{missing}")
    if not works():
        raise SetupFailed("The packages are installed but cannot be loaded; Python says why above.")
    no_hnswlib = install_hnswlib(optional["hnsw"], offline)
    if "test" in extras:
        for extra in FOR_TESTS:
            install_for_tests(extra, optional[extra], offline)
    write_stamp(sorted(extras), no_hnswlib)


def pip(action: str, *arguments: str | Path, constraints: Path = CONSTRAINTS) -> int:
    """Run pip of the environment; quiet where nobody watches."""
    quiet = [] if sys.stderr.isatty() else ["--quiet"]
    fixed: list[str | Path] = ["--disable-pip-version-check", "--no-input", "--constraint", constraints]
    return call([PYTHON, "-m", "pip", action, *quiet, *fixed, *arguments])


def from_wheels(*arguments: str | Path) -> int:
    return pip("install", "--no-index", "--find-links", WHEELS, *arguments)


def works() -> bool:
    """Whether the packages can be loaded (not Qt's own libraries: the system may lack what those need)."""
    return call([PYTHON, "-c", MUST_IMPORT]) == 0


# The parts that may be missing


def compiler_missing() -> str:
    """What of a C++ compiler and Python's headers is not there; empty when both are."""
    if os.name == "nt":
        return ""  # the build itself finds Visual Studio, or says that it does not
    if sys.platform == "darwin":
        tools = subprocess.run(["xcode-select", "-p"], capture_output=True, check=False)
        return "" if tools.returncode == 0 else "a C++ compiler"
    found = os.environ.get("CXX") or shutil.which("c++") or shutil.which("g++") or shutil.which("clang++")
    headers = (Path(sysconfig.get_path("include")) / "Python.h").is_file()
    missing = [] if found else ["a C++ compiler"]
    return " and ".join(missing if headers else [*missing, "Python's headers"])


def install_hnswlib(requirement: Sequence[str], offline: bool) -> str:
    """Build the index for large libraries; where that cannot be, say so and return what is missing."""
    if from_wheels_quietly(*requirement):
        return ""
    missing = compiler_missing()
    if missing and not offline:
        version = f"{sys.version_info.major}.{sys.version_info.minor}"
        system_packages.provide({missing: system_packages.compiler_packages(version)}, say)
        missing = compiler_missing()
    if not missing and not offline:
        pip("wheel", "--wheel-dir", WHEELS, *requirement)
        if from_wheels_quietly(*requirement):
            return ""
        missing = "a C++ compiler that builds hnswlib" if os.name == "nt" else "hnswlib's build"
    missing = missing or "hnswlib's package"
    say(
        f"Without {missing}, search compares with every photo: exact, and slower above some hundred thousand."
    )
    return missing


def from_wheels_quietly(*requirement: str) -> bool:
    """Whether this could be had without the network; not having it is no news."""
    command: list[str | Path] = [
        PYTHON,
        "-m",
        "pip",
        "install",
        "--quiet",
        "--no-index",
        "--find-links",
        WHEELS,
    ]
    silence = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    return call([*command, "--constraint", CONSTRAINTS, *requirement], **silence) == 0


def install_for_tests(extra: str, requirements: Sequence[str], offline: bool) -> None:
    """An extra that some tests need; where it cannot be had, those tests are skipped."""
    if from_wheels_quietly(*requirements):
        return
    on_linux = extra == "train" and sys.platform == "linux"
    more = ["--extra-index-url", TORCH_FOR_CPU] if on_linux and answers(TORCH_FOR_CPU) else []
    if offline or pip("wheel", "--wheel-dir", WHEELS, *more, *requirements) or from_wheels(*requirements):
        say(f"The extra {extra} ({', '.join(requirements)}) could not be had: its tests are skipped.")


def answers(address: str) -> bool:
    try:
        with urllib.request.urlopen(f"{address}/torch/", timeout=5) as page:
            return int(page.status) == 200
    except (urllib.error.URLError, OSError):
        return False


# Running and testing


def no_display(environment: Mapping[str, str] = os.environ) -> str:
    """Why no window can be shown here; empty when one can."""
    if environment.get("QT_QPA_PLATFORM", "").partition(":")[0] in ("offscreen", "minimal"):
        return "QT_QPA_PLATFORM asks for a window that nobody sees"
    if sys.platform != "linux" or environment.get("QT_QPA_PLATFORM") or environment.get("WAYLAND_DISPLAY"):
        return ""
    display = environment.get("DISPLAY", "")
    if not display:
        return "there is no display (neither DISPLAY nor WAYLAND_DISPLAY is set)"
    number = display[1:].partition(".")[0]
    if display.startswith(":") and number.isdigit() and not system_packages.x_server_answers(number):
        return f"the display {display} does not answer"
    return ""


def run(folders: Sequence[str], offline: bool) -> int:
    """Open the window on the folders; without a display, index them and answer queries in the terminal."""
    reason = no_display()
    if reason:
        say(f"No window, because {reason}. Indexing and searching in this terminal instead.")
        return run_in_terminal(folders)
    missing = system_packages.missing_for_window()
    if missing and not system_packages.provide(missing, say, offline):
        fatal = [name for name in system_packages.missing_for_window() if name.startswith("lib")]
        if fatal:
            say(f"The window cannot be shown without {', '.join(fatal)}.")
            return 1
    return call([PYTHON, "-m", "desktop_app", *folders])


def run_in_terminal(folders: Sequence[str]) -> int:
    """Index, then one search a line until an empty line or the end of the input. Ends with index's exit code."""
    indexed = call([SHIGUANG, "index", *folders], stdin=subprocess.DEVNULL)
    if indexed > 1:
        return indexed
    asks = sys.stdin is not None and sys.stdin.isatty()
    if not asks and not queries_are_piped_in():
        return indexed
    if asks:
        say("Type what you remember, in Chinese or English; an empty line ends.")
    try:
        while query := read_query(asks):
            if call([SHIGUANG, "search", "--limit", "10", "--", query], stdin=subprocess.DEVNULL) == 130:
                break
    except KeyboardInterrupt:
        print(file=sys.stderr)
    return indexed


def queries_are_piped_in() -> bool:
    """Whether the input has something to read: an open pipe that nobody writes to must not hold us."""
    if sys.stdin is None or sys.stdin.closed:
        return False
    if os.name == "nt":
        return True  # select knows only sockets there
    try:
        return bool(select.select([sys.stdin], [], [], 0.2)[0])
    except (OSError, ValueError):
        return False


def read_query(asks: bool) -> str:
    if asks:
        print("> ", end="", file=sys.stderr, flush=True)
    return sys.stdin.readline().strip()


def test(options: Sequence[str], offline: bool) -> int:
    """Run the test suite with a window system that shows nothing, several tests at a time."""
    missing = system_packages.missing_for_window()
    if missing:
        system_packages.provide(missing, say, offline)
    environment = {**os.environ, "QT_QPA_PLATFORM": "offscreen"}
    together = ["--numprocesses", "auto", "--maxprocesses", "4", "--dist", "worksteal"]
    return call([PYTHON, "-m", "pytest", *together, *options], cwd=ROOT, env=environment)


def read_command(arguments: Sequence[str]) -> argparse.Namespace:
    """The command line; what `test` does not know itself is pytest's."""
    parser = argparse.ArgumentParser(prog="bootstrap.py", description="Set up Shiguang, then run or test it.")
    shared = argparse.ArgumentParser(add_help=False)
    shared.add_argument("--offline", action="store_true", help="use only what is already downloaded")
    commands = parser.add_subparsers(dest="command", required=True)
    run_parser = commands.add_parser("run", parents=[shared], help="open the window")
    run_parser.add_argument("folders", nargs="*", metavar="FOLDER")
    commands.add_parser("test", parents=[shared], help="run the test suite")
    offline_first = "--offline" in arguments[:1]
    read, rest = parser.parse_known_args(arguments[1:] if offline_first else arguments)
    read.offline = read.offline or offline_first
    if rest and read.command == "run":
        run_parser.error(f"unknown option {rest[0]}")
    read.options = [option for option in rest if option != "--"]
    return read


def main(arguments: Sequence[str]) -> int:
    read = read_command(arguments)
    for folder in getattr(read, "folders", []):
        if not Path(folder).is_dir():
            say(f"{folder} is no folder.")
            return 2
    try:
        prepare(read.command == "test", read.offline)
        if read.command == "test":
            return test(read.options, read.offline)
        return run(read.folders, read.offline)
    except SetupFailed as failed:
        say(str(failed))
        return 1
    except KeyboardInterrupt:
        say("Stopped.")
        return 130


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
