"""Checkpoints are read as tensors and nothing else: whatever would run code is refused, and does not run."""

from __future__ import annotations

import io
import os
import pickle
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

pytest.importorskip("torch")
import torch
from safetensors.torch import save_file

from core.errors import ModelError
from core.models.convert.checkpoints import read_folder, read_weights


class Payload:
    """A pickle that makes a file where it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Callable[[str, int], int], tuple[str, int]]:
        return os.open, (str(self.path), os.O_CREAT)


class Scripted(torch.nn.Module):
    """A module with a child and a buffer, as TorchScript saves them."""

    def __init__(self) -> None:
        super().__init__()
        self.inner = torch.nn.Linear(3, 2)
        self.register_buffer("places", torch.arange(4))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.as_tensor(self.inner(x))


def archive(path: Path, structure: bytes, values: dict[str, bytes] | None = None) -> Path:
    with zipfile.ZipFile(path, "w") as file:
        file.writestr("model/data.pkl", structure)
        for name, content in (values or {}).items():
            file.writestr(f"model/data/{name}", content)
    return path


def state() -> dict[str, torch.Tensor]:
    torch.manual_seed(0)
    whole = torch.randn(4, 6)
    return {
        "a": whole,
        "b": torch.randn(5).half(),
        "c": torch.arange(3),
        "d": whole.T,
        "e": whole[1:3, 2:4],
        "f": torch.tensor(2.5),
        "g": torch.zeros(0, 3),
        "h": torch.randn(3).bfloat16(),
        "i": torch.nn.Parameter(torch.ones(2)),
    }


def same(found: dict[str, torch.Tensor], expected: dict[str, torch.Tensor]) -> bool:
    return found.keys() == expected.keys() and all(
        found[name].dtype == value.dtype and torch.equal(found[name], value)
        for name, value in expected.items()
    )


@pytest.mark.parametrize("form", ["plain", "wrapped", "before 1.6", "safetensors"])
def test_every_form_gives_the_tensors_that_were_saved(tmp_path: Path, form: str) -> None:
    path = tmp_path / ("model.safetensors" if form == "safetensors" else "model.pt")
    if form == "safetensors":
        save_file({name: value.detach().contiguous().clone() for name, value in state().items()}, path)
    elif form == "wrapped":
        wrapped = {f"module.{name}": value for name, value in state().items()}
        torch.save({"epoch": 3, "step": 5, "name": "x", "state_dict": wrapped, "best": None}, path)
    else:
        torch.save(state(), path, _use_new_zipfile_serialization=form == "plain")

    assert same(read_weights(path), state())


@pytest.mark.filterwarnings("ignore:.*torch.jit")
def test_a_torchscript_archive_gives_its_tensors_and_its_code_is_not_looked_at(tmp_path: Path) -> None:
    module, path = Scripted(), tmp_path / "model.pt"
    torch.jit.save(torch.jit.script(module), path)
    with zipfile.ZipFile(path) as whole, zipfile.ZipFile(tmp_path / "mute.pt", "w") as mute:
        for info in whole.infolist():
            # What runs is replaced by what cannot even be parsed.
            content = b"(((" if "/code/" in info.filename else whole.read(info)
            mute.writestr(info.filename, content)

    assert same(read_weights(path), dict(module.state_dict()))
    assert same(read_weights(tmp_path / "mute.pt"), dict(module.state_dict()))


@pytest.mark.parametrize("place", ["alone", "in a state dict", "beside it", "in the optimiser"])
@pytest.mark.parametrize("kind", ["archive", "pickle", "before 1.6"])
def test_a_payload_is_refused_by_name_and_does_not_run(tmp_path: Path, kind: str, place: str) -> None:
    payload, path = Payload(tmp_path / "ran"), tmp_path / "model.pt"
    content: object = {
        "alone": payload,
        "in a state dict": {"state_dict": {"a": payload}},
        "beside it": {"state_dict": {}, "args": payload},
        "in the optimiser": {"a": 1, "optimizer": [[payload]]},
    }[place]
    if kind == "archive":
        archive(path, pickle.dumps(content))
    elif kind == "pickle":
        path.write_bytes(pickle.dumps(content))
    else:
        torch.save(content, path, _use_new_zipfile_serialization=False)

    with pytest.raises(ModelError, match=r"asks to run `\w+\.open`"):
        read_weights(path)
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize(
    "structure",
    [
        b"cbuiltins\neval\n(S'1'\ntR.",
        b"ctorch.hub\nload\n.",
        b"c__builtin__\ngetattr\n.",
        b"ctorch._utils\n_rebuild_device_tensor_from_numpy\n.",
        b"\x80\x04\x8c\x02os\x8c\x06system\x93.",
    ],
)
def test_only_the_names_of_tensors_are_known(tmp_path: Path, structure: bytes) -> None:
    with pytest.raises(ModelError, match="asks to run"):
        read_weights(archive(tmp_path / "model.pt", structure))


def tensor_pickle(*, count: int, offset: int, size: tuple[int, ...], stride: tuple[int, ...]) -> bytes:
    """The structure {"a": tensor} with these claims about its four float values."""

    class Tensor:
        def __reduce__(self) -> object:
            return torch._utils._rebuild_tensor_v2, (Stored(), offset, size, stride, False, None)

    class Stored:
        pass

    class Writer(pickle.Pickler):
        def persistent_id(self, value: object) -> object:
            return ("storage", torch.FloatStorage, "0", "cpu", count) if isinstance(value, Stored) else None

    file = io.BytesIO()
    Writer(file, 2).dump({"a": Tensor()})
    return file.getvalue()


def test_a_tensor_within_its_values_is_read(tmp_path: Path) -> None:
    structure = tensor_pickle(count=4, offset=1, size=(3,), stride=(1,))
    path = archive(tmp_path / "model.pt", structure, {"0": torch.arange(4.0).numpy().tobytes()})

    assert read_weights(path)["a"].tolist() == [1, 2, 3]


@pytest.mark.parametrize(
    ("count", "offset", "size", "stride"),
    [
        (4, 1, (4,), (1,)),
        (4, 0, (2, 2), (3, 1)),
        (4, 0, (2**62, 4), (0, 0)),
        (4, 0, (4,), (-1,)),
        (4, -2, (2,), (1,)),
        (4, 0, (4,), (1, 1)),
        (2**40, 0, (4,), (1,)),
        (3, 0, (3,), (1,)),
        (-4, 0, (4,), (1,)),
    ],
)
def test_a_tensor_that_claims_more_than_the_file_holds_is_refused(
    tmp_path: Path, count: int, offset: int, size: tuple[int, ...], stride: tuple[int, ...]
) -> None:
    structure = tensor_pickle(count=count, offset=offset, size=size, stride=stride)
    path = archive(tmp_path / "model.pt", structure, {"0": bytes(16)})

    with pytest.raises(ModelError):
        read_weights(path)


@settings(deadline=None, max_examples=60)
@given(data=st.data())
def test_a_cut_or_damaged_file_is_an_error_or_the_same_tensors(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    path = tmp_path_factory.mktemp("cut") / "model.pt"
    torch.save({"a": torch.arange(6.0), "b": torch.ones(2)}, path)
    content = bytearray(path.read_bytes())
    if data.draw(st.booleans()):
        content = content[: data.draw(st.integers(0, len(content) - 1))]
    else:
        content[data.draw(st.integers(0, len(content) - 1))] ^= data.draw(st.integers(1, 255))
    path.write_bytes(content)

    try:
        found = read_weights(path)
    except ModelError:
        return
    assert all(isinstance(value, torch.Tensor) for value in found.values())


@pytest.mark.parametrize("share", [0.3, 0.9])
def test_half_a_safetensors_file_is_said_to_be_cut_off(tmp_path: Path, share: float) -> None:
    path = tmp_path / "model.safetensors"
    save_file({"a": torch.zeros(100)}, path)
    content = path.read_bytes()
    path.write_bytes(content[: int(len(content) * share)])

    with pytest.raises(ModelError, match="cut off or damaged"):
        read_weights(path)


def test_a_folders_parts_are_put_together(tmp_path: Path) -> None:
    for number, name in enumerate("ab"):
        save_file({name: torch.full((2,), number)}, tmp_path / f"model-{number}.safetensors")
    index = '{"weight_map": {"a": "model-0.safetensors", "b": "model-1.safetensors"}}'
    (tmp_path / "model.safetensors.index.json").write_text(index, encoding="utf-8")

    found = read_folder(tmp_path)

    assert {name: value.tolist() for name, value in found.items()} == {"a": [0, 0], "b": [1, 1]}


@pytest.mark.parametrize("name", ["../secret.safetensors", "/etc/passwd", "..\\x.bin", ".hidden"])
def test_a_list_of_parts_cannot_name_files_elsewhere(tmp_path: Path, name: str) -> None:
    content = (
        f'{{"weight_map": {{"a": {name!r}}}}}'.replace("'", '"').replace("\\\\", "\\").replace("\\", "\\\\")
    )
    (tmp_path / "model.safetensors.index.json").write_text(content, encoding="utf-8")

    with pytest.raises(ModelError, match="do not lie beside it"):
        read_folder(tmp_path)


def test_safetensors_are_taken_before_pickles(tmp_path: Path) -> None:
    (tmp_path / "pytorch_model.bin").write_bytes(pickle.dumps(Payload(tmp_path / "ran")))
    save_file({"a": torch.zeros(1)}, tmp_path / "model.safetensors")

    assert list(read_folder(tmp_path)) == ["a"]
    assert not (tmp_path / "ran").exists()


def test_a_folder_without_weights_says_which_files_belong_there(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="no weights") as caught:
        read_folder(tmp_path)
    assert "model.safetensors" in caught.value.what_to_do
