"""The starter's towers as torch modules: what training starts from and what the ONNX graphs are checked against.

Every module's parameters have the names the graphs' initialisers have (`weights.py` reads them back).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

import torch
import torch.nn.functional as F  # noqa: N812 (torch's own name for it)
from torch import Tensor, nn

# (kernel, stride, expansion, channels, repeats) of the seven stages of EfficientNet-Lite0.
# Tan, Le 2019, table 1, without squeeze-and-excite.
Stage = tuple[int, int, int, int, int]
LITE0: tuple[Stage, ...] = (
    (3, 1, 1, 16, 1),
    (3, 2, 6, 24, 2),
    (5, 2, 6, 40, 2),
    (3, 2, 6, 80, 3),
    (5, 1, 6, 112, 3),
    (5, 2, 6, 192, 4),
    (3, 1, 6, 320, 1),
)
# EfficientNet-Lite2: a tenth wider, a fifth deeper.
LITE2: tuple[Stage, ...] = (
    (3, 1, 1, 16, 1),
    (3, 2, 6, 24, 3),
    (5, 2, 6, 48, 3),
    (3, 2, 6, 88, 4),
    (5, 1, 6, 120, 4),
    (5, 2, 6, 208, 5),
    (3, 1, 6, 352, 1),
)
# The side of the pixels that the starter is given.
SIZE_PX = 224
# An encoder's stages and the side at which it looks at them; each at the one it was trained at.
Form = tuple[tuple[Stage, ...], int]
FORMS: tuple[Form, ...] = ((LITE0, 224), (LITE2, 260))
STEM = 32
FEATURES = 1280

Part = TypeVar("Part", bound=nn.Module)


def parts(modules: nn.ModuleList, kind: type[Part]) -> list[Part]:
    """The modules of a list with their own type, which torch's list does not keep."""
    return [module for module in modules if isinstance(module, kind)]


