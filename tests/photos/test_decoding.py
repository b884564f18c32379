"""The pool of decoders: whatever a file does to its decoder costs that one file."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import psutil
import pytest

from core.errors import PhotoFault, ShiguangError
from core.photos.decoding import Decoded, DecodingPool, Ended, Identified, Job
from core.photos.kinds import Kind
from core.progress import Cancelled, CancelToken
from tests.photos.made_pictures import PLAN, jpeg
from tests.photos.troubled_decoder import DECODER

MEMORY = 700 << 20
# For files that never end; all others must not fail by the clock, whatever else the machine does.
SOON_S, PATIENCE_S = 3.0, 60.0
Result = Decoded | PhotoFault | None


def made_pool(timeout_s: float) -> DecodingPool:
    return DecodingPool(
        PLAN, 2, timeout_s=timeout_s, memory_bytes=MEMORY, giant_memory_bytes=MEMORY, decoder=DECODER
    )


@pytest.fixture
def pool() -> Iterator[DecodingPool]:
    with contextlib.closing(made_pool(PATIENCE_S)) as made:
        yield made


@pytest.fixture
def files(tmp_path: Path) -> Callable[..., list[Job]]:
    def make(*names: str) -> list[Job]:
        for number, name in enumerate(names):
            (tmp_path / name).write_bytes(jpeg(80 + number, 60))
        return [Job(number, os.fsencode(tmp_path / name)) for number, name in enumerate(names)]

    return make


def all_of(pool: DecodingPool, jobs: list[Job], wanted: bool = True) -> dict[int, Result]:
    """The result of each job, each of which must have exactly one."""
    results: dict[int, Result] = {}
    for event in pool.run(iter(jobs), lambda found: wanted, CancelToken()):
        if isinstance(event, Ended):
            assert event.key not in results
            results[event.key] = event.result
    assert set(results) == {job.key for job in jobs}
    return results


@pytest.mark.parametrize(
    ("trouble", "code"),
    [
        ("segfault", "crashed"),
        ("exit", "crashed"),
        ("quit", "crashed"),
        ("hang", "timeout"),
        ("sleep", "timeout"),
        pytest.param(
            "freeze", "timeout", marks=pytest.mark.skipif(os.name != "posix", reason="no such call here")
        ),
        pytest.param(
            "grow",
            "no-memory",
            marks=pytest.mark.skipif(sys.platform != "linux", reason="no limit of memory here"),
        ),
    ],
)
def test_a_file_that_troubles_its_decoder_costs_itself_alone(
    files: Callable[..., list[Job]], trouble: str, code: str
) -> None:
    names = [f"{number}.jpg" for number in range(12)]
    names[4] = f"{trouble} 4.jpg"
    with contextlib.closing(made_pool(SOON_S if code == "timeout" else PATIENCE_S)) as pool:
        results = all_of(pool, files(*names))
    fault = results.pop(4)
    assert isinstance(fault, PhotoFault)
    assert fault.code == code
    assert fault.what_to_do
    assert all(isinstance(result, Decoded) for result in results.values())


def test_many_troubled_files_cost_themselves_alone(
    pool: DecodingPool, files: Callable[..., list[Job]]
) -> None:
    results = all_of(pool, files(*(f"{'exit' if n % 2 else 'fine'} {n}.jpg" for n in range(16))))
    assert [key for key, result in sorted(results.items()) if isinstance(result, PhotoFault)] == list(
        range(1, 16, 2)
    )


def test_a_file_that_is_not_wanted_is_read_and_not_decoded(
    pool: DecodingPool, files: Callable[..., list[Job]]
) -> None:
    jobs = files("exit 1.jpg", "hang 2.jpg")
    asked: list[Identified] = []

    def wants(found: Identified) -> bool:
        asked.append(found)
        return False

    ended = [event for event in pool.run(iter(jobs), wants, CancelToken()) if isinstance(event, Ended)]
    assert [event.result for event in ended] == [None, None]
    assert len(asked) == 2
    assert all(found.identity is not None and found.identity.clean for found in asked)
    assert all(found.metadata is not None and found.size_bytes > 0 and found.mtime_ns > 0 for found in asked)


def test_what_is_no_picture_is_named_and_not_asked_about(pool: DecodingPool, tmp_path: Path) -> None:
    (tmp_path / "clip.mov").write_bytes(b"\0\0\0\x14ftypqt  " + bytes(100))
    events = list(
        pool.run(iter([Job(7, os.fsencode(tmp_path / "clip.mov"))]), lambda found: 1 / 0 == 0, CancelToken())
    )
    assert isinstance(events[0], Identified)
    assert (events[0].kind, events[0].identity) == (Kind.VIDEO, None)
    assert isinstance(events[1], Ended)
    assert events[1].result is None


def test_a_file_that_cannot_be_read_has_its_reason(pool: DecodingPool, tmp_path: Path) -> None:
    (tmp_path / "folder.jpg").mkdir()
    (tmp_path / "empty.jpg").touch()
    (tmp_path / "words.jpg").write_text("hello")
    names = ["gone.jpg", "folder.jpg", "empty.jpg", "words.jpg"]
    codes = ["gone", "read-error", "empty", "not-a-picture"]
    if hasattr(os, "mkfifo"):
        os.mkfifo(tmp_path / "pipe.jpg")
        names.append("pipe.jpg")
        codes.append("read-error")
    results = all_of(pool, [Job(number, os.fsencode(tmp_path / name)) for number, name in enumerate(names)])
    found = [
        result.code if isinstance(result, PhotoFault) else result for _, result in sorted(results.items())
    ]
    assert found == codes


@pytest.mark.skipif(sys.platform != "linux", reason="names are text here")
def test_names_that_are_no_text_are_read(pool: DecodingPool, tmp_path: Path) -> None:
    path = os.fsencode(tmp_path) + b"/\xff\xfe caf\xe9.jpg"
    Path(os.fsdecode(path)).write_bytes(jpeg())
    assert isinstance(all_of(pool, [Job(1, path)])[1], Decoded)


def test_giants_are_decoded_one_at_a_time_with_nothing_beside_them(
    pool: DecodingPool, files: Callable[..., list[Job]]
) -> None:
    beside: list[int] = []
    watching = threading.Event()

    def watch() -> None:
        while not watching.wait(0.02):
            workers = [
                child for child in psutil.Process().children() if "spawn_main" in " ".join(_words(child))
            ]
            beside.append(len(workers))

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        results = all_of(pool, files("giant 0.jpg", "1.jpg", "2.jpg", "giant 3.jpg"))
    finally:
        watching.set()
        watcher.join()
    assert all(isinstance(result, Decoded) for result in results.values())
    assert max(beside) == 2
    assert [workers for workers in beside if workers][-1] == 1


def _words(process: psutil.Process) -> list[str]:
    try:
        return process.cmdline()
    except psutil.Error:
        return []


def test_costly_pictures_wait_for_memory_and_are_decoded(
    pool: DecodingPool, files: Callable[..., list[Job]]
) -> None:
    results = all_of(pool, files(*(f"costly {n}.jpg" for n in range(6)), "7.jpg"))
    assert all(isinstance(result, Decoded) for result in results.values())


def test_jobs_are_pulled_only_as_there_is_room(pool: DecodingPool, files: Callable[..., list[Job]]) -> None:
    jobs = files(*(f"{n}.jpg" for n in range(40)))
    pulled = ended = most = 0

    def feed() -> Iterator[Job]:
        nonlocal pulled
        for job in jobs:
            pulled += 1
            yield job

    for event in pool.run(feed(), lambda found: True, CancelToken()):
        ended += isinstance(event, Ended)
        most = max(most, pulled - ended)
    assert ended == 40
    assert most <= 8


def test_cancelling_stops_at_once_and_the_pool_goes_on_afterwards(
    pool: DecodingPool, files: Callable[..., list[Job]]
) -> None:
    jobs, cancel = files(*(f"slow {n}.jpg" for n in range(40))), CancelToken()
    ended = 0
    with pytest.raises(Cancelled):
        for event in pool.run(iter(jobs), lambda found: True, cancel):
            if isinstance(event, Ended):
                ended += 1
                cancel.cancel()
    assert ended <= 3, "what a worker has in hand may still come, no more"
    assert all(isinstance(result, Decoded) for result in all_of(pool, files("1.jpg", "2.jpg")).values())


def test_leaving_a_run_in_the_middle_stops_its_processes(
    pool: DecodingPool, files: Callable[..., list[Job]]
) -> None:
    run = pool.run(iter(files(*(f"sleep {n}.jpg" for n in range(8)))), lambda found: True, CancelToken())
    next(run)
    run.close()  # type: ignore[attr-defined]
    assert isinstance(all_of(pool, files("1.jpg"))[0], Decoded)


def test_a_callers_own_error_ends_the_run_and_is_not_taken_for_a_dead_decoder(
    pool: DecodingPool, files: Callable[..., list[Job]]
) -> None:
    def wants(found: Identified) -> bool:
        raise OSError("the library's disk is full")

    with pytest.raises(OSError, match="disk is full"):
        list(pool.run(iter(files("1.jpg", "2.jpg")), wants, CancelToken()))
    assert isinstance(all_of(pool, files("1.jpg"))[0], Decoded)


def test_decoders_that_cannot_start_are_an_error_and_no_endless_loop(files: Callable[..., list[Job]]) -> None:
    pool = DecodingPool(PLAN, 1, decoder="core.photos.no_such_module:decode")
    with pytest.raises(ShiguangError, match="as soon as they start"):
        all_of(pool, files("1.jpg"))
    pool.close()


def test_nothing_that_a_decoder_prints_is_seen(
    pool: DecodingPool, files: Callable[..., list[Job]], capfd: pytest.CaptureFixture[str]
) -> None:
    assert isinstance(all_of(pool, files("print 1.jpg"))[0], Decoded)
    assert capfd.readouterr() == ("", "")


@pytest.mark.skipif(os.name != "posix", reason="signals")
def test_ctrl_c_is_the_parents_to_answer(pool: DecodingPool, files: Callable[..., list[Job]]) -> None:
    run = pool.run(iter(files("slow 1.jpg")), lambda found: True, CancelToken())
    assert isinstance(next(run), Identified)
    for child in psutil.Process().children():
        child.send_signal(signal.SIGINT)
    ended = next(run)
    assert isinstance(ended, Ended)
    assert isinstance(ended.result, Decoded)


PROGRAM = """
import os, sys
open(sys.argv[1], "a").write("main module ran\\n")
from core.photos.decoding import DecodePlan, DecodingPool, Job
from core.progress import CancelToken
plan = DecodePlan(32, "squash", "bicubic")
pool = DecodingPool(plan, 2, decoder=sys.argv[2])
jobs = [Job(n, os.fsencode(path)) for n, path in enumerate(sys.argv[3:])]
for event in pool.run(iter(jobs), lambda found: True, CancelToken()):
    print("event", flush=True)
