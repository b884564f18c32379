"""What a file is: content first, the name for ties and for what is passed over."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.photos.kinds import Kind, format_of, kind_of, passed_over_by_name
from tests.photos.made_pictures import corners, jpeg, saved

FILM = b"\0\0\0\x18ftypmp42\0\0\0\0isommp42"
DNG = b"II*\0\x08\0\0\0\x02\0" + b"\0\1\4\0\1\0\0\0\x10\0\0\0" + b"\x12\xc6\1\0\4\0\0\0\1\4\0\0" + bytes(4)
TIFF = saved(corners(), "TIFF")


@pytest.mark.parametrize(
    ("name", "head", "kind"),
    [
        ("holiday.png", jpeg(), Kind.PHOTO),
        ("no extension", jpeg(), Kind.PHOTO),
        ("photo.jpg.part", jpeg(), Kind.PHOTO),
        (".hidden.jpg", jpeg(), Kind.PHOTO),
        ("raw.dng", jpeg(), Kind.PHOTO),
        ("scan.tif", TIFF, Kind.PHOTO),
        ("shot.nef", TIFF, Kind.RAW),
        ("a dng by content.tif", DNG, Kind.RAW),
        ("shot.raf", b"FUJIFILMCCD-RAW 0201", Kind.RAW),
        ("shot.cr3", b"\0\0\0\x18ftypcrx \0\0\0\1", Kind.RAW),
        ("clip.mov", b"\0\0\0\x14ftypqt  ", Kind.VIDEO),
        ("clip", FILM, Kind.VIDEO),
        ("clip.avi", b"RIFF\0\0\0\0AVI LIST", Kind.VIDEO),
        ("clip named as a picture.jpg", FILM, Kind.PHOTO),
        ("text named as a picture.jpg", b"hello", Kind.PHOTO),
        ("empty.jpg", b"", Kind.PHOTO),
        ("a.jpg.xmp", b"<x:xmpmeta", Kind.SIDECAR),
        ("IMG_1.AAE", b"<?xml", Kind.SIDECAR),
        ("MOV00853.THM", jpeg(), Kind.SIDECAR),
        ("Thumbs.db", b"\xd0\xcf", Kind.JUNK),
        ("._IMG_1.JPG", b"\0\5\x16\7\0\2", Kind.JUNK),
        ("resource fork", b"\0\5\x16\7\0\2", Kind.JUNK),
        ("notes.txt", b"hello", Kind.OTHER),
        ("BMW.txt", b"BMW is a car, this is a text.", Kind.OTHER),
        ("empty", b"", Kind.OTHER),
    ],
)
def test_content_decides_what_a_file_is_and_the_name_breaks_ties(name: str, head: bytes, kind: Kind) -> None:
    assert kind_of(name, head[:4096]) is kind


@pytest.mark.parametrize(
    ("brand", "compatible", "expected"),
    [
        (b"heic", b"mif1", "HEIF"),
        (b"mif1", b"heic", "HEIF"),
        (b"mif1", b"avif", "AVIF"),
        (b"avif", b"mif1", "AVIF"),
        (b"qt  ", b"qt  ", None),
    ],
)
def test_boxes_are_told_apart_by_their_brands(brand: bytes, compatible: bytes, expected: str | None) -> None:
    assert format_of(b"\0\0\0\x14ftyp" + brand + bytes(4) + compatible) == expected


@pytest.mark.parametrize(
    "name",
    [
        "._IMG_1.JPG",
        ".trashed-1700000000-IMG.jpg",
        "@eaDir",
        ".thumbnails",
        "#recycle",
        "MOV1.THM",
        "Thumbs.db",
    ],
)
def test_what_systems_leave_behind_is_passed_over_by_name(name: str) -> None:
    assert passed_over_by_name(name)


@pytest.mark.parametrize(
    "name", [".hidden.jpg", "...dots...jpg", "recycle", "thumbnails", "2001", "a_._b.jpg"]
)
def test_names_of_people_are_not_passed_over(name: str) -> None:
    assert not passed_over_by_name(name)


@given(st.text(), st.binary(max_size=64))
def test_any_name_and_content_have_a_kind(name: str, head: bytes) -> None:
    assert kind_of(name, head) in Kind
