"""Two thousand troublesome files and a hundred real ones, through the pool as an import runs it."""

from __future__ import annotations

import csv
import json
import os
import tarfile
from pathlib import Path

import pytest

from core.errors import PhotoFault
from core.photos.decoding import Decoded, DecodePlan, DecodingPool, Ended, Job
from core.progress import CancelToken

PLAN = DecodePlan(side_px=224, mode="squash", interpolation="bicubic")


def decoded(paths: list[Path]) -> list[Ended]:
    pool = DecodingPool(PLAN, os.cpu_count() or 2)
    jobs = (Job(number, os.fsencode(path)) for number, path in enumerate(paths))
    events = list(pool.run(jobs, lambda found: True, CancelToken()))
    pool.close()
    ends = sorted((event for event in events if isinstance(event, Ended)), key=lambda end: end.key)
    assert [end.key for end in ends] == list(range(len(paths)))
    return ends


def sizes_allowed(row: dict[str, str]) -> set[tuple[int, int]]:
    if not row["width"]:
        return set()
    other = [tuple(int(side) for side in row["also_ok"].split("x"))] if row["also_ok"] else []
    return {(int(row["width"]), int(row["height"])), *other}  # type: ignore[arg-type]


def test_every_troublesome_file_ends_as_it_should(shared_data: Path, tmp_path: Path) -> None:
    folder = shared_data / "robustness"
    with tarfile.open(folder / "nasty.tar.gz") as archive:
        archive.extractall(tmp_path, filter="data")
    with (folder / "expected.csv").open(encoding="utf-8", newline="") as table:
        rows = list(csv.DictReader(table))
    wrong = []
    ends = decoded([tmp_path / "nasty" / row["file"] for row in rows])
    for row, end in zip(rows, ends, strict=True):
        picture = end.result if isinstance(end.result, Decoded) else None
        if row["expectation"] == "decodes" and picture is None:
            wrong.append(f"lost: {row['file']}: {end.result}")
        if row["expectation"] == "refused" and picture is not None:
            wrong.append(f"claimed: {row['file']}")
        if picture is not None and row["width"] and (picture.width, picture.height) not in sizes_allowed(row):
            wrong.append(f"size: {row['file']}: {picture.width} x {picture.height}")
        if isinstance(end.result, PhotoFault) and end.result.code in ("crashed", "timeout"):
            wrong.append(f"{end.result.code}: {row['file']}")
    assert wrong == []


def test_every_real_photo_is_decoded_in_its_real_size(shared_data: Path) -> None:
    folder = shared_data / "photos"
    expected = json.loads((folder / "expected.json").read_text(encoding="utf-8"))["photos"]
    for photo, end in zip(expected, decoded([folder / photo["path"] for photo in expected]), strict=True):
        assert isinstance(end.result, Decoded), f"{photo['path']}: {end.result}"
        assert (end.result.width, end.result.height) == (photo["width"], photo["height"]), photo["path"]
        assert end.result.frames == photo["frames_or_pages"], photo["path"]


@pytest.mark.parametrize("shape", ["landscape", "portrait"])
def test_real_photos_in_eight_orientations_look_the_same(shared_data: Path, shape: str) -> None:
    paths = sorted((shared_data / "photos" / "方向测试 orientation").glob(f"{shape}_*.jpg"))
    pictures = [end.result for end in decoded(paths)]
    assert len(pictures) >= 4
    first = pictures[0]
    assert isinstance(first, Decoded)
    for path, picture in zip(paths, pictures, strict=True):
        assert isinstance(picture, Decoded)
        difference = sum(abs(a - b) for a, b in zip(picture.pixels, first.pixels, strict=True)) / len(
            first.pixels
        )
        assert difference < 5, path.name
