"""A batch that is larger than memory, learned from in parts with the whole batch's negatives.

First every part goes through the towers without a gradient and its embeddings are kept; the loss over all of
them gives each embedding its gradient; then every part goes through the towers once more and hands its
embeddings' gradients on to the weights. That is the large batch's gradient, not an approximation, as long as a
row's embedding hangs on that row alone (batch norms frozen or absent) and both passes draw the same dropout.
Source: Gao et al. 2021, "Scaling deep contrastive learning batch size under memory limited setup"; Chinese-CLIP's
gradient accumulation does the same.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn

from core.training.arithmetic import Arithmetic
from core.training.processes import Processes

# Runs the towers on one part and gives its embeddings: a matrix [rows, d] of photos, one of texts, perhaps
# more; all have as many rows.
Part = Callable[[], tuple[Tensor, ...]]
Loss = Callable[[tuple[Tensor, ...]], Tensor]


def learn_in_parts(
    parts: Sequence[Part],
    loss: Loss,
    towers: Sequence[nn.Module],
    arithmetic: Arithmetic,
    processes: Processes | None = None,
) -> float:
    """Add the gradients of `loss` over all parts' embeddings, side by side, to the weights; the loss.

    loss    of the whole batch's embeddings, a matrix for each that a part gives; it may have parameters of its
            own (a logit scale), every process computes it whole
    towers  the modules that `parts` run: their gradients are added up over the processes
    """
    processes = processes or Processes()
    if len(parts) == 1 and processes.count == 1:
        with arithmetic.autocast():
            embeddings = parts[0]()
        value = loss(tuple(one.to(exact_kind(one)) for one in embeddings))
        arithmetic.backward(value)
        return float(value.detach())
    states, found = [], []
    with torch.no_grad(), arithmetic.autocast():
        for part in parts:
            states.append(_random_state())
            found.append(part())
    after = _random_state()
    gathered = [
        processes.gather(torch.cat(column).to(exact_kind(column[0]))) for column in zip(*found, strict=True)
    ]
    leaves = tuple(whole.detach().requires_grad_() for whole, _ in gathered)
    value = loss(leaves)
    arithmetic.backward(value)
    slopes = [
        leaf.grad[own] for leaf, (_, own) in zip(leaves, gathered, strict=True) if leaf.grad is not None
    ]
    end = 0
    for part, state in zip(parts, states, strict=True):
        _set_random_state(state)
        with arithmetic.autocast():
            embeddings = part()
        begin, end = end, end + len(embeddings[0])
        # A locked tower's embeddings ask for no gradient.
        both = [
            (embedding, slope[begin:end].to(embedding.dtype))
            for embedding, slope in zip(embeddings, slopes, strict=True)
            if embedding.requires_grad
        ]
        torch.autograd.backward([embedding for embedding, _ in both], [slope for _, slope in both])
    if processes.count > 1:
        # All go on with the same random numbers, however many each has drawn for its rows.
        _set_random_state(states[0])
        _draw_one(processes.device)
    else:
        _set_random_state(after)
    processes.add_up(one for tower in towers for one in tower.parameters() if one.requires_grad)
    return float(value.detach())


def exact_kind(embedding: Tensor) -> torch.dtype:
    """In which numbers losses are computed: float32 at least, outside of autocast."""
    return torch.float64 if embedding.dtype == torch.float64 else torch.float32


def _random_state() -> tuple[Tensor, list[Tensor]]:
    devices = torch.cuda.get_rng_state_all() if torch.cuda.is_available() else []
    return torch.get_rng_state(), devices


def _draw_one(device: str) -> None:
    for place in {"cpu", device}:
        torch.rand(1, device=place)


def _set_random_state(state: tuple[Tensor, list[Tensor]]) -> None:
    torch.set_rng_state(state[0])
    if state[1]:
        torch.cuda.set_rng_state_all(state[1])
