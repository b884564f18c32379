"""The losses of training, each a formula on L2-normalised embeddings [n, d] and a logit scale."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F  # noqa: N812 (torch's own name for it)
from torch import Tensor, nn

# CLIP's bound (Radford et al. 2021, 2.5): above it training becomes unstable.
LARGEST_LOGIT_SCALE = 100.0
# A refused pair among the wrong answers: as if it stood there so many times.
REJECTED_COUNTS = 8.0


class LogitScale(nn.Module):
    """A learned factor on cosines, kept as its logarithm and at most 100."""

    def __init__(self, start: float) -> None:
        super().__init__()
        self.log = nn.Parameter(torch.tensor(math.log(start)))

    def forward(self) -> Tensor:
        # The number itself is clamped, not what comes of it: above the bound there would be no way back.
        with torch.no_grad():
            self.log.clamp_(max=math.log(LARGEST_LOGIT_SCALE))
        return self.log.exp()


def contrastive(images: Tensor, texts: Tensor, logit_scale: Tensor) -> Tensor:
    """Symmetric InfoNCE: row i of `images` [n, d] belongs to row i of `texts` [n, d], to no other.

    The mean of both directions' cross-entropies, in nats. Source: Radford et al. 2021, figure 3.
    """
    logits = logit_scale * images @ texts.T
    own = torch.arange(len(images), device=images.device)
    return (F.cross_entropy(logits, own) + F.cross_entropy(logits.T, own)) / 2


def contrastive_among(
    images: Tensor, texts: Tensor, logit_scale: Tensor, true: Tensor, rejected: Tensor | None = None
) -> Tensor:
    """InfoNCE where a text may be true of several images and an image may have several texts, in nats.

    images [n, d], texts [m, d]; true [n, m] bool; rejected [n, m] bool: pairs that a person refused
    By rows an image's softmax over all texts is to be even over its true ones, by columns a text's over all
    images; rows and columns without a true pair are left out. A column counts as often as it is true, as if it
    stood in the batch once for each of its images. A rejected pair counts REJECTED_COUNTS times among the wrong
    answers: it is the mistake that was made. With one true pair a row and column this is `contrastive`.
    Source: Khosla et al. 2020 (supervised contrastive), the form with the sum outside; Yang et al. 2022 (UniCL).
    """
    logits = logit_scale * images @ texts.T
    if rejected is not None:
        logits = logits + math.log(REJECTED_COUNTS) * rejected
    wanted = true.to(logits.dtype)
    by_row, by_column = wanted.sum(1, keepdim=True), wanted.sum(0, keepdim=True)
    rows = -(wanted / by_row.clamp(min=1) * logits.log_softmax(1)).sum(1)
    columns = -(wanted / by_column.clamp(min=1) * logits.log_softmax(0)).sum(0)
    row_mean = rows.sum() / (by_row > 0).sum().clamp(min=1)
    column_mean = (columns * by_column[0]).sum() / by_column.sum().clamp(min=1)
    return (row_mean + column_mean) / 2


def distillation(images: Tensor, texts: Tensor, logit_scale: Tensor, taught: Tensor) -> Tensor:
    """How far this model's softmaxes over a batch are from a teacher's, by rows and by columns: KL, in nats a row.

    taught [n, m]: the teacher's own logits of the same images and texts, its scale included. Hinton et al. 2015.
    """
    logits = logit_scale * images @ texts.T
    rows = F.kl_div(logits.log_softmax(1), taught.log_softmax(1), reduction="batchmean", log_target=True)
    columns = F.kl_div(
        logits.T.log_softmax(1), taught.T.log_softmax(1), reduction="batchmean", log_target=True
    )
    return (rows + columns) / 2


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
