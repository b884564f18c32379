"""Checkpoints of every kind -> tensors by name. Nothing in them is executed.

safetensors holds nothing but tensors. The zip archives of torch are read by `archive.py`. The pickles that torch
wrote before version 1.6 go through torch's own restricted reader (`weights_only`). What asks for more is refused.
"""

from __future__ import annotations

import json
import pickle
import warnings
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor

from core.errors import ModelError
from core.models.convert.archive import Module, code_refused, read_archive, tensors_of

Weights = dict[str, Tensor]

SAFETENSORS = "model.safetensors"
# What a folder may hold its weights in, the safest first.
_FOLDER_FILES = (
    SAFETENSORS,
    "model.safetensors.index.json",
    "pytorch_model.bin",
    "pytorch_model.bin.index.json",
)
# Where training programs put the tensors beside the epoch and the optimiser's state.
_INSIDE = ("state_dict", "model_state_dict", "model", "module")
# Data parallel training puts this before every name.
_WRAPPED = "module."


def read_weights(path: Path) -> Weights:
    """The tensors of the checkpoint at `path`, on the CPU, in the dtypes they were stored in.

    path  `.safetensors`, or a file of torch: a state dict, alone or as the entry of a training checkpoint
          (`module.` before its names taken off), or a TorchScript archive
    Raises ModelError when it is not there, cut off, damaged, holds no tensors, or would execute code.
    """
    try:
        with path.open("rb") as file:
            start = file.read(4)
    except OSError as error:
        raise ModelError(f"{path} cannot be read: {error}") from error
    if path.suffix == ".safetensors":
        return _safetensors(path)
    content = read_archive(path) if start == b"PK\x03\x04" else _before_archives(path)
    return _unwrapped(_state(path, content))


def read_folder(folder: Path) -> Weights:
    """The weights of a Hugging Face folder, in one file or several. Raises ModelError as `read_weights`."""
    for name in _FOLDER_FILES:
        path = folder / name
        if not path.is_file():
            continue
        if not name.endswith(".index.json"):
            return read_weights(path)
        weights: Weights = {}
        for part in _parts(path):
            weights |= read_weights(folder / part)
        return weights
    raise ModelError(
        f"{folder} holds no weights",
        what_to_do=f"There has to be {SAFETENSORS} or pytorch_model.bin beside config.json.",
    )


def folder_size_bytes(folder: Path) -> int:
    """How large the weights of a Hugging Face folder are; 0 where there are none."""
    for name in _FOLDER_FILES:
        if (folder / name).is_file():
            names = _parts(folder / name) if name.endswith(".index.json") else [name]
            return sum((folder / one).stat().st_size for one in names if (folder / one).is_file())
    return 0


def _parts(index: Path) -> list[str]:
    try:
        names = sorted(set(json.loads(index.read_text(encoding="utf-8"))["weight_map"].values()))
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise ModelError(f"{index} is no list of files that can be read: {error}") from error
    # A name with a path in it would read files from anywhere.
    if any(not isinstance(name, str) or set(name) & set("/\\") or name.startswith(".") for name in names):
        raise ModelError(f"{index} names files that do not lie beside it")
    return names


def _safetensors(path: Path) -> Weights:
    try:
        return load_file(path)
    except (SafetensorError, OSError, ValueError) as error:
        raise ModelError(f"{path} is cut off or damaged: {error}") from error


def _before_archives(path: Path) -> object:
    """A file of torch from before 1.6: several pickles in a row, then the tensors' bytes."""
    try:
        with warnings.catch_warnings():
            # torch tells about its own old storage classes.
            warnings.simplefilter("ignore")
            return torch.load(path, map_location="cpu", weights_only=True)
    # torch raises nearly anything over a file that is none of its own, and advises to run the code in it.
    except Exception as error:
        asked = _asked_code(path)
        if asked:
            raise code_refused(path, asked) from error
        raise ModelError(f"{path} is cut off, damaged, or no checkpoint of tensors at all") from error


class _Asked(Exception):
    """The name of something that a pickle wants to call."""


class _Seeker(pickle.Unpickler):
    """Goes through a pickle up to the first name that is none of torch's own; nothing is called."""

    def find_class(self, module: str, name: str) -> object:
        if module in ("torch", "torch._utils", "collections"):
            return _nothing
        raise _Asked(f"{module}.{name}")

    def persistent_load(self, pid: object) -> None:
        return None


def _nothing(*_: object) -> None:
    """What torch's functions are taken for while a pickle is gone through."""


# torch wrote, one after the other: a number, a version, the machine, the structure, the tensors' names.
_PICKLES = 5


def _asked_code(path: Path) -> str:
    """The code that the file at `path` wants to run, "" where none is seen."""
    try:
        with path.open("rb") as file:
            for _ in range(_PICKLES):
                _Seeker(file).load()
    except _Asked as asked:
        return str(asked)
    except Exception:  # noqa: BLE001  # a damaged pickle can raise anything, and has been refused already
        return ""
    return ""


def _state(path: Path, content: object) -> Weights:
    if isinstance(content, Module):
        return tensors_of(content)
    if isinstance(content, dict):
        for name in _INSIDE:
            if isinstance(content.get(name), dict):
                return _state(path, content[name])
        found = {str(name): value for name, value in content.items() if isinstance(value, Tensor)}
        if found:
            return found
    raise ModelError(f"{path} holds no tensors by name")


def _unwrapped(weights: Weights) -> Weights:
    if all(name.startswith(_WRAPPED) for name in weights):
        return {name.removeprefix(_WRAPPED): value for name, value in weights.items()}
    return weights
