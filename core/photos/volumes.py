"""Disks by their own id, so that an unplugged drive is *offline* and its photos are not deleted.

A mount point says little: a USB drive comes back at another one, and where a drive was unplugged an empty
folder may be left. So a root is kept with the id of its volume: `uuid:` and the file system's own, `net:` and
the address of a network share, `mount:` and the mount point for all else (containers, memory).
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from core.photos import mounts
from core.photos.mounts import Mount

Kind = Literal["local", "removable", "network", "memory"]

# Long enough that a call is cheap while a folder is walked, short enough that a drive is noticed at once.
TABLE_HOLDS_S = 2.0


@dataclass(frozen=True, slots=True)
class Volume:
    """A disk that is mounted now. The same `id` may be mounted at several points (bind mounts, subvolumes)."""

    id: str
    mount_point: str
    kind: Kind
    label: str


@dataclass(frozen=True, slots=True)
class Place:
    """Where a path lies. `path_in_volume` has no leading slash, `/` between its parts, and is "" for the top.

    `exists` is about the path itself; where it is gone, the volume is that of the nearest parent that is there.
    """

    volume: Volume
    path_in_volume: str
    exists: bool


class Volumes:
    """The volumes of one machine; tests hand in the table, the stat and the clock."""

    def __init__(
        self,
        read_table: Callable[[], list[Mount]] = mounts.mounted,
        device_of: Callable[[str], str | None] = mounts.device_of,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._read_table = read_table
        self._device_of = device_of
        self._clock = clock
        self._lock = threading.Lock()
        self._table: list[Mount] = []
        self._read_at = float("-inf")
        # Naming a volume may cost a process (macOS), so it is done once for as long as the mount stays.
        self._volumes: dict[Mount, Volume] = {}

    def place_of(self, path: str, *, fresh: bool = False) -> Place:
        """Where `path` (made absolute, symbolic links followed) lies; `fresh` reads the mounts again."""
        whole = os.path.realpath(path)
        nearest = whole
        while (device := self._device_of(nearest)) is None:
            parent = os.path.dirname(nearest)
            if parent == nearest:  # a Windows drive letter that is not there
                return Place(Volume(f"mount:{nearest}", nearest, "local", nearest), "", False)
            nearest = parent
        mount = (
            mounts.mount_of(nearest, device, self._mounts(fresh))
            or mounts.mount_of(nearest, device, self._mounts(fresh=True))
            or mounts.nearest_mount(nearest, self._mounts(fresh=False))
        )
        return Place(self._volume(mount), mounts.path_in_volume(whole, mount), nearest == whole)

    def mounted(self, *, fresh: bool = False) -> list[Volume]:
        """Every volume that can hold photos, one entry a mount point (the last over it hides the others)."""
        table = {mount.mount_point: mount for mount in self._mounts(fresh) if mount.holds_files}
        return [self._volume(mount) for mount in table.values()]

    def present_path(self, volume_id: str, path_in_volume: str) -> str | None:
        """The path where this folder or file of a volume is reached now; None when it is nowhere."""
        for mount in self._mounts(fresh=True):
            if not mount.holds_files or self._volume(mount).id != volume_id:
                continue
            path = mounts.path_below(mount, path_in_volume)
            if path is not None and self._device_of(path) is not None:
                return path
        return None

    def _mounts(self, fresh: bool) -> list[Mount]:
        with self._lock:
            if fresh or self._clock() - self._read_at >= TABLE_HOLDS_S:
                self._table = self._read_table()
                self._read_at = self._clock()
                here = set(self._table)
                self._volumes = {mount: volume for mount, volume in self._volumes.items() if mount in here}
            return self._table

    def _volume(self, mount: Mount) -> Volume:
        known = self._volumes.get(mount)
        if known is None:
            known = self._volumes[mount] = name_volume(mount)
        return known


def name_volume(mount: Mount) -> Volume:
    """The volume behind a mount: its id, what kind of disk it is, and a name to show."""
    # Some containers have a folder of their host as their whole disk; that is nobody's network share.
    if mount.is_network and mount.mount_point != "/":
        address = mount.source.rstrip("/\\") or mount.mount_point
        return Volume(f"net:{address}", mount.mount_point, "network", address)
    label = os.path.basename(mount.mount_point) or mount.mount_point
    if mount.is_memory:
        return Volume(f"mount:{mount.mount_point}", mount.mount_point, "memory", label)
    disk = mounts.disk_of(mount)
    kind: Kind = "removable" if disk.is_removable and mount.mount_point != "/" else "local"
    volume_id = f"uuid:{disk.uuid}" if disk.uuid else f"mount:{mount.mount_point}"
    return Volume(volume_id, mount.mount_point, kind, disk.label or label)


_here = Volumes()


def place_of(path: str) -> Place:
    """The volume of `path`, the way from its top, and whether the path itself is there."""
    return _here.place_of(path)


def volume_of(path: str) -> Volume:
    """The volume that `path` lies on; where the path is gone, that of the nearest parent that is there."""
    return _here.place_of(path).volume


def mounted_volumes() -> list[Volume]:
    """Every volume that can hold photos and is mounted now."""
    return _here.mounted()


def is_offline(root_path: str, volume_id: str, volumes: Volumes | None = None) -> bool:
    """True when the volume of a root is not mounted there now: its photos are away, not deleted.

    So for an unplugged drive, for the empty folder it left behind, and for a drive that came back elsewhere
    (then `present_path` says where). False for a folder that was deleted while its volume is mounted.
    """
    # A stale table would take the last second's mount for today's and a whole library for deleted.
    return (volumes or _here).place_of(root_path, fresh=True).volume.id != volume_id


def present_path(volume_id: str, path_in_volume: str) -> str | None:
    """Where a folder or file of a volume is reached now, also when its drive came back at another mount point."""
    return _here.present_path(volume_id, path_in_volume)
