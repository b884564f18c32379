"""Watching: a change is handed on once it lies still, a half-copied file never, and nothing is left running."""

from __future__ import annotations

import logging
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from core.photos.settling import (
    LOOKS_WHEN_UNSURE,
    LOOKS_WHEN_WRITTEN,
    MOST_WAITING,
    Change,
    Settling,
    is_unfinished,
)
from core.photos.watch import Watcher

linux_only = pytest.mark.skipif(
    sys.platform != "linux", reason="only Linux tells when a writer closes a file"
)

# A busy machine may take long; none of these is waited out when all is well.
PATIENCE_S = 30.0
ROOT = Path(__file__).resolve().parents[2]


# When a file lies still: a state and a clock in the test's hand, real files


@pytest.fixture
def settling() -> Settling:
    return Settling(2.0, closing_is_told=True)


def add(path: Path, content: bytes = b"photo") -> bytes:
    path.write_bytes(content)
    return os.fsencode(path)


def test_a_file_comes_when_it_was_quiet_and_only_once(settling: Settling, tmp_path: Path) -> None:
    photo = add(tmp_path / "a.jpg")
    settling.note(photo, Change.WHOLE, 10.0)
    assert settling.ready(11.9) == frozenset()
    assert settling.next_look() == 12.0
    assert settling.ready(12.0) == {photo}
    assert settling.ready(99.0) == frozenset()
    assert settling.next_look() is None


def test_many_events_of_one_file_are_one_and_each_begins_the_quiet_anew(
    settling: Settling, tmp_path: Path
) -> None:
    photo = add(tmp_path / "a.jpg")
    assert settling.note(photo, Change.WHOLE, 10.0)
    for second in (11.0, 12.5, 14.0):
        assert not settling.note(photo, Change.WHOLE, second)
    assert settling.ready(15.9) == frozenset()
    assert settling.ready(16.0) == {photo}


def test_files_that_lie_still_at_one_time_come_together(settling: Settling, tmp_path: Path) -> None:
    photos = {add(tmp_path / f"{number}.jpg") for number in range(3)}
    for photo in photos:
        settling.note(photo, Change.WHOLE, 1.0)
    assert settling.ready(3.0) == photos


def looks_until_ready(settling: Settling, path: bytes, now: float) -> int:
    for look in range(1, 50):
        if path in settling.ready(now + 2.0 * look):
            return look
    raise AssertionError("never ready")


def test_a_file_whose_writer_pauses_waits_longer(settling: Settling, tmp_path: Path) -> None:
    photo = add(tmp_path / "a.jpg")
    settling.note(photo, Change.MADE, 0.0)
    settling.note(photo, Change.WRITTEN, 0.0)
    assert looks_until_ready(settling, photo, 0.0) == LOOKS_WHEN_WRITTEN


def test_an_empty_file_waits_for_its_content(settling: Settling, tmp_path: Path) -> None:
    photo = add(tmp_path / "a.jpg", b"")
    settling.note(photo, Change.WHOLE, 0.0)
    assert settling.ready(2.0) == frozenset()
    add(tmp_path / "a.jpg")
    settling.note(photo, Change.WHOLE, 3.0)
    assert settling.ready(5.0) == {photo}


def test_a_file_that_is_touched_while_it_is_written_still_waits(settling: Settling, tmp_path: Path) -> None:
    photo = add(tmp_path / "a.jpg")
    settling.note(photo, Change.WRITTEN, 0.0)
    settling.note(photo, Change.TOUCHED, 0.0)
    assert looks_until_ready(settling, photo, 0.0) == LOOKS_WHEN_WRITTEN


def test_where_closing_is_not_told_a_file_must_look_the_same_twice(tmp_path: Path) -> None:
    settling = Settling(2.0, closing_is_told=False)
    photo = add(tmp_path / "a.jpg")
    settling.note(photo, Change.WRITTEN, 0.0)
    assert looks_until_ready(settling, photo, 0.0) == LOOKS_WHEN_UNSURE
    settling.note(photo, Change.WRITTEN, 100.0)
    assert settling.ready(102.0) == frozenset()
    add(tmp_path / "a.jpg", b"it grew without an event")
    assert settling.ready(104.0) == frozenset()
    assert settling.ready(106.0) == {photo}


