"""How much memory a training takes at its height, beside what is said before it starts.

    python -m tests.benchmarks.training_memory [--how adapter lora full] [--photos 500] [--size starter|vit-b-16] [--thrifty]

The starter learns from captioned photos of Flickr8k in a library; a Chinese-CLIP of ViT-B/16's size with random
weights learns for one step a stage from a set of as many. Each run is a process of its own, as the command line runs
it; its peak is what the system counted (ru_maxrss). Needs the `train` extra; Linux, 12 GB for vit-b-16 without
--thrifty.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Collection
from pathlib import Path

from transformers import ChineseCLIPConfig

from core.app import open_library
from core.library.captions import set_captions
from core.models.convert.vocabularies import chinese_vocabulary
from core.progress import CancelToken, silent
from tests.benchmarks.machine import row
from tests.conftest import SHARED_DATA
from tests.training.made_sets import save, write_split

FLICKR = SHARED_DATA / "flickr8k"
ONE_STEP = ("--epochs", "1")


def captions(count: int) -> dict[str, tuple[str, str]]:
    """Id -> its first English and Chinese caption."""
    with (FLICKR / "captions-train.jsonl").open(encoding="utf-8") as file:
        lines = [json.loads(line) for _, line in zip(range(count), file, strict=False)]
    return {line["id"]: (line["en"][0], line["zh"][0]) for line in lines}


def pictures(wanted: Collection[str]) -> dict[str, bytes]:
    with tarfile.open(FLICKR / "train.tar") as tar:
        found = {Path(one.name).stem: one for one in tar if Path(one.name).stem in wanted}
        content = {name: tar.extractfile(one) for name, one in found.items()}
        return {name: file.read() for name, file in content.items() if file is not None}


def starter(home: Path, count: int) -> tuple[Path, tuple[str, ...]]:
    """A library of captioned photos, and what its training is told."""
    said = captions(count)
    photos = home / "photos"
    photos.mkdir()
    for name, data in pictures(said).items():
        (photos / f"{name}.webp").write_bytes(data)
    library = open_library(home / "library", writable=True)
    library.watch_folder(photos)
    library.index(silent, CancelToken())
    paths = library.first_paths(library.photo_ids())
    texts = {
        (photo, lang): text
        for photo, path in paths.items()
        for lang, text in zip(("en", "zh"), said[Path(path).stem], strict=True)
    }
    library.database.write(lambda db: set_captions(db, texts))
    library.close()
    return home / "library", ()


def vit_b_16(home: Path, count: int) -> tuple[Path, tuple[str, ...]]:
    said = captions(count)
    found = pictures(said)
    texts = [(said[name][1], [name]) for name in found]
    write_split(home / "set", "train", found, texts)
    save(ChineseCLIPConfig(vision_config={"patch_size": 16}), chinese_vocabulary(), home / "clip")
    library = open_library(home / "library", writable=True)
    library.import_model(home / "clip", silent, CancelToken(), name="large")
    library.switch_model("local:large", silent, CancelToken())
    library.close()
    return home / "library", ("--muge", str(home / "set"), *ONE_STEP)


def peak(library: Path, words: tuple[str, ...]) -> tuple[int, dict[str, object]]:
    """The peak in bytes of a command, and its last line."""
    command = [sys.executable, "-m", "core.cli", "--library", str(library), "--json", "finetune", *words]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as process:
        assert process.stdout is not None
        lines = process.stdout.read().splitlines()
        _, status, used = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    assert process.returncode == 0, lines[-3:]
    return used.ru_maxrss * 1024, json.loads(lines[-1])


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--how", nargs="+", choices=("probe", "adapter", "lora", "full"), default=["adapter", "lora", "full"]
    )
    parser.add_argument("--photos", type=int, default=500)
    parser.add_argument("--size", choices=("starter", "vit-b-16"), default="starter")
    parser.add_argument("--thrifty", action="store_true")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as temp:
        make = starter if options.size == "starter" else vit_b_16
        library, words = make(Path(temp), options.photos)
        more = ("--thrifty",) if options.thrifty else ()
        for how in options.how:
            asked = ("--how", how, *words, *more)
            said, plan = peak(library, (*asked, "--dry-run"))
            used, verdict = peak(library, asked)
            row("training memory", f"{options.size} {how}", used / 1e9, "GB", said=plan["memory_bytes"],
                to_say_it=said, photos=options.photos, thrifty=options.thrifty, accepted=verdict["accepted"])  # fmt: skip
            if verdict["accepted"]:
                subprocess.run(
                    [sys.executable, "-m", "core.cli", "--library", str(library), "finetune", "undo"],
                    check=True,
                    capture_output=True,
                )


if __name__ == "__main__":
    main()
