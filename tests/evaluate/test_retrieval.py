"""Recall is what a plain full sort says, ties and several captions a photo included."""

from __future__ import annotations

import base64
import io
import json
import tarfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from core.errors import ModelError, NotThere, WrongUse
from core.evaluate.retrieval import Captions, Recall, best_ranks, muge, read_captions, retrieval, score
from core.models.encoder import Encoder
from core.models.registry import STARTER, model_folder
from core.progress import Cancelled, CancelToken, silent

COLOURS = {"red": (220, 20, 20), "green": (20, 200, 20), "blue": (20, 20, 220)}


@pytest.fixture(scope="module")
def starter() -> Encoder:
    return Encoder.open(model_folder(STARTER, None), threads=2)


def picture(name: str) -> bytes:
    file = io.BytesIO()
    Image.new("RGB", (40, 30), COLOURS[name]).save(file, "PNG")
    return file.getvalue()


@pytest.fixture
def captions(tmp_path: Path) -> Path:
    path = tmp_path / "captions.jsonl"
    lines = [
        {"id": name, "en": [f"a {name} picture", f"{name} all over"], "zh": ["一张图片"]} for name in COLOURS
    ]
    path.write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")
    return path


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "photos"
    folder.mkdir()
    for name in COLOURS:
        (folder / f"{name}.png").write_bytes(picture(name))
    return folder


def plain_ranks(similar: np.ndarray, true: np.ndarray) -> list[int]:
    """Sort everything, count the false answers before the first true one."""
    ranks = []
    for row, own in zip(similar, true, strict=True):
        order = np.argsort(-row, kind="stable")
        first = next(i for i, answer in enumerate(order) if own[answer])
        ranks.append(first)
    return ranks


@settings(deadline=None, max_examples=100)
@given(st.data())
def test_ranks_are_those_of_a_full_stable_sort(data: st.DataObject) -> None:
    queries, answers = data.draw(st.integers(1, 6)), data.draw(st.integers(1, 7))
    # Few different whole numbers: ties everywhere, and sums that are exact.
    number = st.integers(-1, 1)
    left = np.array(
        data.draw(st.lists(st.lists(number, min_size=3, max_size=3), min_size=queries, max_size=queries))
    )
    right = np.array(
        data.draw(st.lists(st.lists(number, min_size=3, max_size=3), min_size=answers, max_size=answers))
    )
    true = np.array(
        data.draw(
            st.lists(
                st.lists(st.booleans(), min_size=answers, max_size=answers).filter(any),
                min_size=queries,
                max_size=queries,
            )
        )
    )

    found = best_ranks(left.astype(np.float32), right.astype(np.float32), true)

    assert found.tolist() == plain_ranks(left @ right.T, true)


def test_recall_counts_ranks_below_k() -> None:
    assert Recall.of(np.array([0, 4, 5, 10])) == Recall(r1=0.25, r5=0.5, r10=0.75)


def test_a_folder_and_a_tar_of_it_score_the_same(
    starter: Encoder, folder: Path, captions: Path, tmp_path: Path
) -> None:
    with tarfile.open(tmp_path / "photos.tar", "w") as archive:
        archive.add(folder, "photos")

    scores = [
        retrieval(starter, images, captions, "en", False, silent, CancelToken())
        for images in (folder, tmp_path / "photos.tar")
    ]

    assert scores[0] == scores[1]
    assert (scores[0].n_images, scores[0].n_texts) == (3, 6)
    assert scores[0].text_to_image.r5 == scores[0].image_to_text.r10 == 1


def test_the_first_caption_alone_is_one_text_a_photo(starter: Encoder, folder: Path, captions: Path) -> None:
    found = retrieval(starter, folder, captions, "en", True, silent, CancelToken()).as_json()

    assert found["n_texts"] == 3
    assert set(found) == {"n_images", "n_texts", "text_to_image", "image_to_text", "mean_recall"}
    assert set(found["text_to_image"]) == {"r1", "r5", "r10"}


def test_the_muge_layout_is_read(starter: Encoder, tmp_path: Path) -> None:
    rows = [f"{i}\t{base64.urlsafe_b64encode(picture(name)).decode()}\n" for i, name in enumerate(COLOURS)]
    (tmp_path / "valid_imgs.tsv").write_text("".join(rows), encoding="ascii")
    texts = [
        {"text_id": 7, "text": "红色", "image_ids": [0]},
        {"text_id": 8, "text": "图片", "image_ids": [1, 2]},
    ]
    lines = "".join(json.dumps(text) + "\n" for text in texts)
    (tmp_path / "valid_texts.jsonl").write_text(lines, encoding="utf-8")

    scores = muge(starter, tmp_path, silent, CancelToken())

    assert (scores.n_images, scores.n_texts) == (3, 2)


def test_a_caption_without_its_photo_is_said(starter: Encoder, folder: Path, captions: Path) -> None:
    (folder / "red.png").unlink()

    with pytest.raises(WrongUse, match="red"):
        retrieval(starter, folder, captions, "en", True, silent, CancelToken())


def test_a_language_without_captions_is_said(starter: Encoder, folder: Path, captions: Path) -> None:
    with pytest.raises(WrongUse, match="fr"):
        retrieval(starter, folder, captions, "fr", True, silent, CancelToken())


def test_photos_that_are_not_there_are_said(starter: Encoder, captions: Path, tmp_path: Path) -> None:
    with pytest.raises(NotThere):
        retrieval(starter, tmp_path / "none.tar", captions, "en", True, silent, CancelToken())


def test_a_cancelled_evaluation_stops(starter: Encoder, folder: Path, captions: Path) -> None:
    cancel = CancelToken()
    cancel.cancel()

    with pytest.raises(Cancelled):
        retrieval(starter, folder, captions, "en", True, silent, cancel)


def test_a_split_without_captions_is_said(starter: Encoder, tmp_path: Path) -> None:
    (tmp_path / "test_imgs.tsv").write_text("1\t" + base64.b64encode(picture("red")).decode() + "\n")
    (tmp_path / "test_texts.jsonl").write_text('{"text_id": 1, "text": "red", "image_ids": []}\n')
    with pytest.raises(WrongUse, match="no caption"):
        muge(starter, tmp_path, silent, CancelToken())


def test_embeddings_that_are_no_numbers_are_no_perfect_score(starter: Encoder) -> None:
    captions = Captions(["red"], [("1",)])
    with pytest.raises(ModelError, match="no numbers"):
        score(starter, ["1"], np.full((1, starter.spec.width), np.nan, np.float32), captions, CancelToken())


def test_an_id_may_be_a_number(tmp_path: Path) -> None:
    (tmp_path / "captions.jsonl").write_text('{"id": 7, "en": ["red"]}\n')
    assert read_captions(tmp_path / "captions.jsonl", "en", False).photos == [("7",)]
