"""Tensors out of the zip archives that torch writes, without running anything that stands in them.

`torch.save` and `torch.jit.save` write the same thing: a zip of uncompressed entries, in it `NAME/data.pkl` (the
structure, a pickle) and `NAME/data/0`, `NAME/data/1`, ... (the tensors' bytes, little-endian). A pickle is a
program: what it may call is decided here, by name, and it is this list alone.

- tensors are rebuilt from their storage, which is checked against the length that the pickle claims;
- objects of a TorchScript archive (`__torch__...`) become `Module`, a bag of attributes: their code lies
  elsewhere in the archive and is never looked at;
- everything else is refused by its name.

Sources: torch/serialization.py and torch/csrc/jit/serialization/pickler.h of torch 2.13.
"""

from __future__ import annotations

import io
import pickle
import zipfile
import zlib
from collections import OrderedDict
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

import torch
from torch import Tensor

from core.errors import ModelError

# The structure alone, without tensors: the largest published checkpoint needs 0.2 MB of it.
STRUCTURE_LIMIT_BYTES = 64 << 20

_STORAGES = {
    "DoubleStorage": torch.float64,
    "FloatStorage": torch.float32,
    "HalfStorage": torch.float16,
    "BFloat16Storage": torch.bfloat16,
    "LongStorage": torch.int64,
    "IntStorage": torch.int32,
    "ShortStorage": torch.int16,
    "CharStorage": torch.int8,
    "ByteStorage": torch.uint8,
    "BoolStorage": torch.bool,
}
# Lists with a type, as TorchScript writes them: the list itself is the first argument.
_TYPED_LISTS = ("build_intlist", "build_doublelist", "build_boollist", "build_tensorlist", "restore_type_tag")


class Module:
    """An object of a TorchScript archive: only what it holds, not what it does."""

    def __setstate__(self, state: object) -> None:
        if not isinstance(state, dict) or not all(isinstance(name, str) for name in state):
            raise pickle.UnpicklingError("a module's state that is no table of names")
        # Not by attribute access: a name such as "__class__" must stay a name.
        self.held: dict[str, object] = dict(state)


@dataclass(frozen=True, slots=True)
class _Storage:
    """The bytes of one or more tensors: a name for the pickle to pass around until a tensor is rebuilt."""

    values: Tensor


def read_archive(path: Path) -> object:
    """What the archive at `path` holds: dicts, lists and numbers with tensors in them, or a `Module`.

    Tensors are new ones on the CPU, in the dtype they were stored in.
    Raises ModelError when the file is cut off, damaged, or asks for anything but tensors.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            return _Structure(path, archive).read()
    # A flag turned over says "encrypted" or "a newer zip": RuntimeError, NotImplementedError.
    except (zipfile.BadZipFile, OSError, EOFError, ValueError, RuntimeError, zlib.error) as error:
        raise ModelError(f"{path} is cut off or damaged: {error}") from error


def tensors_of(module: Module) -> dict[str, Tensor]:
    """A TorchScript module's tensors by their dotted names, as its `state_dict` would give them."""
    return dict(_walk(module, "", set()))


def _walk(module: Module, prefix: str, seen: set[int]) -> Iterator[tuple[str, Tensor]]:
    # An archive may hold a module that holds itself.
    if id(module) in seen:
        return
    seen.add(id(module))
    for name, value in getattr(module, "held", {}).items():
        if isinstance(value, Tensor):
            yield prefix + name, value
        elif isinstance(value, Module):
            yield from _walk(value, f"{prefix}{name}.", seen)


