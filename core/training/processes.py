"""Several processes that train one model, each on its own device: who has which rows, and how they are joined.

Every process draws the same batch (the seeds agree) and takes its share of the rows; embeddings are gathered, so
that a text has the whole batch's photos as negatives; gradients are added up. Hugging Face Accelerate knows who is
which and on which device; torch.distributed carries the tensors; core/training/several.py starts them.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable
from pathlib import Path

import torch
from torch import Tensor, nn


class Processes:
    """This process among the others. Alone it does nothing."""

    def __init__(self, count: int = 1, rank: int = 0, device: str = "cpu") -> None:
        """Use `joined` to take part where several were started."""
        self.count = count
        self.rank = rank
        self.device = device

    @classmethod
    def joined(cls, *, cpu: bool = False) -> Processes:
        """As `accelerate launch` or torchrun started them; alone where neither did.

        cpu  stay off the accelerators
        """
        # 1 s to import, and only those with several devices, or one that is no CPU, need it.
        from accelerate import PartialState

        state = PartialState(cpu=cpu)
        return cls(state.num_processes, state.process_index, str(state.device))

    @classmethod
    def started(cls, rank: int, count: int, meeting: Path, *, cpu: bool = False) -> Processes:
        """One of `count` that meet by a file: a port would be open to the network."""
        places = {"RANK": rank, "LOCAL_RANK": rank, "WORLD_SIZE": count, "LOCAL_WORLD_SIZE": count}
        os.environ |= {name: str(value) for name, value in places.items()}
        if sys.platform == "linux":
            os.environ |= dict.fromkeys(("NCCL_SOCKET_IFNAME", "GLOO_SOCKET_IFNAME"), "lo")
        if not cpu:
            torch.cuda.set_device(rank)
        backend, where = ("gloo" if cpu else "nccl"), meeting.resolve().as_uri()
        torch.distributed.init_process_group(backend, init_method=where, rank=rank, world_size=count)
        return cls.joined(cpu=cpu)

    def share(self, rows: Tensor) -> Tensor:
        """This process's part of a batch's rows, in their order; the first processes have one more where it must be."""
        return rows.tensor_split(self.count)[self.rank]

    def gather(self, own: Tensor) -> tuple[Tensor, slice]:
        """All processes' rows [n, d] in the order of `share`, and which of them are this one's. Without a gradient."""
        if self.count == 1:
            return own, slice(0, len(own))
        sizes = [torch.zeros(1, dtype=torch.int64, device=own.device) for _ in range(self.count)]
        torch.distributed.all_gather(sizes, torch.tensor([len(own)], device=own.device))
        counts = [int(size) for size in sizes]
        padded = own.new_zeros(max(counts), own.shape[1])
        padded[: len(own)] = own
        parts = [torch.zeros_like(padded) for _ in counts]
        torch.distributed.all_gather(parts, padded)
        first = sum(counts[: self.rank])
        whole = torch.cat([part[:count] for part, count in zip(parts, counts, strict=True)])
        return whole, slice(first, first + len(own))

    def any_of(self, asked: bool) -> bool:
        """Whether any process asks for it."""
        if self.count == 1:
            return asked
        flag = torch.tensor([int(asked)], device=self.device)
        torch.distributed.all_reduce(flag, torch.distributed.ReduceOp.MAX)
        return bool(flag.item())

    def add_up(self, parameters: Iterable[nn.Parameter]) -> None:
        """Give every parameter the sum of all processes' gradients."""
        if self.count == 1:
            return
        for parameter in parameters:
            if parameter.grad is None:
                parameter.grad = torch.zeros_like(parameter)
            torch.distributed.all_reduce(parameter.grad)
