"""How close indexing comes to what the cores allow, and its peak memory.

    .venv/bin/python -m tests.benchmarks.ingest [--photos 200] [--library-model ID] [--source FOLDER]

Full-resolution JPEGs (about 12 megapixels, made from the pictures of SOURCE so that no two are alike) are
indexed into a fresh library by the command itself. In the same run the core-seconds that decoding and
encoding one photo take alone are measured; what the cores allow is cores / (decode + encode). Cores that share
memory and power decode more slowly together than one does alone: that figure is printed beside it.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import numpy as np
from PIL import Image

from core.app import decode_plan
from core.models.encoder import Encoder
from core.models.registry import model_folder
from core.photos.decode import decode
from core.photos.identity import identify
from core.photos.jobs import DecodePlan
from tests.benchmarks.machine import PeakMemory, row

SIZE = (4000, 3000)


def make_photos(source: Path, folder: Path, count: int) -> None:
    """`count` JPEGs of 12 megapixels: the big pictures of `source`, each time cut and mirrored otherwise."""
    big = []
    for path in sorted(source.rglob("*")):
        if path.is_file() and path.suffix.lower() in (".jpg", ".jpeg") and path.name[0] != ".":
            with Image.open(path) as picture:
                if picture.width * picture.height >= 7_000_000:
                    big.append(path)
    folder.mkdir(parents=True)
    dice = np.random.default_rng(1)
    for i in range(count):
        with Image.open(big[i % len(big)]) as picture:
            shift = dice.uniform(0.02, 0.12, 4)
            box = (shift[0] * picture.width, shift[1] * picture.height,
                   (1 - shift[2]) * picture.width, (1 - shift[3]) * picture.height)  # fmt: skip
            made = picture.convert("RGB").resize(SIZE, Image.Resampling.BILINEAR, box=box)
        # Noise in a corner: some sources are nearly one colour, and identical pictures would be one photo.
        made.paste(Image.fromarray(dice.integers(0, 256, (16, 16, 3), np.uint8)))
        made.save(folder / f"{i:05}.jpg", quality=90)


def decode_all(files: list[Path], plan: DecodePlan) -> tuple[float, list[bytes]]:
    """(Core-seconds a photo of identifying and decoding, the model's inputs)."""
    decoded = []
    begin = time.process_time()
    for file in files:
        data = file.read_bytes()
        identify(data)
        decoded.append(decode(data, file.name, plan).pixels)
    return (time.process_time() - begin) / len(files), decoded


def together(files: list[Path], plan: DecodePlan) -> float:
    """Core-seconds a photo of identifying and decoding while every core does so."""
    cores = os.cpu_count() or 1
    with ProcessPoolExecutor(cores, multiprocessing.get_context("spawn")) as processes:
        # Each started and warm before the round that counts.
        for _ in range(2):
            rounds = list(processes.map(decode_all, [files] * cores, [plan] * cores))
    return statistics.mean(took for took, _ in rounds)


def alone(files: list[Path], encoder: Encoder, plan: DecodePlan) -> tuple[float, float]:
    """Core-seconds a photo of (identifying and decoding, encoding), each in this process alone."""
    side = plan.side_px
    decoding, decoded = decode_all(files, plan)
    pixels = np.stack([np.frombuffer(each, np.uint8).reshape(side, side, 3) for each in decoded])
    encoder.encode_images(pixels[:8])
    took = []
    for _ in range(3):
        begin = time.process_time()
        for at in range(0, len(pixels), encoder.images_at_once):
            encoder.encode_images(pixels[at : at + encoder.images_at_once])
        took.append((time.process_time() - begin) / len(files))
    return decoding, statistics.median(took)


def core_seconds_of_children() -> float:
    """What all processes that were started here and have ended took, with those that they started."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--photos", type=int, default=200)
    parser.add_argument("--model", default="starter", help="a model id, or a model folder")
    parser.add_argument("--source", type=Path, default=Path(__file__).parents[3] / "shared/data/photos")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as temp:
        home = Path(temp)
        make_photos(options.source, home / "photos", options.photos)
        model = options.model
        if Path(model).is_dir():
            target = home / "library" / "models" / "measured"
            target.parent.mkdir(parents=True)
            target.symlink_to(Path(model).absolute(), target_is_directory=True)
            model = "measured"
        encoder = Encoder.open(model_folder(model, home / "library" / "models"))
        plan = decode_plan(encoder.spec.preprocessing)
        files = sorted((home / "photos").iterdir())[:32]
        decoding, encoding = alone(files, encoder, plan)
        decoding_together = together(files, plan)
        encoder.close()
        cores = os.cpu_count() or 1
        allowed, allowed_together = cores / (decoding + encoding), cores / (decoding_together + encoding)
        command = [
            sys.executable,
            "-m",
            "core.cli",
            "--library",
            str(home / "library"),
            "--json",
            "index",
            str(home / "photos"),
            "--model",
            model,
        ]
        before = core_seconds_of_children()
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        memory = PeakMemory(process.pid)
        memory.start()
        out, _ = process.communicate()
        peak = memory.stop()
        spent = core_seconds_of_children() - before
    done = json.loads(out.decode().splitlines()[-1])
    case = f"{options.photos} JPEGs of 12 MP, {options.model if model != 'measured' else Path(options.model).name}"
    row("ingest", case, 1000 * decoding, "ms decode, one core")
    row("ingest", case, 1000 * encoding, "ms encode, one core")
    row("ingest", case, allowed, "photos/s allowed")
    row("ingest", case, 1000 * decoding_together, "ms decode, every core decoding")
    row("ingest", case, allowed_together, "photos/s allowed, every core decoding")
    row(
        "ingest",
        case,
        done["photos_per_s"],
        "photos/s",
        ratio=round(done["photos_per_s"] / allowed, 3),
        baseline="allowed",
    )
    row("ingest", case, 1000 * spent / options.photos, "ms of all cores spent a photo")
    row("ingest", case, peak / 1e6, "MB peak PSS of the process tree")


if __name__ == "__main__":
    main()
