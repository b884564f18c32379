"""How long torch takes to send a photo and a text through whole towers here: products are counted on shapes, without
weights or numbers, and how many of them this machine does in a second is measured on one matrix product."""

from __future__ import annotations

import statistics
import time

import torch
from torch.utils.flop_counter import FlopCounterMode

from core.models.convert.source import TowerPlan, read_plans
from core.models.encoder import Encoder
from core.training.cost import Forward
from core.training.memory import empty_tower, tokens_of

# A product as transformers have many of: 256 rows of a ViT-B's width through its inner layer. It is so small that
# its rate is that of a whole ViT-B/16 with everything between its products (tests/benchmarks/training_cost.py).
ROWS, WIDTH, INNER = 256, 768, 3072
TIMES = 5


def forward(encoder: Encoder, device: str) -> Forward:
    """Of a model that has its original weights. Raises ModelError for a broken `source/`."""
    side, tokens = encoder.spec.preprocessing.size_px, tokens_of(encoder.spec)
    return forward_of(*read_plans(encoder.folder), side, tokens, device)


def forward_of(
    width: int, image_plan: TowerPlan, text_plan: TowerPlan, side: int, tokens: int, device: str
) -> Forward:
    """Of towers with such plans in a space of `width`; side in pixels, tokens of a text."""
    with torch.device("meta"):
        image, text = (
            empty_tower(plan, width, image=i == 0).eval() for i, plan in enumerate((image_plan, text_plan))
        )
        counts = [
            operations(image, torch.empty(1, 3, side, side)),
            operations(text, torch.ones(1, tokens, dtype=torch.int64), None),
        ]
    rate = _operations_per_s(device)
    return Forward(*(count / rate for count in counts))


def operations(tower: torch.nn.Module, *inputs: torch.Tensor | None) -> int:
    """Multiplications and additions of its products."""
    with torch.no_grad(), FlopCounterMode(display=False) as counted:
        tower(*inputs)
    return int(counted.get_total_flops())


def _operations_per_s(device: str) -> float:
    left, right = torch.ones(ROWS, WIDTH, device=device), torch.ones(WIDTH, INNER, device=device)
    seconds = []
    for _ in range(TIMES + 1):
        began = time.perf_counter()
        # Read back: a GPU answers before it is done.
        float((left @ right)[0, 0])
        seconds.append(time.perf_counter() - began)
    return 2 * ROWS * WIDTH * INNER / statistics.median(seconds[1:])