"""


def started(tmp_path: Path, *paths: bytes) -> subprocess.Popen[bytes]:
    """A program without a main guard, as a console script is, that decodes these files."""
    script = tmp_path / "program"
    script.write_text(PROGRAM)
    root = Path(__file__).resolve().parents[2]
    return subprocess.Popen(
        [sys.executable, script, tmp_path / "ran", DECODER, *map(os.fsdecode, paths)],
        stdout=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": str(root)},
    )


def test_the_program_itself_is_not_started_again_in_its_decoders(
    tmp_path: Path, files: Callable[..., list[Job]]
) -> None:
    with started(tmp_path, *(job.path for job in files("1.jpg", "2.jpg", "3.jpg"))) as program:
        out, _ = program.communicate(timeout=60)
    assert program.returncode == 0
    assert out.count(b"event") == 6
    assert (tmp_path / "ran").read_text() == "main module ran\n"


@pytest.mark.parametrize("state", ["hang", "sleep", "slow"])
def test_decoders_end_with_a_program_that_is_killed(
    tmp_path: Path, files: Callable[..., list[Job]], state: str
) -> None:
    with started(tmp_path, *(job.path for job in files(*(f"{state} {n}.jpg" for n in range(4))))) as program:
        assert program.stdout is not None
        program.stdout.readline()
        children = psutil.Process(program.pid).children(recursive=True)
        assert len(children) >= 2
        program.kill()
        # One that spins with the interpreter's lock in hand lets the others look in after five milliseconds.
        _, left = psutil.wait_procs(children, timeout=PATIENCE_S)
    assert left == []


def test_a_decoder_carries_neither_window_nor_encoder_nor_database() -> None:
    script = (
        "import sys, core.photos.worker, core.photos.decode\n"
        "heavy = {'onnxruntime', 'PySide6', 'sqlite3', 'torch', 'transformers', 'tokenizers'}\n"
        "sys.exit(', '.join(heavy & set(sys.modules)) or None)"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr.strip()) == (0, "")


def test_a_process_is_renewed_in_time(
    files: Callable[..., list[Job]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("core.photos.decoding._MAX_TASKS", 5)
    pool = DecodingPool(replace(PLAN, thumb_px=16), 1)
    seen: set[int] = set()
    jobs = files(*(f"{n}.jpg" for n in range(20)))
    for event in pool.run(iter(jobs), lambda found: True, CancelToken()):
        assert not isinstance(event, Ended) or isinstance(event.result, Decoded)
        seen.update(
            child.pid for child in psutil.Process().children() if "spawn_main" in " ".join(_words(child))
        )
    pool.close()
    assert len(seen) >= 4
