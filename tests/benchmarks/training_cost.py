"""How long a step of training whole towers is said to take, and how long it takes: of ViT-B/16's size, on this machine.

    python -m tests.benchmarks.training_cost [--pairs 32] [--times 3]

Towers of Chinese-CLIP ViT-B/16's real size with random weights; both go forward without a gradient, forward
with one, and back, as a step of the full recipe's second stage does. Needs the `train` extra and 6 GB.
"""

from __future__ import annotations

import argparse
import statistics
import time

import torch
from transformers import ChineseCLIPConfig

from core.models.convert.source import TowerPlan
from core.models.convert.towers import image_tower, text_tower
from core.training.cost import BACK, ONCE
from core.training.forward import forward_of
from core.training.loss import contrastive
from core.training.memory import TOKENS
from tests.benchmarks.machine import row

WIDTH, SIDE = 512, 224


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--pairs", type=int, default=32)
    parser.add_argument("--times", type=int, default=3)
    asked = parser.parse_args()
    given = ChineseCLIPConfig(vision_config={"patch_size": 16})
    plans = [
        TowerPlan("chinese-clip", config.to_dict()) for config in (given.vision_config, given.text_config)
    ]
    said = forward_of(WIDTH, *plans, SIDE, TOKENS, "cpu")
    image = image_tower(plans[0].architecture, plans[0].config, WIDTH)
    text = text_tower(plans[1].architecture, plans[1].config, WIDTH)
    pixels = torch.randn(asked.pairs, 3, SIDE, SIDE)
    ids = torch.randint(1_000, 5_000, (asked.pairs, TOKENS))
    mask = torch.ones_like(ids)
    seconds = []
    for _ in range(asked.times):
        began = time.perf_counter()
        with torch.no_grad():
            image(pixels), text(ids, mask)
        contrastive(image(pixels), text(ids, mask), torch.tensor(20.0)).backward()
        seconds.append(time.perf_counter() - began)
    expected = asked.pairs * (2 * ONCE + BACK) * (said.image_s + said.text_s)
    taken = statistics.median(seconds)
    row("training cost", "a step, said", expected, "s", pairs=asked.pairs)
    row("training cost", "a step, taken", taken, "s", pairs=asked.pairs)
    row("training cost", "said / taken", expected / taken, "", pairs=asked.pairs)


if __name__ == "__main__":
    main()
