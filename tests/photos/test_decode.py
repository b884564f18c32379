"""From bytes to a picture: every format and kind of colour, upright, and a fault with a word for the rest."""

from __future__ import annotations

import io
from dataclasses import replace
from typing import Any

import numpy as np
import pillow_heif
import pillow_jxl  # noqa: F401  (writes JPEG XL)
import pytest
from PIL import Image, ImageCms

from core.errors import PhotoFault
from core.photos.costs import Cost, TooCostly
from core.photos.decode import decode
from core.photos.faults import WHAT_TO_DO
from core.photos.identity import identify
from core.photos.orientation import upright
from tests.photos.made_pictures import (
    PLAN,
    assert_upright,
    colours_of,
    corners,
    dng,
    exif_of,
    jpeg,
    saved,
    with_segment,
)

pillow_heif.register_heif_opener()

LOSSLESS: dict[str, dict[str, Any]] = {
    "JPEG": {"quality": 95, "subsampling": 0},
    "PNG": {},
    "GIF": {},
    "BMP": {},
    "TIFF": {},
    "WEBP": {"lossless": True},
    "AVIF": {"quality": 95},
    "HEIF": {"quality": 95},
    "JPEG2000": {},
    "JXL": {"lossless": True},
}


def fault_of(data: bytes, name: str = "a.jpg") -> PhotoFault:
    with pytest.raises(PhotoFault) as caught:
        decode(data, name, PLAN)
    assert caught.value.code in WHAT_TO_DO
    assert str(caught.value).endswith(".")
    return caught.value


@pytest.mark.parametrize("picture_format", LOSSLESS)
def test_every_format_is_decoded(picture_format: str) -> None:
    found = decode(saved(corners(), picture_format, **LOSSLESS[picture_format]), "a", PLAN)
    assert (found.width, found.height, found.frames, found.format) == (96, 64, 1, picture_format)
    assert len(found.pixels) == PLAN.side_px**2 * 3
    assert len(found.signature) == 16 * 16 * 3
    assert_upright(found.pixels)
    thumb = Image.open(io.BytesIO(found.thumb))
    assert (thumb.size, thumb.format, thumb.info.get("exif")) == ((64, 43), "JPEG", None)


@pytest.mark.parametrize("turn", range(1, 9))
@pytest.mark.parametrize("picture_format", ["JPEG", "PNG", "WEBP", "TIFF", "HEIF", "AVIF", "JXL"])
def test_all_eight_orientations_come_out_upright(picture_format: str, turn: int) -> None:
    methods = {2: 0, 3: 3, 4: 1, 5: 5, 6: 2, 7: 6, 8: 4}  # how a camera held so would have stored the picture
    stored = corners() if turn == 1 else corners().transpose(Image.Transpose(methods[turn]))
    data = saved(stored, picture_format, exif=exif_of(t0112=turn), **LOSSLESS[picture_format])
    found = decode(data, "a", PLAN)
    assert (found.width, found.height) == (96, 64)
    assert_upright(found.pixels)
    assert found.metadata.orientation == identify(data).turn == turn


@pytest.mark.parametrize("mode", ["L", "1", "P", "CMYK", "LAB"])
def test_every_kind_of_colour_becomes_rgb(mode: str) -> None:
    if mode == "LAB":
        rgb, lab = ImageCms.createProfile("sRGB"), ImageCms.createProfile("LAB")
        image = ImageCms.profileToProfile(corners(), rgb, lab, outputMode="LAB")
        assert image is not None
    else:
        image = corners(mode=mode)
    found = decode(saved(image, "TIFF"), "a.tif", PLAN)
    if mode in ("P", "CMYK", "LAB"):
        assert_upright(found.pixels, within=16)
    else:
        assert_grey(found.pixels, 87, within=3 if mode == "L" else 60)


def assert_grey(pixels: bytes, level: int, within: int = 3) -> None:
    red, green, blue = colours_of(pixels, PLAN.side_px)["top left"]
    assert max(red, green, blue) - min(red, green, blue) <= 2
    assert abs(red - level) <= within


def test_sixteen_bits_are_scaled_and_not_cut() -> None:
    grey = Image.fromarray(np.full((40, 40), 32768, np.uint16))
    for picture_format in ("PNG", "TIFF", "JPEG2000"):
        assert_grey(decode(saved(grey, picture_format), "a", PLAN).pixels, 128)


