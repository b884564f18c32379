"""The review queue: what may well belong and is open, and no two alike."""

from __future__ import annotations

import numpy as np

from core.albums.backdrop import Backdrop
from core.albums.probe import learn, prior_of
from core.albums.review import worth_asking


def test_of_two_that_are_the_same_only_one_is_asked_at_first() -> None:
    dice = np.random.default_rng(0)
    rows = dice.normal(size=(60, 24))
    rows = np.asarray(np.repeat(rows / np.linalg.norm(rows, axis=1, keepdims=True), 2, axis=0), np.float32)
    neutrals = dice.normal(size=(40, 24))
    backdrop = Backdrop.of(
        rows, np.asarray(neutrals / np.linalg.norm(neutrals, axis=1, keepdims=True), np.float32)
    )
    probe = learn(prior_of(None, None, backdrop), backdrop, rows[:0], np.zeros(0, bool))
    chosen = worth_asking(probe, backdrop, rows, 12)
    assert len(set((chosen // 2).tolist())) == 12


def test_the_queue_is_as_long_as_there_are_photos() -> None:
    rows = np.eye(4, dtype=np.float32)
    backdrop = Backdrop.of(rows, np.eye(4, dtype=np.float32).repeat(2, axis=0))
    probe = learn(prior_of(rows[0], None, backdrop), backdrop, rows[:0], np.zeros(0, bool))
    assert sorted(worth_asking(probe, backdrop, rows, 10).tolist()) == [0, 1, 2, 3]
    assert len(worth_asking(probe, backdrop, rows[:0], 10)) == 0
