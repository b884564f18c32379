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
from core.training.pairs import language_of

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
    words = general.judging.embeddings[general.judging.way == 0]
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
    chinese_forgotten[(general.judging.way == 1)] = words[(general.judging.way == 1)][::-1]
    english = replace(general, ways=(0,))
    assert general.still((photos, words), (photos, chinese_forgotten)) < 0.9
    assert english.still((photos, words), (photos, chinese_forgotten)) == 1


def test_without_photos_nothing_is_measured_and_near_neighbours_may_change_places(general: General) -> None:
    words = general.judging.embeddings
    nobody = np.zeros((0, words.shape[1]), np.float32)
    assert general.still((nobody, words), (nobody, words)) is None
    photos = near_words(general)
    english = replace(general, ways=(0,))
    # Too few photos to tell.
    few = photos[: FEWEST_UNSPOKEN - 1]
    assert english.still((few, words), (few[::-1], words)) is None
    own = np.flatnonzero(general.judging.way == 0)
    # Each photo moves to the word that is its second.
    second = np.argsort(-(photos @ words[own].T), axis=1)[:, 1]
    assert STILL > 2
    assert english.still((photos, words), (normalised(photos + words[own][second]), words)) == 1


@pytest.mark.parametrize(("lang", "sentence"), [("en", "a photo of a"), ("zh", "的照片")])
def test_a_model_of_one_language_is_asked_in_that_one_alone(
    encoder: Encoder, lang: str, sentence: str
) -> None:
    class OneLanguage:
        """The starter as a model that reads one language."""

        spec = replace(encoder.spec, languages=(lang,))
        encode_texts = encoder.encode_texts

    general = General.of(OneLanguage(), np.zeros((1, encoder.spec.width), np.float32))  # type: ignore[arg-type]

    assert {language_of(text) for text in general.judging.texts} == {lang}
    words = general.judging.embeddings
    assert general.kept(words, words) > 0.9
    forgot = words[np.random.default_rng(0).permutation(len(words))]
    assert general.kept(forgot, words) < 0.2
