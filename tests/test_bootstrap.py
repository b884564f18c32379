"""Setting up: two commands with nothing but Python, quick when nothing changed, plain when something is missing."""

from __future__ import annotations

import ast
import importlib.util
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tomllib
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).resolve().parents[1]
SETUP_FILES = sorted((ROOT / "packaging").glob("*.py"))

posix_only = pytest.mark.skipif(os.name == "nt", reason="stands in for programs by shell scripts")


def load(folder: Path, name: str, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """A module of `folder`/packaging, which is no package: PyPI has one of that name."""
    monkeypatch.syspath_prepend(folder / "packaging")
    spec = importlib.util.spec_from_file_location(name, folder / "packaging" / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A fresh clone as far as setting up looks at it."""
    folder = tmp_path / "拾光 clone"
    (folder / "packaging").mkdir(parents=True)
    for path in [*SETUP_FILES, ROOT / "packaging" / "constraints.txt"]:
        shutil.copy(path, folder / "packaging")
    shutil.copy(ROOT / "pyproject.toml", folder)
    return folder


@pytest.fixture
def bootstrap(checkout: Path, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    return load(checkout, "bootstrap", monkeypatch)


Program = Callable[[str], None]


@pytest.fixture
def installed(checkout: Path, bootstrap: ModuleType) -> Program:
    """Makes the clone look set up, with a shell script as its `shiguang`."""

    def install(script: str) -> None:
        programs = checkout / ".venv" / "bin"
        programs.mkdir(parents=True)
        (programs / "python").symlink_to(sys.executable)
        (programs / "shiguang").write_text(f"#!/bin/sh\n{script}\n", encoding="utf-8")
        (programs / "shiguang").chmod(0o755)
        bootstrap.write_stamp([], "")

    return install


def start(checkout: Path, *arguments: str, **options: object) -> subprocess.Popen[str]:
    """Call bootstrap.py as a person without a display does."""
    hidden = ("DISPLAY", "WAYLAND_DISPLAY", "QT_QPA_PLATFORM", "PIP_FIND_LINKS")
    environment = {name: value for name, value in os.environ.items() if name not in hidden}
    environment["PIP_CONFIG_FILE"] = os.devnull
    command = [sys.executable, str(checkout / "packaging" / "bootstrap.py"), *arguments]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True, "env": environment}
    return subprocess.Popen(command, **{**pipes, **options})  # type: ignore[call-overload, no-any-return]


def test_setting_up_imports_nothing_but_the_standard_library() -> None:
    own = {path.stem for path in SETUP_FILES}
    for name in ("bootstrap", "system_packages"):
        tree = ast.parse((ROOT / "packaging" / f"{name}.py").read_text(encoding="utf-8"))
        imported = {
            module.split(".")[0]
            for node in ast.walk(tree)
            if isinstance(node, ast.Import | ast.ImportFrom)
            for module in (
                [node.module or ""] if isinstance(node, ast.ImportFrom) else [one.name for one in node.names]
            )
        }
        assert imported - sys.stdlib_module_names <= own


def test_an_old_python_can_read_the_file_that_turns_it_away() -> None:
    ast.parse((ROOT / "packaging" / "bootstrap.py").read_text(encoding="utf-8"), feature_version=(3, 8))


def test_the_folder_packaging_does_not_hide_the_package_of_that_name() -> None:
    assert not (ROOT / "packaging" / "__init__.py").exists()


def pinned() -> dict[str, str]:
    lines = (ROOT / "packaging" / "constraints.txt").read_text(encoding="utf-8").splitlines()
    return dict(line.lower().split("==") for line in lines if "==" in line)


def test_every_package_the_project_asks_for_is_pinned_at_a_version_it_allows() -> None:
    from packaging.requirements import Requirement

    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    asked = [
        *project["dependencies"],
        *(one for extra in project["optional-dependencies"].values() for one in extra),
    ]
    for requirement in map(Requirement, asked):
        assert requirement.specifier.contains(pinned()[requirement.name.lower()]), requirement


def test_the_terms_of_every_pinned_package_are_in_the_notice() -> None:
    named = {
        line.split()[0].lower() for line in (ROOT / "NOTICE").read_text(encoding="utf-8").splitlines() if line
    }
    assert set(pinned()) - named == set()


def test_the_stamp_holds_until_something_it_was_made_from_changes(
    bootstrap: ModuleType, checkout: Path
) -> None:
    (checkout / ".venv").mkdir()
    assert bootstrap.read_stamp() == {}
    bootstrap.write_stamp(["test"], "")
    assert bootstrap.read_stamp()["extras"] == ["test"]
    with (checkout / "packaging" / "constraints.txt").open("a", encoding="utf-8") as file:
        file.write("# changed\n")
    assert bootstrap.read_stamp() == {}


@pytest.mark.parametrize("broken", ["", "[]", "{", '{"made_from": 1}'])
def test_a_broken_stamp_is_no_stamp(bootstrap: ModuleType, checkout: Path, broken: str) -> None:
    (checkout / ".venv").mkdir()
    (checkout / ".venv" / "shiguang-stamp.json").write_text(broken, encoding="utf-8")
    assert bootstrap.read_stamp() == {}


@pytest.mark.parametrize(
    ("arguments", "read"),
    [
        (["run"], ("run", False, [])),
        (["run", "--offline", "a", "b c"], ("run", True, ["a", "b c"])),
        (["--offline", "run", "a"], ("run", True, ["a"])),
        (["test"], ("test", False, [])),
        (["test", "--offline", "--", "-k", "one"], ("test", True, ["-k", "one"])),
        (["test", "-x", "-k", "one"], ("test", False, ["-x", "-k", "one"])),
    ],
)
def test_the_command_line_is_read(
    bootstrap: ModuleType, arguments: list[str], read: tuple[str, bool, list[str]]
) -> None:
    found = bootstrap.read_command(arguments)
    assert (found.command, found.offline, found.folders if found.command == "run" else found.options) == read


@pytest.mark.parametrize("arguments", [[], ["fly"], ["run", "--fast"]])
def test_a_command_that_is_not_known_is_refused(bootstrap: ModuleType, arguments: list[str]) -> None:
    with pytest.raises(SystemExit) as raised:
        bootstrap.read_command(arguments)
    assert raised.value.code == 2


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux runs without a display")
def test_why_there_is_no_window_is_said(bootstrap: ModuleType) -> None:
    assert "neither DISPLAY nor WAYLAND_DISPLAY" in bootstrap.no_display({})
    assert "nobody sees" in bootstrap.no_display({"QT_QPA_PLATFORM": "offscreen", "DISPLAY": ":0"})
    assert ":4711 does not answer" in bootstrap.no_display({"DISPLAY": ":4711"})
    assert bootstrap.no_display({"WAYLAND_DISPLAY": "wayland-0"}) == ""
    assert bootstrap.no_display({"DISPLAY": "far:0"}) == ""


@pytest.mark.skipif(sys.platform != "linux", reason="abstract names of sockets are Linux's")
def test_a_display_that_answers_is_one(bootstrap: ModuleType) -> None:
    with socket.socket(socket.AF_UNIX) as server:
        server.bind("\0/tmp/.X11-unix/X4712")
        server.listen()
        assert bootstrap.no_display({"DISPLAY": ":4712.0"}) == ""


@pytest.fixture
def system(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    return load(ROOT, "system_packages", monkeypatch)


@posix_only
@pytest.mark.parametrize(
    ("manager", "command"),
    [
        (
            "apt-get",
            "apt-get install -y --no-install-recommends libegl1 libxcb-cursor0 fontconfig fonts-noto-cjk",
        ),
        (
            "dnf",
            "dnf install -y 'libEGL.so.1()(64bit)' 'libxcb-cursor.so.0()(64bit)' fontconfig 'font(:lang=zh-cn)'",
        ),
        ("pacman", "pacman -S --needed --noconfirm libglvnd xcb-util-cursor fontconfig noto-fonts-cjk"),
        (
            "zypper",
            "zypper --non-interactive install 'libEGL.so.1()(64bit)' 'libxcb-cursor.so.0()(64bit)' fontconfig 'font(:lang=zh-cn)'",
        ),
    ],
)
def test_what_is_missing_comes_with_the_exact_command_of_the_system(
    system: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, manager: str, command: str
) -> None:
    (tmp_path / manager).write_text("#!/bin/sh\n", encoding="utf-8")
    (tmp_path / manager).chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    packages = [
        system._packages_of("libEGL.so.1", *system.NEEDED["libEGL.so.1"]),
        system._packages_of("libxcb-cursor.so.0", *system.FOR_X11["libxcb-cursor.so.0"]),
        system.FONTS,
    ]
    assert system.install_command(packages) == (manager, command)
    for offered in (system.FONTS, system.compiler_packages("3.11"), system.venv_package("3.11")):
        assert set(offered) == set(system.INSTALL)


def test_a_system_without_a_known_package_manager_is_told_what_is_missing(
    system: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(sys, "platform", "linux")
    said: list[str] = []
    assert not system.provide({"libEGL.so.1": system.FONTS}, said.append)
    assert "lacks libEGL.so.1" in said[0]


def test_a_library_that_is_not_there_is_noticed(system: ModuleType) -> None:
    assert not system.loads("libshiguang-is-not-there.so.1")


def test_a_folder_that_is_not_there_is_said_before_anything_is_made(checkout: Path) -> None:
    with start(checkout, "run", str(checkout / "nowhere")) as done:
        _, said = done.communicate(timeout=60)
    assert done.returncode == 2
    assert "nowhere is no folder" in said
    assert not (checkout / ".venv").exists()


ANSWERING = """
if [ "$1" = index ]; then echo "indexed $2"; exit ${INDEX_CODE:-0}; fi
shift 3; echo "searched $2"
"""


@posix_only
@pytest.mark.skipif(sys.platform != "linux", reason="only Linux runs without a display")
def test_without_a_display_it_indexes_and_answers_what_is_piped_in(
    checkout: Path, installed: Program
) -> None:
    installed(ANSWERING)
    with start(checkout, "run", str(checkout), stdin=subprocess.PIPE) as done:
        told, said = done.communicate("海边的狗\n--dog\n\nnever\n", timeout=60)
    assert done.returncode == 0
    assert told.splitlines() == [f"indexed {checkout}", "searched 海边的狗", "searched --dog"]
    assert "No window, because there is no display" in said


@posix_only
@pytest.mark.skipif(sys.platform != "linux", reason="only Linux runs without a display")
@pytest.mark.parametrize(("code", "searches"), [(1, True), (3, False)])
def test_the_exit_code_of_indexing_is_passed_on(
    checkout: Path, installed: Program, monkeypatch: pytest.MonkeyPatch, code: int, searches: bool
) -> None:
    monkeypatch.setenv("INDEX_CODE", str(code))
    installed(ANSWERING)
    with start(checkout, "run", str(checkout), stdin=subprocess.PIPE) as done:
        told, _ = done.communicate("dog\n", timeout=60)
    assert done.returncode == code
    assert ("searched dog" in told) == searches


@posix_only
@pytest.mark.skipif(sys.platform != "linux", reason="only Linux runs without a display")
def test_an_open_pipe_that_nobody_writes_to_does_not_hold_it(checkout: Path, installed: Program) -> None:
    installed(ANSWERING)
    reading, writing = os.pipe()
    try:
        with start(checkout, "run", str(checkout), stdin=reading) as done:
            assert done.wait(timeout=60) == 0
            assert done.stdout is not None
            assert done.stdout.read() == f"indexed {checkout}\n"
    finally:
        os.close(reading)
        os.close(writing)


@posix_only
@pytest.mark.skipif(sys.platform != "linux", reason="only Linux runs without a display")
def test_ctrl_c_lets_indexing_end_in_its_own_time(
    checkout: Path, installed: Program, request: pytest.FixtureRequest
) -> None:
    installed("trap 'echo kept; exit 130' INT; echo began; while :; do sleep 0.05; done")
    # A test run in the background ignores Ctrl-C, and what is ignored stays so in its children.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    request.addfinalizer(lambda: signal.signal(signal.SIGINT, before))
    with start(checkout, "run", str(checkout), stdin=subprocess.DEVNULL, start_new_session=True) as running:
        assert running.stdout is not None
        assert running.stdout.readline() == "began\n"
        os.killpg(running.pid, signal.SIGINT)
        told, said = running.communicate(timeout=60)
    assert (running.returncode, told) == (130, "kept\n")
    assert "Traceback" not in said


@posix_only
@pytest.mark.skipif(sys.platform != "linux", reason="only Linux runs without a display")
def test_a_second_call_with_nothing_changed_starts_nothing_but_the_program(
    checkout: Path, installed: Program
) -> None:
    installed(ANSWERING)
    python = checkout / ".venv" / "bin" / "python"
    python.unlink()
    python.write_text(f"#!/bin/sh\ntouch '{checkout}/started'\nexec {sys.executable} \"$@\"\n")
    python.chmod(0o755)
    with start(checkout, "run", str(checkout), stdin=subprocess.DEVNULL) as done:
        told, _ = done.communicate(timeout=60)
    assert (done.returncode, told) == (0, f"indexed {checkout}\n")
    assert not (checkout / "started").exists()


def test_a_file_in_the_place_of_the_environment_is_not_deleted(checkout: Path) -> None:
    (checkout / ".venv").write_text("mine", encoding="utf-8")
    with start(checkout, "run", "--offline", stdin=subprocess.DEVNULL) as done:
        _, said = done.communicate(timeout=60)
    assert done.returncode == 1
    assert "is in the way" in said
    assert (checkout / ".venv").read_text(encoding="utf-8") == "mine"


@posix_only
def test_a_half_made_environment_is_made_again_and_offline_says_what_it_lacks(checkout: Path) -> None:
    (checkout / ".venv" / "bin").mkdir(parents=True)
    (checkout / ".venv" / "bin" / "python").write_text("cut short", encoding="utf-8")
    with start(checkout, "run", "--offline", stdin=subprocess.DEVNULL) as done:
        _, said = done.communicate(timeout=120)
    assert done.returncode == 1
    assert "made again" in said
    assert re.search(r"could not be installed.*--offline", said)
    assert not (checkout / ".venv" / "shiguang-stamp.json").exists()
