"""What a training needs to go on where it stopped, bit for bit: one file, written new and then renamed."""

from __future__ import annotations

import pickle
import random
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import torch

from core.disk import written_whole
from core.errors import ModelError

State = dict[str, Any]


def save(path: Path, state: State) -> None:
    """Put `state` on the disk: tensors, numbers, texts, and lists and dictionaries of them. Raises DiskFull."""
    with written_whole(path) as file:
        torch.save(state, file)


def load(path: Path) -> State | None:
    """What `save` wrote, None where there is no file. Raises ModelError for one that does not read.

    Nothing in the file is executed.
    """
    try:
        state: State = torch.load(path, map_location="cpu", weights_only=True)
    except FileNotFoundError:
        return None
    except (OSError, RuntimeError, EOFError, ValueError, zipfile.BadZipFile, pickle.UnpicklingError) as error:
        raise ModelError(
            f"the checkpoint {path.name} cannot be read: {error}", what_to_do="Delete it and train again."
        ) from error
    return state


def random_state() -> State:
    """Of every generator that training may draw from: torch's on all devices, numpy's and Python's."""
    name, keys, place, has_gauss, gauss = np.random.get_state(legacy=True)
    version, words, following = random.getstate()
    return {
        "torch": torch.get_rng_state(),
        "cuda": torch.cuda.get_rng_state_all() if torch.cuda.is_available() else [],
        # As a tensor of a kind that every torch can save: the words have 32 bits without a sign.
        "numpy": [name, torch.from_numpy(np.asarray(keys).astype(np.int64)), place, has_gauss, gauss],
        "python": [version, list(words), following],
    }


def set_random_state(state: State) -> None:
    """What is drawn from here on is what was drawn after `random_state` gave this."""
    torch.set_rng_state(state["torch"])
    if state["cuda"]:
        torch.cuda.set_rng_state_all(state["cuda"])
    name, keys, place, has_gauss, gauss = state["numpy"]
    np.random.set_state((name, keys.numpy().astype(np.uint32), place, has_gauss, gauss))
    version, words, following = state["python"]
    random.setstate((version, tuple(words), following))
