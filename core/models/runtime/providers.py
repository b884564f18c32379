"""What can run a tower here: ONNX Runtime's providers, and OpenVINO where it is installed.

A name in this list says that a provider is installed, not that it works or is fast: `tuning` finds that out.
"""

from __future__ import annotations

import importlib
import importlib.util
import sys
from collections.abc import Sequence
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from typing import Any

import onnxruntime as ort

from core.errors import ModelError

CPU = "cpu"
OPENVINO = "openvino"

# Our names, as on the command line, for ONNX Runtime's; in the order in which they are tried.
ONNX_RUNTIME_NAMES = {
    "tensorrt": "TensorrtExecutionProvider",
    "cuda": "CUDAExecutionProvider",
    "coreml": "CoreMLExecutionProvider",
    "directml": "DmlExecutionProvider",
    CPU: "CPUExecutionProvider",
}


def available() -> tuple[str, ...]:
    """The providers installed here; the CPU's is always among them, and last."""
    return named(ort.get_available_providers(), has_openvino())


def named(onnx_runtime: Sequence[str], openvino: bool) -> tuple[str, ...]:
    """Our names for a list of ONNX Runtime's; ones that we do not know (Azure's sends pictures away) stay out."""
    found = [ours for ours, theirs in ONNX_RUNTIME_NAMES.items() if theirs in onnx_runtime and ours != CPU]
    return (*found, *((OPENVINO,) if openvino else ()), CPU)


def require(provider: str) -> str:
    """`provider`, or ModelError when it is not installed."""
    here = available()
    if provider not in here:
        raise ModelError(
            f"the provider {provider} is not installed here",
            what_to_do=f"Leave --provider out, or name one of {', '.join(here)}.",
        )
    return provider


@cache
def has_openvino() -> bool:
    """Looked up without importing it: that costs a quarter of a second, and only its own session needs it."""
    return importlib.util.find_spec("openvino") is not None


def import_openvino() -> Any:
    """The package, without its tools. `import openvino` (seen with 2026.4) imports `openvino.tools.ovc`, which
    tells the maker so over the internet at once. The package goes on without them, and nothing here needs them:
    None in `sys.modules` makes an import fail.
    """
    silenced: dict[str, Any] = dict.fromkeys(("openvino_telemetry", "openvino.tools.ovc"))
    for name, nothing in silenced.items():
        sys.modules.setdefault(name, nothing)
    return importlib.import_module("openvino")


def versions() -> dict[str, str]:
    """The runtimes' versions: a new one may be faster or wrong, so what was measured with another is void."""
    found = {"onnxruntime": ort.__version__}
    if has_openvino():
        try:
            found[OPENVINO] = version("openvino")
        except PackageNotFoundError:
            found[OPENVINO] = "unknown"
    return found
