"""A model's two towers on ONNX Runtime: pixels and texts -> embeddings of one space."""

from __future__ import annotations

import os
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import onnxruntime as ort

from core.errors import EncoderOutOfMemory, ModelError
from core.log import logger
from core.models.preprocess import Pixels, normalise
from core.models.spec import IMAGE_FILE, TEXT_FILE, ModelSpec
from core.models.tokenize import Tokenizer

log = logger(__name__)

Embeddings = npt.NDArray[np.float32]

# What "auto" tries, best first; whatever of it is installed and works on this machine.
_PREFERRED = ("CUDAExecutionProvider", "CPUExecutionProvider")
_NAMES = {
    "cpu": "CPUExecutionProvider",
    "cuda": "CUDAExecutionProvider",
    "coreml": "CoreMLExecutionProvider",
    "directml": "DmlExecutionProvider",
    "openvino": "OpenVINOExecutionProvider",
}
# Texts that go through the text tower at once: more gain nothing on a CPU and only cost memory.
_TEXTS_AT_ONCE = 64


class Encoder:
    """One model, opened. Towers are loaded when first used, each on its own; safe between threads."""

    def __init__(self, folder: Path, spec: ModelSpec, threads: int | None, provider: str) -> None:
        """Use `Encoder.open`."""
        self.folder = folder
        self.spec = spec
        self._threads = threads
        self._provider = provider
        # One lock a tower: a query must not wait until the image tower is read from the disk.
        self._image_lock = threading.Lock()
        self._text_lock = threading.Lock()
        self._image: ort.InferenceSession | None = None
        self._text: tuple[Tokenizer, ort.InferenceSession] | None = None

    @classmethod
    def open(cls, folder: Path, *, threads: int | None = None, provider: str = "auto") -> Encoder:
        """The model in `folder`, its spec read and no tower loaded yet.

        threads   cores a tower may use; None: ONNX Runtime's choice, one a physical core
        provider  "auto", "cpu", "cuda", "coreml", "directml", "openvino"
        Raises ModelError when the spec does not fit or the provider is not installed.
        """
        if provider != "auto" and _NAMES.get(provider) not in ort.get_available_providers():
            raise ModelError(f"the provider {provider} is not installed here")
        return cls(folder, ModelSpec.load(folder), threads, provider)

    def encode_images(self, pixels: Pixels) -> Embeddings:
        """[n, s, s, 3] uint8, squares as `preprocess.square` makes them -> [n, d] float32, L2-normalised.

        Raises EncoderOutOfMemory (encode fewer at once) or ModelError.
        """
        if not len(pixels):
            return np.zeros((0, self.spec.width), np.float32)
        return _run(self._image_session(), {"pixels": normalise(pixels, self.spec.preprocessing)})

    def encode_texts(self, texts: Sequence[str]) -> Embeddings:
        """-> [n, d] float32, L2-normalised, in the order of `texts`. Raises as `encode_images`."""
        tokenizer, session = self._text_tower()
        embeddings = np.zeros((len(texts), self.spec.width), np.float32)
        # Texts of like length together: a batch is as long as its longest text.
        order = sorted(range(len(texts)), key=lambda i: len(texts[i]))
        for start in range(0, len(order), _TEXTS_AT_ONCE):
            chosen = order[start : start + _TEXTS_AT_ONCE]
            embeddings[chosen] = _run(session, dict(tokenizer([texts[i] for i in chosen])))
        return embeddings

    def load_texts(self) -> None:
        """Load the text tower now, so that the first query need not wait for it."""
        self._text_tower()

    def load_images(self) -> None:
        """Load the image tower now, while something else has to be waited for."""
        self._image_session()

    def unload_images(self) -> None:
        """Give back the image tower's memory; it is loaded again when needed."""
        with self._image_lock:
            self._image = None

    def close(self) -> None:
        """Give back all memory. The encoder may be used again, and loads again then."""
        self.unload_images()
        with self._text_lock:
            self._text = None

    def _image_session(self) -> ort.InferenceSession:
        with self._image_lock:
            if self._image is None:
                self._image = self._session(IMAGE_FILE)
            return self._image

    def _text_tower(self) -> tuple[Tokenizer, ort.InferenceSession]:
        with self._text_lock:
            if self._text is None:
                self._text = Tokenizer(self.folder, self.spec), self._session(TEXT_FILE)
            return self._text

    def _session(self, file: str) -> ort.InferenceSession:
        options = ort.SessionOptions()
        options.intra_op_num_threads = self._threads or 0
        # Spinning threads would take the decoders' cores between two batches. Not by `allow_spinning=0`: with
        # ONNX Runtime 1.31 two sessions run from two threads were then seen to stand still for a minute.
        options.add_session_config_entry("session.force_spinning_stop", "1")
        options.log_severity_level = 3
        available = ort.get_available_providers()
        if self._provider == "auto":
            providers = [name for name in _PREFERRED if name in available]
        else:
            providers = [_NAMES[self._provider], "CPUExecutionProvider"]
        path = self.folder / file
        try:
            return ort.InferenceSession(os.fspath(path), options, providers=providers)
        except Exception as error:
            raise _translated(error, f"{path} cannot be loaded") from error


def _run(session: ort.InferenceSession, feed: dict[str, Any]) -> Embeddings:
    try:
        (embeddings,) = session.run(["embedding"], feed)
    except Exception as error:
        raise _translated(error, "the model cannot be run") from error
    return np.asarray(embeddings, np.float32)


def _translated(error: Exception, what: str) -> ModelError:
    """ONNX Runtime says "out of memory" only in words, and in other words for each provider."""
    words = str(error).lower()
    if isinstance(error, MemoryError) or "alloc" in words or "out of memory" in words:
        return EncoderOutOfMemory(f"{what}: not enough memory")
    return ModelError(f"{what}: {error}")
