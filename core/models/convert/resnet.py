"""The ResNet image tower of CLIP (Radford et al. 2021, 2.4), with the names of the published state dicts.

It differs from a plain ResNet in three things: a stem of three convolutions and an average pool; strides made by
average pooling before the convolution, so that nothing is aliased; and attention in place of the last mean.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor, nn

# Every block's output is so much wider than its middle.
EXPANSION = 4
# The feature map is so much smaller than the picture: 2 in the stem's convolution, 2 in its pool, 8 in the stages.
REDUCTION = 32


class Bottleneck(nn.Module):
    """1x1, 3x3, 1x1 convolutions beside a shortcut; a stride is an average pool before the last of them."""

    def __init__(self, inputs: int, width: int, stride: int) -> None:
        super().__init__()
        outputs = width * EXPANSION
        self.conv1 = nn.Conv2d(inputs, width, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.conv2 = nn.Conv2d(width, width, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(width)
        self.pool = nn.AvgPool2d(stride) if stride > 1 else nn.Identity()
        self.conv3 = nn.Conv2d(width, outputs, 1, bias=False)
        self.bn3 = nn.BatchNorm2d(outputs)
        self.downsample: nn.Module = nn.Identity()
        if stride > 1 or inputs != outputs:
            # "-1", "0" and "1" are the published names.
            self.downsample = nn.Sequential()
            self.downsample.add_module("-1", nn.AvgPool2d(stride))
            self.downsample.add_module("0", nn.Conv2d(inputs, outputs, 1, bias=False))
            self.downsample.add_module("1", nn.BatchNorm2d(outputs))

    def forward(self, x: Tensor) -> Tensor:
        y = F.relu(self.bn1(self.conv1(x)))
        y = F.relu(self.bn2(self.conv2(y)))
        y = self.bn3(self.conv3(self.pool(y)))
        return F.relu(y + self.downsample(x))


class AttentionPool(nn.Module):
    """One vector of a feature map: its mean asks, mean and places answer (multi-head attention, one query)."""

    def __init__(self, side: int, width: int, heads: int, outputs: int) -> None:
        super().__init__()
        self.heads = heads
        self.positional_embedding = nn.Parameter(torch.zeros(side * side + 1, width))
        self.q_proj = nn.Linear(width, width)
        self.k_proj = nn.Linear(width, width)
        self.v_proj = nn.Linear(width, width)
        self.c_proj = nn.Linear(width, outputs)

    def forward(self, x: Tensor) -> Tensor:
        """[n, width, side, side] -> [n, outputs]."""
        x = x.flatten(2).transpose(1, 2)
        x = torch.cat([x.mean(1, keepdim=True), x], 1) + self.positional_embedding
        q, k, v = self._split(self.q_proj(x[:, :1])), self._split(self.k_proj(x)), self._split(self.v_proj(x))
        weight = torch.softmax(q @ k.transpose(2, 3) * (q.shape[-1] ** -0.5), dim=-1)
        mixed = (weight @ v).transpose(1, 2).flatten(2)
        pooled: Tensor = self.c_proj(mixed)[:, 0]
        return pooled

    def _split(self, x: Tensor) -> Tensor:
        """[n, t, width] -> [n, heads, t, width / heads]."""
        n, t, width = x.shape
        return x.reshape(n, t, self.heads, width // self.heads).transpose(1, 2)


class ModifiedResNet(nn.Module):
    """pixels [n, 3, size, size] -> [n, d], not normalised.

    layers  blocks in each of the four stages
    width   channels after the stem, 64 in ResNet-50
    heads   of the attention pool; the published towers have 32 * width / 64
    """

    def __init__(self, layers: Sequence[int], width: int, size_px: int, heads: int, outputs: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, width // 2, 3, stride=2, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(width // 2)
        self.conv2 = nn.Conv2d(width // 2, width // 2, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(width // 2)
        self.conv3 = nn.Conv2d(width // 2, width, 3, padding=1, bias=False)
        self.bn3 = nn.BatchNorm2d(width)
        self.layer1 = _stage(width, width, layers[0], 1)
        self.layer2 = _stage(width * EXPANSION, width * 2, layers[1], 2)
        self.layer3 = _stage(width * 2 * EXPANSION, width * 4, layers[2], 2)
        self.layer4 = _stage(width * 4 * EXPANSION, width * 8, layers[3], 2)
        self.attnpool = AttentionPool(size_px // REDUCTION, width * 8 * EXPANSION, heads, outputs)

    def forward(self, pixels: Tensor) -> Tensor:
        x = F.relu(self.bn1(self.conv1(pixels)))
        x = F.relu(self.bn2(self.conv2(x)))
        x = F.avg_pool2d(F.relu(self.bn3(self.conv3(x))), 2)
        x = self.layer4(self.layer3(self.layer2(self.layer1(x))))
        pooled: Tensor = self.attnpool(x)
        return pooled


def _stage(inputs: int, width: int, blocks: int, stride: int) -> nn.Sequential:
    first = Bottleneck(inputs, width, stride)
    rest = (Bottleneck(width * EXPANSION, width, 1) for _ in range(blocks - 1))
    return nn.Sequential(first, *rest)
