"""Where a training computes: a GPU that torch can really use, else the CPU."""

from __future__ import annotations

import torch

from core.errors import ModelError, NotThere
from core.log import logger
from core.training.machine_memory import free_bytes
from core.training.memory import Need

log = logger(__name__)

# Apple's GPUs only where they are asked for: torch lacks operations there now and then.
AUTO, CPU, CUDA, MPS = "auto", "cpu", "cuda", "mps"


def chosen(asked: str, need: Need) -> str:
    """The device that was asked for; of AUTO a CUDA GPU that works and has room. Raises NotThere."""
    if asked == AUTO:
        return CUDA if works(CUDA) and need.thrifty - need.beside <= free_on_gpus() else CPU
    if asked != CPU and not works(asked):
        raise NotThere(
            f"torch finds no {asked} device here that it can use.",
            what_to_do="Take --device cpu, or install the torch that fits the GPU (https://pytorch.org).",
        )
    return asked


def works(device: str) -> bool:
    """Whether something can be computed there: a GPU may be too old for the torch that is installed."""
    if not (torch.cuda.is_available() if device == CUDA else torch.backends.mps.is_available()):
        return False
    try:
        return float(torch.ones(2, device=device).sum()) == 2
    except RuntimeError as error:
        log.info("the %s device cannot be used: %s", device, error)
        return False


def count(device: str) -> int:
    """How many of them train together; the CPU is one, and so are GPUs that nothing joins (Windows has no NCCL)."""
    if device != CUDA or not torch.distributed.is_nccl_available():
        return 1
    return torch.cuda.device_count()


def fits(need: Need, asked: bool | None, device: str) -> tuple[int, bool]:
    """Bytes that a training takes of the machine's memory or the GPU's, and whether it is thrifty (`Need.chosen`)."""
    if device != CUDA:
        return need.chosen(asked, free_bytes())
    return need.on_a_gpu().chosen(asked, free_on_gpus())


def free_on_gpus() -> int:
    """Bytes that a training can have on every one of the CUDA GPUs now."""
    return min((torch.cuda.mem_get_info(i)[0] for i in range(torch.cuda.device_count())), default=0)


def no_room(error: torch.OutOfMemoryError) -> ModelError:
    """What to say of it."""
    return ModelError(
        f"The GPU has not enough memory for this training: {error}",
        what_to_do="Close what else uses it, or train with --thrifty or --device cpu.",
    )


def let_go() -> None:
    """Give a GPU's memory back that torch keeps for itself."""
    if torch.cuda.is_available():
        torch.cuda.empty_cache()
