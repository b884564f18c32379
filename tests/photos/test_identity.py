"""Who a file is: metadata may change, the picture may not."""

from __future__ import annotations

import io
import struct
from pathlib import Path

import pillow_heif
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from core.photos.containers.parts import tiff_part
from core.photos.identity import identify
from tests.photos.made_pictures import corners, exif_of, jpeg, saved, with_chunk, with_segment

JPEG = jpeg()
PNG = saved(corners(), "PNG")
WEBP = saved(corners(), "WEBP", lossless=True)


def heic(**more: object) -> bytes:
    file = io.BytesIO()
    pillow_heif.from_pillow(corners()).save(file, quality=80, **more)
    return file.getvalue()


@given(data=st.binary(max_size=600))
@settings(max_examples=300)
def test_any_bytes_have_an_identity(data: bytes) -> None:
    identity = identify(data)
    assert len(identity.file_hash) == len(identity.picture_hash) == 16
    assert 1 <= identity.turn <= 8


@given(
    start=st.sampled_from([JPEG, PNG, WEBP, heic(), saved(corners(), "AVIF"), saved(corners(), "TIFF")]),
    places=st.lists(st.tuples(st.integers(0, 4000), st.integers(0, 255)), min_size=1, max_size=6),
    cut=st.integers(0, 5000),
)
@settings(max_examples=400)
def test_any_damage_leaves_an_identity(start: bytes, places: list[tuple[int, int]], cut: int) -> None:
    damaged = bytearray(start[: max(1, len(start) - cut)])
    for place, value in places:
        damaged[place % len(damaged)] = value
    assert len(identify(bytes(damaged)).picture_hash) == 16


@given(
    marker=st.sampled_from([0xE1, 0xE3, 0xED, 0xEF, 0xFE]),
    body=st.binary(max_size=300).filter(lambda body: not body.startswith(b"Exif\0")),
)
def test_other_words_in_a_jpeg_leave_its_picture_the_same(marker: int, body: bytes) -> None:
    plain, changed = identify(JPEG), identify(with_segment(JPEG, marker, body))
    assert changed.picture_hash == plain.picture_hash
    assert changed.file_hash != plain.file_hash
    assert changed.clean


@given(body=st.binary(max_size=300))
def test_other_words_in_a_png_leave_its_picture_the_same(body: bytes) -> None:
    plain, changed = identify(PNG), identify(with_chunk(PNG, b"tEXt", b"Comment\0" + body))
    assert changed.picture_hash == plain.picture_hash
    assert changed.clean


def test_metadata_added_to_a_webp_leaves_its_picture_the_same() -> None:
    tagged = saved(corners(), "WEBP", lossless=True, exif=exif_of(t010F="Maker"), xmp=b"<x:xmpmeta/>")
    assert b"VP8X" in tagged
    assert b"VP8X" not in WEBP
    assert identify(tagged).picture_hash == identify(WEBP).picture_hash
    assert identify(tagged).clean


def test_metadata_added_to_a_heic_leaves_its_picture_the_same() -> None:
    plain, tagged = heic(), heic(exif=exif_of(t010F="Maker", e9003="2020:01:02 03:04:05"))
    assert identify(plain).clean
    assert identify(tagged).clean
    assert plain != tagged
    # libheif numbers items in the order of writing, the picture first, so that its number stays the same.
    assert identify(plain).picture_hash == identify(tagged).picture_hash


@pytest.mark.parametrize("data", [JPEG, PNG, WEBP, heic(), saved(corners(), "AVIF")])
def test_a_file_cut_anywhere_is_not_clean(data: bytes) -> None:
    assert identify(data).clean
    for keep in range(12, len(data) - 2, max(1, len(data) // 40)):
        assert not identify(data[:keep]).clean, f"{keep} of {len(data)} bytes"


@pytest.mark.parametrize("data", [JPEG, PNG, WEBP])
def test_another_orientation_is_another_picture(data: bytes) -> None:
    picture_format = Image.open(io.BytesIO(data)).format or ""
    more = {"lossless": True} if picture_format == "WEBP" else {"quality": 95, "subsampling": 0}
    hashes = {
        identify(saved(corners(), picture_format, exif=exif_of(t0112=turn), **more)).picture_hash
        for turn in range(1, 9)
    }
    assert len(hashes) == 8


def test_a_clip_after_a_jpeg_is_not_its_picture_but_its_file() -> None:
    motion = JPEG + b"\0\0\0\x18ftypmp42" + bytes(100)
    assert identify(motion).picture_hash == identify(JPEG).picture_hash
    assert identify(motion).file_hash != identify(JPEG).file_hash
    assert identify(motion).clean


@pytest.mark.parametrize(
    ("marker", "body"),
    [
        (0xE2, b"ICC_PROFILE\0\1\1" + bytes(128)),
        (0xEE, b"Adobe\0\x64\0\0\0\0\0"),
        (0xDB, b"\0" + bytes(range(1, 65))),
    ],
)
def test_what_changes_the_look_of_a_jpeg_changes_its_picture(marker: int, body: bytes) -> None:
    assert identify(with_segment(JPEG, marker, body)).picture_hash != identify(JPEG).picture_hash


def test_one_flipped_bit_in_a_png_is_not_clean() -> None:
    damaged = bytearray(PNG)
    damaged[len(PNG) // 2] ^= 1
    assert not identify(bytes(damaged)).clean


@pytest.mark.parametrize("picture_format", ["HEIF", "AVIF"])
@pytest.mark.parametrize("turn", range(1, 9))
def test_pictures_in_boxes_know_their_turn_from_their_own_properties(picture_format: str, turn: int) -> None:
    pillow_heif.register_heif_opener()
    data = saved(corners(), picture_format, exif=exif_of(t0112=turn))
    assert identify(data).turn == turn


def test_an_exif_block_is_found_after_whatever_stands_before_it() -> None:
    block = exif_of(t0112=6).removeprefix(b"Exif\0\0")
    for before in (b"", b"Exif\0\0", struct.pack(">I", 0), struct.pack(">I", 6) + b"Exif\0\0"):
        assert tiff_part(before + block) == block
    assert tiff_part(b"nonsense") == b""


def test_edited_copies_of_real_photos_are_the_same_picture(shared_data: Path) -> None:
    folder = shared_data / "photos" / "2020" / "2020-05 散步 walk"
    first, second = (
        identify((folder / name).read_bytes()) for name in ("IMG_2927.HEIC", "IMG_2927 (编辑过).heic")
    )
    assert first.clean
    assert second.clean
    assert first.picture_hash == second.picture_hash
    assert first.file_hash != second.file_hash
