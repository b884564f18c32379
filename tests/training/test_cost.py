"""A training's cost grows with what it has to do, and is reckoned from this machine's own rates."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

torch = pytest.importorskip("torch", reason="needs the train extra (torch)")
pytest.importorskip("peft", reason="needs the train extra (peft)")
pytest.importorskip("onnxscript", reason="needs the train extra (onnxscript)")

from core.models.convert.importing import import_model  # noqa: E402
from core.models.encoder import Encoder  # noqa: E402
from core.progress import CancelToken, silent  # noqa: E402
from core.training.cost import Forward, Rates, Work, measure, seconds  # noqa: E402
from core.training.forward import forward, operations  # noqa: E402

WORK = Work(spoken=200, texts=100, asked=200, photos=10_000)
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


def test_whole_towers_take_longer_than_heads_and_lora_less() -> None:
    whole = replace(WORK, forward=Forward(0.02, 0.01))
    assert seconds("full", whole, RATES) > seconds("lora", whole, RATES) > seconds("lora", WORK, RATES)


def test_the_way_through_whole_towers_is_counted(imported: Encoder) -> None:
    said = forward(imported, "cpu")

    assert said.image_s > 0 and said.text_s > 0
    # A product of three numbers with a matrix of three by five.
    assert operations(torch.nn.Linear(3, 5, device="meta"), torch.empty(1, 3, device="meta")) == 30


@pytest.fixture
def imported(shared_data: Path, tmp_path: Path) -> Iterator[Encoder]:
    checkpoint = shared_data / "parity" / "checkpoints" / "cn-vit.pt"
    import_model(checkpoint, tmp_path, "local:cn", report=silent, cancel=CancelToken())
    opened = Encoder.open(tmp_path / "local%3Acn")
    yield opened
    opened.close()


def test_rates_are_measured_and_a_known_speed_is_kept(tiny: Encoder) -> None:
    found = measure(tiny, WORK, ["red", "green"], None)
    assert min(found.text_s, found.step_s, found.images_per_s) > 0
    assert measure(tiny, WORK, [], 12.5).images_per_s == 12.5
