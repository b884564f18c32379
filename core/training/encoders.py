"""The encoders of an installed model as something to train: what learns, what it is fed, and how it is written again.

Two kinds. A model with its original weights in `source/` trains whole, on pixels. The starter trains its heads on
the features of its frozen encoders, which are computed once: unfreezing them did not help on thousands of
photos, and the text encoder is kept in 4 bits, in which a small change would be rounded away.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from core.errors import ModelError
from core.models.convert.export import export_image_tower, export_text_tower
from core.models.convert.source import SOURCE_FOLDER, Towers, open_towers, save_source
from core.models.convert.starter import export, weights
from core.models.convert.starter.towers import Head
from core.models.preprocess import Pixels, normalise
from core.models.spec import IMAGE_FILE, TEXT_FILE, ModelSpec
from core.models.tokenize import Tokenizer
from core.progress import CancelToken, Pace, Report
from core.training.augment import varied

Floats = npt.NDArray[np.float32]
Inputs = tuple[Tensor, ...]

FEATURES_AT_ONCE = 32
# Standard deviations of noise on features, against learning the owner's few photos by heart (heads.NOISE).
NOISE = 0.5


class Encoders(ABC):
    """image, text: the modules that learn. Inputs are tuples of tensors with one row a photo or text."""

    image: nn.Module
    text: nn.Module
    # Modules of the text and image side whose linear layers LoRA goes into, by the end of their names.
    lora_layers: tuple[str, ...]
    # Whole towers rather than heads on features: they learn gently.
    gentle = False
    # Rows that go through in training at once (core/training/memory.py counts what they hold).
    at_once = 32

    @property
    def device(self) -> torch.device:
        """Where both modules are; inputs stay in memory, and their rows are brought there."""
        return next(self.image.parameters()).device

    def to(self, device: str) -> None:
        self.image.to(device)
        self.text.to(device)

    @abstractmethod
    def photo_inputs(self, squares: Pixels, report: Report, cancel: CancelToken) -> Inputs:
        """What `image` takes of [n, s, s, 3] uint8 squares."""

    @abstractmethod
    def text_inputs(self, texts: Sequence[str], report: Report, cancel: CancelToken) -> Inputs: ...

    @abstractmethod
    def photos(self, inputs: Inputs) -> Tensor:
        """Embeddings [n, d] of some rows of `photo_inputs`, varied a little in training mode."""

    @abstractmethod
    def texts(self, inputs: Inputs) -> Tensor: ...

    @abstractmethod
    def write(self, new: Path) -> tuple[str, str]:
        """Write both graphs, and what else training needs, into the folder `new`; their precisions."""


def open_encoders(folder: Path, spec: ModelSpec) -> Encoders:
    """Raises ModelError for a folder that holds nothing to train on."""
    if (folder / SOURCE_FOLDER).is_dir():
        return SourceEncoders(folder, spec)
    if spec.pooling == "mean+use":
        return StarterEncoders(folder, spec)
    raise ModelError(
        f"{spec.id} came without its original weights, so its encoders cannot be trained",
        what_to_do="Train an adapter: shiguang finetune --how adapter",
    )


class SourceEncoders(Encoders):
    """Whole towers, on pixels and token ids."""

    gentle = True
    lora_layers = ("q_proj", "k_proj", "v_proj", "out_proj", "query", "key", "value", "fc1", "fc2", "dense")

    def __init__(self, folder: Path, spec: ModelSpec) -> None:
        self._towers: Towers = open_towers(folder)
        self.image, self.text = self._towers.image, self._towers.text
        self._spec = spec
        self._tokenizer = Tokenizer(folder, spec)

    def photo_inputs(self, squares: Pixels, report: Report, cancel: CancelToken) -> Inputs:
        return (torch.from_numpy(squares),)

    def text_inputs(self, texts: Sequence[str], report: Report, cancel: CancelToken) -> Inputs:
        feed = self._tokenizer(texts)
        return torch.from_numpy(feed["ids"]), torch.from_numpy(feed["mask"])

    def photos(self, inputs: Inputs) -> Tensor:
        pixels = torch.from_numpy(normalise(inputs[0].numpy(), self._spec.preprocessing)).to(self.device)
        if self.image.training:
            pixels = varied(pixels)
        embeddings: Tensor = self.image(pixels)
        return embeddings

    def texts(self, inputs: Inputs) -> Tensor:
        embeddings: Tensor = self.text(*(one.to(self.device) for one in inputs))
        return embeddings

    def write(self, new: Path) -> tuple[str, str]:
        full = self._spec.tokenizers[0].full
        export_image_tower(self.image, self._spec.preprocessing.size_px, new)
        export_text_tower(self.text, self._spec.context_length, full, new)
        save_source(self._towers, {}, new)
        return "fp32", "fp32"


class StarterEncoders(Encoders):
    """The starter's heads, on features of its frozen encoders."""

    lora_layers = ("direct", "up", "down")
    # Features are small: a whole batch.
    at_once = 1_024

    def __init__(self, folder: Path, spec: ModelSpec) -> None:
        self._image_tower, self._text_tower = weights.image_tower(folder), weights.text_tower(folder)
        self.image, self.text = self._image_tower.head, self._text_tower.head
        self._spec = spec
        self._tokenizer = Tokenizer(folder, spec)

    def photo_inputs(self, squares: Pixels, report: Report, cancel: CancelToken) -> Inputs:
        found = []
        pace = Pace(report, "photos", len(squares))
        with torch.inference_mode():
            for begin in range(0, len(squares), FEATURES_AT_ONCE):
                cancel.check()
                pixels = normalise(squares[begin : begin + FEATURES_AT_ONCE], self._spec.preprocessing)
                found.append(self._image_tower.lite(torch.from_numpy(pixels)))
                pace.step(len(pixels))
        pace.flush()
        return _with_spread(torch.cat(found) if found else torch.zeros(0, 1))

    def text_inputs(self, texts: Sequence[str], report: Report, cancel: CancelToken) -> Inputs:
        found = []
        pace = Pace(report, "texts", len(texts))
        with torch.inference_mode():
            for begin in range(0, len(texts), FEATURES_AT_ONCE):
                cancel.check()
                feed = self._tokenizer(texts[begin : begin + FEATURES_AT_ONCE])
                tensors = {name: torch.from_numpy(array) for name, array in feed.items()}
                found.append(self._text_tower.features(**tensors))
                pace.step(len(found[-1]))
        pace.flush()
        return _with_spread(torch.cat(found) if found else torch.zeros(0, 1))

    def photos(self, inputs: Inputs) -> Tensor:
        return _headed(self.image, inputs, self.device)

    def texts(self, inputs: Inputs) -> Tensor:
        return _headed(self.text, inputs, self.device)

    def write(self, new: Path) -> tuple[str, str]:
        self._image_tower.head, self._text_tower.head = _head(self.image), _head(self.text)
        export.export_image_tower(self._image_tower, new / IMAGE_FILE)
        export.export_text_tower(self._text_tower, new / TEXT_FILE)
        return self._spec.image_precision, self._spec.text_precision


def _with_spread(features: Tensor) -> Inputs:
    """Features and, in every row, the noise that suits them."""
    # A copy: tensors of inference mode cannot be learned from.
    features = features.clone()
    spread = features.std(0) if len(features) > 1 else torch.zeros(features.shape[1])
    return features, spread.expand_as(features)


def _headed(head: nn.Module, inputs: Inputs, device: torch.device) -> Tensor:
    features, spread = (one.to(device) for one in inputs)
    if head.training:
        features = features + NOISE * spread * torch.randn_like(features)
    embeddings: Tensor = head(features)
    return embeddings


def _head(module: nn.Module) -> Head:
    assert isinstance(module, Head)
    return module
