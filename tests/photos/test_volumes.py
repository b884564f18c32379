"""Volumes: a drive is known by its own id, and an unplugged one is offline, never deleted."""

from __future__ import annotations

import os
import plistlib
import subprocess
import sys
from pathlib import Path

import pytest

from core.photos import mounts, volumes
from core.photos.mounts import Mount
from core.photos.volumes import Volumes, is_offline, name_volume

linux_only = pytest.mark.skipif(sys.platform != "linux", reason="reads the mounts of Linux")


class Machine:
    """A table of mounts over real folders; files below a mounted folder lie on its device."""

    def __init__(self, home: Path) -> None:
        self.home = Path(os.path.realpath(home))
        self.table = [Mount(str(self.home), "//home-server/all", "nfs", "0:1")]
        self.now = 0.0

    def mount(self, name: str, share: str, device: str, root: str = "/") -> Path:
        """Plug in: network shares, because their id needs no /dev of this machine."""
        point = self.home / name
        point.mkdir(exist_ok=True)
        self.table.append(Mount(str(point), share, "nfs", device, root))
        return point

    def unmount(self, point: Path) -> None:
        self.table = [mount for mount in self.table if mount.mount_point != str(point)]

    def device_of(self, path: str) -> str | None:
        if not os.path.lexists(path):
            return None
        below = [
            mount for mount in self.table if (path + "/").startswith(mount.mount_point.rstrip("/") + "/")
        ]
        return max(below, key=lambda mount: len(mount.mount_point)).device if below else "0:0"

    def volumes(self) -> Volumes:
        return Volumes(lambda: list(self.table), self.device_of, lambda: self.now)


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path)


def test_a_folder_lies_on_the_volume_that_is_mounted_above_it(machine: Machine) -> None:
    photos = machine.mount("usb", "nas:/photos", "0:2") / "2024" / "六月"
    photos.mkdir(parents=True)
    place = machine.volumes().place_of(str(photos))
    assert (place.volume.id, place.path_in_volume, place.exists) == ("net:nas:/photos", "2024/六月", True)


def test_a_path_that_is_gone_has_the_volume_of_its_nearest_parent(machine: Machine) -> None:
    point = machine.mount("usb", "nas:/photos", "0:2")
    place = machine.volumes().place_of(str(point / "gone" / "deeper"))
    assert (place.volume.id, place.path_in_volume, place.exists) == ("net:nas:/photos", "gone/deeper", False)


def test_a_link_leads_to_the_volume_of_its_target(machine: Machine) -> None:
    point = machine.mount("usb", "nas:/photos", "0:2")
    (point / "album").mkdir()
    link = machine.home / "link"
    link.symlink_to(point / "album")
    assert machine.volumes().place_of(str(link)).path_in_volume == "album"


def test_a_folder_beside_a_mount_point_of_the_same_beginning_is_not_on_it(machine: Machine) -> None:
    machine.mount("usb", "nas:/photos", "0:2")
    (machine.home / "usb2").mkdir()
    assert machine.volumes().place_of(str(machine.home / "usb2")).volume.id == "net://home-server/all"


def test_a_root_is_online_while_its_volume_is_mounted(machine: Machine) -> None:
    root = machine.mount("usb", "nas:/photos", "0:2") / "photos"
    root.mkdir()
    assert not is_offline(str(root), "net:nas:/photos", machine.volumes())


def test_a_deleted_folder_on_a_mounted_volume_is_not_offline(machine: Machine) -> None:
    root = machine.mount("usb", "nas:/photos", "0:2") / "photos"
    assert not is_offline(str(root), "net:nas:/photos", machine.volumes())


def test_an_empty_mount_point_left_behind_is_offline(machine: Machine) -> None:
    point = machine.mount("usb", "nas:/photos", "0:2")
    there = machine.volumes()
    assert not is_offline(str(point), "net:nas:/photos", there)
    machine.unmount(point)
    assert point.is_dir()
    assert is_offline(str(point), "net:nas:/photos", there)
    assert is_offline(str(point / "photos"), "net:nas:/photos", there)


