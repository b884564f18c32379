"""What the system says about its mounts and disks: Linux from /proc, /run/udev and /dev/disk, macOS from `mount`
and `diskutil`, Windows from its volume calls. `volumes` makes sense of it.
"""

from __future__ import annotations

import os
import plistlib
import re
import subprocess
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from xml.parsers.expat import ExpatError

# Where another machine's changes raise no events here. 9p, virtiofs and the like are folders of a host.
NETWORK = frozenset(
    {
        *("9p", "afpfs", "afs", "beegfs", "ceph", "cifs", "davfs", "drvfs", "ftp", "glusterfs", "lustre"),
        *("ncpfs", "nfs", "nfs4", "prl_fs", "remote", "smb3", "smbfs", "vboxsf", "virtiofs", "vmhgfs"),
        *("webdav", "fuse.davfs2", "fuse.glusterfs", "fuse.gvfsd-fuse", "fuse.kio-fuse", "fuse.rclone"),
        *("fuse.sshfs", "fuse.vmhgfs-fuse"),
    }
)
MEMORY = frozenset(("ramfs", "ramdisk", "tmpfs"))
# One mount whose every folder is a share of its own that comes and goes.
SHARES_BELOW = frozenset(("fuse.gvfsd-fuse", "fuse.kio-fuse"))
NO_FILES = SHARES_BELOW | {
    *(
        "autofs",
        "binfmt_misc",
        "bpf",
        "cgroup",
        "cgroup2",
        "configfs",
        "debugfs",
        "devfs",
        "devpts",
        "devtmpfs",
    ),
    *("efivarfs", "fuse.portal", "fusectl", "hugetlbfs", "mqueue", "nsfs", "proc", "pstore", "rpc_pipefs"),
    *("securityfs", "selinuxfs", "squashfs", "sysfs", "tracefs"),
}


@dataclass(frozen=True, slots=True)
class Mount:
    """One line of the system's table. Text that is no valid Unicode stands as surrogate escapes."""

    mount_point: str
    source: str  # /dev/sdb1, //nas/photos, host:/export, tmpfs
    file_system: str
    device: str = ""  # as `device_of` gives it for files on it; "" where only asking could tell
    root: str = "/"  # the folder of the file system that is mounted: / but for bind mounts and subvolumes
    is_share: bool = False  # a folder below a mount of SHARES_BELOW

    @property
    def is_network(self) -> bool:
        return self.file_system in NETWORK

    @property
    def is_memory(self) -> bool:
        return self.file_system in MEMORY

    @property
    def holds_files(self) -> bool:
        return self.is_share or self.file_system not in NO_FILES


@dataclass(frozen=True, slots=True)
class Disk:
    """What is known of the disk below a mount; empty where the system does not tell."""

    uuid: str = ""
    label: str = ""
    is_removable: bool = False


def device_of(path: str) -> str | None:
    """Which device a path lies on, in the form of `Mount.device`; None when nothing can be reached there."""
    try:
        number = os.stat(path).st_dev
    except (OSError, ValueError):  # gone, not ours to enter, a dead share, a NUL in the name
        return None
    return f"{os.major(number)}:{os.minor(number)}" if sys.platform == "linux" else str(number)


def mounted() -> list[Mount]:
    """The table of mounts, in the order of mounting; empty where the system keeps none."""
    if sys.platform == "win32":
        return _windows_drives()
    if sys.platform == "darwin":
        return list(read_mac_mounts(os.fsdecode(_told_by("/sbin/mount"))))
    try:
        with open("/proc/self/mountinfo", "rb") as table:
            return list(with_shares(read_mountinfo(os.fsdecode(table.read()))))
    except OSError:  # a jail without /proc: everything is one volume
        return []


def mount_of(path: str, device: str, table: list[Mount]) -> Mount | None:
    """The mount on which an existing `path` (absolute, no links) lies; None when the table does not show it.

    That is so when the table is older than the mount, and for good with btrfs subvolumes, whose own devices no
    table shows, and shares of a Mac, which are not asked: then `nearest_mount` is it.
    """
    if sys.platform == "win32":
        return _windows_mount(path)
    # The last mount over a point hides the ones before it.
    for mount in reversed(_above(path, table)):
        if mount.device == device:
            return mount
    # macOS shows the folders of /System/Volumes/Data under / as well.
    mirrored = (mount for mount in table if mount.mount_point.startswith("/System/Volumes/"))
    return next((mount for mount in mirrored if mount.device == device), None)


