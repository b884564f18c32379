"""Zero-shot figures as worked out by hand."""

from __future__ import annotations

import io
import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from core.errors import WrongUse
from core.evaluate.zeroshot import PLAIN, average_precision, prompt_templates, score, zeroshot
from core.models.encoder import Encoder
from core.models.registry import STARTER, model_folder
from core.progress import CancelToken, silent

# Four photos, three classes: the first and the last are right.
SIMILAR = np.array([[0.9, 0.1, 0.2], [0.5, 0.4, 0.1], [0.3, 0.2, 0.6], [0.1, 0.2, 0.7]], np.float32)
TRUE = np.array([0, 1, 1, 2])


def test_the_figures_by_hand() -> None:
    scores = score(SIMILAR, TRUE, ["cat", "dog", "car"])

    assert scores.top1 == 0.5
    assert scores.top5 == 1
    assert scores.mean_per_class == pytest.approx((1 + 0 + 1) / 3)
    # dog: photos by their second column are 1 (true), 2 (true; as similar as 3, but earlier), 3, 0
    assert scores.ap_per_class == pytest.approx({"cat": 1.0, "dog": 1.0, "car": 1.0})
    assert (scores.n, scores.classes) == (4, 3)


def test_average_precision_by_hand() -> None:
    scores = np.array([0.9, 0.8, 0.7, 0.6], np.float32)

    assert average_precision(scores, np.array([True, False, True, False])) == pytest.approx((1 + 2 / 3) / 2)


@pytest.mark.parametrize("lang", ["en", "zh"])
def test_every_template_has_one_place_for_a_name(lang: str) -> None:
    templates = prompt_templates(lang)

    assert templates
    assert all(template.count("{}") == 1 for template in templates)


@pytest.fixture
def sorted_pictures(tmp_path: Path) -> Path:
    for folder, colour in (("sky", (120, 170, 250)), ("grass", (40, 160, 40)), ("other", (0, 0, 0))):
        (tmp_path / folder).mkdir()
        for i in range(2):
            file = io.BytesIO()
            Image.new("RGB", (32 + i, 32), colour).save(file, "JPEG")
            (tmp_path / folder / f"{i}.jpg").write_bytes(file.getvalue())
    classes = [
        {"dir": "sky", "en": ["blue sky", "sky"], "zh": ["蓝天"]},
        {"dir": "grass", "en": ["grass"], "zh": ["草地"]},
    ]
    (tmp_path / "labels.json").write_text(json.dumps({"set": "two", "classes": classes}), encoding="utf-8")
    return tmp_path


def test_a_folder_a_class_is_scored_and_others_are_left_out(sorted_pictures: Path) -> None:
    encoder = Encoder.open(model_folder(STARTER, None), threads=2)
    labels = sorted_pictures / "labels.json"

    for templates in (PLAIN, prompt_templates("zh")):
        scores = zeroshot(encoder, sorted_pictures, labels, "zh", templates, silent, CancelToken()).as_json()
        assert (scores["n"], scores["classes"]) == (4, 2)
        assert set(scores) == {"n", "classes", "top1", "top5", "mean_per_class", "ap_per_class"}
    encoder.close()


def test_labels_without_the_language_are_said(sorted_pictures: Path) -> None:
    encoder = Encoder.open(model_folder(STARTER, None))

    with pytest.raises(WrongUse, match=r"labels\.json"):
        zeroshot(
            encoder, sorted_pictures, sorted_pictures / "labels.json", "fr", PLAIN, silent, CancelToken()
        )
