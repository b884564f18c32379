"""One tower, opened for running: on ONNX Runtime's providers, or on OpenVINO (optional, faster on many CPUs)."""

from __future__ import annotations

import os
import threading
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor, wait
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
import onnxruntime as ort
import psutil

from core.errors import EncoderOutOfMemory, ModelError
from core.models.runtime.providers import (
    CPU,
    ONNX_RUNTIME_NAMES,
    OPENVINO,
    has_openvino,
    import_openvino,
    require,
)

Embeddings = npt.NDArray[np.float32]
Feed = Mapping[str, npt.NDArray[Any]]

OUTPUT = "embedding"
# A batch is cut into so many parts on a machine of as many cores.
_PARTS = 2


class Session(Protocol):
    """A tower that is loaded. `run` may be called from any thread."""

    def run(self, feed: Feed) -> Embeddings:
        """The inputs by name -> [n, d] float32. Raises EncoderOutOfMemory (give it fewer) or ModelError."""
        ...


def open_session(
    path: Path, provider: str, *, precision: str = "fp32", threads: int | None = None
) -> Session:
    """Load the graph in `path`.

    provider   one of `providers.available()`
    precision  of the graph: what the runtime may compute in where the graph leaves it open
    threads    None: the runtime's choice, one a physical core
    Raises ModelError when the provider is not installed, does not work, or the graph cannot be loaded.
    """
    require(provider)
    if provider == OPENVINO:
        return OpenVinoSession(path, precision, threads)
    return OnnxRuntimeSession(path, provider, precision, threads)


def open_image_session(
    path: Path, provider: str, *, precision: str = "fp32", threads: int | None = None
) -> Session:
    """As `open_session`, for a tower that is given batches while other processes want the same cores.

    Side by side only where it was measured: with more cores than parts the runs would share threads again.
    """
    cores = threads or psutil.cpu_count(logical=False) or os.cpu_count()
    if provider != CPU or cores != _PARTS:
        return open_session(path, provider, precision=precision, threads=threads)
    return SideBySideSession(path, precision)


class OnnxRuntimeSession:
    """On ONNX Runtime."""

    def __init__(self, path: Path, provider: str, precision: str, threads: int | None) -> None:
        options = ort.SessionOptions()
        options.intra_op_num_threads = threads or 0
        # Spinning threads would take the decoders' cores between two batches. Not by `allow_spinning=0`: with
        # ONNX Runtime 1.31 two sessions run from two threads were then seen to stand still for a minute.
        options.add_session_config_entry("session.force_spinning_stop", "1")
        if precision == "bf16":
            # Only ARM's kernels know it; elsewhere the entry is ignored.
            options.add_session_config_entry("mlas.enable_gemm_fastmath_arm64_bfloat16", "1")
        options.log_severity_level = 3
        name = ONNX_RUNTIME_NAMES[provider]
        # The CPU takes the nodes that a device does not know.
        names = [name] if provider == CPU else [name, ONNX_RUNTIME_NAMES[CPU]]
        try:
            self._session = ort.InferenceSession(os.fspath(path), options, providers=names)
        except Exception as error:
            raise translated(error, f"{path} cannot be loaded") from error
        if self._session.get_providers()[0] != name:
            # ONNX Runtime falls back to the CPU with no more than a warning when a driver is missing.
            raise ModelError(
                f"the provider {provider} is installed but does not work here",
                what_to_do="Check the device's driver, or leave --provider out.",
            )

    def run(self, feed: Feed) -> Embeddings:
        try:
            (embeddings,) = self._session.run([OUTPUT], dict(feed))
        except Exception as error:
            raise translated(error, "the model cannot be run") from error
        return np.asarray(embeddings, np.float32)


class SideBySideSession:
    """Batches on ONNX Runtime's CPU provider, each cut into parts that run at the same time, each on a core.

    Threads that share one run wait for each other after every layer, spinning, and while photos are imported the
    decoders have the cores that they wait for. Two runs that share nothing do not wait: on 2 cores a photo then
    cost 31 ms of the cores' time instead of 45 (EfficientNet-Lite0 and Lite2; alone on the machine both cost 30).
    A single picture has one core alone.
    """

    def __init__(self, path: Path, precision: str) -> None:
        # Each run has the thread it is called in, and the runtime none of its own.
        self._session = OnnxRuntimeSession(path, CPU, precision, 1)
        self._others = ThreadPoolExecutor(_PARTS - 1, thread_name_prefix="encode beside")

    def run(self, feed: Feed) -> Embeddings:
        """As `Session.run`; the feed is pixels [n, 3, s, s] with n > 0."""
        first, *others = (part for part in np.array_split(feed["pixels"], _PARTS) if len(part))
        beside = [self._others.submit(self._session.run, {"pixels": part}) for part in others]
        try:
            own = self._session.run({"pixels": first})
        finally:
            # Who tries again with fewer pictures finds the memory of these free.
            wait(beside)
        return np.concatenate([own, *(each.result() for each in beside)])


class OpenVinoSession:
    """On OpenVINO's CPU plug-in, which knows the matrix units for bf16 and int8."""

    def __init__(self, path: Path, precision: str, threads: int | None) -> None:
        # Optional, and slow to import.
        openvino = import_openvino()
        try:
            core = openvino.Core()
            wanted: dict[str, Any] = {
                "INFERENCE_PRECISION_HINT": _precision_hint(core, precision),
                "PERFORMANCE_HINT": "LATENCY",
                # Two processes of ours shall not pin their threads to the same cores.
                "ENABLE_CPU_PINNING": False,
            }
            if threads:
                wanted["INFERENCE_NUM_THREADS"] = threads
            compiled = core.compile_model(os.fspath(path), "CPU", wanted)
            self._inputs = [each.any_name for each in compiled.inputs]
            self._request = compiled.create_infer_request()
        except Exception as error:
            raise translated(error, f"{path} cannot be loaded") from error
        # A request holds one run's memory.
        self._lock = threading.Lock()

    def run(self, feed: Feed) -> Embeddings:
        with self._lock:
            try:
                self._request.infer({name: feed[name] for name in self._inputs}, share_inputs=True)
                return np.array(self._request.get_output_tensor(0).data, np.float32)
            except Exception as error:
                raise translated(error, "the model cannot be run") from error


def _precision_hint(core: Any, precision: str) -> str:
    """What the layers that the graph keeps in floating point are computed in.

    Left to itself OpenVINO takes bf16 wherever the CPU has it, also for a graph that is to be exact.
    """
    return "bf16" if precision in ("bf16", "int8") and _knows_bf16(core) else "f32"


def computes_bf16() -> bool:
    """Whether OpenVINO is here and this CPU has instructions for bf16."""
    return has_openvino() and _knows_bf16(import_openvino().Core())


def _knows_bf16(core: Any) -> bool:
    return "BF16" in core.get_property("CPU", "OPTIMIZATION_CAPABILITIES")


def translated(error: Exception, what: str) -> ModelError:
    """The runtimes say "out of memory" only in words, and in other words for each provider."""
    words = str(error).lower()
    if isinstance(error, MemoryError) or "alloc" in words or "out of memory" in words:
        return EncoderOutOfMemory(f"{what}: not enough memory")
    return ModelError(f"{what}: {error}")
