"""The figures by which a form is accepted, against cases computed by hand."""

from __future__ import annotations

import numpy as np
import pytest

from core.models.agreement import Agreement, compare, cosines, first_photos, overlap


def unit(count: int, seed: int) -> np.ndarray:
    rows = np.random.default_rng(seed).standard_normal((count, 16)).astype(np.float32)
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def test_the_worst_cosine_counts_not_the_mean() -> None:
    reference = unit(50, 0)
    other = reference.copy()
    other[7] = -reference[7]

    found = cosines(reference, other)

    assert found.cosine_min == pytest.approx(-1)
    assert found.cosine_median == pytest.approx(1)
    assert not found.holds("int8")


def test_a_row_that_is_no_number_agrees_with_nothing() -> None:
    reference = unit(3, 0)
    other = reference.copy()
    other[1] = np.nan

    assert cosines(reference, other).cosine_min == -1


def test_nothing_compared_is_no_agreement() -> None:
    with pytest.raises(ValueError, match="compared"):
        cosines(unit(0, 0), unit(0, 0))


def test_lists_overlap_by_what_both_show() -> None:
    photos, query = unit(40, 1), unit(1, 2)
    order = np.argsort(-(query @ photos.T)[0])
    moved = photos.copy()
    # The three best photos and three that nobody would see change places.
    moved[order[:3]], moved[order[-3:]] = photos[order[-3:]], photos[order[:3]]

    assert overlap(first_photos(query, photos), first_photos(query, photos)) == 1
    assert overlap(first_photos(query, photos), first_photos(query, moved)) == pytest.approx(0.7)


def test_good_cosines_do_not_excuse_other_lists() -> None:
    assert Agreement(0.9999, 1, 0.91).holds("int8")
    assert not Agreement(0.9999, 1, 0.89).holds("int8")
    assert not Agreement(0.9999, 1, 0.94).holds("bf16")
    assert not Agreement(0.9999, 1, 0.97).holds("fp32")


def test_a_hundred_queries_over_a_thousand_photos_are_enough() -> None:
    photos, queries = unit(1_200, 3), unit(130, 4)
    lists = first_photos(queries, photos)

    found = compare(photos, photos, lists, lists)

    assert (found.photos, found.queries, found.overlap) == (1_000, 100, 1)
