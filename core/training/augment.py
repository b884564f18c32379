"""Photos varied a little while a tower learns, so that a few hundred are not learned by heart."""

from __future__ import annotations

import torch
import torch.nn.functional as F  # noqa: N812 (torch's own name for it)
from torch import Tensor

# Share of a photo's area that is seen at least: as CLIP and Chinese-CLIP train. Less, and what a caption speaks of is
# cut off.
LEAST_AREA = 0.9


def varied(pixels: Tensor) -> Tensor:
    """Each photo of [n, 3, s, s] cut to a part of it, scaled to the whole side again, and mirrored half the time.

    By the global random numbers: the same state varies the same photos the same way. Source: the random resized crop
    of Radford et al. 2021, 2.4 ("the only data augmentation"), with torchvision's square of random area; mirroring as
    Chinese-CLIP.
    """
    count = len(pixels)
    side = (LEAST_AREA + (1 - LEAST_AREA) * torch.rand(count)).sqrt()
    mirror = torch.where(torch.rand(count) < 0.5, -1.0, 1.0)
    # In coordinates of -1..1 a part of side c lies anywhere within 1 - c of the middle.
    middle = (1 - side)[:, None] * (2 * torch.rand(count, 2) - 1)
    turn = torch.zeros(count, 2, 3)
    turn[:, 0, 0], turn[:, 1, 1] = side * mirror, side
    turn[:, :, 2] = middle
    grid = F.affine_grid(turn, list(pixels.shape), align_corners=False)
    return F.grid_sample(pixels, grid.to(pixels), padding_mode="border", align_corners=False)
