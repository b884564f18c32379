"""Photos that are what their caption says: its text embedding with noise, in a library of vectors."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

from core.albums.prompts import normalised
from core.models.encoder import Encoder
from tests.albums.made_library import MadeLibrary, starter

Embeddings = npt.NDArray[np.float32]
CAPTIONS = (
    "a dog",
    "a cat",
    "a plate of food",
    "a mountain",
    "a receipt",
    "a car",
    "a bedroom",
    "a football match",
)
OF_EACH = 15
# Photos stand this far from their caption; a tenth of the pairs of two captions then look alike.
NOISE = 0.8

Make = Callable[..., MadeLibrary]


@pytest.fixture(scope="session")
def encoder() -> Iterator[Encoder]:
    opened = starter()
    yield opened
    opened.close()


@pytest.fixture(scope="session")
def photos_of(encoder: Encoder) -> Callable[..., Embeddings]:
    """photos_of(caption, count, seed): [count, width] photos of what the caption says."""

    def make(caption: str, count: int = OF_EACH, seed: int = 0) -> Embeddings:
        [text] = encoder.encode_texts([caption])
        noise = np.random.default_rng([seed, *caption.encode()]).normal(size=(count, len(text)))
        return normalised(
            np.asarray(text + NOISE * noise / np.linalg.norm(noise, axis=1, keepdims=True), np.float32)
        )

    return make


@pytest.fixture(scope="session")
def texts() -> dict[str, bytes]:
    """Embeddings of the texts that any test has encoded: each is encoded once a session."""
    return {}


@pytest.fixture
def make(tmp_path: Path, encoder: Encoder, texts: dict[str, bytes]) -> Iterator[Make]:
    """make(embeddings, name): a library of these photos."""
    opened: list[MadeLibrary] = []

    def one(embeddings: Embeddings, name: str = "library") -> MadeLibrary:
        opened.append(MadeLibrary.of(tmp_path / name, encoder, embeddings, texts))
        return opened[-1]

    yield one
    for each in opened:
        texts.update(each.texts())
        each.close()


@pytest.fixture
def made(make: Make, photos_of: Callable[..., Embeddings]) -> MadeLibrary:
    """Fifteen photos of each of CAPTIONS, in their order: dogs are photos 1 to 15, cats 16 to 30."""
    return make(np.concatenate([photos_of(caption) for caption in CAPTIONS]))


DOGS = range(1, OF_EACH + 1)
CATS = range(OF_EACH + 1, 2 * OF_EACH + 1)
FOOD = range(2 * OF_EACH + 1, 3 * OF_EACH + 1)
