"""What Shiguang needs of the system: Qt's libraries, fonts with Chinese, a compiler; and how each system calls them.

Standard library only: bootstrap.py uses it before anything is installed.
"""

from __future__ import annotations

import ctypes
import os
import shlex
import shutil
import socket
import subprocess
import sys
from collections.abc import Callable, Iterable, Mapping

# A library: its package on Debian, and on Arch. dnf and zypper find it by the library's own name.
NEEDED = {
    "libEGL.so.1": ("libegl1", "libglvnd"),
    "libGL.so.1": ("libgl1", "libglvnd"),
    "libxkbcommon.so.0": ("libxkbcommon0", "libxkbcommon"),
    "libdbus-1.so.3": ("libdbus-1-3", "dbus"),
    "libfontconfig.so.1": ("libfontconfig1", "fontconfig"),
    "libfreetype.so.6": ("libfreetype6", "freetype2"),
    "libglib-2.0.so.0": ("libglib2.0-0", "glib2"),
    "libX11.so.6": ("libx11-6", "libx11"),
}
FOR_X11 = {
    "libX11-xcb.so.1": ("libx11-xcb1", "libx11"),
    "libxcb-cursor.so.0": ("libxcb-cursor0", "xcb-util-cursor"),
    "libxcb-icccm.so.4": ("libxcb-icccm4", "xcb-util-wm"),
    "libxcb-image.so.0": ("libxcb-image0", "xcb-util-image"),
    "libxcb-keysyms.so.1": ("libxcb-keysyms1", "xcb-util-keysyms"),
    "libxcb-randr.so.0": ("libxcb-randr0", "libxcb"),
    "libxcb-render-util.so.0": ("libxcb-render-util0", "xcb-util-renderutil"),
    "libxcb-render.so.0": ("libxcb-render0", "libxcb"),
    "libxcb-shape.so.0": ("libxcb-shape0", "libxcb"),
    "libxcb-shm.so.0": ("libxcb-shm0", "libxcb"),
    "libxcb-sync.so.1": ("libxcb-sync1", "libxcb"),
    "libxcb-util.so.1": ("libxcb-util1", "xcb-util"),
    "libxcb-xfixes.so.0": ("libxcb-xfixes0", "libxcb"),
    "libxcb-xkb.so.1": ("libxcb-xkb1", "libxcb"),
    "libxkbcommon-x11.so.0": ("libxkbcommon-x11-0", "libxkbcommon-x11"),
}
FOR_WAYLAND = {
    "libwayland-client.so.0": ("libwayland-client0", "wayland"),
    "libwayland-cursor.so.0": ("libwayland-cursor0", "wayland"),
    "libwayland-egl.so.1": ("libwayland-egl1", "wayland"),
}

# By package manager: what to type before the packages' names.
INSTALL = {
    "apt-get": "apt-get install -y --no-install-recommends",
    "dnf": "dnf install -y",
    "pacman": "pacman -S --needed --noconfirm",
    "zypper": "zypper --non-interactive install",
}
Packages = Mapping[str, str]  # package manager: the packages, separated by blanks and quoted for a shell

FONTS: Packages = {
    "apt-get": "fontconfig fonts-noto-cjk",
    "dnf": "fontconfig 'font(:lang=zh-cn)'",
    "pacman": "fontconfig noto-fonts-cjk",
    "zypper": "fontconfig 'font(:lang=zh-cn)'",
}


def compiler_packages(version: str) -> Packages:
    """A C++ compiler and the headers of Python `version` ("3.11")."""
    return {
        "apt-get": f"g++ python{version}-dev",
        "dnf": "gcc-c++ python3-devel",
        "pacman": "gcc python",
        "zypper": f"gcc-c++ python{version.replace('.', '')}-devel",
    }


def venv_package(version: str) -> Packages:
    """What Debian leaves out of its Python `version` ("3.11")."""
    return {"apt-get": f"python{version}-venv", "dnf": "python3", "pacman": "python", "zypper": "python3"}


def missing_for_window() -> dict[str, Packages]:
    """The libraries and fonts that a window needs and this system lacks, each with its packages."""
    if sys.platform != "linux":
        return {}
    libraries = dict(NEEDED)
    if os.environ.get("WAYLAND_DISPLAY"):
        libraries.update(FOR_WAYLAND)
    elif os.environ.get("DISPLAY"):
        libraries.update(FOR_X11)
    missing = {name: _packages_of(name, *names) for name, names in libraries.items() if not loads(name)}
    if not draws_chinese():
        missing["a font with Chinese"] = FONTS
    return missing


def _packages_of(library: str, debian: str, arch: str) -> Packages:
    named = f"'{library}()(64bit)'"
    return {"apt-get": debian, "dnf": named, "pacman": arch, "zypper": named}


def loads(library: str) -> bool:
    """Whether the system finds this shared library."""
    try:
        ctypes.CDLL(library)
    except OSError:
        return False
    return True


def draws_chinese() -> bool:
    """Whether a font with Chinese is installed; fontconfig's own program tells."""
    if shutil.which("fc-list") is None:
        return False
    told = subprocess.run(["fc-list", ":lang=zh", "file"], capture_output=True, check=False)
    return bool(told.stdout.strip())


def x_server_answers(number: str) -> bool:
    """Whether something listens behind DISPLAY=:`number`, in its folder or, on Linux, in the abstract name."""
    for address in (f"/tmp/.X11-unix/X{number}", f"\0/tmp/.X11-unix/X{number}"):
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as server:
            server.settimeout(2)
            try:
                server.connect(address)
            except OSError:
                continue
            return True
    return False


def install_command(packages: Iterable[Packages]) -> tuple[str, str] | None:
    """The package manager here and the command that installs all these; None when none is known."""
    manager = next((name for name in INSTALL if shutil.which(name)), None)
    if manager is None:
        return None
    words = list(dict.fromkeys(word for one in packages for word in shlex.split(one[manager])))
    return manager, f"{INSTALL[manager]} {shlex.join(words)}"


def provide(missing: Mapping[str, Packages], say: Callable[[str], None], offline: bool = False) -> bool:
    """Say what is missing and the exact command for it, and run that where this user may. True when it ran well.

    offline  only say it
    """
    names = ", ".join(missing)
    if sys.platform == "darwin":
        say(f"This system lacks {names}. Install it with: xcode-select --install")
        return False
    told = install_command(missing.values())
    if told is None:
        say(f"This system lacks {names}; install it with your system's package manager.")
        return False
    manager, command = told
    is_root = hasattr(os, "geteuid") and os.geteuid() == 0
    if not is_root or offline:
        say(f"This system lacks {names}. Install it with: {command if is_root else 'sudo ' + command}")
        return False
    say(f"This system lacks {names}. Installing: {command}")
    return _install(manager, command)


def _install(manager: str, command: str) -> bool:
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    steps = [shlex.split(command)]
    if manager == "apt-get":
        # A list of packages from months ago names files that are gone; a mirror that is away must not hold us long.
        steps.insert(
            0, ["apt-get", "update", "-q", "-o", "Acquire::http::Timeout=20", "-o", "Acquire::Retries=1"]
        )
    for step in steps:
        try:
            code = subprocess.run(
                step, env=environment, stdout=sys.stderr, timeout=900, check=False
            ).returncode
        except (OSError, subprocess.TimeoutExpired):
            return False
        if code and step is steps[-1]:
            return False
    return True
