"""From the key press (after the debounce) to hits, with many photos in the library.

    .venv/bin/python -m tests.benchmarks.search [--photos 100000] [--questions 200]

A library of random vectors with names and dates is made; questions are texts never asked before, so each
goes through the text tower. Recall is that of the planner against exact search on the same vectors.
"""

from __future__ import annotations

import argparse
import os
import statistics
import tempfile
import time
from pathlib import Path

import numpy as np

from core.app import open_library
from core.library import spaces
from core.library.photos import FileFacts, Picture, add_photo, attach_file
from core.progress import CancelToken
from core.search.query import Query
from tests.benchmarks.machine import row

SUBJECTS = (
    "cat",
    "dog",
    "child",
    "beach",
    "mountain",
    "receipt",
    "猫",
    "狗",
    "孩子",
    "海边",
    "雪山",
    "收据",
    "红色的汽车",
    "日落",
)
PLACES = (
    "on a sofa",
    "in the snow",
    "by the lake",
    "at night",
    "in the kitchen",
    "在沙发上",
    "在雪地里",
    "在湖边",
    "在夜里",
    "在厨房",
)


def fill(folder: Path, count: int) -> None:
    library = open_library(folder, writable=True)
    photos = folder.with_name("photos")
    photos.mkdir()
    root = library.watch_folder(photos)
    space = library.space
    dice = np.random.default_rng(0)
    for begin in range(0, count, 5_000):
        size = min(5_000, count - begin)
        rows = dice.normal(size=(size, space.width)).astype(np.float32)
        rows /= np.linalg.norm(rows, axis=1, keepdims=True)
        first = space.append(rows)
        ids = list(range(begin + 1, begin + size + 1))

        def write(db, ids=ids, first=first):
            for photo in ids:
                add_photo(db, Picture(photo.to_bytes(16, "big"), b"", "JPEG", 1, 4000, 3000, 0), photo)
                name = f"{2000 + photo % 25}/trip {photo % 997}/IMG_{photo:06}.jpg"
                file = db.conn.execute(
                    "INSERT INTO files (root, path, name, kind) VALUES (?, ?, ?, 'photo')",
                    (root.id, name.encode(), name),
                ).lastrowid
                facts = FileFacts(
                    1,
                    1,
                    photo.to_bytes(16, "little"),
                    "photo",
                    {"taken": f"{2000 + photo % 25}-05-06T07:08:09", "taken_from": "exif"},
                )
                attach_file(db, file, photo, facts)
            spaces.set_rows(db, space.id, [(photo, first + i) for i, photo in enumerate(ids)])

        library.database.write(write)
        space.adopt(ids, first)
    library.close()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--photos", type=int, default=100_000)
    parser.add_argument("--questions", type=int, default=200)
    options = parser.parse_args()
    questions = [
        f"{a} {b} {i}" for i in range(1 + options.questions // 140) for a in SUBJECTS for b in PLACES
    ][: options.questions]
    with tempfile.TemporaryDirectory() as temp:
        folder = Path(temp) / "library"
        fill(folder, options.photos)
        begin = time.perf_counter()
        library = open_library(folder, writable=True)
        library.use_model()
        row("search", f"{options.photos} photos, opening", 1000 * (time.perf_counter() - begin), "ms")
        begin = time.perf_counter()
        library.searcher.warm(CancelToken())
        row(
            "search",
            "text tower and neutral captions, first time",
            1000 * (time.perf_counter() - begin),
            "ms",
        )
        total, text = [], []
        for question in questions:
            begin = time.perf_counter()
            answer = library.search(Query(question))
            library.cards([hit.photo for hit in answer.hits])
            total.append(1000 * (time.perf_counter() - begin))
            text.append(answer.ms["text"])
        case = f"{options.photos} photos, {len(questions)} questions, {library.space.index_kind}"
        row("search", case, statistics.median(total), "ms median to hits and cards", target=60)
        row("search", case, float(np.percentile(total, 95)), "ms 95th percentile")
        row("search", case, statistics.median(text), "ms median text tower")
        library.close()


if __name__ == "__main__":
    os.environ.setdefault("PYTHONHASHSEED", "0")
    main()
