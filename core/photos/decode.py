"""From a file's bytes to what is kept of a picture: the model's input, the thumbnail, the facts.

A pure function of the bytes, run in a process of its own (`worker`), because a decoder may crash, hang or grow.
What the libraries raise is translated here into faults with a code, once.
"""

from __future__ import annotations

import io
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import IO, cast

import numpy as np
from PIL import AvifImagePlugin, Image, ImageFile, JpegImagePlugin, UnidentifiedImageError

from core.errors import PhotoFault
from core.models.preprocess import square
from core.models.spec import Preprocessing
from core.photos.colour import to_rgb, to_srgb
from core.photos.containers.jxl import read_header
from core.photos.containers.parts import Buffer, Parts
from core.photos.containers.take_apart import take_apart
from core.photos.costs import Afford, TooCostly, afford_all, cost_of, cost_of_jpeg
from core.photos.faults import fault
from core.photos.identity import turn_of
from core.photos.jobs import Decoded, DecodePlan
from core.photos.kinds import HEAD_BYTES, Kind, format_of, is_video, kind_of
from core.photos.metadata import Metadata, read_metadata
from core.photos.orientation import upright, upright_size
from core.photos.raw import open_raw

__all__ = ["DecodePlan", "Decoded", "decode"]

THUMB_QUALITY = 82
SIGNATURE_SIDE = 16
# A scaled read keeps at least this many times the model's side: at twice the side the image tower's features of
# 12-megapixel photos agree with those of the full decoding to a cosine of 0.999 on average, at once to 0.996.
_SCALED_GAP = 2
# Averaging whole pixels is kept further from the end result, being coarser at no gain in time.
_REDUCED_GAP = 3


@dataclass(frozen=True, slots=True)
class _Picture:
    """Upright, RGB, small; `profile` is what still turns it into sRGB."""

    image: Image.Image
    profile: bytes | None
    width: int
    height: int
    format: str
    frames: int


def decode(
    data: Buffer, name: str, plan: DecodePlan, *, mtime_ns: int | None = None, afford: Afford = afford_all
) -> Decoded:
    """The picture in `data`. Raises PhotoFault; and TooCostly where `afford` does, before anything is spent.

    name      the file's own name: ties between formats, a date in it
    mtime_ns  the file's change date, where nothing better says when the photo was taken
    """
    with _pillow_set(plan.max_pixels), _faults_told(data):
        picture = _raw(data, plan, afford) if _is_raw(name, data) else _photo(data, plan, afford)
        metadata = read_metadata(data, name, mtime_ns=mtime_ns)
        return _made(picture, metadata, plan)


def _is_raw(name: str, data: Buffer) -> bool:
    return kind_of(name, bytes(data[:HEAD_BYTES])) is Kind.RAW


def _made(picture: _Picture, metadata: Metadata, plan: DecodePlan) -> Decoded:
    scale = plan.thumb_px / max(picture.image.size)
    thumb = picture.image
    if scale < 1:
        sides = [max(1, round(side * scale)) for side in thumb.size]
        # Hamming: as sharp as bicubic to the eye at this scale, in 60 % of the time.
        thumb = thumb.resize((sides[0], sides[1]), Image.Resampling.HAMMING, reducing_gap=_SCALED_GAP)
    thumb = to_srgb(thumb, picture.profile)
    pixels = to_srgb(Image.fromarray(square(picture.image, _preprocessing(plan))), picture.profile)
    jpeg = io.BytesIO()
    thumb.save(jpeg, "JPEG", quality=THUMB_QUALITY, exif=b"", icc_profile=b"")
    signature = thumb.resize((SIGNATURE_SIDE, SIGNATURE_SIDE), Image.Resampling.BOX).tobytes()
    red, green, blue = (
        np.frombuffer(signature, np.uint8).reshape(-1, 3).mean(axis=0).round().astype(int).tolist()
    )
    return Decoded(
        pixels=pixels.tobytes(),
        thumb=jpeg.getvalue(),
        colour=red << 16 | green << 8 | blue,
        signature=signature,
        width=picture.width,
        height=picture.height,
        format=picture.format,
        frames=picture.frames,
        metadata=metadata,
    )


