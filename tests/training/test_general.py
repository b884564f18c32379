"""What a model knew before: everyday words keep their photos, and photos nobody spoke of keep their words."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import numpy.typing as npt
import pytest

from core.models.encoder import Encoder
from core.models.registry import STARTER, model_folder
from core.training.general import FEWEST_UNSPOKEN, STILL, General, normalised

Floats = npt.NDArray[np.float32]


@pytest.fixture(scope="module")
def encoder() -> Iterator[Encoder]:
    opened = Encoder.open(model_folder(STARTER, None))
    yield opened
    opened.close()


@pytest.fixture(scope="module")
def general(encoder: Encoder) -> General:
    return General.of(encoder, np.zeros((1, encoder.spec.width), np.float32))


def near_words(general: General) -> Floats:
    """Photos of English words, a little off."""
    words = general.judging.embeddings[~general.judging.is_chinese]
    noise = np.random.default_rng(0).normal(size=words.shape).astype(np.float32)
    return normalised(words + 0.3 * noise / np.linalg.norm(noise, axis=1, keepdims=True))


def test_photos_keep_their_words_through_a_turn_of_the_whole_space(general: General) -> None:
    photos, words = near_words(general), general.judging.embeddings
    turned = np.random.default_rng(1).permutation(words.shape[1])
    assert general.still((photos, words), (photos, words)) == 1
    assert general.still((photos, words), (photos[:, turned], words[:, turned])) == 1


def test_an_image_tower_that_forgot_is_seen_by_photos_alone(general: General) -> None:
    photos, words = near_words(general), general.judging.embeddings
    forgot = photos[np.random.default_rng(1).permutation(len(photos))]
    assert general.still((photos, words), (forgot, words)) < 0.2
    # Stand-ins made of words know nothing of it.
    assert general.kept(words, words) == general.kept(words, general.judging.as_photos(general.gap * 0))


def test_only_languages_of_the_model_are_asked(general: General) -> None:
    photos, words = near_words(general), general.judging.embeddings
    chinese_forgotten = words.copy()
    chinese_forgotten[general.judging.is_chinese] = words[general.judging.is_chinese][::-1]
    english = replace(general, languages=("en",))
    assert general.still((photos, words), (photos, chinese_forgotten)) < 0.9
    assert english.still((photos, words), (photos, chinese_forgotten)) == 1


def test_without_photos_nothing_is_forgotten_and_near_neighbours_may_change_places(general: General) -> None:
    words = general.judging.embeddings
    nobody = np.zeros((0, words.shape[1]), np.float32)
    assert general.still((nobody, words), (nobody, words)) == 1
    photos = near_words(general)
    english = replace(general, languages=("en",))
    # Too few photos to tell.
    few = photos[: FEWEST_UNSPOKEN - 1]
    assert english.still((few, words), (few[::-1], words)) == 1
    own = np.flatnonzero(~general.judging.is_chinese)
    # Each photo moves to the word that is its second.
    second = np.argsort(-(photos @ words[own].T), axis=1)[:, 1]
    assert STILL > 2
    assert english.still((photos, words), (normalised(photos + words[own][second]), words)) == 1