class SameConv(nn.Conv2d):
    """A convolution padded as TensorFlow's SAME for inputs of `size_px`: an odd pixel goes right and below."""

    def __init__(
        self, inputs: int, outputs: int, kernel: int, size_px: int, stride: int = 1, groups: int = 1
    ) -> None:
        super().__init__(inputs, outputs, kernel, stride, groups=groups)
        self.size_after_px = -(-size_px // stride)
        pad = max((self.size_after_px - 1) * stride + kernel - size_px, 0)
        self.before, self.after = pad // 2, pad - pad // 2

    def forward(self, pixels: Tensor) -> Tensor:
        if self.before or self.after:
            pixels = F.pad(pixels, (self.before, self.after, self.before, self.after))
        result: Tensor = super().forward(pixels)
        return result


class Block(nn.Module):
    """An inverted bottleneck, batch norms folded into the convolutions."""

    def __init__(
        self, inputs: int, outputs: int, kernel: int, stride: int, expansion: int, size_px: int
    ) -> None:
        super().__init__()
        inner = inputs * expansion
        self.expand = SameConv(inputs, inner, 1, size_px) if expansion > 1 else None
        self.depthwise = SameConv(inner, inner, kernel, size_px, stride, groups=inner)
        self.project = SameConv(inner, outputs, 1, self.depthwise.size_after_px)
        self.residual = stride == 1 and inputs == outputs

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = x if self.expand is None else F.relu6(self.expand(x))
        y = self.project(F.relu6(self.depthwise(y)))
        return x + y if self.residual else y


class Lite(nn.Module):
    """EfficientNet-Lite without its classifier: pixels [n, 3, side, side] -> features [n, 1280 or more].

    Pixels of another side than `size_px` are scaled to it first, bilinearly.
    The first 1,280 are what the classifier sees: the mean over the picture. With `corners` the last block's
    channels follow, as means over four quarters (channel by channel): what is where. Where the last map's side
    is odd, they share its middle row and column.
    """

    def __init__(self, stages: Sequence[Stage], size_px: int, *, corners: bool = False) -> None:
        super().__init__()
        self.size_px = size_px
        self.corners = corners
        self.stem = SameConv(3, STEM, 3, size_px, 2)
        blocks, inputs, size_px = [], STEM, self.stem.size_after_px
        for kernel, first_stride, expansion, outputs, repeats in stages:
            for i in range(repeats):
                stride = first_stride if i == 0 else 1
                blocks.append(Block(inputs, outputs, kernel, stride, expansion, size_px))
                inputs, size_px = outputs, blocks[-1].depthwise.size_after_px
        self.blocks = nn.ModuleList(blocks)
        self.top = SameConv(inputs, FEATURES, 1, size_px)
        self.map_px = size_px
        self.width = FEATURES + (4 * inputs if corners else 0)

    def forward(self, pixels: Tensor) -> Tensor:
        if pixels.shape[2] != self.size_px:
            pixels = F.interpolate(pixels, (self.size_px, self.size_px), mode="bilinear", align_corners=False)
        x = F.relu6(self.stem(pixels))
        for block in self.blocks:
            x = block(x)
        features: Tensor = F.relu6(self.top(x)).mean((2, 3))
        if self.corners:
            step_px = self.map_px // 2
            quarters = F.avg_pool2d(x, self.map_px - step_px, step_px)
            features = torch.cat([features, quarters.flatten(1)], 1)
        return features


class Lites(nn.Module):
    """Encoders that look at the same pixels: their features side by side, [n, width]."""

    def __init__(self, encoders: Sequence[Lite]) -> None:
        super().__init__()
        self.encoders = nn.ModuleList(encoders)
        self.width = sum(each.width for each in encoders)

    def forward(self, pixels: Tensor) -> Tensor:
        return torch.cat([each(pixels) for each in self.encoders], 1)


class Bert(nn.Module):
    """The e5 encoder: ids, mask [n, t] -> the mean of its last layer over the text, [n, width], not normalised."""

    def __init__(
        self, pieces: int, width: int, layers: int, heads: int, inner: int, positions: int, epsilon: float
    ) -> None:
        super().__init__()
        self.words = nn.Embedding(pieces, width)
        self.positions = nn.Embedding(positions, width)  # with the one token type added in
        self.norm = nn.LayerNorm(width, eps=epsilon)
        self.layers = nn.ModuleList(BertLayer(width, heads, inner, epsilon) for _ in range(layers))

    def forward(self, ids: Tensor, mask: Tensor) -> Tensor:
        x: Tensor = self.norm(self.words(ids) + self.positions.weight[: ids.shape[1]])
        for layer in self.layers:
            x = layer(x, mask)
        weight = mask.to(x.dtype).unsqueeze(2)
        return (x * weight).sum(1) / weight.sum(1).clamp(min=1)


class BertLayer(nn.Module):
    """Attention and a two-layer network, each followed by its norm (Devlin et al. 2019)."""

    def __init__(self, width: int, heads: int, inner: int, epsilon: float) -> None:
        super().__init__()
        self.heads = heads
        self.qkv = nn.Linear(width, 3 * width)
        self.out = nn.Linear(width, width)
        self.norm1 = nn.LayerNorm(width, eps=epsilon)
        self.up = nn.Linear(width, inner)
        self.down = nn.Linear(inner, width)
        self.norm2 = nn.LayerNorm(width, eps=epsilon)

    def forward(self, x: Tensor, mask: Tensor) -> Tensor:
        n, t, width = x.shape
        q, k, v = self.qkv(x).view(n, t, 3, self.heads, -1).permute(2, 0, 3, 1, 4)
        mixed = F.scaled_dot_product_attention(q, k, v, attn_mask=mask[:, None, None, :].bool())
        x = self.norm1(x + self.out(mixed.transpose(1, 2).reshape(n, t, width)))
        hidden: Tensor = self.norm2(x + self.down(F.gelu(self.up(x))))
        return hidden


# (width of the window, tokens of it left of the middle): the three convolutions of USE-multilingual.
WINDOWS = ((2, 0), (3, 1), (5, 2))


class Use(nn.Module):
    """USE-multilingual v3: ids, mask [n, t] -> [n, 512], L2-normalised. Yang et al. 2019, the convolutional form."""

    def __init__(self, pieces: int, width: int = 512, inner: int = 256, small: int = 320) -> None:
        super().__init__()
        self.words = nn.Embedding(pieces, width)
        self.branches = nn.ModuleList(UseBranch(width, inner, *window) for window in WINDOWS)
        features = width + len(WINDOWS) * inner
        self.norm = nn.LayerNorm(features, eps=1e-12)
        self.mix = nn.Linear(features, width)
        self.d0 = nn.Linear(width, small, bias=False)
        self.d1 = nn.Linear(small, small, bias=False)
        self.p1 = nn.Linear(width, small, bias=False)
        self.d2 = nn.Linear(small, width, bias=False)
        self.p3 = nn.Linear(small, width, bias=False)
        self.d3 = nn.Linear(width, width, bias=False)

    def forward(self, ids: Tensor, mask: Tensor) -> Tensor:
        words = self.words(ids)
        weight = mask.to(words.dtype).unsqueeze(2)
        x = self.norm(torch.cat([words, *(branch(words, weight) for branch in self.branches)], 2)) * weight
        count = weight.sum(1).clamp(min=1)
        mean = self.mix.bias * count.sqrt() + F.linear(x.sum(1), self.mix.weight) / count.sqrt()
        y1 = F.relu(self.p1(mean) + self.d1(F.relu(self.d0(mean))))
        return F.normalize(torch.tanh(self.p3(y1) + self.d3(F.relu(self.d2(y1)))), dim=1)


class UseBranch(nn.Module):
    """One window width: project, norm, then two residual convolutions; nothing is seen beyond the text's ends."""

    def __init__(self, width: int, inner: int, window: int, left: int) -> None:
        super().__init__()
        self.pad = (left, window - 1 - left)
        self.window = window
        self.project = nn.Linear(width, inner)
        self.norm = nn.LayerNorm(inner, eps=1e-12)
        self.first = nn.Linear(window * inner, inner)
        self.second = nn.Linear(window * inner, inner)

    def forward(self, words: Tensor, weight: Tensor) -> Tensor:
        x = self.norm(self.project(words))
        x = x + F.relu(self.first(self.neighbours(x * weight)))
        hidden: Tensor = x + F.relu(self.second(self.neighbours(x * weight)))
        return hidden

    def neighbours(self, x: Tensor) -> Tensor:
        """[n, t, c] -> [n, t, window * c]: every token beside its neighbours, zeros beyond the ends."""
        t = x.shape[1]
        padded = F.pad(x, (0, 0, *self.pad))
        return torch.cat([padded[:, i : i + t] for i in range(self.window)], 2)


class Head(nn.Module):
    """Into the joint space: a linear layer plus an MLP on standardised features, L2-normalised."""

    def __init__(self, inputs: int, width: int = 512, hidden: int = 1024, dropout: float = 0.3) -> None:
        super().__init__()
        self.register_buffer("mean", torch.zeros(inputs))
        self.register_buffer("spread", torch.ones(inputs))
        self.direct = nn.Linear(inputs, width)
        self.up = nn.Linear(inputs, hidden)
        self.down = nn.Linear(hidden, width)
        self.dropout = nn.Dropout(dropout)

    mean: Tensor
    spread: Tensor

    def forward(self, features: Tensor) -> Tensor:
        x = (features - self.mean) / self.spread
        return F.normalize(self.direct(x) + self.down(self.dropout(F.gelu(self.up(x)))), dim=-1)

    def standardise_by(self, features: Tensor) -> None:
        """Take mean and spread from `features` [n, inputs]."""
        self.mean.copy_(features.mean(0))
        self.spread.copy_(features.std(0).clamp(min=1e-3))


class ImageTower(nn.Module):
    """pixels [n, 3, 224, 224], normalised -> embedding [n, 512]."""

    def __init__(self, forms: Sequence[Form] = FORMS) -> None:
        super().__init__()
        self.lite = Lites([Lite(*form, corners=True) for form in forms])
        self.head = Head(self.lite.width)

    def forward(self, pixels: Tensor) -> Tensor:
        embedding: Tensor = self.head(self.lite(pixels))
        return embedding


class TextTower(nn.Module):
    """ids, mask (e5's) and ids2, mask2 (USE's), all [n, t] -> embedding [n, 512]."""

    def __init__(self, e5: Bert, use: Use) -> None:
        super().__init__()
        self.e5 = e5
        self.use = use
        self.head = Head(e5.words.embedding_dim + use.words.embedding_dim)

    def features(self, ids: Tensor, mask: Tensor, ids2: Tensor, mask2: Tensor) -> Tensor:
        """What the head sees: both encoders' embeddings side by side, e5's L2-normalised like USE's."""
        return torch.cat([F.normalize(self.e5(ids, mask), dim=1), self.use(ids2, mask2)], 1)

    def forward(self, ids: Tensor, mask: Tensor, ids2: Tensor, mask2: Tensor) -> Tensor:
        embedding: Tensor = self.head(self.features(ids, mask, ids2, mask2))
        return embedding