def nearest_mount(path: str, table: list[Mount]) -> Mount:
    """The mount above `path` that is nearest to it, whatever its device."""
    above = _above(path, table)
    return above[-1] if above else Mount("/", "/", "unknown")


def _above(path: str, table: list[Mount]) -> list[Mount]:
    above = [mount for mount in table if _is_below(path, mount.mount_point)]
    return sorted(above, key=lambda mount: len(mount.mount_point))


def path_in_volume(path: str, mount: Mount) -> str:
    """The way from the top of the volume to `path`, `/` between its parts."""
    below = path[len(mount.mount_point) :] if _is_below(path, mount.mount_point) else path
    return "/".join(part for part in (*mount.root.split("/"), *below.replace(os.sep, "/").split("/")) if part)


def path_below(mount: Mount, inside: str) -> str | None:
    """The path where `inside` (as `path_in_volume` gave it) would be; None when the mount shows another part."""
    top = mount.root.strip("/")
    if top and inside != top and not inside.startswith(top + "/"):
        return None
    rest = inside[len(top) :].strip("/")
    return os.path.join(mount.mount_point, *rest.split("/")) if rest else mount.mount_point


def disk_of(mount: Mount) -> Disk:
    """The disk below a mount."""
    if sys.platform == "win32":
        return _windows_disk(mount.mount_point)
    if sys.platform == "darwin":
        return _mac_disk(mount)
    return linux_disk(mount)


def _is_below(path: str, folder: str) -> bool:
    return path == folder or path.startswith(folder.rstrip("/\\") + os.sep)


# Linux


def read_mountinfo(text: str) -> Iterator[Mount]:
    """The mounts of /proc/self/mountinfo, proc(5): `36 35 98:0 /root /point options... - ext4 /dev/sda1 rw`."""
    for line in text.splitlines():
        front, _, back = line.partition(" - ")
        fields, rest = front.split(" "), back.split(" ")
        if len(fields) < 6 or len(rest) < 2:
            continue
        yield Mount(
            mount_point=_unescaped(fields[4]),
            source=_without_user(_unescaped(rest[1])),
            file_system=rest[0],
            device=fields[2],
            root=_unescaped(fields[3]),
        )


def _unescaped(field: str) -> str:
    r"""Blank, tab, newline and backslash stand as octal \040 in the table."""
    return re.sub(r"\\([0-7]{3})", lambda found: chr(int(found[1], 8)), field)


def with_shares(table: Iterable[Mount]) -> Iterator[Mount]:
    """The table, and behind each mount of SHARES_BELOW the shares that are connected now."""
    for mount in table:
        yield mount
        if mount.file_system in SHARES_BELOW:
            try:
                names = sorted(os.listdir(mount.mount_point))
            except OSError:  # another user's desktop
                continue
            for name in names:
                point = os.path.join(mount.mount_point, name)
                yield replace(mount, mount_point=point, source=name, is_share=True)


def linux_disk(mount: Mount, system: Path = Path("/")) -> Disk:
    """What udev noted about the disk; `system` is the folder that holds dev, run and sys."""
    if mount.file_system == "zfs":
        return Disk(uuid=mount.source)  # pool/dataset: its own name, without a device below
    number = _device_number(mount)
    noted = _udev_notes(system / "run/udev/data" / f"b{number}")
    uuid = noted.get("ID_FS_UUID", "") or _linked_uuid(mount.source, system / "dev/disk/by-uuid")
    block = os.path.realpath(system / "sys/dev/block" / number)
    is_removable = "/usb" in block or noted.get("ID_BUS") == "usb" or "/mmc_host/" in block
    return Disk(uuid, noted.get("ID_FS_LABEL", ""), is_removable or _says_removable(Path(block)))


def _device_number(mount: Mount) -> str:
    if mount.device and not mount.device.startswith("0:"):
        return mount.device
    try:
        number = os.stat(mount.source).st_rdev
    except (OSError, ValueError):
        return mount.device or "0:0"
    return f"{os.major(number)}:{os.minor(number)}" if sys.platform == "linux" else str(number)


