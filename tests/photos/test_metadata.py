"""What a photo says about itself, and that trouble in it costs nothing else."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import TiffImagePlugin

from core.photos.metadata import Metadata, read_metadata
from tests.photos.made_pictures import corners, exif_of, jpeg, saved, with_segment

XMP = """<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">
<rdf:Description xmlns:xmp="http://ns.adobe.com/xap/1.0/" xmlns:dc="http://purl.org/dc/elements/1.1/"
 xmlns:exif="http://ns.adobe.com/exif/1.0/" xmp:Rating="4" exif:DateTimeOriginal="2013-07-05T03:18:27Z"
 exif:GPSLatitude="47,37.63N" exif:GPSLongitude="122,20.24W">
<dc:subject><rdf:Bag><rdf:li>海</rdf:li><rdf:li>dog</rdf:li></rdf:Bag></dc:subject>
<dc:description><rdf:Alt><rdf:li xml:lang="en">a beach</rdf:li><rdf:li xml:lang="x-default">海边</rdf:li></rdf:Alt>
</dc:description></rdf:Description></rdf:RDF></x:xmpmeta>""".encode()


def rational(*numbers: float) -> tuple[TiffImagePlugin.IFDRational, ...]:
    return tuple(TiffImagePlugin.IFDRational(round(number * 10_000), 10_000) for number in numbers)


def read(data: bytes, name: str = "a.jpg", mtime_ns: int | None = None) -> Metadata:
    return read_metadata(data, name, mtime_ns=mtime_ns)


@pytest.mark.parametrize("picture_format", ["JPEG", "PNG", "WEBP", "TIFF", "AVIF"])
def test_exif_is_read_in_every_container(picture_format: str) -> None:
    exif = exif_of(
        t010F="Canon", t0110="Canon EOS 7D", e9003="2018:07:16 17:52:21", e9011="+08:00", eA434="EF 50mm",
        g0001="S", g0002=rational(33, 30, 0), g0003="W", g0004=rational(70, 15, 36),
    )  # fmt: skip
    found = read(saved(corners(), picture_format, exif=exif))
    assert (found.taken, found.taken_from) == ("2018-07-16T17:52:21+08:00", "exif")
    assert (found.camera, found.lens) == ("Canon EOS 7D", "EF 50mm")
    assert (found.latitude, found.longitude) == (-33.5, -70.26)


def test_an_xmp_packet_gives_words_rating_date_and_place() -> None:
    found = read(with_segment(jpeg(), 0xE1, b"http://ns.adobe.com/xap/1.0/\0" + XMP))
    assert found.keywords == ("海", "dog")
    assert (found.caption, found.rating) == ("海边", 4)
    assert (found.taken, found.taken_from) == ("2013-07-05T03:18:27+00:00", "xmp")
    assert found.latitude == pytest.approx(47.6271667)
    assert found.longitude == pytest.approx(-122.3373333)


def test_iptc_records_give_caption_and_keywords() -> None:
    records = b"".join(
        b"\x1c\2" + bytes((number,)) + len(text).to_bytes(2, "big") + text
        for number, text in ((25, "霜".encode()), (25, b"yard"), (120, b"frost"))
    )
    block = b"Photoshop 3.0\x008BIM\4\4\0\0" + len(records).to_bytes(4, "big") + records
    found = read(with_segment(jpeg(), 0xED, block))
    assert (found.caption, found.keywords) == ("frost", ("霜", "yard"))


@pytest.mark.parametrize(
    ("make", "model", "camera"),
    [
        ("Canon", "Canon EOS 7D", "Canon EOS 7D"),
        ("NIKON CORPORATION", "NIKON D750", "NIKON D750"),
        ("SANYO Electric Co.,Ltd", "S1", "SANYO S1"),
        ("Apple", "iPhone 4", "Apple iPhone 4"),
        ("", "X100", "X100"),
        ("Huawei", "", "Huawei"),
    ],
)
def test_a_camera_names_its_make_once(make: str, model: str, camera: str) -> None:
    assert read(jpeg(exif=exif_of(t010F=make, t0110=model))).camera == camera


def test_a_date_comes_from_the_best_source_there_is() -> None:
    original, digitized, changed = "2001:01:01 01:01:01", "2002:02:02 02:02:02", "2003:03:03 03:03:03"
    name, mtime_ns = "IMG_20040404_040404.jpg", 1_100_000_000 * 10**9
    every = jpeg(exif=exif_of(e9003=original, e9004=digitized, t0132=changed))
    assert read(every, name, mtime_ns).taken == "2001-01-01T01:01:01"
    later = jpeg(exif=exif_of(e9003="0000:00:00 00:00:00", e9004=digitized, t0132=changed))
    assert read(later, name, mtime_ns).taken == "2002-02-02T02:02:02"
    only_changed = jpeg(exif=exif_of(t0132=changed))
    assert read(only_changed, name, mtime_ns).taken_from == "name"
    assert (read(only_changed).taken, read(only_changed).taken_from) == ("2003-03-03T03:03:03", "file")
    assert read(jpeg(), "a.jpg", mtime_ns).taken_from == "file"
    assert (read(jpeg()).taken, read(jpeg()).taken_from) == (None, None)


@pytest.mark.parametrize(
    "gps",
    [
        {"g0001": "N", "g0002": rational(0, 0, 0), "g0003": "E", "g0004": rational(0, 0, 0)},
        {"g0002": rational(10, 0, 0), "g0004": rational(10, 0, 0)},
        {"g0001": "N", "g0002": rational(91, 0, 0), "g0003": "E", "g0004": rational(10, 0, 0)},
        {"g0001": "N", "g0003": "E"},
    ],
)
def test_what_is_no_place_gives_none(gps: dict[str, object]) -> None:
    found = read(jpeg(exif=exif_of(**gps)))
    assert (found.latitude, found.longitude) == (None, None)


@pytest.mark.parametrize("turn", [0, 9, 65535])
def test_an_orientation_that_is_none_leaves_the_picture_as_it_is(turn: int) -> None:
    assert read(jpeg(exif=exif_of(t0112=turn))).orientation == 1


def test_what_a_camera_writes_by_itself_is_no_caption() -> None:
    assert read(jpeg(exif=exif_of(t010E="OLYMPUS DIGITAL CAMERA         "))).caption is None
    assert read(jpeg(exif=exif_of(t010E="Grandmother's garden"))).caption == "Grandmother's garden"


def test_text_of_a_chinese_device_is_read_as_chinese() -> None:
    block = exif_of(t010E="xxxx").replace(b"xxxx", "外婆".encode("gb18030"))
    assert read(jpeg(exif=block)).caption == "外婆"


def test_entities_of_a_packet_are_not_unfolded() -> None:
    bomb = b'<!DOCTYPE x [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;">]>' + XMP
    assert read(with_segment(jpeg(), 0xE1, b"http://ns.adobe.com/xap/1.0/\0" + bomb)).keywords == ()


@given(block=st.binary(max_size=200), start=st.sampled_from([b"", b"II*\0\x08\0\0\0", b"MM\0*\0\0\0\x08"]))
@settings(max_examples=300)
def test_any_exif_and_xmp_are_read_without_trouble(block: bytes, start: bytes) -> None:
    data = with_segment(jpeg(16, 16), 0xE1, b"Exif\0\0" + start + block)
    data = with_segment(data, 0xE1, b"http://ns.adobe.com/xap/1.0/\0" + block)
    assert 1 <= read(data).orientation <= 8


def test_real_photos_say_what_exiftool_reads_in_them(shared_data: Path) -> None:
    folder = shared_data / "photos"
    expected = json.loads((folder / "expected.json").read_text(encoding="utf-8"))["photos"]
    for photo in expected:
        path = folder / photo["path"]
        found = read_metadata(path.read_bytes(), path.name)
        if photo["date_taken"]:
            taken = photo["date_taken"].replace("Z", "+00:00") + (photo.get("utc_offset") or "")
            assert found.taken == taken, photo["path"]
        else:
            assert found.taken_from in ("name", "file", None), photo["path"]
        assert (photo["camera_model"] or "").strip() in (found.camera or ""), photo["path"]
        assert photo["lens"] in (found.lens, None), photo["path"]
        place = None if found.latitude is None else [found.latitude, found.longitude]
        assert place == (None if photo["gps"] is None else pytest.approx(photo["gps"], abs=1e-6)), photo[
            "path"
        ]
        assert found.orientation == (photo["exif_orientation"] or 1), photo["path"]
