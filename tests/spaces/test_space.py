"""Vectors on the disk, the nearest of them, and the repair after a crash."""

from __future__ import annotations

import threading
from pathlib import Path

import numpy as np
import pytest

from core.errors import LibraryDamaged
from core.library import spaces
from core.library.database import Database, open_for_writing
from core.library.photos import Picture, add_photo
from core.spaces import index as planner
from core.spaces.index import Index, best, cosines
from core.spaces.space import Space
from core.spaces.vectors import VectorFile

WIDTH = 32


def embeddings(count: int, seed: int = 0) -> np.ndarray:
    rows = np.random.default_rng(seed).normal(size=(count, WIDTH)).astype(np.float32)
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def add(database: Database, space: Space, photos: list[int], rows: np.ndarray) -> None:
    first = space.append(rows)

    def write(db):
        for photo in photos:
            if not db.execute("SELECT 1 FROM photos WHERE id = ?", (photo,)).fetchone():
                add_photo(db, Picture(b"%d" % photo, b"", "JPEG", 1, 10, 10, 0), photo)
                db.execute("UPDATE photos SET here = 1 WHERE id = ?", (photo,))
        spaces.set_rows(db, space.id, [(photo, first + i) for i, photo in enumerate(photos)])

    database.write(write)
    space.adopt(photos, first)


@pytest.fixture
def database(tmp_path: Path):
    database = open_for_writing(tmp_path)
    database.write(lambda db: spaces.use_space(db, "s", "tiny", WIDTH))
    yield database
    database.close()


def opened(tmp_path: Path, database: Database) -> Space:
    return Space.open(tmp_path, "s", "tiny", WIDTH, database)


def test_cosines_agree_with_the_plain_product() -> None:
    rows = embeddings(500).astype(np.float16)
    query = embeddings(1, seed=7)[0]
    # float16 of the query and of the products' inputs: 2e-3 is twice their rounding.
    assert np.abs(cosines(query, rows) - rows.astype(np.float32) @ query).max() < 2e-3


@pytest.mark.parametrize("limit", [1, 3, 10, 50])
def test_the_best_are_those_of_a_full_sort_and_equals_keep_their_order(limit: int) -> None:
    scores = np.array([0.5, 0.1, 0.5, 0.9, 0.5, 0.1, 0.9] * 3, np.float32)
    plain = sorted(range(len(scores)), key=lambda i: (-scores[i], i))[:limit]
    assert best(scores, limit).tolist() == plain


def test_a_space_finds_its_own_photos_first(tmp_path: Path, database: Database) -> None:
    space, rows = opened(tmp_path, database), embeddings(200)
    add(database, space, list(range(1, 201)), rows)
    for photo in (1, 77, 200):
        assert space.nearest(rows[photo - 1], 5).photos[0] == photo
    assert space.nearest_of(rows[76], [3, 4, 77], 2).photos[0] == 77


def test_an_empty_space_has_no_hits(tmp_path: Path, database: Database) -> None:
    assert len(opened(tmp_path, database).nearest(embeddings(1)[0], 5).photos) == 0


def test_a_photo_encoded_again_is_found_by_its_new_vector_only(tmp_path: Path, database: Database) -> None:
    space, rows = opened(tmp_path, database), embeddings(20)
    add(database, space, list(range(1, 20)), rows[:19])
    add(database, space, [1], rows[19:])
    for one in (space, opened(tmp_path, database)):
        assert one.nearest(rows[19], 1).photos.tolist() == [1]
        assert 1 not in one.nearest(rows[0], 3).photos
        assert len(one) == 19


def test_hidden_photos_are_passed_over(tmp_path: Path, database: Database) -> None:
    space, rows = opened(tmp_path, database), embeddings(50)
    add(database, space, list(range(1, 51)), rows)
    database.write(lambda db: db.execute("UPDATE photos SET here = 0 WHERE id < 10"))
    found = space.nearest(rows[0], 10).photos.tolist()
    assert len(found) == 10
    assert min(found) >= 10


def test_who_only_looks_cuts_off_no_rows_that_another_is_adding(tmp_path: Path, database: Database) -> None:
    space, rows = opened(tmp_path, database), embeddings(10)
    add(database, space, [1, 2, 3], rows[:3])
    first = space.append(rows[3:6])
    beside = Space.open(tmp_path, "s", "tiny", WIDTH, database, repair=False)
    assert len(beside) == 3
    for photo in (4, 5, 6):
        database.write(
            lambda db, photo=photo: add_photo(db, Picture(b"%d" % photo, b"", "JPEG", 1, 9, 9, 0), photo)
        )
    database.write(lambda db: spaces.set_rows(db, "s", [(photo, first + photo - 4) for photo in (4, 5, 6)]))
    assert opened(tmp_path, database).vectors_of([6]) == pytest.approx(rows[5:6], abs=1e-3)