def _preprocessing(plan: DecodePlan) -> Preprocessing:
    # Mean and spread are applied with the model, to the bytes that this room makes.
    return Preprocessing(plan.mode, plan.side_px, plan.interpolation, (0.0, 0.0, 0.0), (1.0, 1.0, 1.0))


def _raw(data: Buffer, plan: DecodePlan, afford: Afford) -> _Picture:
    needed = (plan.side_px, max(plan.thumb_px, plan.side_px))
    image, width, height = open_raw(data, needed, plan.max_pixels, plan.giant_pixels, afford)
    profile = image.info.get("icc_profile")
    rgb, profile = to_rgb(image, _factor(image.size, plan), profile)
    return _Picture(rgb, profile, width, height, "RAW", 1)


def _photo(data: Buffer, plan: DecodePlan, afford: Afford) -> _Picture:
    picture_format = format_of(bytes(data[:HEAD_BYTES]))
    if picture_format is None:
        raise fault("not-a-picture", _what_instead(data))
    parts = take_apart(data, picture_format, whole=False)
    if picture_format == "JXL":  # its decoder decodes on opening
        _check_jxl(data, plan, afford)
    image = _opened(data, picture_format, plan.threads)
    _check_size(image.size, plan)
    size = image.size
    if picture_format == "JPEG":
        _read_smaller(image, plan)
        afford(cost_of_jpeg(size[0] * size[1], image.width * image.height, "progressive" in image.info))
        image.load()
    else:
        afford(cost_of(picture_format, image.mode, size[0] * size[1], plan.giant_pixels))
        image.load()
        size = image.size  # a GIF's frame may reach beyond its canvas; a TIFF has been turned
    turn = _turn_left(data, picture_format, parts, image)
    profile = image.info.get("icc_profile")
    frames = _frames(image)
    rgb, profile = to_rgb(image, _factor(image.size, plan), profile)
    width, height = upright_size(*size, turn)
    return _Picture(upright(rgb, turn), profile, width, height, picture_format, frames)


def _what_instead(data: Buffer) -> str:
    head = bytes(data[:HEAD_BYTES])
    if is_video(head):
        return "The file is a film, not a picture."
    if not any(head):
        return "The file holds zeros where a picture should begin."
    return "The file is not a picture of a known format."


def _check_jxl(data: Buffer, plan: DecodePlan, afford: Afford) -> None:
    header = read_header(data)
    if header is not None:
        _check_size((header.width, header.height), plan)
        afford(cost_of("JXL", "RGB", header.width * header.height, plan.giant_pixels))


def _opened(data: Buffer, picture_format: str, threads: int) -> ImageFile.ImageFile:
    file = cast(IO[bytes], io.BytesIO(data) if isinstance(data, bytes) else data)  # a map reads like a file
    file.seek(0)
    if picture_format == "JPEG":
        # Not by Image.open: it makes a two-picture object of an MPO, whose index may be broken; we want the first.
        return JpegImagePlugin.JpegImageFile(file)
    formats = [picture_format]
    if picture_format == "AVIF":
        AvifImagePlugin.DEFAULT_MAX_THREADS = threads
    elif picture_format == "HEIF":
        import pillow_heif  # with its codec 20 MB in memory: only where it is needed

        pillow_heif.register_heif_opener(decode_threads=threads)
        formats = ["HEIF", "AVIF"]  # "mif1" may hold either
    elif picture_format == "JXL":
        from pillow_jxl import JpegXLImagePlugin  # the same

        JpegXLImagePlugin.DECODE_THREADS = threads if threads > 1 else 0
    return Image.open(file, formats=formats)


