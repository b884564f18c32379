"""What a relevance is worth: how many of a model's hits called sure or less sure are right.

    python -m tests.benchmarks.relevance [--model FOLDER]

Judged by the captions of Flickr8k val as in core/training/calibrate.py: whole captions, and short queries that
several captions of a photo speak for or against, among the first 50 hits of each. No model is fitted on these photos.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import numpy.typing as npt

from core.evaluate.pictures import encode_pictures, pictures
from core.models.calibration import Calibration
from core.models.encoder import Encoder
from core.models.prompts import neutral_captions
from core.models.registry import STARTER, model_folder
from core.progress import CancelToken, silent
from core.training.calibrate import Encode, judge
from core.training.sources import captioned
from tests.benchmarks.machine import row
from tests.conftest import SHARED_DATA

FLICKR = SHARED_DATA / "flickr8k"


def photos_of_val(encoder: Encoder) -> npt.NDArray[np.float32]:
    """[1000, d]"""
    return encode_pictures(encoder, pictures(FLICKR / "val.tar"), silent, CancelToken())[1]


def bands(
    photos: npt.NDArray[np.float32], encode: Encode, calibration: Calibration
) -> dict[str, tuple[float, float]]:
    """Of each band, with those above it: (how many of its hits are right, how many of the right ones it holds)."""
    neutrals = encode(neutral_captions())
    judged = judge(photos, captioned(FLICKR / "captions-val.jsonl"), encode, calibration, neutrals)
    relevance = calibration.relevance(judged.cosines, judged.neutral)
    right = judged.weight * judged.true
    found = {}
    for name, least in (("sure", calibration.sure), ("sure or less sure", calibration.less_sure)):
        shown = relevance >= least
        held = float(right[shown].sum())
        found[name] = held / float(judged.weight[shown].sum()), held / float(right.sum())
    return found


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--model", type=Path, default=model_folder(STARTER, None))
    encoder = Encoder.open(parser.parse_args().model)
    assert encoder.spec.calibration is not None
    found = bands(photos_of_val(encoder), encoder.encode_texts, encoder.spec.calibration)
    for name, (right, held) in found.items():
        row("relevance", name, right, "right", found=round(held, 3), model=encoder.spec.space_id)


if __name__ == "__main__":
    main()
