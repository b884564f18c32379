"""The gate tells a gain from chance."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from core.training.gate import Figures, Verdict, better, figures, judge, paired_bootstrap
from core.training.pairs import ALBUM, CAPTION, NAME, Saying
from core.training.sayings import Table


def some(recall: float, general: float = 0.9, photos: int = 100) -> Figures:
    each = np.zeros(photos)
    each[: round(recall * photos)] = 1
    return Figures(recall, 10, recall, None, general, each)


def test_a_clear_gain_is_taken() -> None:
    verdict = judge(some(0.3), some(0.6))

    assert verdict.accepted
    assert verdict.p < 0.001


def test_no_gain_a_gain_by_chance_and_a_loss_are_refused() -> None:
    assert not judge(some(0.5), some(0.5)).accepted
    assert "no more" in judge(some(0.5), some(0.3)).why
    assert "chance" in judge(some(0.5, photos=50), some(0.56, photos=50)).why


def test_forgetting_is_refused_whatever_was_gained() -> None:
    verdict = judge(some(0.1), replace(some(0.9), general=0.87))

    assert not verdict.accepted
    assert "forgot" in verdict.why


def test_photos_nobody_spoke_of_that_lost_their_words_are_forgetting_too() -> None:
    verdict = judge(replace(some(0.1), still=1.0), replace(some(0.9), still=0.97))

    assert not verdict.accepted
    assert "forgot too much: 3.0%" in verdict.why


def test_a_training_has_to_beat_the_model_in_use_too() -> None:
    begun, in_use = some(0.3), some(0.6, general=0.8)

    assert not judge(better(begun, in_use), some(0.5)).accepted
    assert judge(better(begun, in_use), some(0.8)).accepted
    assert better(begun, some(0.2)) is begun
    assert better(begun, None) is begun
    # What was known is measured from where both began.
    assert "forgot" in judge(better(begun, in_use), some(0.9, general=0.85)).why


def test_few_photos_cannot_tell() -> None:
    assert "too few" in judge(some(0, photos=6), some(1, photos=6)).why


def test_a_burst_judges_once() -> None:
    said = [Saying(i, "a dog", "en", CAPTION, True, i, 1 if i < 4 else None) for i in range(1, 7)]
    said.append(Saying(7, "a cat", "en", CAPTION, True, 7))
    table = Table.of(said)
    # The cat stands before two of the burst, so their place is the second.
    similar = np.array([[0.9], [0.9], [0.1], [0.9], [0.9], [0.9], [0.5]], np.float32)

    found = figures(table, similar, np.ones((2, 1), np.float32), 0.9)

    assert len(found.each) == 5
    assert found.each[0] == pytest.approx((1 + 1 + 1 / 2) / 3)


def test_a_large_burst_moves_no_other_moment(both: Callable[[float], Figures]) -> None:
    """One album, 25 refused photos, 15 accepted ones and a burst of 40: what only the burst does is one moment's."""
    worse, good = both(-0.4), both(0.4)

    assert len(worse.each) == 41
    assert good.each.mean() > worse.each.mean()
    assert not judge(good, worse).accepted
    assert not judge(worse, good).accepted  # better by one moment of forty-one


@pytest.fixture
def both() -> Callable[[float], Figures]:
    """Figures of an album where the burst lies so much nearer to its text than the other photos."""
    said = [Saying(i, "a dog", "en", ALBUM, i >= 25, 0, 40 if i >= 40 else None) for i in range(80)]
    table = Table.of(said)
    noise = np.random.default_rng(0).normal(size=80)

    def measured(nearer: float) -> Figures:
        similar = noise + np.where(np.arange(80) >= 40, 3 * nearer, 0.0)
        return figures(table, similar[:, None].astype(np.float32), np.ones((1, 1), np.float32), 0.9)

    return measured


def test_a_gain_in_all_does_not_pay_for_albums_that_fell() -> None:
    before = replace(some(0.3), parts=(np.zeros(80), np.ones(20)))
    gained, fell = np.ones(80), np.where(np.arange(20) < 8, 0.0, 1.0)

    verdict = judge(before, replace(some(0.6), parts=(gained, fell)))

    assert not verdict.accepted
    assert "less of albums and judged results" in verdict.why
    # One of twenty is chance, and of a few nobody can tell.
    assert judge(before, replace(some(0.6), parts=(gained, np.where(np.arange(20) < 1, 0.0, 1.0)))).accepted
    few = replace(before, parts=(np.zeros(80), np.ones(5)))
    assert judge(few, replace(some(0.6), parts=(gained, np.zeros(5)))).accepted


def test_what_was_not_said_is_not_measured() -> None:
    table = Table.of([Saying(photo, "tree", "en", ALBUM, photo < 3, 1) for photo in (1, 2, 3, 4)])
    found = figures(table, np.eye(4, 2, dtype=np.float32), np.ones((1, 2), np.float32), 1.0)

    assert (found.recall, found.top1, found.still) == (None, None, None)
    assert [len(part) for part in found.parts] == [0, 4]
    assert figures(Table.of([caption(1, "cat")]), *np.ones((2, 1, 1), np.float32), 1.0).album_ap is None