def test_a_drive_whose_mount_point_went_with_it_is_offline(machine: Machine) -> None:
    point = machine.mount("usb", "nas:/photos", "0:2")
    machine.unmount(point)
    point.rmdir()
    assert is_offline(str(point / "photos"), "net:nas:/photos", machine.volumes())


def test_another_drive_at_the_same_mount_point_is_not_ours(machine: Machine) -> None:
    machine.unmount(machine.mount("usb", "nas:/photos", "0:2"))
    point = machine.mount("usb", "nas:/music", "0:3")
    assert is_offline(str(point), "net:nas:/photos", machine.volumes())


def test_a_drive_that_came_back_elsewhere_is_found(machine: Machine) -> None:
    point = machine.mount("usb", "nas:/photos", "0:2")
    (point / "2024").mkdir()
    there = machine.volumes()
    inside = there.place_of(str(point / "2024")).path_in_volume
    machine.unmount(point)
    assert there.present_path("net:nas:/photos", inside) is None
    other = machine.mount("usb1", "nas:/photos", "0:7")
    assert there.present_path("net:nas:/photos", inside) is None
    (other / "2024").mkdir()
    assert there.present_path("net:nas:/photos", inside) == str(other / "2024")
    assert there.present_path("net:nas:/photos", "") == str(other)
    assert is_offline(str(point / "2024"), "net:nas:/photos", there)


def test_a_subvolume_mounted_elsewhere_is_found_by_its_way_in_the_volume(machine: Machine) -> None:
    home = machine.mount("home", "disk", "0:2", root="/@home")
    (home / "photos").mkdir()
    there = machine.volumes()
    inside = there.place_of(str(home / "photos")).path_in_volume
    assert inside == "@home/photos"
    machine.unmount(home)
    (machine.mount("whole", "disk", "0:2") / "@home" / "photos").mkdir(parents=True)
    assert there.present_path("net:disk", inside) == str(machine.home / "whole" / "@home" / "photos")
    (machine.mount("other", "disk", "0:2", root="/@other") / "photos").mkdir()
    assert there.present_path("net:disk", "@other/photos") == str(machine.home / "other" / "photos")


def test_the_table_is_read_again_only_when_it_is_old(machine: Machine) -> None:
    reads = []
    there = Volumes(lambda: reads.append(1) or list(machine.table), machine.device_of, lambda: machine.now)
    there.place_of(str(machine.home))
    there.place_of(str(machine.home / "gone"))
    assert len(reads) == 1
    machine.now = volumes.TABLE_HOLDS_S
    there.place_of(str(machine.home))
    assert len(reads) == 2


def test_the_last_mount_over_a_point_hides_the_one_before(machine: Machine) -> None:
    machine.mount("usb", "nas:/old", "0:2")
    point = machine.mount("usb", "nas:/new", "0:2")
    assert machine.volumes().place_of(str(point)).volume.id == "net:nas:/new"
    assert "net:nas:/old" not in {volume.id for volume in machine.volumes().mounted()}


MOUNTINFO = r"""22 27 0:21 / /proc rw,relatime - proc proc rw
27 1 254:0 / / rw,relatime shared:1 - ext4 /dev/vda1 rw,discard
28 27 0:33 /@home /home rw - btrfs /dev/sda2 rw,subvol=/@home
40 27 8:17 / /media/me/my\040drive\134x rw,nosuid - vfat /dev/sdb1 rw
41 27 0:50 / /mnt/nas rw - cifs //me:secret@nas/photos rw,vers=3.1
42 27 0:51 / /mnt/exp rw - nfs4 nas:/export/photos rw
43 27 0:52 / /dev/shm rw - tmpfs tmpfs rw
not a line
44 27 0:53 / / rw - overlay overlay rw,lowerdir=/a
"""


def test_the_table_of_linux_is_read_with_blanks_and_backslashes() -> None:
    table = list(mounts.read_mountinfo(MOUNTINFO))
    assert len(table) == 8
    assert [mount.mount_point for mount in table][3] == r"/media/me/my drive\x"
    assert table[2].root == "/@home"


def test_no_password_of_a_share_is_kept() -> None:
    share = next(mount for mount in mounts.read_mountinfo(MOUNTINFO) if mount.file_system == "cifs")
    volume = name_volume(share)
    assert (volume.id, volume.kind) == ("net://nas/photos", "network")


