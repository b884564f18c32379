"""Kill -9 at random instants of indexing, migrating and index saving; nothing may be lost.

    .venv/bin/python -m tests.benchmarks.crash [--kills 50]

A third of the kills goes to each. Indexing is continued after every kill and in the end compared with a
library built in one go: the same photos once, vectors to a cosine of 0.999, exact top-10 lists, database
integrity, no process left behind. A migration that was killed left the old form or the new one, whole. A
graph whose saving was killed is the old one, the new one or none, and never a wrong one.
"""

from __future__ import annotations

import argparse
import random
import signal
import sqlite3
import subprocess
import sys
import tarfile
import tempfile
import time
from pathlib import Path

import numpy as np

from core.app import Shiguang, open_library
from core.library.database import FILE, latest_version
from core.search.query import Query
from core.spaces.index import Index, has_hnswlib
from tests.benchmarks.machine import row

QUERIES = (
    "a dog in the snow",
    "孩子在海边",
    "two men playing football",
    "一只狗",
    "a red car",
    "骑自行车的人",
)

MIGRATE = """
import sys, pathlib
from core.library import database, migrations
later = pathlib.Path(sys.argv[2]); later.mkdir(exist_ok=True)
(later / f"{database.latest_version() + 1:03}_rewrites.py").write_text(''''Rewrites every row.'
def apply(db):
    db.execute("ALTER TABLE keywords ADD COLUMN again TEXT")
    for photo, word in db.conn.execute("SELECT photo, word FROM keywords").fetchall():
        db.execute("UPDATE keywords SET again = ? WHERE photo = ? AND word = ?", (word, photo, word))
''')
migrations.__path__.append(str(later))
print("go", flush=True)
database.open_for_writing(pathlib.Path(sys.argv[1])).close()
"""

SAVE = """
import sys, threading, pathlib, numpy as np
from core.spaces.index import Index
rows = np.load(sys.argv[2]); folder = pathlib.Path(sys.argv[1])
print("go", flush=True)
while True:
    for count in (2000, 4000):
        Index(folder / "index.hnsw", "s").build(rows[:count], threading.Event())
"""


def killed(command: list[str], after_s: float, wait_for_go: bool = False) -> bool:
    """Start, kill -9 after a while; false when it had ended by itself."""
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    assert process.stdout is not None
    if wait_for_go:
        process.stdout.readline()
    time.sleep(after_s)
    still = process.poll() is None
    process.send_signal(signal.SIGKILL)
    process.wait()
    process.stdout.close()
    return still


def indexing(home: Path, photos: Path, kills: int, dice: random.Random) -> None:
    def command(library: str) -> list[str]:
        return [
            sys.executable,
            "-m",
            "core.cli",
            "--library",
            str(home / library),
            "--json",
            "index",
            str(photos),
        ]

    begin = time.monotonic()
    subprocess.run(command("whole"), check=True, capture_output=True)
    length = time.monotonic() - begin
    done = starts = 0
    while done < kills and starts < 5 * kills:
        starts += 1
        # Short runs mostly: each continues where the last was killed, and there must be work left for all.
        done += killed(command("broken"), dice.uniform(0.2, max(1.2, 2 * length / kills)))
    time.sleep(3)
    left = subprocess.run(
        ["pgrep", "-f", str(home / "broken")], capture_output=True, text=True, check=False
    ).stdout.split()
    row("crash", "indexing", done, "kills in the middle", starts=starts, processes_left=len(left))
    subprocess.run(command("broken"), check=True, capture_output=True)
    connection = sqlite3.connect(home / "broken" / FILE)
    integrity = connection.execute("PRAGMA integrity_check").fetchone()[0]
    connection.close()
    whole, broken = (open_library(home / name, writable=False) for name in ("whole", "broken"))
    a, b = vectors(whole), vectors(broken)
    cosine = min(float(a[name] @ b[name]) for name in a) if a.keys() == b.keys() else 0.0
    same = total = 0
    for query in QUERIES:
        one, two = (top(library, query) for library in (whole, broken))
        same, total = same + len(one & two), total + len(one)
    row("crash", "indexing", len(b), "photos", expected=len(a), same_photos=a.keys() == b.keys(), integrity=integrity,
        lowest_cosine=round(cosine, 6), top10_overlap=round(same / total, 4))  # fmt: skip
    whole.close()
    broken.close()