def _udev_notes(path: Path) -> dict[str, str]:
    try:
        lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return {}
    return dict(line[2:].split("=", 1) for line in lines if line.startswith("E:") and "=" in line)


def _linked_uuid(source: str, folder: Path) -> str:
    device = os.path.realpath(source)
    try:
        names = os.listdir(folder)
    except OSError:
        return ""
    return next((name for name in names if os.path.realpath(folder / name) == device), "")


def _says_removable(block: Path) -> bool:
    """A partition's folder has no such file, its disk's folder one above has."""
    for folder in (block, block.parent):
        try:
            return (folder / "removable").read_text(encoding="ascii").strip() == "1"
        except OSError:
            continue
    return False


# macOS


def read_mac_mounts(text: str) -> Iterator[Mount]:
    """The mounts that `mount` prints: `//me@nas/photos on /Volumes/photos (smbfs, nodev, nosuid)`."""
    for line in text.splitlines():
        found = re.fullmatch(r"(.*?) on (/.*) \(([^,)]+)[^()]*\)", line)
        if found is None:
            continue
        source, point, file_system = found.groups()
        is_near = file_system not in NETWORK  # a share whose server is gone would hang the stat
        yield Mount(point, _without_user(source), file_system, (device_of(point) or "") if is_near else "")


def _without_user(source: str) -> str:
    """`//me:secret@nas/photos` is the same share for everyone, and a log is no place for a password."""
    return re.sub(r"^//[^/@]*@", "//", source)


def _mac_disk(mount: Mount) -> Disk:
    return read_diskutil(_told_by("/usr/sbin/diskutil", "info", "-plist", mount.mount_point))


def _told_by(*command: str) -> bytes:
    """What a program of the system prints; nothing when it cannot be run."""
    try:
        return subprocess.run(command, capture_output=True, check=False).stdout
    except OSError:
        return b""


def read_diskutil(told: bytes) -> Disk:
    """What `diskutil info -plist` says; empty when it knows nothing of the mount."""
    try:
        facts = plistlib.loads(told)
    except (plistlib.InvalidFileException, ExpatError, ValueError):
        return Disk()
    return Disk(
        str(facts.get("VolumeUUID", "")),
        str(facts.get("VolumeName", "")),
        bool(facts.get("RemovableMediaOrExternalDevice", False)),
    )


# Windows. The kinds are those of GetDriveTypeW.

_WINDOWS_KINDS = {2: "removable", 3: "fixed", 4: "remote", 5: "cdrom", 6: "ramdisk"}


def _windows_drives() -> list[Mount]:
    letters = 0
    if sys.platform == "win32":
        import ctypes

        letters = ctypes.windll.kernel32.GetLogicalDrives()
    points = [f"{chr(ord('A') + place)}:\\" for place in range(26) if letters >> place & 1]
    return [_windows_mount(point) for point in points if os.path.exists(point)]


def _windows_mount(path: str) -> Mount:
    point = path
    while not os.path.ismount(point) and os.path.dirname(point) != point:
        point = os.path.dirname(point)
    source, kind = point, "remote"
    if sys.platform == "win32":
        import ctypes

        kind = _WINDOWS_KINDS.get(ctypes.windll.kernel32.GetDriveTypeW(point), "fixed")
        if kind == "remote" and point[1:2] == ":":
            name, size = ctypes.create_unicode_buffer(1024), ctypes.c_ulong(1024)
            if ctypes.windll.mpr.WNetGetConnectionW(point[:2], name, ctypes.byref(size)) == 0:
                source = name.value
    return Mount(point, source.rstrip("\\").lower() if kind == "remote" else source, kind)


def _windows_disk(point: str) -> Disk:
    if sys.platform == "win32":
        import ctypes

        label, serial = ctypes.create_unicode_buffer(261), ctypes.c_ulong()
        top = point if point.endswith("\\") else point + "\\"
        if ctypes.windll.kernel32.GetVolumeInformationW(
            top, label, 261, ctypes.byref(serial), None, None, None, 0
        ):
            is_removable = ctypes.windll.kernel32.GetDriveTypeW(top) == 2
            return Disk(f"{serial.value:08X}", label.value, is_removable)
    return Disk()
