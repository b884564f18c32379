"""A model folder of Chinese-CLIP ViT-B/16's real size with random weights, to measure with (core/models/convert/sized.py).

    .venv/bin/python -m tests.benchmarks.vit_b_16 FOLDER [--outliers layer-norm|everywhere]

Needs the `train` extra.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from core.models.convert.sized import OUTLIERS, make_folder


def make(folder: Path) -> None:
    """Write the folder without outliers."""
    make_folder(folder)


if __name__ == "__main__":
    options = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    options.add_argument("folder", type=Path)
    options.add_argument("--outliers", choices=OUTLIERS, default="")
    given = options.parse_args()
    make_folder(given.folder, given.outliers)