@pytest.mark.parametrize(("value", "level"), [(0.5, 128), (200.0, 200), (32768.0, 128)])
def test_floating_numbers_are_scaled_by_what_they_look_like(value: float, level: int) -> None:
    values = np.full((40, 40), value, np.float32)
    values[:2, :2] = [[np.nan, -np.inf], [np.inf, 0]]
    assert_grey(
        decode(saved(Image.fromarray(values), "TIFF"), "a.tif", PLAN).pixels,
        level,
        within=128 if value == 200 else 3,
    )


@pytest.mark.parametrize("picture_format", ["PNG", "WEBP", "TIFF", "HEIF", "AVIF", "JXL", "JPEG2000"])
def test_what_is_transparent_is_white(picture_format: str) -> None:
    image = Image.new("RGBA", (64, 64), (200, 0, 0, 0))
    image.paste((0, 0, 0, 255), (32, 0, 64, 64))
    found = colours_of(
        decode(saved(image, picture_format, **LOSSLESS[picture_format]), "a", PLAN).pixels, PLAN.side_px
    )
    assert min(found["top left"]) > 245
    assert max(found["top right"]) < 10


@pytest.mark.parametrize("mode", ["RGB", "L", "P"])
def test_one_clear_colour_is_white(mode: str) -> None:
    image = Image.new(mode, (64, 64), 0)
    clear: object = (0, 0, 0) if mode == "RGB" else 0
    assert_grey(decode(saved(image, "PNG", transparency=clear), "a.png", PLAN).pixels, 255)


