"""Ranking, cut-off and reasons, with the starter and small pictures."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from core.albums.scoring import Scoring
from core.app import Shiguang, open_library
from core.library.literal import photos_with_words
from core.library.photos import set_caption
from core.models.encoder import Encoder
from core.progress import Cancelled, CancelToken
from core.search.answer import Searcher
from core.search.query import Query
from tests.promises.conftest import Photos, index


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory):
    home = tmp_path_factory.mktemp("search")
    photos = Photos(home / "photos")
    for seed in range(20):
        photos.add(f"{2010 + seed % 3}/IMG_{2010 + seed % 3}0{1 + seed % 9}15_1200{seed:02}.jpg", seed)
    photos.add("外婆的花园/a.jpg", 50)
    photos.add("100%_off/b.jpg", 51)
    library = open_library(home / "library", writable=True)
    index(library, photos.folder)
    yield library
    library.close()


def names(library: Shiguang, query: Query) -> list[str]:
    hits = library.search(query).hits
    paths = library.first_paths([hit.photo for hit in hits])
    return ["/".join(Path(paths[hit.photo]).parts[-2:]) for hit in hits]


@pytest.mark.parametrize("words", ["外婆的花园", "花园", "外婆"])
def test_words_in_a_folder_name_come_first_and_say_why(library: Shiguang, words: str) -> None:
    answer = library.search(Query(words, everything=True))
    assert library.first_paths([answer.hits[0].photo])[answer.hits[0].photo].endswith("a.jpg")
    assert answer.hits[0].why == f"name: {words}"


def test_letters_that_sql_takes_for_patterns_are_letters(library: Shiguang) -> None:
    reader = library.database.reader()
    for words, count in (
        ("100%", 1),
        ("0%_", 1),
        ("%", 1),
        ("_off", 1),
        ('"', 0),
        ("'; --", 0),
        ("off/b", 1),
    ):
        assert len(photos_with_words(reader, words, 100)) == count, words


@pytest.mark.parametrize(
    ("words", "found"),
    [("hat", []), ("whatsapp", [1]), ("海", [3]), ("上海", [2]), ("cat", [4]), ("cation", [])],
)
def test_words_are_found_as_words(tmp_path: Path, words: str, found: list[int]) -> None:
    photos = Photos(tmp_path / "photos")
    paths = ("WhatsApp Images/a.jpg", "上海/b.jpg", "海/c.jpg", "Vacation/my_cat01.jpg")
    for seed, path in enumerate(paths):
        photos.add(path, seed)
    library = open_library(tmp_path / "library", writable=True)
    index(library, photos.folder)
    reader = library.database.reader()
    path_of = library.first_paths(library.photo_ids())
    want = {photo for photo, path in path_of.items() for each in found if path.endswith(paths[each - 1])}
    assert photos_with_words(reader, words, 100).keys() == want
    library.close()


def test_a_photo_that_is_gone_is_not_found_by_what_was_said_of_it(tmp_path: Path) -> None:
    photos = Photos(tmp_path / "photos")
    path = photos.add("a.jpg", 1)
    photos.add("b.jpg", 2)
    library = open_library(tmp_path / "library", writable=True)
    index(library, photos.folder)
    photo = next(
        one for one, own in library.first_paths(library.photo_ids()).items() if own.endswith("a.jpg")
    )
    library.database.write(lambda db: set_caption(db, photo, "en", "an unusual hat"))
    assert library.search(Query("unusual hat")).hits[0].photo == photo
    os.unlink(path)
    index(library, photos.folder)
    assert photo not in [hit.photo for hit in library.search(Query("unusual hat", everything=True)).hits]
    library.close()


def test_a_very_long_question_is_answered(library: Shiguang) -> None:
    assert library.search(Query("很长的话" * 6_000, everything=True)).hits


def test_a_filter_leaves_only_what_passes_it(library: Shiguang) -> None:
    assert {name[:4] for name in names(library, Query("colours 2011", everything=True))} == {"2011"}
    assert {name[:4] for name in names(library, Query("", filters="year:2012"))} == {"2012"}
    assert {name[:4] for name in names(library, Query("除了2012年的colours", everything=True))} == {
        "2010",
        "2011",
        "外婆的花",
        "100%",
    }


def test_relevance_falls_along_the_hits_and_bands_follow_it(library: Shiguang) -> None:
    hits = library.search(Query("a red picture", everything=True)).hits
    relevance = [hit.relevance for hit in hits]
    assert relevance == sorted(relevance, reverse=True)
    order = {"sure": 0, "less sure": 1, "no": 2}
    assert [order[hit.band] for hit in hits] == sorted(order[hit.band] for hit in hits)


def test_without_all_the_hits_end_at_the_cut_off(library: Shiguang) -> None:
    shown, everything = (
        library.search(Query("a steam locomotive", everything=each)) for each in (False, True)
    )
    assert len(everything.hits) == 22
    assert [hit.photo for hit in shown.hits] == [hit.photo for hit in everything.hits if hit.band != "no"]
    assert shown.answered == bool(shown.hits)


def test_what_must_not_be_in_it_takes_relevance_away(library: Shiguang) -> None:
    plain = {hit.photo: hit.relevance for hit in library.search(Query("blue", everything=True)).hits}
    without = {
        hit.photo: hit.relevance
        for hit in library.search(Query("blue", unlike="green", everything=True)).hits
    }
    assert all(without[photo] <= plain[photo] + 1e-6 for photo in without)
    only_not = library.search(Query("", unlike="green", everything=True))
    assert len(only_not.hits) == 22


def test_by_date_is_newest_first(library: Shiguang) -> None:
    hits = library.search(Query("picture", everything=True, by_date=True)).hits
    cards = library.cards([hit.photo for hit in hits])
    dates = [cards[hit.photo].taken for hit in hits]
    assert dates == sorted(dates, reverse=True)


def test_scores_are_cosines_of_the_stored_vectors(library: Shiguang) -> None:
    answer = library.search(Query("a red car", everything=True, limit=5))
    vectors = library.space.vectors_of([hit.photo for hit in answer.hits])
    text = library.encoder.encode_texts(["a red car"])[0]
    # float16 rows: 1e-3 is their rounding.
    assert np.abs(vectors @ text - [hit.score for hit in answer.hits]).max() < 1e-3


def test_warming_up_can_be_stopped(library: Shiguang) -> None:
    encoder = Encoder.open(library.encoder.folder)
    encoder.spec = replace(encoder.spec, calibration=replace(encoder.spec.calibration, slope=0.5))
    searcher = Searcher(
        library.database,
        Scoring(library.database, library.space, encoder),
        encoder,
        library.folder / "nowhere",
    )
    cancel = CancelToken()
    cancel.cancel()
    with pytest.raises(Cancelled):
        searcher.warm(cancel)