def test_a_photo_that_a_name_was_refused_for_is_not_found_by_it() -> None:
    said = [Saying(photo, "Doudou the dog", "en", NAME, photo == 1, 1) for photo in (1, 2, 3, 4)]
    # The one that shows it comes last.
    similar = np.array([[0.1], [0.7], [0.8], [0.9]], np.float32)

    assert figures(Table.of(said), similar, np.ones((1, 1), np.float32), 1.0).recall == 0


def test_a_verdict_that_was_written_down_says_the_same_again() -> None:
    verdict = judge(some(0.3), replace(some(0.6), album_ap=0.5))

    assert Verdict.of_json(verdict.as_json()).as_json() == verdict.as_json()


def test_a_part_of_the_way_is_told_where_it_is_taken() -> None:
    whole, part = (judge(some(0.3), some(0.6), strength=strength) for strength in (1.0, 0.25))

    assert part.accepted
    assert (
        part.why
        == f"{whole.why} Of what the training changed 25% was kept: more would have forgotten too much."
    )
    assert Verdict.of_json(part.as_json()).strength == 0.25
    # What an earlier version wrote down said nothing of it.
    assert Verdict.of_json({k: v for k, v in part.as_json().items() if k != "strength"}).strength == 1.0
    assert "kept" not in judge(some(0.6), some(0.3), strength=0.25).why


def test_gains_that_are_chance_pass_as_often_as_said() -> None:
    draw = np.random.default_rng(0)
    p = np.array([paired_bootstrap(draw.normal(size=60), seed) for seed in range(60)])

    assert (p < 0.05).mean() < 0.15
    assert 0.3 < p.mean() < 0.7


def caption(photo: int, text: str) -> Saying:
    return Saying(photo, text, "en", CAPTION, True, photo)


def test_photos_with_the_same_caption_do_not_stand_in_each_others_way() -> None:
    table = Table.of([caption(1, "cat"), caption(2, "cat"), caption(3, "dog")])
    photos = np.array([[1, 0], [0.9, 0.1], [0, 1]], np.float32)

    found = figures(table, photos, np.array([[1, 0], [0, 1]], np.float32), 1.0)

    assert (found.recall, found.top1, found.k, found.album_ap) == (1, 1, 1, None)


def test_an_albums_precision_is_over_what_was_decided() -> None:
    said = [Saying(photo, "tree", "en", ALBUM, photo < 3, 1) for photo in (1, 2, 3, 4)]
    table = Table.of(said)
    photos = np.array([[0.9], [0.5], [0.7], [0.1]], np.float32)

    found = figures(table, photos, np.array([[1]], np.float32), 1.0)

    assert found.album_ap == pytest.approx((1 + 2 / 3) / 2)
    # Nothing refused is before the first, one before the second; the third stands before one that is true, the last none.
    # Around their mean twice as far, as each is measured by the others.
    assert found.each.tolist() == pytest.approx([1.25, 0.25, 0.25, 1.25])


def test_photos_that_were_only_accepted_judge_among_all_others() -> None:
    said = [Saying(photo, "tree", "en", ALBUM, True, 1) for photo in (1, 2)]
    table = Table.of([*said, *(caption(photo, f"thing {photo}") for photo in (3, 4, 5))])
    photos = np.array([[0.9], [0.2], [0.7], [0.1], [0.5]], np.float32)
    texts = np.array([[1.0], [0.0], [0.0], [0.0]], np.float32)

    found = figures(table, photos, texts, 1.0)

    assert found.album_ap is None
    assert found.each[:2].tolist() == pytest.approx([1, 1 / 3])


def test_noise_on_a_few_albums_is_not_taken() -> None:
    taken = 0
    for seed in range(100):
        draw = np.random.default_rng(seed)
        said = [
            Saying(photo, f"album {number}", "en", ALBUM, bool(draw.random() < 0.5), number)
            for number in range(2)
            for photo in range(12 * number, 12 * number + 24)
        ]
        table = Table.of(said)
        photos, texts = (draw.normal(size=(n, 16)) for n in (len(table.photos), len(table.texts)))
        moved = texts + 0.3 * draw.normal(size=texts.shape)
        before, after = (figures(table, photos, each, 1.0) for each in (texts, moved))
        taken += judge(before, after, seed).accepted

    assert taken <= 4


def test_what_was_said_both_ways_counts_as_not_said() -> None:
    table = Table.of(
        [
            Saying(1, "tree", "en", ALBUM, True, 1),
            Saying(1, "tree", "en", ALBUM, False, 2),
            caption(1, "a tree"),
        ]
    )

    assert not table.true[0, 0]
    assert not table.rejected[0, 0]
    assert table.true[0, 1]