def vectors(library: Shiguang) -> dict[str, np.ndarray]:
    """Name of the file -> its photo's vector."""
    library.use_model()
    ids = library.photo_ids()
    paths = library.first_paths(ids)
    rows = library.space.vectors_of(ids)
    return {
        Path(paths[photo]).name: each / np.linalg.norm(each) for photo, each in zip(ids, rows, strict=True)
    }


def top(library: Shiguang, words: str) -> set[str]:
    hits = library.search(Query(words, limit=10, everything=True, exact=True)).hits
    return {Path(path).name for path in library.first_paths([hit.photo for hit in hits]).values()}


def migrating(home: Path, kills: int, dice: random.Random) -> None:
    library = open_library(home / "old", writable=True)

    def fill(db):
        db.execute("INSERT INTO photos (id, picture_hash, width, height) VALUES (1, x'00', 1, 1)")
        db.conn.executemany("INSERT INTO keywords VALUES (1, ?)", [(f"word {i}",) for i in range(100_000)])

    library.database.write(fill)
    library.close()
    old = (home / "old" / FILE).read_bytes()
    before = latest_version()
    done, forms = 0, {before: 0, before + 1: 0}
    while done < kills:
        for suffix in ("", "-wal", "-shm"):
            (home / "old" / (FILE + suffix)).unlink(missing_ok=True)
        (home / "old" / FILE).write_bytes(old)
        done += killed(
            [sys.executable, "-c", MIGRATE, str(home / "old"), str(home / "later")],
            dice.uniform(0, 0.5),
            True,
        )
        connection = sqlite3.connect(home / "old" / FILE)
        version = connection.execute("PRAGMA user_version").fetchone()[0]
        forms[version] += 1
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        assert connection.execute("SELECT count(*) FROM keywords").fetchone() == (100_000,)
        if version > before:
            assert connection.execute("SELECT count(*) FROM keywords WHERE again = word").fetchone() == (
                100_000,
            )
        connection.close()
    row("crash", "migrating", done, "kills in the middle", left_old=forms[before], left_new=forms[before + 1])


def saving(home: Path, kills: int, dice: random.Random) -> None:
    if not has_hnswlib():
        row("crash", "index saving", 0, "kills", skipped="hnswlib is not installed")
        return
    rows = np.random.default_rng(0).normal(size=(4_000, 64)).astype(np.float32)
    rows = (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float16)
    np.save(home / "rows.npy", rows)
    (home / "graph").mkdir()
    loaded = 0
    for _ in range(kills):
        assert killed(
            [sys.executable, "-c", SAVE, str(home / "graph"), str(home / "rows.npy")],
            dice.uniform(0.2, 2),
            True,
        )
        index = Index(home / "graph" / "index.hnsw", "s")
        index.load(4_000, 64)
        loaded += index.kind == "hnsw"
        found, _ = index.nearest(rows[17].astype(np.float32), rows, 1)
        assert found.tolist() == [17]
    row("crash", "index saving", kills, "kills in the middle", graphs_found_whole=loaded)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=50)
    parser.add_argument(
        "--photos", type=Path, default=Path(__file__).parents[3] / "shared/data/flickr8k/val.tar"
    )
    options = parser.parse_args()
    dice = random.Random(1)
    with tempfile.TemporaryDirectory() as temp:
        home = Path(temp)
        with tarfile.open(options.photos) as archive:
            archive.extractall(home / "photos", filter="data")
        share = options.kills // 3
        indexing(home, home / "photos", options.kills - 2 * share, dice)
        migrating(home, share, dice)
        saving(home, share, dice)


if __name__ == "__main__":
    main()