def test_a_deleted_file_comes_at_its_first_look(settling: Settling, tmp_path: Path) -> None:
    gone = os.fsencode(tmp_path / "gone.jpg")
    settling.note(gone, Change.WRITTEN, 0.0)
    assert settling.ready(2.0) == {gone}


def test_a_folder_waits_for_what_is_copied_into_it(settling: Settling, tmp_path: Path) -> None:
    (tmp_path / "trip").mkdir()
    folder, photo = os.fsencode(tmp_path / "trip"), add(tmp_path / "trip" / "a.jpg")
    beside = add(tmp_path / "trip2.jpg")
    settling.note(folder, Change.FOLDER, 0.0)
    settling.note(photo, Change.WHOLE, 1.5)
    settling.note(beside, Change.WHOLE, 9.0)
    assert settling.ready(2.0) == frozenset()
    assert settling.ready(3.5) == {photo}
    assert settling.ready(4.0) == {folder}


def test_very_many_changes_become_their_folders(settling: Settling) -> None:
    for number in range(MOST_WAITING + 1):
        settling.note(b"/photos/%d.jpg" % number, Change.WHOLE, 0.0)
    settling.collapse([b"/photos"], 0.0)
    assert settling.waiting() == {b"/photos"}


@pytest.mark.parametrize(
    ("name", "unfinished"),
    [
        (b"a.jpg.part", True),
        (b"a.jpg.crdownload", True),
        (b"a.jpg~", True),
        (b"~$a.jpg", True),
        (b".goutputstream-X1Y2Z3", True),
        (b"a.jpg", False),
        (b".hidden.jpg", False),
        (b"part.jpg", False),
    ],
)
def test_names_of_unfinished_files_are_known(name: bytes, unfinished: bool) -> None:
    assert is_unfinished(b"/photos.part/" + name) is unfinished


# The watcher: real files, real events


class Seen:
    """What was handed on; waits for a condition, never for time."""

    def __init__(self) -> None:
        self.calls: list[frozenset[bytes]] = []
        self.fails = False
        self._news = threading.Condition()

    def __call__(self, paths: frozenset[bytes]) -> None:
        with self._news:
            self.calls.append(paths)
            self._news.notify_all()
        if self.fails:
            raise RuntimeError("the one who is told fails")

    @property
    def paths(self) -> set[bytes]:
        return {path for call in self.calls for path in call}

    def wait_for(self, *paths: Path, times: int = 1) -> None:
        wanted = {os.fsencode(path) for path in paths}

        def all_there() -> bool:
            return all(sum(path in call for call in self.calls) >= times for path in wanted)

        with self._news:
            assert self._news.wait_for(all_there, PATIENCE_S), f"{wanted - self.paths} never came"


Watch = Callable[..., Watcher]


@pytest.fixture
def seen() -> Seen:
    return Seen()


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    folder = tmp_path / "照片"
    folder.mkdir()
    return folder


@pytest.fixture
def watch(photos: Path, seen: Seen) -> Iterator[Watch]:
    """Starts a watcher on `photos` and, after the test, ends it and sees that no thread is left."""
    before = set(threading.enumerate())
    started: list[Watcher] = []

    def start(*roots: Path, **options: float | bool) -> Watcher:
        quick: dict[str, float | bool] = {"settle_s": 0.2, "look_at_roots_s": 0.05, **options}
        watcher = Watcher([str(root) for root in roots or (photos,)], seen, **quick)  # type: ignore[arg-type]
        started.append(watcher)
        watcher.start()
        assert watcher.wait_until_watching(PATIENCE_S)
        return watcher

    yield start
    for watcher in started:
        watcher.stop()
        assert watcher.state.kind == "stopped"
    assert set(threading.enumerate()) <= before


def test_a_new_photo_is_handed_on_as_bytes(watch: Watch, photos: Path, seen: Seen) -> None:
    assert watch().state.kind == "events"
    add(photos / "a.jpg")
    seen.wait_for(photos / "a.jpg")


def test_a_deleted_photo_is_handed_on(watch: Watch, photos: Path, seen: Seen) -> None:
    add(photos / "a.jpg")
    watch()
    (photos / "a.jpg").unlink()
    seen.wait_for(photos / "a.jpg")


def test_a_renamed_photo_is_handed_on_by_both_names(watch: Watch, photos: Path, seen: Seen) -> None:
    add(photos / "a.jpg")
    watch()
    (photos / "a.jpg").rename(photos / "b.jpg")
    seen.wait_for(photos / "a.jpg", photos / "b.jpg")