class _Structure:
    """One archive being read."""

    def __init__(self, path: Path, archive: zipfile.ZipFile) -> None:
        self.path = path
        self._archive = archive
        self._storages: dict[str, _Storage] = {}
        roots = [name for name in archive.namelist() if PurePosixPath(name).name == "data.pkl"]
        if len(roots) != 1:
            raise ModelError(f"{path} is a zip file, but no checkpoint that torch wrote: no data.pkl in it")
        self._root = roots[0]
        self._prefix = roots[0].removesuffix("data.pkl")

    def read(self) -> object:
        order = self._prefix + "byteorder"
        if order in self._archive.namelist() and self._archive.read(order).strip() != b"little":
            raise ModelError(f"{self.path} was written on a big-endian machine, which is not read here")
        info = self._archive.getinfo(self._root)
        if info.file_size > STRUCTURE_LIMIT_BYTES:
            raise ModelError(f"{self.path}: its structure alone is {info.file_size:,} bytes")
        try:
            return _Unpickler(io.BytesIO(self._archive.read(info)), self).load()
        except ModelError:
            raise
        # A broken pickle can raise nearly anything: this is the wall where it becomes one error.
        except Exception as error:
            raise ModelError(f"{self.path} cannot be read as a checkpoint: {error}") from error

    def storage(self, key: str, dtype: torch.dtype, count: int) -> _Storage:
        """The bytes under `data/key`, as `count` values. Raises ModelError when the file has not that many."""
        if key not in self._storages:
            try:
                info = self._archive.getinfo(f"{self._prefix}data/{key}")
            except KeyError as error:
                raise ModelError(f"{self.path} is damaged: the values {key!r} are missing") from error
            wanted = count * dtype.itemsize
            if info.compress_type != zipfile.ZIP_STORED or info.file_size != wanted:
                raise ModelError(
                    f"{self.path} is damaged: the values {key!r} are {info.file_size:,} bytes, not {wanted:,}"
                )
            content = bytearray(self._archive.read(info))
            values = torch.frombuffer(content, dtype=dtype) if count else torch.empty(0, dtype=dtype)
            self._storages[key] = _Storage(values)
        found = self._storages[key]
        if found.values.dtype != dtype or len(found.values) != count:
            raise ModelError(f"{self.path} is damaged: the values {key!r} are claimed in two ways")
        return found


def code_refused(path: Path, name: str) -> ModelError:
    """That the checkpoint at `path` asks to run the function or class `name` while it is read."""
    return ModelError(
        f"{path} asks to run `{name}` while it is read: a checkpoint holds tensors, and code in it is not executed",
        what_to_do="Get the model from its publisher, as safetensors where there is a choice.",
    )


class _Unpickler(pickle.Unpickler):
    """Knows tensors and plain containers; `find_class` is the one door, and it opens for the names below."""

    def __init__(self, file: io.BytesIO, structure: _Structure) -> None:
        super().__init__(file)
        self._structure = structure

    def find_class(self, module: str, name: str) -> Any:
        if module == "torch" and name in _STORAGES:
            return _STORAGES[name]
        if module == "__torch__" or module.startswith("__torch__."):
            return Module
        if module == "torch.jit._pickle" and name in _TYPED_LISTS:
            return _first
        found = _KNOWN.get((module, name))
        if found is None:
            raise code_refused(self._structure.path, f"{module}.{name}")
        return found

    def persistent_load(self, pid: Any) -> _Storage:
        match pid:
            case ("storage", torch.dtype() as dtype, str(key), str(), int(count)) if count >= 0:
                return self._structure.storage(key, dtype, count)
            case _:
                raise pickle.UnpicklingError(f"a storage of unknown form {pid!r:.80}")


def _rebuilt(storage: object, offset: object, size: object, stride: object, *_: object) -> Tensor:
    """The tensor of `size` that steps by `stride` through `storage`; checked, as torch itself trusts them."""
    if not isinstance(storage, _Storage) or not isinstance(offset, int) or offset < 0:
        raise pickle.UnpicklingError("a tensor without values")
    sizes, strides = _counts(size), _counts(stride)
    if len(sizes) != len(strides):
        raise pickle.UnpicklingError("a tensor with more sizes than steps")
    if 0 in sizes:
        return torch.empty(sizes, dtype=storage.values.dtype)
    last = offset + sum((many - 1) * step for many, step in zip(sizes, strides, strict=True))
    count = 1
    for many in sizes:
        count *= many
    # A stride of 0 would make a huge tensor of one value: no checkpoint does so.
    if last >= len(storage.values) or count > len(storage.values):
        raise pickle.UnpicklingError(f"a tensor of {sizes} reaches beyond its {len(storage.values):,} values")
    return torch.as_strided(storage.values, sizes, strides, offset).clone(
        memory_format=torch.contiguous_format
    )


def _counts(values: object) -> tuple[int, ...]:
    if not isinstance(values, tuple | list) or not all(isinstance(one, int) and one >= 0 for one in values):
        raise pickle.UnpicklingError(f"sizes of unknown form {values!r:.80}")
    return tuple(values)


def _parameter(values: Tensor, *_: object) -> Tensor:
    return values


def _first(values: object, *_: object) -> object:
    return values


_KNOWN: dict[tuple[str, str], Any] = {
    ("collections", "OrderedDict"): OrderedDict,
    ("torch._utils", "_rebuild_tensor"): _rebuilt,
    ("torch._utils", "_rebuild_tensor_v2"): _rebuilt,
    ("torch._utils", "_rebuild_parameter"): _parameter,
    ("torch", "Size"): tuple,
}
