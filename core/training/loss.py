"""The losses of the recipe, each a formula on L2-normalised embeddings [n, d] and a logit scale."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F  # noqa: N812 (torch's own name for it)
from torch import Tensor, nn

# CLIP's bound (Radford et al. 2021, 2.5): above it training becomes unstable.
LARGEST_LOGIT_SCALE = 100.0


class LogitScale(nn.Module):
    """A learned factor on cosines, kept as its logarithm and at most 100."""

    def __init__(self, start: float) -> None:
        super().__init__()
        self.log = nn.Parameter(torch.tensor(math.log(start)))

    def forward(self) -> Tensor:
        return self.log.clamp(max=math.log(LARGEST_LOGIT_SCALE)).exp()


def contrastive(images: Tensor, texts: Tensor, logit_scale: Tensor) -> Tensor:
    """Symmetric InfoNCE: row i of `images` [n, d] belongs to row i of `texts` [n, d], to no other.

    The mean of both directions' cross-entropies, in nats. Source: Radford et al. 2021, figure 3.
    """
    logits = logit_scale * images @ texts.T
    own = torch.arange(len(images), device=images.device)
    return (F.cross_entropy(logits, own) + F.cross_entropy(logits.T, own)) / 2


def classification(images: Tensor, names: Tensor, logit_scale: Tensor, target: Tensor) -> Tensor:
    """How far the softmax over `names` [c, d] is from `target` [n, c], rows summing to 1: KL, in nats an image.

    Distils a classifier into the joint space (Hinton et al. 2015 at temperature 1).
    """
    logits = logit_scale * images @ names.T
    return F.kl_div(logits.log_softmax(1), target, reduction="batchmean")


def concepts(images: Tensor, names: Tensor, logit_scale: Tensor, shown: Tensor, special: Tensor) -> Tensor:
    """Cross-entropy with what a classifier sees of each concept, by rows and by columns, in nats.

    names    [c, d] the concepts' names
    shown    [n, c] how likely each image shows each concept; concepts overlap, so rows need not sum to 1
    special  [c] weight of a concept among those an image shows: a tabby is a cat rather than an animal
    By rows an image picks its concepts; by columns a concept picks its images among this batch. Images that
    show no concept and concepts that no image shows count little.
    """
    logits = logit_scale * images @ names.T
    wanted = shown * special
    total = wanted.sum(1, keepdim=True).clamp(min=1e-6)
    by_row = -(wanted / total * logits.log_softmax(1)).sum(1)
    sure = shown.amax(1)
    found = shown.sum(0)
    by_column = -(shown / found.clamp(min=1e-6) * logits.log_softmax(0)).sum(0)
    weight = found / (found + 0.5)
    rows = (sure * by_row).mean()
    columns = (weight * by_column).sum() / weight.sum().clamp(min=1e-6)
    return (rows + columns / 2) / 2


def imitation(embeddings: Tensor, teacher: Tensor) -> Tensor:
    """How far embeddings [n, d] are from a teacher's [n, d] of the same joint space: mean of 1 - cosine."""
    return (1 - (embeddings * teacher).sum(1)).mean()


def neighbours(embeddings: Tensor, logit_scale: float) -> Tensor:
    """For each row of [n, d] the softmax over its cosines to the others, [n, n], itself left out."""
    near = F.normalize(embeddings, dim=1)
    return _others(logit_scale * near @ near.T).softmax(1)


def relation(embeddings: Tensor, given: Tensor, logit_scale: float) -> Tensor:
    """How far the neighbours of `embeddings` [n, d] are from the given ones [n, n]: KL, in nats a row.

    Relational distillation (Park et al. 2019), of distributions as in Tian et al. 2020.
    """
    logits = _others(logit_scale * embeddings @ embeddings.T)
    return F.kl_div(logits.log_softmax(1), given, reduction="batchmean")


def _others(logits: Tensor) -> Tensor:
    # Finite, so that a target of 0 times its logarithm is 0.
    return logits - 1e4 * torch.eye(len(logits))