def test_a_photo_moved_in_from_elsewhere_does_not_wait_for_a_writer(
    watch: Watch, photos: Path, seen: Seen, tmp_path: Path
) -> None:
    add(tmp_path / "a.jpg")
    watch(settle_s=0.2)
    (tmp_path / "a.jpg").rename(photos / "a.jpg")
    seen.wait_for(photos / "a.jpg")


def test_a_photo_moved_out_is_handed_on(watch: Watch, photos: Path, seen: Seen, tmp_path: Path) -> None:
    add(photos / "a.jpg")
    watch()
    (photos / "a.jpg").rename(tmp_path / "a.jpg")
    seen.wait_for(photos / "a.jpg")


def test_a_new_folder_is_handed_on_after_what_was_copied_into_it(
    watch: Watch, photos: Path, seen: Seen
) -> None:
    watch()
    (photos / "trip" / "day").mkdir(parents=True)
    add(photos / "trip" / "day" / "a.jpg")
    seen.wait_for(photos / "trip")
    add(photos / "trip" / "day" / "b.jpg")
    seen.wait_for(photos / "trip" / "day" / "b.jpg")


def test_a_renamed_folder_is_handed_on_by_both_names(watch: Watch, photos: Path, seen: Seen) -> None:
    (photos / "old").mkdir()
    add(photos / "old" / "a.jpg")
    watch()
    (photos / "old").rename(photos / "new")
    seen.wait_for(photos / "old", photos / "new")
    add(photos / "new" / "b.jpg")
    seen.wait_for(photos / "new" / "b.jpg")


@linux_only
def test_a_half_copied_photo_waits_until_its_writer_is_done(watch: Watch, photos: Path, seen: Seen) -> None:
    watcher = watch(settle_s=1.0)
    with (photos / "half.jpg").open("wb") as file:
        file.write(b"half")
        file.flush()
        # The other file was closed later and has settled, so the half one had its time too.
        add(photos / "whole.jpg")
        seen.wait_for(photos / "whole.jpg")
        assert os.fsencode(photos / "half.jpg") not in seen.paths
        assert os.fsencode(photos / "half.jpg") in watcher.unsettled
        file.write(b" and half")
    seen.wait_for(photos / "half.jpg")


def test_a_download_is_handed_on_by_its_final_name_only(watch: Watch, photos: Path, seen: Seen) -> None:
    watch()
    add(photos / "a.jpg.part")
    (photos / "a.jpg.part").rename(photos / "a.jpg")
    seen.wait_for(photos / "a.jpg")
    assert seen.paths == {os.fsencode(photos / "a.jpg")}


@linux_only
def test_reading_a_photo_is_no_change(watch: Watch, photos: Path, seen: Seen) -> None:
    add(photos / "a.jpg")
    watch()
    (photos / "a.jpg").read_bytes()
    add(photos / "b.jpg")
    seen.wait_for(photos / "b.jpg")
    assert seen.paths == {os.fsencode(photos / "b.jpg")}


@linux_only
def test_a_name_that_is_no_unicode_comes_as_the_file_system_has_it(
    watch: Watch, photos: Path, seen: Seen
) -> None:
    watch()
    odd = Path(os.fsdecode(os.fsencode(photos) + b"/\xff\xfe.jpg"))
    add(odd)
    seen.wait_for(odd)


def test_a_root_named_by_a_link_is_handed_on_by_that_name(
    watch: Watch, photos: Path, seen: Seen, tmp_path: Path
) -> None:
    link = tmp_path / "link"
    link.symlink_to(photos, target_is_directory=True)
    assert watch(link).state.kind == "events"
    add(photos / "a.jpg")
    seen.wait_for(link / "a.jpg")


def test_a_root_that_vanishes_and_comes_back_is_noticed_and_watched_again(
    watch: Watch, photos: Path, seen: Seen, tmp_path: Path
) -> None:
    watch()
    photos.rename(tmp_path / "away")
    seen.wait_for(photos)
    (tmp_path / "away").rename(photos)
    seen.wait_for(photos, times=2)
    add(photos / "a.jpg")
    seen.wait_for(photos / "a.jpg")


