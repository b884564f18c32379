"""What a relevance is worth: how many of a model's hits called sure or less sure are right.

    python -m tests.benchmarks.relevance [--model FOLDER]

Judged by the captions of Flickr8k val as in core/training/calibrate.py: whole captions, and short queries that
several captions of a photo speak for or against, among the first 50 hits of each. No model is fitted on these photos.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from core.evaluate.pictures import encode_pictures, pictures
from core.models.encoder import Encoder
from core.models.prompts import neutral_captions
from core.models.registry import STARTER, model_folder
from core.progress import CancelToken, silent
from core.training.calibrate import judge
from core.training.sources import captioned
from tests.benchmarks.machine import row
from tests.conftest import SHARED_DATA

FLICKR = SHARED_DATA / "flickr8k"


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--model", type=Path, default=model_folder(STARTER, None))
    asked = parser.parse_args()
    encoder = Encoder.open(asked.model)
    calibration = encoder.spec.calibration
    assert calibration is not None
    _, photos = encode_pictures(encoder, pictures(FLICKR / "val.tar"), silent, CancelToken())
    neutrals = encoder.encode_texts(neutral_captions())
    judged = judge(
        photos, captioned(FLICKR / "captions-val.jsonl"), encoder.encode_texts, calibration, neutrals
    )
    relevance = calibration.relevance(judged.cosines, judged.neutral)
    right = judged.weight * judged.true
    for name, least in (("sure", calibration.sure), ("sure or less sure", calibration.less_sure)):
        shown = relevance >= least
        row("relevance", name, float(right[shown].sum() / judged.weight[shown].sum()), "right",
            found=round(float(right[shown].sum() / right.sum()), 3), model=encoder.spec.space_id)  # fmt: skip


if __name__ == "__main__":
    main()
