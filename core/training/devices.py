"""Where a training computes: the GPU that torch can use, else the CPU."""

from __future__ import annotations

import torch

from core.errors import NotThere
from core.training.memory import free_bytes

# Apple's GPUs only where they are asked for: torch lacks operations there now and then.
AUTO, CPU, CUDA, MPS = "auto", "cpu", "cuda", "mps"


def chosen(asked: str) -> str:
    """The device that was asked for, of AUTO the fastest that is sure to do. Raises NotThere."""
    here = {CPU: True, CUDA: torch.cuda.is_available(), MPS: torch.backends.mps.is_available()}
    if asked == AUTO:
        return CUDA if here[CUDA] else CPU
    if not here[asked]:
        raise NotThere(
            f"torch finds no {asked} device here.",
            what_to_do="Take --device cpu, or install the torch that fits the GPU (https://pytorch.org).",
        )
    return asked


def count(device: str) -> int:
    """How many of them there are; the CPU is one."""
    return torch.cuda.device_count() if device == CUDA else 1


def free_on(device: str) -> int:
    """Bytes that a training can have there now. Apple's GPUs use the machine's memory."""
    return torch.cuda.mem_get_info()[0] if device == CUDA else free_bytes()
