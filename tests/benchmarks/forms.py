"""The forms of a model side by side: torch eager fp32, ONNX Runtime fp32, plain dynamic int8, and what is chosen.

    .venv/bin/python -m tests.benchmarks.forms [--outliers layer-norm|everywhere] [--pictures 256]

On real photos where the test data is at hand, else on drawn ones. Random weights of Chinese-CLIP ViT-B/16's size
(core/models/convert/sized.py says what of them means something). The same code runs in `shiguang bench
encode`, also for your own models. The starter came in integers alone: there only its one form is timed.
"""

from __future__ import annotations

import argparse
import io
import json
import tarfile
from pathlib import Path

import numpy as np
from PIL import Image

from core.models.convert import forms_bench, sized
from core.models.preprocess import Pixels, square
from core.models.spec import Preprocessing
from core.progress import CancelToken, silent
from tests.benchmarks.machine import machine

FLICKR = Path(__file__).parents[3] / "shared" / "data" / "flickr8k"


def photos(count: int, preprocessing: Preprocessing) -> Pixels:
    if not FLICKR.is_dir():
        return sized.pictures(count, preprocessing.size_px)
    found = []
    with tarfile.open(FLICKR / "val.tar") as archive:
        for member in archive:
            file = archive.extractfile(member)
            if file is not None and len(found) < count:
                found.append(square(Image.open(io.BytesIO(file.read())), preprocessing))
    return np.stack(found)


def captions() -> list[str]:
    path = FLICKR / "captions-val.jsonl"
    if not path.is_file():
        return []
    lines = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()[:100]]
    return [text for line in lines for text in (line["en"][0], line["zh"][0])]


def main() -> None:
    options = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    options.add_argument("--outliers", choices=sized.OUTLIERS, default="")
    options.add_argument("--pictures", type=int, default=256)
    asked = options.parse_args()
    cancel = CancelToken()
    plan = Preprocessing("squash", 224, "bicubic", sized.MEAN, sized.STD)
    pictures = photos(asked.pictures, plan)
    for row in forms_bench.sized("vit-b-16", asked.outliers, pictures, captions(), silent, cancel):
        value = None if row.value is None else round(row.value, 3)
        more = row.more | {"outliers": asked.outliers, "pictures": len(pictures), "machine": machine()}
        print(
            json.dumps(
                {
                    "bench": "encode",
                    "case": row.case,
                    "form": row.form,
                    "value": value,
                    "unit": row.unit,
                    **more,
                }
            ),
            flush=True,
        )


if __name__ == "__main__":
    main()
