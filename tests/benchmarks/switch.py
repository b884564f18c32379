"""A move from the starter to a model of Chinese-CLIP ViT-B/16's size, killed and continued, with search all the time.

    .venv/bin/python -m tests.benchmarks.switch [--photos 2000] [--model FOLDER] [--kills 2]

The model has random weights (tests/benchmarks/vit_b_16.py; needs the `train` extra) unless a folder is named.
Two searchers ask without a pause: a thread in the process that moves (as the window does), and this process,
which opens the library for reading beside it. Top-10 lists may differ in a photo where the text tower was measured
meanwhile and runs on another device. Printed: how long answers take before, during and after, how many
failed, photos/s of the build, and whether the old space was the same bytes and the same top-10 lists throughout.
"""

from __future__ import annotations

import argparse
import contextlib
import hashlib
import json
import subprocess
import sys
import tarfile
import tempfile
import threading
import time
from pathlib import Path

import numpy as np

from core.app import Shiguang, open_library
from core.progress import CancelToken, silent
from core.search.query import Query
from core.settings import MODEL
from tests.benchmarks.machine import row

QUERIES = (
    "a dog in the snow",
    "孩子在海边",
    "two men playing football",
    "一只狗",
    "a red car",
    "骑自行车的人",
)
MODEL_ID = "measured"

MOVE = """
import json, sys, threading, time
from pathlib import Path
from core.app import open_library
from core.progress import CancelToken
from core.search.query import Query
from tests.benchmarks.switch import QUERIES

library = open_library(Path(sys.argv[1]), writable=True)
library.searcher.warm(CancelToken())
done, said = threading.Event(), threading.Lock()

def say(**value):
    with said:
        print(json.dumps(value), flush=True)

def ask():
    i = 0
    while not done.is_set():
        # Words that no earlier question had: the text tower works each time, as when somebody types. A number by
        # itself could be a year.
        i += 1
        begin = time.perf_counter()
        try:
            hits = library.search(Query(f"{QUERIES[i % len(QUERIES)]} x{i}", limit=10, everything=True)).hits
            say(ms=1000 * (time.perf_counter() - begin), hits=len(hits))
        except Exception as error:
            say(error=repr(error))
        time.sleep(0.02)

asking = threading.Thread(target=ask)
asking.start()
time.sleep(3)
say(stage="begun")
switched = library.switch_model(sys.argv[2], lambda p: say(stage=p.stage, done=p.done, total=p.total, rate=p.rate, device=p.device), CancelToken())
say(stage="ended", photos=switched.photos, encoded=switched.encoded, seconds=switched.seconds)
time.sleep(3)
done.set()
asking.join()
library.close()
"""


class Beside(threading.Thread):
    """Opens the library for reading and asks, again and again, as the command line does."""

    def __init__(self, home: Path) -> None:
        super().__init__()
        self._home = home
        self._done = threading.Event()
        self.ms: list[float] = []
        self.errors: list[str] = []

    def run(self) -> None:
        while not self._done.wait(0.5):
            begin = time.perf_counter()
            try:
                with contextlib.closing(open_library(self._home, writable=False)) as library:
                    if not library.search(Query(QUERIES[0], limit=10, everything=True)).hits:
                        self.errors.append("no hits")
            except Exception as error:  # noqa: BLE001 - counted
                self.errors.append(repr(error))
            self.ms.append(1000 * (time.perf_counter() - begin))

    def stop(self) -> None:
        self._done.set()
        self.join()


class Run:
    """One process that moves; its lines sorted by what it was doing."""

    def __init__(self, home: Path, kill_at: int | None) -> None:
        self.ms: dict[str, list[float]] = {"before": [], "during": [], "after": []}
        self.errors: list[str] = []
        self.rates: list[float] = []
        self.done, self.device = 0, ""
        self.encoded = 0
        self.seconds = 0.0
        phase = "before"
        process = subprocess.Popen(
            [sys.executable, "-c", MOVE, str(home), MODEL_ID], stdout=subprocess.PIPE, text=True
        )
        assert process.stdout is not None
        for line in process.stdout:
            said = json.loads(line)
            if "ms" in said:
                self.ms[phase].append(said["ms"])
                if not said["hits"]:
                    self.errors.append("no hits")
            elif "error" in said:
                self.errors.append(said["error"])
            elif said["stage"] == "ended":
                phase, self.encoded, self.seconds = "after", said["encoded"], said["seconds"]
            else:
                phase = "during"
                if said["stage"] == "build":
                    self.done, self.device = said["done"], said["device"]
                    self.rates.append(said["rate"])
                    if kill_at is not None and self.done >= kill_at:
                        break
        process.kill()
        process.wait()
        process.stdout.close()


