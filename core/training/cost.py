"""About how long a training takes here, said before it starts: from what this machine was just seen to do.

Counts are exact and rates are measured; what lies between are two factors fitted to trainings of the starter. It is
right within a factor of two or so; nothing hangs on it.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from core.models.encoder import Encoder

# Everyday words and neutral captions that every training encodes (general.py).
EVERYDAY_TEXTS = 1_050
# Steps of the adapter and of each stage of the encoders at least, photos of a batch: adapter.py and full.py say why.
ADAPTER_STEPS, STAGE_STEPS, STAGES, EPOCHS, BATCH = 100, 100, 2, 20, 256
# Forward, backward and the two sides of a loss, against one plain product of the same matrices.
TIMES_A_PRODUCT = 12
# The starter's encoders in torch, whose features its heads learn from, against their graphs.
TIMES_THE_GRAPH = 6
# The way through a tower, without a gradient for the large batch and with one, and back to all its weights or to LoRA's
# few; a locked tower has no way back. A step is held by so many photos and everyday words beside.
ONCE, BACK, BACK_OF_LORA = 1, 2, 1
HELD_PHOTOS, HELD_WORDS = 32, 128
# Faster forms of the new model are tried at the end.
FORMS_S = 120.0
# Loading torch and the towers, judging, writing the model.
FIXED_S = 8.0
TEXTS, PICTURES = 16, 4


@dataclass(frozen=True, slots=True)
class Forward:
    """Seconds of a photo and of a text through towers in torch, one way."""

    image_s: float
    text_s: float


@dataclass(frozen=True, slots=True)
class Work:
    """What a training has before it.

    spoken   photos that something was said about
    texts    different texts among the sayings
    asked    captions that the new model is compared by, with both models
    photos   in the library
    forward  where the towers themselves learn on pixels; None: heads on features
    """

    spoken: int
    texts: int
    asked: int
    photos: int
    forward: Forward | None = None


@dataclass(frozen=True, slots=True)
class Rates:
    """What this machine does: seconds of one text, seconds of one step on embeddings, photos a second."""

    text_s: float
    step_s: float
    images_per_s: float


def measure(encoder: Encoder, work: Work, texts: Sequence[str], images_per_s: float | None) -> Rates:
    """Time the text tower on some of `texts` and a step of the work's size; the image tower where nobody has yet."""
    sample = list(texts[:TEXTS]) or ["a photo"]
    encoder.encode_texts(sample[:1])
    began = time.perf_counter()
    encoder.encode_texts(sample)
    text_s = (time.perf_counter() - began) / len(sample)
    rows = np.ones((min(max(work.spoken, 1), 2_048), encoder.spec.width), np.float32)
    columns = np.ones((encoder.spec.width, work.texts + EVERYDAY_TEXTS // 2), np.float32)
    rows @ columns
    began = time.perf_counter()
    rows @ columns
    step_s = TIMES_A_PRODUCT * (time.perf_counter() - began)
    return Rates(text_s, step_s, images_per_s or _images_per_s(encoder))


def seconds(how: str, work: Work, rates: Rates) -> float:
    """The whole way, until the new model is in use. how: probe, adapter, lora or full."""
    shared = FIXED_S + rates.text_s * (EVERYDAY_TEXTS + work.texts + 2 * work.asked)
    if how in ("probe", "adapter"):
        return shared + ADAPTER_STEPS * rates.step_s * (0.5 if how == "probe" else 1.0)
    # Every photo of the library is encoded again at the end.
    shared += work.photos / rates.images_per_s
    steps = STAGES * max(EPOCHS * -(-work.spoken // BATCH), STAGE_STEPS)
    if work.forward is not None:
        return shared + FORMS_S + steps * _step_s(work.forward, min(work.spoken, BATCH), lora=how == "lora")
    features = work.spoken / rates.images_per_s + rates.text_s * (EVERYDAY_TEXTS + work.texts)
    return shared + TIMES_THE_GRAPH * features + steps * rates.step_s


def _step_s(forward: Forward, pairs: int, *, lora: bool) -> float:
    """The mean of a step of both stages: the first leaves the image tower locked."""
    back = BACK_OF_LORA if lora else BACK
    images = (2 * ONCE + back / 2) * pairs + (ONCE + back / 2) * HELD_PHOTOS
    texts = (2 * ONCE + back) * pairs + (ONCE + back) * HELD_WORDS
    return images * forward.image_s + texts * forward.text_s


def _images_per_s(encoder: Encoder) -> float:
    """Of the image tower, on grey squares."""
    size = encoder.spec.preprocessing.size_px
    squares = np.full((PICTURES, size, size, 3), 127, np.uint8)
    encoder.encode_images(squares[:1])
    began = time.perf_counter()
    encoder.encode_images(squares)
    return PICTURES / (time.perf_counter() - began)
