"""What the starter's recipe makes of captions: five of each photo, whatever it was given."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

torch = pytest.importorskip("torch", reason="needs the train extra (torch)")

from core.training import recipe, sources  # noqa: E402


class Numbered:
    """Stands for the text encoders: the feature of a text is its number among those given."""

    def of(self, name: str, texts: list[str]) -> torch.Tensor:
        return torch.arange(1.0, len(texts) + 1)[:, None]


def test_fewer_captions_come_again_and_none_are_zeros() -> None:
    said = [["a", "b"], [], ["c"], ["d", "e", "f", "g", "h"]]
    found = recipe._captions(Numbered(), "captions", said)  # type: ignore[arg-type]
    assert found[:, :, 0].tolist() == [
        [1, 2, 1, 2, 1],
        [0, 0, 0, 0, 0],
        [3, 3, 3, 3, 3],
        [4, 5, 6, 7, 8],
    ]


def test_a_photo_may_be_described_in_one_language(tmp_path: Path) -> None:
    lines = [{"id": "1", "en": ["a dog"]}, {"id": "2", "zh": ["一只狗"], "en": []}]
    file = tmp_path / "captions.jsonl"
    file.write_text("\n".join(json.dumps(line) for line in lines), encoding="utf-8")
    assert sources.captioned(file) == sources.Captioned(["1", "2"], [["a dog"], []], [[], ["一只狗"]])