def prepared(home: Path, archive: Path, photos: int, model: Path | None) -> Path:
    """A library indexed with the starter, the other model beside it; its folder."""
    folder = home / "photos"
    with tarfile.open(archive) as tar:
        members = [member for member in tar.getmembers() if member.isfile()][:photos]
        tar.extractall(folder, members=members, filter="data")
    library = open_library(home / "library", writable=True)
    library.watch_folder(folder)
    counts = library.index(silent, CancelToken())
    row("switch", "index with the starter", counts.photos_per_s, "photos/s", photos=counts.encoded)
    library.close()
    target = home / "library" / "models" / MODEL_ID
    target.parent.mkdir(exist_ok=True)
    if model is not None:
        target.symlink_to(model.resolve(), target_is_directory=True)
    else:
        from tests.benchmarks.vit_b_16 import make

        make(target)
    return home / "library"


def old_space(home: Path) -> tuple[str, list[set[str]]]:
    """Hash of the starter's vectors, and its top-10 lists while it is in use."""
    library = open_library(home, writable=False)
    try:
        space = next(each.id for each in library.spaces() if each.model == "starter")
        digest = hashlib.sha256((home / "spaces" / space / "vectors.f16").read_bytes()).hexdigest()
        return digest, [
            top(library, query) for query in QUERIES
        ] if library.use_model().id == "starter" else []
    finally:
        library.close()


def overlap(one: list[set[str]], other: list[set[str]]) -> float:
    """The share of the first lists that the others have too."""
    return sum(len(a & b) for a, b in zip(one, other, strict=True)) / sum(len(a) for a in one)


def top(library: Shiguang, words: str) -> set[str]:
    hits = library.search(Query(words, limit=10, everything=True, exact=True)).hits
    return {Path(path).name for path in library.first_paths([hit.photo for hit in hits]).values()}


def tell(case: str, ms: list[float], **more: object) -> None:
    if ms:
        values = np.array(ms)
        p50, p95, p99 = (round(float(each), 1) for each in np.percentile(values, (50, 95, 99)))
        row("switch", case, p50, "ms median", p95=p95, p99=p99, most=round(float(values.max()), 1), answers=len(ms), **more)  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--photos", type=int, default=2000)
    parser.add_argument("--kills", type=int, default=2)
    parser.add_argument("--model", type=Path, help="a model folder whose id is 'measured'")
    parser.add_argument(
        "--from", dest="archive", type=Path,
        default=Path(__file__).parents[3] / "shared/data/flickr8k/val.tar",
    )  # fmt: skip
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as temp:
        home = prepared(Path(temp), options.archive, options.photos, options.model)
        measure(home, options.kills)


def measure(home: Path, kills: int) -> None:
    library = open_library(home, writable=False)
    photos = library.counts()["photos"]
    library.close()
    before = old_space(home)
    beside = Beside(home)
    beside.start()
    runs, same, overlaps = [], True, []
    for kill in range(kills):
        runs.append(Run(home, photos * (kill + 1) // (kills + 1)))
        digest, lists = old_space(home)
        same &= digest == before[0]
        overlaps.append(overlap(before[1], lists))
    runs.append(Run(home, None))
    beside.stop()
    same &= old_space(home)[0] == before[0]
    end = open_library(home, writable=False)
    used, vectors = end.use_model().id, len(end.space)
    end.close()
    back = open_library(home, writable=True)
    begin = time.perf_counter()
    back.switch_model("starter", silent, CancelToken())
    going_back_s = time.perf_counter() - begin
    overlaps.append(overlap(before[1], [top(back, query) for query in QUERIES]))
    same &= back.settings.get(MODEL) == "starter"
    back.close()
    last = runs[-1]
    row("switch", "build", float(np.median([rate for run in runs for rate in run.rates[2:]])), "photos/s",
        device=last.device, photos=photos, encoded_after_the_last_kill=last.encoded, vectors=vectors, in_use=used)  # fmt: skip
    for phase in ("before", "during", "after"):
        tell(f"search in the same process, {phase}", [ms for run in runs for ms in run.ms[phase]])
    tell("search from another process, opening the library each time", beside.ms, failed=len(beside.errors))
    errors = [error for run in runs for error in run.errors] + beside.errors
    row("switch", "kill -9", kills, "kills", continued=True, old_space_intact=same,
        old_top10_overlap=round(min(overlaps), 4), failed_searches=len(errors),
        first_failures=errors[:3], going_back_s=round(going_back_s, 2))  # fmt: skip


if __name__ == "__main__":
    main()
