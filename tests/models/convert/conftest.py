"""What the tests of conversion share: one model imported once, small folders in transformers' layout."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

pytest.importorskip("torch")

from core.models.convert.importing import import_model
from core.models.convert.vocabularies import chinese_vocabulary
from core.progress import CancelToken, silent

# Enough of the vocabulary for the golden folders' 512 ids: their text towers know no more.
_SMALL = 512


@pytest.fixture(scope="session")
def checkpoints(shared_data: Path) -> Path:
    return shared_data / "parity/checkpoints"


@pytest.fixture(scope="session")
def imported(checkpoints: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The model folder of the golden checkpoint `cn-vit`, imported. Not to be written to."""
    models = tmp_path_factory.mktemp("models")
    import_model(checkpoints / "cn-vit.pt", models, "local:cn-vit", report=silent, cancel=CancelToken())
    return models / "local%3Acn-vit"


@pytest.fixture
def golden_folder(shared_data: Path, tmp_path: Path) -> Callable[[str], Path]:
    """A copy of a golden Hugging Face folder, with a vocabulary put beside its text tower where it is Chinese."""

    def copy(name: str) -> Path:
        folder = tmp_path / name
        shutil.copytree(shared_data / "parity/huggingface" / name, folder, copy_function=shutil.copyfile)
        tokens = folder / "text" if name.startswith("taiyi") else folder
        if name != "siglip":
            (tokens / "vocab.txt").write_text(
                "\n".join(chinese_vocabulary()[:_SMALL]) + "\n", encoding="utf-8"
            )
            given = {"tokenizer_class": "BertTokenizer", "do_lower_case": True, "pad_token": "[PAD]"}
            (tokens / "tokenizer_config.json").write_text(json.dumps(given), encoding="utf-8")
        return folder

    return copy