def wide_gamut() -> bytes:
    """A profile whose red, green and blue are exchanged: nobody can mistake whether it was applied."""
    profile = bytearray(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
    table = {bytes(profile[at : at + 4]): at for at in range(132, 132 + 12 * profile[131], 12)}
    red, blue = table[b"rXYZ"], table[b"bXYZ"]
    profile[red + 4 : red + 12], profile[blue + 4 : blue + 12] = (
        profile[blue + 4 : blue + 12],
        profile[red + 4 : red + 12],
    )
    return bytes(profile).replace(b"s\0R\0G\0B", b"x\0R\0G\0B").replace(b"\0s\0R\0G\0B", b"\0x\0R\0G\0B")


@pytest.mark.parametrize("picture_format", ["JPEG", "PNG", "WEBP", "TIFF", "HEIF"])
def test_a_colour_profile_is_applied(picture_format: str) -> None:
    red = Image.new("RGB", (64, 64), (230, 20, 20))
    data = saved(red, picture_format, icc_profile=wide_gamut(), **LOSSLESS[picture_format])
    shown = colours_of(decode(data, "a", PLAN).pixels, PLAN.side_px)["top left"]
    assert shown[2] > 200 > shown[0], "red through this profile is blue"


@pytest.mark.parametrize("profile", [b"nonsense", bytes(200), wide_gamut()[:150]])
def test_a_broken_colour_profile_costs_nothing(profile: bytes) -> None:
    assert_upright(decode(jpeg(icc_profile=profile), "a.jpg", PLAN).pixels)


def test_a_big_jpeg_is_read_smaller_and_looks_the_same() -> None:
    noise = np.random.default_rng(1).integers(0, 60, (1024, 1536, 3), np.uint8)
    image = Image.fromarray(
        np.clip(np.asarray(corners(1536, 1024)).astype(int) + noise, 0, 255).astype(np.uint8)
    )
    small, whole = decode(saved(image, "JPEG", quality=95), "a", PLAN), decode(saved(image, "PNG"), "a", PLAN)
    difference = np.abs(
        np.frombuffer(small.pixels, np.uint8).astype(int) - np.frombuffer(whole.pixels, np.uint8)
    )
    assert difference.mean() < 1.5
    assert (small.width, small.height) == (1536, 1024)


@pytest.mark.parametrize("size", [(1, 1), (1, 3000), (3000, 1), (2, 1999)])
def test_pictures_of_extreme_shape_are_decoded(size: tuple[int, int]) -> None:
    for picture_format in ("JPEG", "PNG"):
        found = decode(saved(Image.new("RGB", size, (9, 200, 9)), picture_format), "a", PLAN)
        assert (found.width, found.height) == size
        assert found.colour >> 8 & 255 > 190
        assert max(Image.open(io.BytesIO(found.thumb)).size) <= PLAN.thumb_px


@pytest.mark.parametrize("picture_format", ["GIF", "WEBP", "PNG", "AVIF", "TIFF"])
def test_an_animation_is_its_first_frame(picture_format: str) -> None:
    others = [Image.new("RGB", (96, 64), (grey, grey, grey)) for grey in (10, 200)]
    data = saved(corners(), picture_format, save_all=True, append_images=others)
    found = decode(data, "a", PLAN)
    assert found.frames == 3
    assert_upright(found.pixels, within=30)


@pytest.mark.parametrize(
    ("turn", "size"), [(1, (192, 128)), (3, (192, 128)), (6, (128, 192)), (8, (128, 192))]
)
def test_a_raw_file_is_its_preview_where_that_is_big_enough(turn: int, size: tuple[int, int]) -> None:
    preview = saved(corners(96, 64), "JPEG", quality=95, subsampling=0)
    big = decode(dng(corners(192, 128), preview, (96, 64), turn), "a.dng", PLAN)
    upright_preview = upright(corners(96, 64), turn).resize((PLAN.side_px, PLAN.side_px))
    difference = np.abs(np.frombuffer(big.pixels, np.uint8).astype(int) - np.asarray(upright_preview).ravel())
    assert difference.mean() < 5
    assert ((big.width, big.height), big.format) == (size, "RAW")
    assert (big.metadata.camera, big.metadata.orientation) == ("Maker Model", turn)


@pytest.mark.parametrize("preview", [None, jpeg(48, 32), jpeg()[:500]])
def test_a_raw_file_without_a_good_preview_is_developed(preview: bytes | None) -> None:
    found = decode(dng(corners(192, 128), preview, (48, 32)), "a.dng", PLAN)
    assert (found.width, found.height) == (192, 128)
    red, green, blue = (
        colours_of(found.pixels, PLAN.side_px)[name] for name in ("top left", "top right", "bottom left")
    )
    assert max(red) == red[0]
    assert max(green) == green[1]
    assert max(blue) == blue[2]


def test_a_raw_file_without_picture_data_is_no_black_picture() -> None:
    black = dng(Image.new("RGB", (192, 128)))
    with pytest.raises(PhotoFault) as caught:
        decode(black, "a.dng", PLAN)
    assert caught.value.code == "truncated"


def test_cropping_takes_the_middle() -> None:
    wide = Image.new("RGB", (300, 100), (0, 0, 0))
    wide.paste((255, 255, 255), (100, 0, 200, 100))
    found = decode(saved(wide, "PNG"), "a", replace(PLAN, mode="crop"))
    assert min(found.pixels[: 3 * PLAN.side_px][6:-6]) > 240


def test_junk_in_the_metadata_never_costs_the_picture() -> None:
    for junk in (
        b"Exif\0\0II*\0\xff\xff\xff\xff",
        b"Exif\0\0" + bytes(40),
        b"http://ns.adobe.com/xap/1.0/\0<<<",
    ):
        assert_upright(decode(with_segment(jpeg(), 0xE1, junk), "a.jpg", PLAN).pixels)


def test_every_kind_of_bad_file_has_its_word() -> None:
    assert fault_of(b"").code == "empty"
    assert fault_of(b"just some words").code == "not-a-picture"
    assert fault_of(bytes(5000)).code == "not-a-picture"
    assert "film" in str(fault_of(b"\0\0\0\x18ftypmp42" + bytes(50)))
    assert fault_of(jpeg()[:800]).code == "truncated"
    assert fault_of(saved(corners(), "PNG")[:200]).code == "truncated"
    assert fault_of(jpeg()[:20] + bytes(500)).code == "damaged"


def test_a_picture_over_the_budget_is_refused_before_it_is_decoded() -> None:
    small = replace(PLAN, max_pixels=5_000)
    for picture_format in LOSSLESS:
        data = saved(corners(), picture_format, **LOSSLESS[picture_format])
        with pytest.raises(PhotoFault) as caught:
            decode(data, "a", small)
        assert caught.value.code == "too-large", picture_format


def test_a_giant_says_so_before_anything_is_spent() -> None:
    def never(cost: Cost) -> None:
        raise TooCostly(cost)

    with pytest.raises(TooCostly) as caught:
        decode(saved(corners(), "PNG"), "a", replace(PLAN, giant_pixels=6_000), afford=never)
    assert caught.value.cost.alone


def test_pillow_is_left_as_it_was() -> None:
    before = Image.MAX_IMAGE_PIXELS
    decode(jpeg(), "a.jpg", PLAN)
    fault_of(b"nothing")
    assert before == Image.MAX_IMAGE_PIXELS