def _check_size(size: tuple[int, int], plan: DecodePlan) -> None:
    width, height = size
    if width <= 0 or height <= 0:
        raise fault("damaged", "The file says that its picture has no size.")
    if width * height > plan.max_pixels:
        raise fault("too-large", f"The picture has {width} x {height} pixels, more than can be decoded.")


def _read_smaller(image: ImageFile.ImageFile, plan: DecodePlan) -> None:
    """Let the JPEG decoder scale by 1/2, 1/4 or 1/8 while it decodes, where enough is left."""
    short, long = _SCALED_GAP * plan.side_px, max(_SCALED_GAP * plan.side_px, plan.thumb_px)
    needed = (long, short) if image.width >= image.height else (short, long)
    image.draft(image.mode, needed)


def _factor(size: tuple[int, int], plan: DecodePlan) -> int:
    """By how many pixels a side a decoded picture is averaged before it is scaled."""
    return max(1, min(min(size) // (_REDUCED_GAP * plan.side_px), max(size) // (_SCALED_GAP * plan.thumb_px)))


def _turn_left(data: Buffer, picture_format: str, parts: Parts, image: Image.Image) -> int:
    """What is still to be turned after decoding: libheif turns by itself, and so does Pillow with a TIFF."""
    if picture_format in ("HEIF", "TIFF"):
        return 1
    return turn_of(data, picture_format, parts)


def _frames(image: Image.Image) -> int:
    try:
        return int(getattr(image, "n_frames", 1))
    except (OSError, ValueError, SyntaxError, EOFError, KeyError, TypeError, IndexError):
        return 1  # the later pages are damaged; the first has been read


@contextmanager
def _pillow_set(max_pixels: int) -> Iterator[None]:
    """Pillow with our pixel budget in place of its own, and silent: it raises at twice what it warns at."""
    before = Image.MAX_IMAGE_PIXELS
    Image.MAX_IMAGE_PIXELS = max_pixels // 2
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        Image.MAX_IMAGE_PIXELS = before


@contextmanager
def _faults_told(data: Buffer) -> Iterator[None]:
    """Whatever a decoder raises, as a PhotoFault."""
    if len(data) == 0:
        raise fault("empty", "The file is empty.")
    try:
        yield
    except (PhotoFault, TooCostly):
        raise
    except MemoryError as error:
        raise fault("no-memory", "There is not enough memory to decode the picture.") from error
    except ImportError as error:
        raise fault("unsupported", f"The decoder for this format is not installed ({error.name}).") from error
    except Image.DecompressionBombError as error:
        raise fault("too-large", "The picture has more pixels than can be decoded.") from error
    # The decoders' errors have no family: OSError, ValueError, SyntaxError, RuntimeError, EOFError, TypeError,
    # struct.error, KeyError, LibRaw's own. All of them mean this one file.
    except Exception as error:
        raise _told(error) from error


# What the libraries say when the data ends too early; LibRaw's is the second.
_CUT = ("truncat", "input/output error", "end of file", "unexpected eof", "premature end")


def _told(error: Exception) -> PhotoFault:
    said = (
        error.args[0] if error.args and isinstance(error.args[0], bytes) else str(error)
    )  # LibRaw says bytes
    words = " ".join((said.decode("utf-8", "replace") if isinstance(said, bytes) else said).split())[:160]
    low = words.lower()
    if isinstance(error, EOFError) or any(part in low for part in _CUT):
        return fault("truncated", f"The file ends before its picture does ({words or 'end of data'}).")
    if isinstance(error, NotImplementedError) or "unsupported" in low or "not supported" in low:
        return fault("unsupported", f"The picture is of a kind that cannot be decoded ({words}).")
    if isinstance(error, UnidentifiedImageError):
        return fault(
            "damaged", "The file begins like a picture, but its header is damaged or of an unknown kind."
        )
    return fault("damaged", f"The picture data is damaged ({words or type(error).__name__}).")