@linux_only
def test_a_file_system_without_an_own_id_goes_by_its_mount_point() -> None:
    overlay, memory = list(mounts.read_mountinfo(MOUNTINFO))[7], list(mounts.read_mountinfo(MOUNTINFO))[6]
    assert name_volume(overlay).id == "mount:/"
    assert (name_volume(memory).id, name_volume(memory).kind) == ("mount:/dev/shm", "memory")


@linux_only
def test_the_disk_of_a_container_is_no_network_share() -> None:
    volume = name_volume(Mount("/", "none", "9p", "0:7"))
    assert (volume.id, volume.kind) == ("mount:/", "local")


def test_system_mounts_hold_no_photos() -> None:
    assert [mount.file_system for mount in mounts.read_mountinfo(MOUNTINFO) if not mount.holds_files] == [
        "proc"
    ]


def test_a_btrfs_subvolume_with_a_device_of_its_own_belongs_to_the_mount_above() -> None:
    table = list(mounts.read_mountinfo(MOUNTINFO))
    assert mounts.mount_of("/home/me/nested", "0:99", table) is None
    assert mounts.nearest_mount("/home/me/nested", table) == table[2]


def test_what_the_mac_shows_twice_is_found_by_its_device() -> None:
    table = [
        Mount("/", "/dev/disk3s1s1", "apfs", "10"),
        Mount("/System/Volumes/Data", "/dev/disk3s5", "apfs", "11"),
        Mount("/Volumes/usb", "/dev/disk4s1", "exfat", "12"),
    ]
    assert mounts.mount_of("/Users/me/Pictures", "11", table) == table[1]
    assert mounts.path_in_volume("/Users/me/Pictures", table[1]) == "Users/me/Pictures"
    assert mounts.mount_of("/Volumes/usb/a", "12", table) == table[2]


@pytest.fixture
def system(tmp_path: Path) -> Path:
    """A /dev, /run and /sys with a USB stick sdb1 that udev has noted and a disk sda2 that only has a link."""
    notes = tmp_path / "run/udev/data"
    notes.mkdir(parents=True)
    (notes / "b8:17").write_text(
        "S:disk\nE:ID_FS_UUID=1234-ABCD\nE:ID_FS_LABEL=旅行\nE:ID_BUS=usb\n", encoding="utf-8"
    )
    links = tmp_path / "dev/disk/by-uuid"
    links.mkdir(parents=True)
    (tmp_path / "dev/sda2").touch()
    (links / "0f0f-uuid").symlink_to("../../sda2")
    (tmp_path / "sys/devices/card/mmcblk0").mkdir(parents=True)
    (tmp_path / "sys/devices/card/removable").write_text("1\n", encoding="ascii")
    (tmp_path / "sys/dev/block").mkdir(parents=True)
    (tmp_path / "sys/dev/block/179:1").symlink_to("../../devices/card/mmcblk0")
    return tmp_path


@linux_only
def test_a_usb_stick_is_known_by_its_uuid_and_label(system: Path) -> None:
    disk = mounts.linux_disk(Mount("/media/x", "/dev/sdb1", "vfat", "8:17"), system)
    assert disk == mounts.Disk("1234-ABCD", "旅行", True)


@linux_only
def test_without_notes_of_udev_the_link_of_the_disk_tells_its_uuid(system: Path) -> None:
    disk = mounts.linux_disk(Mount("/home", str(system / "dev/sda2"), "btrfs", ""), system)
    assert disk == mounts.Disk("0f0f-uuid", "", False)


@linux_only
def test_a_card_is_removable_when_its_disk_says_so(system: Path) -> None:
    assert mounts.linux_disk(Mount("/media/card", "/dev/mmcblk0p1", "vfat", "179:1"), system).is_removable


def test_a_desktop_share_is_a_volume_of_its_own_that_comes_and_goes(tmp_path: Path) -> None:
    share = tmp_path / "smb-share:server=nas,share=photos"
    (share / "2024").mkdir(parents=True)
    desktop = Mount(str(tmp_path), "gvfsd-fuse", "fuse.gvfsd-fuse", "0:60")
    there = Volumes(
        lambda: list(mounts.with_shares([desktop])), lambda path: "0:60" if os.path.lexists(path) else None
    )
    volume = there.place_of(str(share / "2024")).volume
    assert (volume.id, volume.kind) == ("net:smb-share:server=nas,share=photos", "network")
    (share / "2024").rmdir()
    share.rmdir()
    assert is_offline(str(share / "2024"), volume.id, there)


