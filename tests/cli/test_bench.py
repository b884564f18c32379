"""`shiguang bench`: what it says of the model that ships."""

from __future__ import annotations

from pathlib import Path

from tests.promises.conftest import shiguang


def test_the_starter_has_one_form_and_both_its_towers_are_timed(tmp_path: Path) -> None:
    rows = shiguang(tmp_path / "library", "bench", "encode")
    timed = {row["case"] for row in rows if row["value"]}
    assert {"starter image", "starter text"} <= timed
