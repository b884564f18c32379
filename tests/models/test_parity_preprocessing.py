"""The reference mode is the references' own pixels; the program's mode differs from it by rounding alone."""

from __future__ import annotations

import warnings
from pathlib import Path

import numpy as np
import pytest
from PIL import ExifTags, Image

from core.models.encoder import Encoder
from core.models.preprocess import normalise, reference_square, square
from core.models.spec import Preprocessing
from core.photos.decode import DecodePlan, decode

MEAN = (0.48145466, 0.4578275, 0.40821073)
STD = (0.26862954, 0.26130258, 0.27577711)
MODES = {"openai": "crop", "cn": "squash"}


def preprocessing(kind: str, size_px: int = 224) -> Preprocessing:
    return Preprocessing(MODES[kind], size_px, "bicubic", MEAN, STD)


@pytest.fixture(scope="module")
def folder(shared_data: Path) -> Path:
    return shared_data / "parity/preprocess"


# Pillow's advice about palettes, which the references do not follow either.
@pytest.mark.filterwarnings("ignore:Palette images with Transparency")
@pytest.mark.parametrize("kind", MODES)
def test_the_reference_mode_gives_every_golden_pixel(folder: Path, kind: str) -> None:
    files = sorted((folder / "src").iterdir())
    goldens = np.load(folder / "preprocess.npz")

    different = []
    for file in files:
        with Image.open(file) as image:
            found = reference_square(image, preprocessing(kind))
        if not np.array_equal(found.transpose(2, 0, 1), goldens[f"{kind}/{file.name}"]):
            different.append(file.name)

    assert len(files) == 28
    assert different == []


def test_the_goldens_mean_and_spread_are_those_of_the_specs(folder: Path) -> None:
    goldens = np.load(folder / "preprocess.npz")

    np.testing.assert_allclose(goldens["mean"], MEAN, rtol=1e-6)
    np.testing.assert_allclose(goldens["std"], STD, rtol=1e-6)


def test_normalising_is_the_references_formula(folder: Path) -> None:
    goldens = np.load(folder / "preprocess.npz")
    levels = goldens["openai/n1_landscape_320x240.png"]
    mean, std = (np.array(values, np.float32).reshape(3, 1, 1) for values in (MEAN, STD))
    expected = (levels.astype(np.float32) / 255 - mean) / std

    found = normalise(levels.transpose(1, 2, 0)[None], preprocessing("openai"))[0]

    np.testing.assert_allclose(found, expected, atol=1e-6)


@pytest.mark.parametrize("kind", MODES)
def test_both_modes_agree_on_plain_pictures(folder: Path, kind: str) -> None:
    names = [file.name for file in (folder / "src").iterdir() if file.name.startswith(("rgb_", "n"))]
    names = [name for name in names if "exif" not in name and "trns" not in name]
    assert len(names) >= 8
    for name in names:
        with Image.open(folder / "src" / name) as image:
            if image.mode != "RGB":
                continue
            ours, theirs = square(image, preprocessing(kind)), reference_square(image, preprocessing(kind))
        assert np.abs(ours.astype(int) - theirs).mean() < 1, name


@pytest.mark.parametrize("mode", ["crop", "squash"])
def test_photos_decoded_the_programs_way_keep_their_embedding(
    shared_data: Path, starter: Encoder, mode: str
) -> None:
    plan = DecodePlan(side_px=224, mode=mode, interpolation="bicubic")
    ours, theirs = [], []
    for file in plain_photos(shared_data / "photos", 30):
        decoded = decode(file.read_bytes(), file.name, plan)
        ours.append(np.frombuffer(decoded.pixels, np.uint8).reshape(224, 224, 3))
        with Image.open(file) as image:
            theirs.append(reference_square(image, Preprocessing(mode, 224, "bicubic", MEAN, STD)))

    one, two = starter.encode_images(np.stack(ours)), starter.encode_images(np.stack(theirs))

    assert (one * two).sum(axis=1).min() >= 0.998


def plain_photos(folder: Path, count: int) -> list[Path]:
    """Large photos that are upright 8-bit sRGB, where both modes are meant to agree and JPEGs are read scaled."""
    found = []
    for file in sorted(folder.rglob("*.[jJ][pP][gG]")):
        try:
            with warnings.catch_warnings(), Image.open(file) as image:
                # Files with damaged metadata are among them.
                warnings.simplefilter("ignore")
                image.load()
                upright = image.getexif().get(ExifTags.Base.Orientation, 1) == 1
                plain = image.mode == "RGB" and not image.info.get("icc_profile")
                if upright and plain and min(image.size) > 500:
                    found.append(file)
        except (OSError, ValueError, SyntaxError):
            continue
        if len(found) == count:
            break
    assert len(found) == count
    return found
