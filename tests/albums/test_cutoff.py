"""An album begins where its kind begins: in any library, and in any space."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
import numpy.typing as npt
import pytest

from core.albums.backdrop import Backdrop, left_width, peak
from core.albums.cutoff import MAYBE, band, cutoff
from core.albums.probe import prior_of
from core.albums.prompts import Prompts, normalised
from core.models.encoder import Encoder
from tests.albums.conftest import CAPTIONS, Make

Embeddings = npt.NDArray[np.float32]
Photos = Callable[..., Embeddings]


@pytest.fixture
def prompts(make: Make, photos_of: Photos, encoder: Encoder) -> Iterator[Prompts]:
    made = make(photos_of(CAPTIONS[0], 1), "texts")
    yield Prompts(made.database, encoder, made.space.id)


def inside(words: str, photos: Embeddings, prompts: Prompts) -> npt.NDArray[np.bool_]:
    backdrop = Backdrop.of(photos, prompts.neutrals())
    prior = prior_of(prompts.direction([words]), None, backdrop)
    return np.asarray(photos @ prior.weights + prior.offset >= 0)


@pytest.mark.parametrize(("words", "place"), [("dog", 0), ("狗", 0), ("cat", 1), ("receipt", 4), ("汽车", 5)])
def test_of_a_mixed_library_only_the_kind_comes_in(
    words: str, place: int, photos_of: Photos, prompts: Prompts
) -> None:
    photos = np.concatenate([photos_of(caption, 40) for caption in CAPTIONS])
    found = inside(words, photos, prompts).reshape(len(CAPTIONS), 40).mean(axis=1)
    assert found[place] >= 0.6
    assert np.delete(found, place).mean() <= 0.01


@pytest.mark.parametrize("words", ["wedding", "婴儿", "screenshot", "飞机"])
def test_where_nothing_is_of_the_kind_nothing_comes_in(
    words: str, photos_of: Photos, prompts: Prompts
) -> None:
    photos = np.concatenate([photos_of(caption, 40) for caption in CAPTIONS])
    assert inside(words, photos, prompts).mean() <= 0.01


def test_a_library_of_dogs_alone_is_full_of_dogs_and_has_no_cat(photos_of: Photos, prompts: Prompts) -> None:
    photos = photos_of("a dog", 100)
    for words in ("a dog", "一只狗"):
        assert inside(words, photos, prompts).mean() >= 0.9
    for words in ("cat", "猫", "receipt"):
        assert inside(words, photos, prompts).mean() <= 0.02


def test_a_space_that_is_turned_stretched_and_shifted_changes_no_album(
    photos_of: Photos, prompts: Prompts
) -> None:
    """What another model may do to cosines: other axes, another spread, another offset."""
    photos = np.concatenate([photos_of(caption, 40) for caption in CAPTIONS])
    turn = np.linalg.qr(np.random.default_rng(1).normal(size=(photos.shape[1],) * 2))[0].astype(np.float32)

    def moved(rows: Embeddings) -> Embeddings:
        return normalised(np.concatenate([rows @ turn, np.full((len(rows), 1), 0.7, np.float32)], axis=1))

    neutrals, [asked] = prompts.neutrals(), prompts.directions(["dog"])
    before, after = Backdrop.of(photos, neutrals), Backdrop.of(moved(photos), moved(neutrals))
    assert after.spread == pytest.approx(before.spread / 1.49, rel=0.01)
    first, second = prior_of(asked, None, before), prior_of(moved(asked[None])[0], None, after)
    scores = photos @ first.weights + first.offset
    assert np.allclose(scores, moved(photos) @ second.weights + second.offset, atol=1e-3)


def test_the_border_lies_between_what_has_nothing_to_do_with_it_and_what_fits(
    photos_of: Photos, prompts: Prompts
) -> None:
    photos = np.concatenate([photos_of(caption, 40) for caption in CAPTIONS])
    backdrop = Backdrop.of(photos, prompts.neutrals())
    found = cutoff(np.asarray(np.random.default_rng(0).normal(size=500), np.float32), backdrop)
    assert found.peak < found.border <= backdrop.fit
    assert found.about < 0.01


def test_peak_and_left_width_are_those_of_the_bulk() -> None:
    dice = np.random.default_rng(0)
    values = np.sort(np.concatenate([dice.normal(1, 0.5, 900), dice.normal(5, 0.3, 100)]))
    assert peak(values) == pytest.approx(1, abs=0.2)
    assert left_width(values, peak(values)) == pytest.approx(0.5, abs=0.1)
    assert peak(values[:0]) == 0
    assert peak(values[:1]) == values[0]


def test_bands_follow_the_logit() -> None:
    assert [band(0.1), band(0.0), band(-0.1), band(MAYBE), band(MAYBE - 0.1)] == [
        "in",
        "in",
        "maybe",
        "maybe",
        "out",
    ]
