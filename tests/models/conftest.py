"""What the models' tests share: the starter as it ships, opened once."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from core.models.encoder import Encoder
from core.models.registry import STARTER, model_folder


@pytest.fixture(scope="session")
def starter_folder() -> Path:
    return model_folder(STARTER, None)


@pytest.fixture(scope="session")
def starter(starter_folder: Path) -> Iterator[Encoder]:
    encoder = Encoder.open(starter_folder, threads=2)
    yield encoder
    encoder.close()
