"""A training's cost grows with what it has to do, and is reckoned from this machine's own rates."""

from __future__ import annotations

from dataclasses import replace

import pytest

pytest.importorskip("onnx", reason="needs the train extra (onnx)")

from core.models.encoder import Encoder
from core.training.cost import Rates, Work, measure, seconds

WORK = Work(spoken=200, texts=100, asked=200, photos=10_000, whole=False)
RATES = Rates(text_s=0.01, step_s=0.02, images_per_s=100.0)


def test_the_ways_are_in_the_order_of_their_costs() -> None:
    found = [seconds(how, WORK, RATES) for how in ("probe", "adapter", "full")]
    assert found == sorted(found)
    assert seconds("lora", WORK, RATES) == seconds("full", WORK, RATES)


def test_the_adapter_takes_no_longer_for_photos_that_nobody_spoke_of() -> None:
    assert seconds("adapter", replace(WORK, photos=1_000_000), RATES) == seconds("adapter", WORK, RATES)


def test_the_full_recipe_counts_every_photo_that_is_encoded_again() -> None:
    more = replace(WORK, photos=WORK.photos + 1_000)
    assert seconds("full", more, RATES) - seconds("full", WORK, RATES) == pytest.approx(10.0)


def test_whole_towers_take_longer_than_heads() -> None:
    assert seconds("full", replace(WORK, whole=True), RATES) > seconds("full", WORK, RATES)


def test_rates_are_measured_and_a_known_speed_is_kept(tiny: Encoder) -> None:
    found = measure(tiny, WORK, ["red", "green"], None)
    assert min(found.text_s, found.step_s, found.images_per_s) > 0
    assert measure(tiny, WORK, [], 12.5).images_per_s == 12.5
