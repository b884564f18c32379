"""Sessions on whatever is installed here, and the names of what is not."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from core.errors import EncoderOutOfMemory, ModelError
from core.models.agreement import cosines
from core.models.runtime import providers
from core.models.runtime.providers import CPU, OPENVINO, available, named
from core.models.runtime.session import open_image_session, open_session, translated

needs_openvino = pytest.mark.skipif(not providers.has_openvino(), reason="OpenVINO is not installed")


def pixels(count: int) -> dict[str, np.ndarray]:
    return {"pixels": np.random.default_rng(0).standard_normal((count, 3, 224, 224)).astype(np.float32)}


def test_the_cpu_is_always_there_and_last() -> None:
    assert available()[-1] == CPU


def test_names_are_ours_and_devices_come_first() -> None:
    theirs = ["TensorrtExecutionProvider", "CUDAExecutionProvider", "CPUExecutionProvider"]
    assert named(theirs, openvino=True) == ("tensorrt", "cuda", "openvino", "cpu")
    assert named(["DmlExecutionProvider", "CPUExecutionProvider"], openvino=False) == ("directml", "cpu")
    assert named(["CoreMLExecutionProvider", "CPUExecutionProvider"], openvino=False) == ("coreml", "cpu")


def test_a_provider_that_would_send_pictures_away_is_not_known() -> None:
    assert named(["AzureExecutionProvider", "CPUExecutionProvider"], openvino=False) == ("cpu",)


def test_a_device_whose_driver_is_missing_is_not_taken_for_the_cpu(
    starter_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The edge: the list that ONNX Runtime built for CUDA gives on a machine without a driver. It then runs on the
    # CPU and only warns.
    theirs = ["CUDAExecutionProvider", "CPUExecutionProvider"]
    monkeypatch.setattr(providers.ort, "get_available_providers", lambda: theirs)

    with pytest.warns(UserWarning, match="CUDA"), pytest.raises(ModelError, match=r"cuda .*does not work"):
        open_session(starter_folder / "image.onnx", "cuda")


def test_what_is_not_installed_is_said_with_what_is(starter_folder: Path) -> None:
    with pytest.raises(ModelError, match="steam") as caught:
        open_session(starter_folder / "image.onnx", "steam")
    assert CPU in caught.value.what_to_do


@pytest.mark.parametrize("count", [1, 2, 5])
def test_a_batch_cut_in_parts_gives_its_pictures_embeddings_in_order(
    starter_folder: Path, count: int
) -> None:
    path = starter_folder / "image.onnx"
    whole = open_session(path, CPU).run(pixels(count))

    parted = open_image_session(path, CPU, threads=2).run(pixels(count))

    assert cosines(whole, parted).holds("fp32")


def test_a_part_that_cannot_run_is_said(starter_folder: Path) -> None:
    session = open_image_session(starter_folder / "image.onnx", CPU, threads=2)
    with pytest.raises(ModelError):
        session.run({"pixels": np.zeros((4, 3, 8, 224), np.float32)})


@needs_openvino
def test_openvino_agrees_with_onnx_runtime(starter_folder: Path) -> None:
    path = starter_folder / "image.onnx"
    reference = open_session(path, CPU).run(pixels(2))

    assert cosines(reference, open_session(path, OPENVINO).run(pixels(2))).holds("fp32")


@needs_openvino
def test_openvino_gives_arrays_that_stay_when_it_runs_again(starter_folder: Path) -> None:
    session = open_session(starter_folder / "image.onnx", OPENVINO)
    first = session.run(pixels(1))
    kept = first.copy()
    session.run({"pixels": pixels(1)["pixels"] * 2})

    np.testing.assert_array_equal(first, kept)


@needs_openvino
def test_openvino_runs_without_its_telemetry_and_without_the_internet(starter_folder: Path) -> None:
    program = f"""
import socket, sys
from pathlib import Path
real = socket.socket.__init__
def refused(self, family=-1, *rest, **named):
    assert family not in (-1, socket.AF_INET, socket.AF_INET6), "an internet socket"
    real(self, family, *rest, **named)
socket.socket.__init__ = refused
import numpy as np
from core.models.runtime.session import open_session
session = open_session(Path({str(starter_folder / "image.onnx")!r}), "openvino")
session.run({{"pixels": np.zeros((1, 3, 224, 224), np.float32)}})
assert "openvino" in sys.modules
silenced = [name for name, module in sys.modules.items() if module is not None and "telemetry" in name]
assert not silenced, silenced
assert sys.modules.get("openvino.tools.ovc") is None
"""
    subprocess.run([sys.executable, "-c", program], check=True, cwd=Path(__file__).parents[3])


def test_openvino_is_not_imported_for_the_cpu(starter_folder: Path) -> None:
    program = f"""
import sys
from pathlib import Path
from core.models.encoder import Encoder
Encoder.open(Path({str(starter_folder)!r})).load_texts()
assert "openvino" not in sys.modules
"""
    subprocess.run([sys.executable, "-c", program], check=True, cwd=Path(__file__).parents[3])


@pytest.mark.parametrize(
    "words",
    ["bad allocation", "CUDA failure 2: out of memory", "Failed to allocate memory for requested buffer"],
)
def test_out_of_memory_is_known_by_its_words(words: str) -> None:
    assert isinstance(translated(RuntimeError(words), "the model cannot be run"), EncoderOutOfMemory)
    assert not isinstance(translated(RuntimeError("wrong shape"), ""), EncoderOutOfMemory)