def test_a_root_that_is_not_there_yet_is_noticed_when_it_comes(
    watch: Watch, seen: Seen, tmp_path: Path
) -> None:
    watch(tmp_path / "drive")
    (tmp_path / "drive").mkdir()
    seen.wait_for(tmp_path / "drive")
    add(tmp_path / "drive" / "a.jpg")
    seen.wait_for(tmp_path / "drive" / "a.jpg")


def test_a_deleted_root_that_is_made_anew_is_watched_again(watch: Watch, photos: Path, seen: Seen) -> None:
    watch()
    photos.rmdir()
    seen.wait_for(photos)
    photos.mkdir()
    seen.wait_for(photos, times=2)
    add(photos / "a.jpg")
    seen.wait_for(photos / "a.jpg")


def test_every_root_is_handed_on_from_time_to_time(
    watch: Watch, photos: Path, seen: Seen, tmp_path: Path
) -> None:
    (tmp_path / "other").mkdir()
    watch(photos, tmp_path / "other", rescan_s=0.1)
    seen.wait_for(photos, tmp_path / "other", times=3)


def test_without_events_the_roots_are_looked_through_and_the_state_says_why(
    watch: Watch, photos: Path, seen: Seen
) -> None:
    watcher = watch(poll=True, poll_s=0.1)
    assert watcher.state.kind == "polling"
    assert watcher.state.reason == f"{photos}: asked for"
    seen.wait_for(photos, times=2)


@linux_only
def test_lost_events_lead_to_a_look_through_everything(watch: Watch, photos: Path, seen: Seen) -> None:
    watch()
    # The words of watchdog 7.1 when the kernel dropped events; making it do so takes 16,384 of them unread.
    logging.getLogger("watchdog.observers.inotify_c").warning(
        "Inotify queue overflowed; filesystem events were lost"
    )
    seen.wait_for(photos)


LIMITED = """
import sys
from core.photos.watch import Watcher
watcher = Watcher(sys.argv[1:], print)
watcher.start()
print(watcher.wait_until_watching(30), watcher.state.kind, watcher.state.reason)
watcher.stop()
"""


@linux_only
def test_at_the_limit_of_watched_folders_it_looks_through_them_and_says_so(photos: Path) -> None:
    for number in range(20):
        (photos / str(number)).mkdir()
    # A user namespace of its own has limits of its own.
    limit = 'echo 10 > /proc/sys/user/max_inotify_watches && exec "$@"'
    command = [
        "unshare",
        "--user",
        "--map-root-user",
        "sh",
        "-c",
        limit,
        "sh",
        sys.executable,
        "-c",
        LIMITED,
        str(photos),
    ]
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, cwd=ROOT, timeout=PATIENCE_S, check=False
        )
    except FileNotFoundError:
        pytest.skip("needs unshare, to set a limit for itself alone")
    if done.returncode:
        pytest.skip(f"needs a namespace with a limit of its own: {done.stderr.strip()[-100:]}")
    assert done.stdout.startswith("True polling")
    assert "limit of watched folders is reached" in done.stdout


def test_one_who_is_told_and_fails_is_told_again(
    watch: Watch, photos: Path, seen: Seen, caplog: pytest.LogCaptureFixture
) -> None:
    seen.fails = True
    watch()
    add(photos / "a.jpg")
    seen.wait_for(photos / "a.jpg")
    add(photos / "b.jpg")
    seen.wait_for(photos / "b.jpg")
    assert "RuntimeError: the one who is told fails" in caplog.text


def test_starting_and_stopping_twice_is_harmless(watch: Watch, photos: Path, seen: Seen) -> None:
    watcher = watch()
    watcher.start()
    watcher.stop()
    watcher.stop()
    watcher.start()
    assert watcher.wait_until_watching(PATIENCE_S)
    add(photos / "a.jpg")
    seen.wait_for(photos / "a.jpg")


def test_a_watcher_of_nothing_starts_and_stops(seen: Seen) -> None:
    watcher = Watcher([], seen)
    watcher.start()
    assert watcher.wait_until_watching(PATIENCE_S)
    watcher.stop()


def test_stopping_does_not_wait_for_what_has_not_settled(watch: Watch, photos: Path, seen: Seen) -> None:
    watcher = watch(settle_s=3600)
    add(photos / "a.jpg")
    began = time.monotonic()
    watcher.stop()
    assert time.monotonic() - began < PATIENCE_S
    assert seen.calls == []
