"""What is measured at the first use: only what agrees is taken, and a broken memory is no memory."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from core.models.encoder import Encoder
from core.models.runtime import measured
from core.models.runtime.measured import Measured, recall, remember
from core.models.runtime.providers import CPU
from core.models.runtime.session import Feed, Session, open_session
from core.models.runtime.tuning import Tower, fastest
from core.progress import CancelToken

KNOWN = Measured(CPU, CPU, None, 8, 12.5, 3.0)


class OtherDevice:
    """A device as machines have it that we have not: the CPU's session, with its answers changed."""

    def __init__(self, session: Session, error: float) -> None:
        self._session, self._error = session, error

    def run(self, feed: Feed) -> np.ndarray:
        embeddings = self._session.run(feed)
        return embeddings + self._error * np.roll(embeddings, 1, axis=1)


class TowerWithDevice(Tower):
    error = 0.0

    def open(self, provider: str, threads: int | None = None) -> Session:
        session = open_session(self.path, CPU, precision=self.precision, threads=threads)
        return session if provider == CPU else OtherDevice(session, self.error)


def tower(folder: Path, kind: type[Tower] = Tower) -> Tower:
    pixels = np.random.default_rng(0).standard_normal((2, 3, 224, 224)).astype(np.float32)
    return kind("image", folder / "image.onnx", "fp16", {"pixels": pixels})


def test_a_device_that_answers_otherwise_is_never_taken(starter_folder: Path) -> None:
    class Wrong(TowerWithDevice):
        error = 0.5

    choice = fastest(tower(starter_folder, Wrong), ("cuda", CPU), CancelToken())

    assert choice.provider == CPU
    (refused,) = [one for one in choice.tried if one.provider == "cuda"]
    assert refused.seconds is None
    assert "otherwise than the CPU" in refused.said


def test_a_device_that_agrees_is_compared_by_time(starter_folder: Path) -> None:
    choice = fastest(tower(starter_folder, TowerWithDevice), ("cuda", CPU), CancelToken())

    times = {one.provider: one.seconds for one in choice.tried}
    assert choice.provider == min(times, key=lambda name: times[name] or 0)


def test_a_device_that_fails_is_passed_over(starter_folder: Path) -> None:
    # The real thing: CUDA is not installed here, so opening it is an error.
    choice = fastest(tower(starter_folder), ("cuda", CPU), CancelToken())

    assert choice.provider == CPU
    assert [one.provider for one in choice.tried if one.seconds is None] == ["cuda"]


def test_the_first_use_measures_and_the_second_remembers(starter_folder: Path, tmp_path: Path) -> None:
    file = tmp_path / "models" / measured.MEASURED_FILE
    encoder = Encoder.open(starter_folder, remembered=file)
    assert recall(file, encoder.spec.space_id) is None

    encoder.load_images()

    known = recall(file, encoder.spec.space_id)
    assert known is not None
    assert known.images_per_s > 0
    assert known.text_ms > 0
    assert (encoder.device, encoder.images_at_once) == (known.image_provider, known.images_at_once)
    written = file.read_bytes()
    Encoder.open(starter_folder, remembered=file).load_images()
    assert file.read_bytes() == written


def test_without_a_place_to_remember_nothing_is_measured(starter_folder: Path) -> None:
    encoder = Encoder.open(starter_folder)
    encoder.load_images()

    assert encoder.device == CPU


@pytest.mark.parametrize("content", ["", "{", "[]", '{"x": 1}', '{"FINGERPRINT": {"space": {"tried": 3}}}'])
def test_a_broken_memory_is_measured_again(content: str, tmp_path: Path) -> None:
    file = tmp_path / "measured.json"
    file.write_text(content.replace("FINGERPRINT", measured.fingerprint()), encoding="utf-8")

    assert recall(file, "space") is None
    remember(file, "space", KNOWN)
    assert recall(file, "space") == KNOWN


def test_models_are_remembered_side_by_side(tmp_path: Path) -> None:
    file = tmp_path / "measured.json"
    remember(file, "one", KNOWN)
    remember(file, "two", replace(KNOWN, images_per_s=99.0))

    assert recall(file, "one") == KNOWN
    assert [path.name for path in tmp_path.iterdir()] == ["measured.json"]


def test_what_ran_on_a_device_that_has_gone_is_forgotten(tmp_path: Path) -> None:
    file = tmp_path / "measured.json"
    remember(file, "one", replace(KNOWN, image_provider="cuda"))

    assert recall(file, "one") is None


def test_a_place_that_cannot_be_written_costs_only_the_memory(tmp_path: Path) -> None:
    (tmp_path / "models").write_text("a file where the folder should be")

    remember(tmp_path / "models" / "measured.json", "one", KNOWN)
