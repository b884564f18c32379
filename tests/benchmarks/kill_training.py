"""Kill -9 at random instants of a personal training, from gathering to the move of the library; nothing may be lost.

    .venv/bin/python -m tests.benchmarks.kill_training [--kills 20] [--how adapter full] [--seed 1]

A small library of real photo files with a Chinese-CLIP of random weights (tests/training/made_sets.py), for the
adapter with drawn graphs that know colours and are told other names for them (tests/made_models.py). One run is left alone, to see its stages and how long each takes. Every kill then falls into a stage that is drawn, at an instant
drawn within it, so that short ones (write, move, check) have their share. After each the library is opened again: it
has to answer with a model whose space is complete, every model folder has to be whole, and nothing half-made may lie
about. Every third kill, and in the end, the same command runs through, is undone and its model dropped: then the
library's folder has to hold the files it held before. Needs the `train` extra; Linux and macOS.
"""

from __future__ import annotations

import argparse
import json
import random
import sqlite3
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path

from core.app import open_library
from core.library import spaces
from core.library.captions import set_captions
from core.library.database import FILE
from core.models.registry import folder_name, known_models, model_folder
from core.models.spec import ModelSpec
from core.progress import CancelToken, silent
from core.search.query import Query
from tests.benchmarks.machine import row
from tests.made_models import make_model
from tests.training.made_sets import chinese_clip, wall, words_of

PHOTOS = 96
BASE = "local:small"
TOWERS = ("lora", "full")
# For red, green, blue and white.
OTHER_NAMES = ("yellow", "pink", "white", "blue")
COURSE = ("--epochs", "25", "--rate", "3e-3")
# A library has these or has not, whatever happened; the last is the note which model was put in place last.
PASSING = (".db-wal", ".db-shm", "lock", ".log", "measured.json", "training", "training/pending.json")


def prepared(home: Path, how: str) -> Path:
    """A library with photos of four walls, all of them captioned; its folder."""
    photos = home / "photos"
    photos.mkdir()
    for number in range(PHOTOS):
        (photos / f"{number}.jpg").write_bytes(wall(number))
    library = open_library(home / "library", writable=True)
    if how in TOWERS:
        chinese_clip(home / "clip")
        library.import_model(home / "clip", silent, CancelToken(), name="small")
    else:
        make_model(home / "library" / "models" / folder_name(BASE), BASE)
    library.switch_model(BASE, silent, CancelToken())
    library.watch_folder(photos)
    library.index(silent, CancelToken())
    paths = library.first_paths(library.photo_ids())
    numbers = {photo: int(Path(path).stem) for photo, path in paths.items()}
    if how in TOWERS:
        said = {(photo, "zh"): words_of(number) for photo, number in numbers.items()}
    else:
        said = {(photo, "en"): OTHER_NAMES[number % 4] for photo, number in numbers.items()}
    library.database.write(lambda db: set_captions(db, said))
    library.close()
    return home / "library"


def command(library: Path, *words: str) -> list[str]:
    return [sys.executable, "-m", "core.cli", "--library", str(library), "--json", *words]


def finetune(library: Path, how: str, seed: int) -> list[str]:
    course = COURSE if how in TOWERS else ()
    return command(library, "finetune", "--how", how, "--seed", str(seed), *course)


@dataclass
class Seen:
    """A run that was left alone: its stages and when each began, in seconds, and when it ended."""

    stages: list[str] = field(default_factory=list)
    began: list[float] = field(default_factory=list)
    verdict: dict[str, object] = field(default_factory=dict)

    def length(self, stage: str) -> float:
        i = self.stages.index(stage)
        return self.began[i + 1] - self.began[i]


