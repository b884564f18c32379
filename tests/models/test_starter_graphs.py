"""The torch towers and the graphs are the same function, and what ships is what training starts from."""

from __future__ import annotations

import base64
import json
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from core.models.encoder import Encoder
from core.models.preprocess import normalise
from core.models.tokenize import Tokenizer

torch = pytest.importorskip("torch", reason="needs the train extra (torch)")
onnx = pytest.importorskip("onnx", reason="needs the train extra (onnx)")

from core.models.convert.starter import graph, weights  # noqa: E402
from core.models.convert.starter.e5 import BLOCK, BlockMatrix  # noqa: E402
from core.models.convert.starter.export import export_image_tower, export_text_tower  # noqa: E402
from core.models.convert.starter.towers import FORMS, ImageTower  # noqa: E402
from core.models.convert.starter.vocabulary import Vocabulary  # noqa: E402
from core.models.spec import IMAGE_FILE, TEXT_FILE  # noqa: E402

TEXTS = ["a dog runs on the beach", "一只狗在沙滩上奔跑", "x"]


def test_the_text_tower_read_back_is_the_one_that_ships(starter: Encoder) -> None:
    tower = weights.text_tower(starter.folder)
    feed = Tokenizer(starter.folder, starter.spec)(TEXTS)

    with torch.inference_mode():
        embeddings = tower(**{name: torch.from_numpy(array) for name, array in feed.items()}).numpy()

    assert (embeddings * starter.encode_texts(TEXTS)).sum(axis=1).min() > 0.9999


def test_the_image_tower_read_back_is_the_one_that_ships(starter: Encoder) -> None:
    tower = weights.image_tower(starter.folder)
    pixels = np.random.default_rng(1).integers(0, 256, (3, 224, 224, 3), np.uint8)

    with torch.inference_mode():
        embeddings = tower(torch.from_numpy(normalise(pixels, starter.spec.preprocessing))).numpy()

    assert (embeddings * starter.encode_images(pixels)).sum(axis=1).min() > 0.9999


def test_weights_written_again_are_the_same_weights(starter: Encoder, tmp_path: Path) -> None:
    folders = [starter.folder, tmp_path / "once", tmp_path / "twice"]
    for before, after in pairwise(folders):
        after.mkdir()
        export_image_tower(weights.image_tower(before), after / IMAGE_FILE)
        export_text_tower(weights.text_tower(before), after / TEXT_FILE)

    for file in (IMAGE_FILE, TEXT_FILE):
        assert (folders[1] / file).read_bytes() == (folders[2] / file).read_bytes()


def test_a_first_edition_with_one_encoder_is_read_too(tmp_path: Path) -> None:
    torch.manual_seed(0)
    tower = ImageTower(FORMS[:1]).eval()
    export_image_tower(tower, tmp_path / IMAGE_FILE)
    model = onnx.load(tmp_path / IMAGE_FILE)
    for initialiser in model.graph.initializer:
        initialiser.name = initialiser.name.replace("lite.encoders.0.", "lite.")
    onnx.save(model, tmp_path / IMAGE_FILE)
    pixels = torch.randn(2, 3, 224, 224)

    found = weights.image_tower(tmp_path)

    with torch.inference_mode():
        assert float((found(pixels) * tower(pixels)).sum(1).min()) > 0.999


def test_eight_bits_err_by_half_a_step_at_most() -> None:
    matrix = np.random.default_rng(5).normal(size=(4, 3, 64)).astype(np.float32)
    matrix[1, 2] = 0

    steps, scale = graph.to_octets(matrix, (2,))

    assert scale.shape == (4, 3, 1)
    # A scale of eleven bits may end up to half a step short of the largest weight's own.
    assert (np.abs(steps * scale - matrix) <= scale * 0.54).all()


def test_weights_of_eight_bits_stay_as_they_are() -> None:
    given = graph.in_octets(np.random.default_rng(6).normal(size=(6, 3, 5, 5)).astype(np.float32), (1, 2, 3))

    np.testing.assert_array_equal(graph.in_octets(given, (1, 2, 3)), given)


def test_four_bits_err_by_less_than_a_twelfth_of_a_blocks_reach() -> None:
    matrix = np.random.default_rng(2).normal(size=(5, 4 * BLOCK)).astype(np.float32)

    dense = graph.to_blocks(matrix).dense()

    reach = np.abs(matrix.reshape(5, 4, BLOCK)).max(axis=2, keepdims=True)
    assert (np.abs(dense - matrix).reshape(5, 4, BLOCK) <= reach / 12 + 1e-3).all()


def test_a_matrix_of_four_bits_stays_as_it_is() -> None:
    random = np.random.default_rng(4)
    nibbles = random.integers(0, 16, (6, 2 * BLOCK), np.uint8)
    nibbles[:, ::BLOCK] = 0  # every block reaches its end, as rounded ones do
    given = BlockMatrix(random.uniform(0.01, 1, (6, 2)).astype(np.float16), nibbles)

    np.testing.assert_array_equal(graph.to_blocks(given.dense()).dense(), given.dense())


def test_a_cut_vocabulary_cuts_the_texts_it_was_made_for_as_before(starter_folder: Path) -> None:
    pieces = ["<s>", "</s>", "<unk>", "▁", "a", "b", "c", "▁ab", "bc", "▁abc", "狗", "▁ccc"]
    scores = -np.arange(len(pieces), dtype=np.float32)
    charsmap = _charsmap(starter_folder)
    whole = Vocabulary(pieces, scores, charsmap, bos=0, eos=1, pad=2, unk=2)

    kept = whole.used_by(["abc", "bc 狗"])
    cut = whole.cut_to(kept)

    for text in ("abc", "bc 狗", "abc bc"):
        assert cut.tokenizer().encode(text).tokens == whole.tokenizer().encode(text).tokens
    assert "▁ccc" not in cut.pieces
    assert [cut.pieces[i] for i in (cut.bos, cut.eos, cut.unk)] == ["<s>", "</s>", "<unk>"]


def _charsmap(folder: Path) -> bytes:
    content = json.loads((folder / "tokenizer.json").read_text(encoding="utf-8"))
    return base64.b64decode(content["normalizer"]["normalizers"][0]["precompiled_charsmap"])