def test_the_mounts_of_a_mac_are_read() -> None:
    table = list(
        mounts.read_mac_mounts(
            "/dev/disk3s1s1 on / (apfs, sealed, local, read-only, journaled)\n"
            "//me@nas._smb._tcp.local/photos on /Volumes/my photos (smbfs, nodev, nosuid, mounted by me)\n"
            "map auto_home on /System/Volumes/Data/home (autofs, automounted, nobrowse)\n"
        )
    )
    assert [(mount.mount_point, mount.file_system) for mount in table] == [
        ("/", "apfs"),
        ("/Volumes/my photos", "smbfs"),
        ("/System/Volumes/Data/home", "autofs"),
    ]
    assert name_volume(table[1]).id == "net://nas._smb._tcp.local/photos"


def test_what_diskutil_says_is_read_and_nonsense_is_not() -> None:
    facts = {"VolumeUUID": "A-B", "VolumeName": "Trip", "RemovableMediaOrExternalDevice": True}
    assert mounts.read_diskutil(plistlib.dumps(facts)) == mounts.Disk("A-B", "Trip", True)
    assert mounts.read_diskutil(b"") == mounts.read_diskutil(b"<plist>") == mounts.Disk()


def test_this_machine_knows_the_volume_of_a_folder_of_its_own(tmp_path: Path) -> None:
    volume = volumes.volume_of(str(tmp_path))
    assert volume.id
    assert volume.id in {one.id for one in volumes.mounted_volumes()}
    assert not is_offline(str(tmp_path), volume.id)
    assert is_offline(str(tmp_path), "uuid:of-a-drive-that-is-not-here")
    place = volumes.place_of(str(tmp_path))
    assert volumes.present_path(place.volume.id, place.path_in_volume) is not None


def test_a_name_that_is_no_unicode_is_placed_like_any_other(tmp_path: Path) -> None:
    place = volumes.place_of(os.fsdecode(os.fsencode(tmp_path) + b"/\xff\xfe"))
    assert not place.exists
    assert os.fsencode(place.path_in_volume).endswith(b"/\xff\xfe")


@linux_only
def test_asking_again_within_a_moment_does_not_read_the_mounts_again(tmp_path: Path) -> None:
    read: list[int] = []
    now = 0.0

    def table() -> list[mounts.Mount]:
        read.append(1)
        return mounts.mounted()

    asked = volumes.Volumes(table, clock=lambda: now)
    for _ in range(200):
        asked.place_of(str(tmp_path))
    assert len(read) == 1
    now += volumes.TABLE_HOLDS_S
    asked.place_of(str(tmp_path))
    assert len(read) == 2


def test_a_mount_newer_than_the_table_is_noticed_by_its_device(machine: Machine) -> None:
    there = machine.volumes()
    there.place_of(str(machine.home))
    point = machine.mount("usb", "nas:/photos", "0:2")
    assert there.place_of(str(point)).volume.id == "net:nas:/photos"


@linux_only
def test_a_real_drive_unmounted_and_mounted_elsewhere(tmp_path: Path) -> None:
    first, second = tmp_path / "first", tmp_path / "second"
    first.mkdir()
    second.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "shiguang", str(first)], capture_output=True, check=False
    )
    if mounted.returncode:
        pytest.skip("mounting needs rights that this run does not have")
    try:
        volume = volumes.Volumes().place_of(str(first)).volume
        assert (volume.kind, volume.mount_point) == ("memory", str(first))
        assert not is_offline(str(first / "photos"), volume.id)
        subprocess.run(["mount", "--bind", str(first), str(second)], check=True)
        assert volumes.volume_of(str(second)).mount_point == str(second)
    finally:
        for point in (second, first):
            subprocess.run(["umount", str(point)], capture_output=True, check=False)
    assert is_offline(str(first / "photos"), volume.id)
