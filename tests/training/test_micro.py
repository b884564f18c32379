"""A batch in parts, or over two processes, has the gradients of the batch in one."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

torch = pytest.importorskip("torch", reason="needs the train extra (torch)")

from core.training.arithmetic import Arithmetic  # noqa: E402
from tests.training.toys import Pairs  # noqa: E402


def gradients(pairs: Pairs, count: int = 24) -> list[torch.Tensor]:
    torch.manual_seed(1)
    for part in pairs.parts:
        part.train()
    pairs.learn(torch.arange(count), Arithmetic())
    return pairs.gradients()


@pytest.mark.parametrize("micro", [2, 3, 5, 24])
def test_micro_batches_give_the_whole_batches_gradients(micro: int) -> None:
    whole = gradients(Pairs(dropout=0.0))
    in_parts = gradients(Pairs(dropout=0.0, micro=micro))

    assert len(whole) == len(in_parts) == 9
    for one, other in zip(whole, in_parts, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-4, atol=1e-6)


def test_both_passes_over_a_part_draw_the_same_dropout() -> None:
    """By small steps: with dropout fixed by the seed, the loss falls as its gradient says."""
    pairs = Pairs(dropout=0.3, micro=3)
    for module in (pairs.image, pairs.text, pairs.scale):
        module.double()
    pairs.left, pairs.right = pairs.left.double(), pairs.right.double()
    gradients(pairs)
    weight = pairs.image.down.weight
    slope, step = weight.grad.clone(), 1e-5

    losses = []
    for sign in (1, -1):
        torch.manual_seed(1)
        with torch.no_grad():
            weight.add_(sign * step * slope)
            losses.append(_loss(pairs))
            weight.sub_(sign * step * slope)

    assert (losses[0] - losses[1]) / (2 * step) == pytest.approx(float((slope**2).sum()), rel=1e-6)


def _loss(pairs: Pairs) -> float:
    with torch.enable_grad():
        return pairs.learn(torch.arange(24), Arithmetic())


def test_a_locked_tower_has_no_gradient_in_parts_either() -> None:
    pairs = Pairs(locked=True, micro=4, dropout=0.0)
    gradients(pairs)

    assert all(parameter.grad is None for parameter in pairs.image.parameters())
    assert all(parameter.grad is not None for parameter in pairs.text.parameters())


TWO = """
import json, sys
import torch
from core.training.arithmetic import Arithmetic
from core.training.processes import Processes
from tests.training.toys import Pairs

torch.set_num_threads(1)
pairs = Pairs(dropout=0.0, micro=2)
pairs.processes = Processes.joined(cpu=True)
assert pairs.processes.count == 2
pairs.learn(torch.arange(23), Arithmetic())
if pairs.processes.rank == 0:
    print(json.dumps([one.tolist() for one in pairs.gradients()]))
torch.distributed.destroy_process_group()
"""


def test_two_processes_give_one_processes_gradients() -> None:
    pytest.importorskip("accelerate", reason="needs the train extra (accelerate)")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    root = Path(__file__).resolve().parents[2]
    common = os.environ | {
        "PYTHONPATH": str(root),
        "MASTER_ADDR": "127.0.0.1",
        "MASTER_PORT": str(port),
        "WORLD_SIZE": "2",
        "LOCAL_WORLD_SIZE": "2",
        "ACCELERATE_USE_CPU": "true",
    }
    started = [
        subprocess.Popen(
            [sys.executable, "-c", TWO],
            env=common | {"RANK": str(rank), "LOCAL_RANK": str(rank)},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for rank in (0, 1)
    ]
    ends = [process.communicate(timeout=120) for process in started]

    assert [process.returncode for process in started] == [0, 0], ends
    together = [torch.tensor(one) for one in json.loads(ends[0][0].splitlines()[-1])]
    alone = gradients(Pairs(dropout=0.0), 23)
    for one, other in zip(alone, together, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-4, atol=1e-6)