def watched(library: Path, how: str, seed: int) -> Seen:
    seen = Seen(["start"], [time.monotonic()])
    process = subprocess.Popen(
        finetune(library, how, seed), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert process.stdout is not None and process.stderr is not None
    for line in process.stdout:
        said = json.loads(line)
        if said["event"] == "progress" and said["stage"] not in seen.stages:
            seen.stages.append(said["stage"])
            seen.began.append(time.monotonic())
        elif said["event"] == "verdict":
            seen.verdict = said
    error = process.stderr.read()
    assert process.wait() == 0, error
    seen.began.append(time.monotonic())
    return seen


def killed(library: Path, how: str, seed: int, stage: str, after_s: float) -> bool:
    """Start, kill -9 so long after `stage` began; false when it had ended by itself."""
    process = subprocess.Popen(
        finetune(library, how, seed), stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    )
    assert process.stdout is not None
    if stage != "start":
        for line in process.stdout:
            if json.loads(line).get("stage") == stage:
                break
    time.sleep(after_s)
    still = process.poll() is None
    process.kill()
    process.wait()
    process.stdout.close()
    return still


def faults_after(home: Path) -> list[str]:
    """What is wrong with a library that is opened after a kill."""
    found = []
    connection = sqlite3.connect(home / FILE)
    if connection.execute("PRAGMA integrity_check").fetchone() != ("ok",):
        found.append("the database is damaged")
    connection.close()
    library = open_library(home, writable=True)
    try:
        spec = library.use_model()
        reader = library.database.reader()
        if spaces.count_without_vector(reader, spec.space_id) or len(library.space) != PHOTOS:
            found.append(f"the space of {spec.id} in use is not complete")
        if len(library.search(Query("红色的墙", limit=10, everything=True)).hits) != 10:
            found.append("search finds nothing")
        models = known_models(home / "models")
        for model in models:
            folder = model_folder(model, home / "models")
            ModelSpec.load(folder).check(folder)
        if len(models) > len({"starter", BASE, spec.id}) + 1:
            found.append(f"models pile up: {models}")
        known = {record.id for record in library.spaces()}
        found += [f"a space without a record: {one.name}" for one in (home / "spaces").iterdir() if one.name not in known]  # fmt: skip
        found += [f"half made: {one.name}" for one in (home / "models").glob(".new-*")]
    finally:
        library.close()
    return found


def files_of(home: Path) -> set[str]:
    every = (path.relative_to(home).as_posix() for path in home.rglob("*"))
    return {name for name in every if not name.endswith(PASSING) and not name.startswith("backups/")}


def taken_back(home: Path) -> None:
    """Undo and drop until the first model is in use again: a kill may have come after the change."""
    while (in_use := model_of(home)) != BASE:
        for words in (("finetune", "undo"), ("models", "drop", in_use)):
            subprocess.run(command(home, *words), check=True, capture_output=True)


def model_of(home: Path) -> str:
    library = open_library(home, writable=True)
    try:
        return library.use_model().id
    finally:
        library.close()


def through(home: Path, how: str, seed: int, before: set[str]) -> list[str]:
    """Run it to its end, undo it and drop what it made; what is wrong then."""
    seen = watched(home, how, seed)
    found = faults_after(home)
    if not seen.verdict.get("accepted") or model_of(home) == BASE:
        found.append(f"not taken: {seen.verdict}")
    taken_back(home)
    after = files_of(home)
    return found + [f"left behind: {name}" for name in after - before] + [f"gone: {name}" for name in before - after]  # fmt: skip


def measure(home: Path, how: str, kills: int, dice: random.Random) -> None:
    before = files_of(home)
    reference = watched(home, how, 0)
    assert reference.verdict["accepted"], reference.verdict
    taken_back(home)
    faults: list[str] = []
    stages: dict[str, int] = {}
    done = starts = 0
    while done < kills and starts < 4 * kills:
        starts += 1
        stage = dice.choice(reference.stages)
        seed = 1 + done // 3
        if killed(home, how, seed, stage, dice.uniform(0, reference.length(stage))):
            done += 1
            stages[stage] = stages.get(stage, 0) + 1
        faults += [f"kill {done} in {stage}: {one}" for one in faults_after(home)]
        if model_of(home) != BASE:
            # It came after the change: another training would have to be better than this one.
            taken_back(home)
        if done % 3 == 0 or done == kills:
            faults += [f"after kill {done}: {one}" for one in through(home, how, seed, before)]
        print(f"kill {done}, {stage}, {len(faults)} faults", file=sys.stderr, flush=True)
    row("kill training", how, done, "kills in the middle", starts=starts, stages=stages, faults=len(faults), first_faults=faults[:5])  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--kills", type=int, default=20, help="of each way to train")
    parser.add_argument("--how", nargs="+", choices=("adapter", "lora", "full"), default=["adapter", "full"])
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    for how in options.how:
        with tempfile.TemporaryDirectory() as temp:
            measure(prepared(Path(temp), how), how, options.kills, random.Random(options.seed))


if __name__ == "__main__":
    main()