def test_rows_that_a_crash_left_behind_are_cut_off(tmp_path: Path, database: Database) -> None:
    space, rows = opened(tmp_path, database), embeddings(10)
    add(database, space, [1, 2, 3], rows[:3])
    space.append(rows[3:6])
    with (tmp_path / "spaces/s/vectors.f16").open("ab") as file:
        file.write(b"half a row")
    again = opened(tmp_path, database)
    assert len(VectorFile(tmp_path / "spaces/s/vectors.f16", WIDTH)) == 3
    add(database, again, [4], rows[6:7])
    assert again.nearest(rows[6], 1).photos.tolist() == [4]


def test_photos_whose_rows_the_file_lost_are_to_be_encoded_again(tmp_path: Path, database: Database) -> None:
    space = opened(tmp_path, database)
    add(database, space, [1, 2, 3], embeddings(3))
    with (tmp_path / "spaces/s/vectors.f16").open("r+b") as file:
        file.truncate(WIDTH * 2 * 2 + 5)
    again = opened(tmp_path, database)
    assert (1 in again, 2 in again, 3 in again) == (True, True, False)


def test_a_file_shorter_than_the_library_says_is_damage(tmp_path: Path) -> None:
    with pytest.raises(LibraryDamaged):
        VectorFile(tmp_path / "none", WIDTH).rows(1)


def test_searching_while_adding_sees_whole_photos_only(tmp_path: Path, database: Database) -> None:
    space, rows = opened(tmp_path, database), embeddings(400)
    add(database, space, [1], rows[:1])
    wrong: list[object] = []
    stop = threading.Event()

    def ask() -> None:
        while not stop.is_set():
            near = space.nearest(rows[0], 3)
            if near.photos[0] != 1 or (near.photos < 1).any():
                wrong.append(near)

    asking = threading.Thread(target=ask)
    asking.start()
    for begin in range(1, 400, 7):
        part = rows[begin : begin + 7]
        add(database, space, list(range(begin + 1, begin + 1 + len(part))), part)
    stop.set()
    asking.join()
    assert not wrong


@pytest.mark.skipif(not planner.has_hnswlib(), reason="hnswlib is not installed: exact search serves")
class TestTheGraph:
    def test_it_finds_what_exact_search_finds(self, tmp_path: Path) -> None:
        rows = embeddings(3_000).astype(np.float16)
        graph = Index(tmp_path / "index.hnsw", "s")
        # Later rows are not in the graph and are still found.
        graph.build(rows[:2_500], threading.Event())
        assert graph.kind == "hnsw"
        same = total = 0
        for query in embeddings(30, seed=3):
            exact, _ = graph.nearest(query, rows, 10, exact=True)
            found, _ = graph.nearest(query, rows, 10)
            same, total = same + len(set(exact.tolist()) & set(found.tolist())), total + 10
        assert same / total > 0.98

    def test_it_is_loaded_again_and_a_broken_one_is_forgotten(self, tmp_path: Path) -> None:
        rows = embeddings(500).astype(np.float16)
        Index(tmp_path / "index.hnsw", "s").build(rows, threading.Event())
        again = Index(tmp_path / "index.hnsw", "s")
        again.load(500, WIDTH)
        assert again.kind == "hnsw"
        (tmp_path / "index.hnsw").write_bytes(b"half of it")
        broken = Index(tmp_path / "index.hnsw", "s")
        broken.load(500, WIDTH)
        assert broken.kind == "exact"
        assert not (tmp_path / "index.hnsw").exists()

    def test_a_graph_of_other_vectors_is_not_believed(self, tmp_path: Path) -> None:
        Index(tmp_path / "index.hnsw", "s").build(embeddings(500).astype(np.float16), threading.Event())
        for space, count, width in (("other", 500, WIDTH), ("s", 400, WIDTH), ("s", 500, 64)):
            index = Index(tmp_path / "index.hnsw", space)
            index._file = tmp_path / "copy.hnsw"
            for suffix in (".hnsw", ".json"):
                (tmp_path / f"copy{suffix}").write_bytes((tmp_path / f"index{suffix}").read_bytes())
            index.load(count, width)
            assert index.kind == "exact"
