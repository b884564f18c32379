"""What goes into decoding and what comes out: plain data, light to import, since every decoding process needs it."""

from __future__ import annotations

from dataclasses import dataclass

from core.errors import PhotoFault
from core.photos.identity import Identity
from core.photos.kinds import Kind
from core.photos.metadata import Metadata


@dataclass(frozen=True, slots=True)
class DecodePlan:
    """What is wanted of every picture.

    side_px, mode, interpolation  the model's input (`core.models.spec.Preprocessing`)
    thumb_px       longer side of the thumbnail
    max_pixels     pictures of more are refused ("too-large")
    giant_pixels   pictures of more, where they cannot be read smaller, are decoded alone
    threads        that one decoder may use, where it can (HEIF, AVIF, JPEG XL)
    """

    side_px: int
    mode: str
    interpolation: str
    thumb_px: int = 400
    max_pixels: int = 250_000_000
    giant_pixels: int = 100_000_000
    threads: int = 1


@dataclass(frozen=True, slots=True)
class Decoded:
    """One picture.

    pixels     [side_px, side_px, 3] uint8, sRGB, row by row: the model's input before normalising
    thumb      JPEG, upright, sRGB, without metadata
    colour     0xRRGGBB, the average
    signature  [16, 16, 3] uint8: the upright picture squashed
    width, height  of the first frame, upright, of the real picture and not of a preview
    frames     of an animation or pages of a document; 1 for a picture that is followed by others of its own
    """

    pixels: bytes
    thumb: bytes
    colour: int
    signature: bytes
    width: int
    height: int
    format: str
    frames: int
    metadata: Metadata


@dataclass(frozen=True, slots=True)
class Job:
    """One file to be read. `key` is the caller's, unique within a run; `path` absolute, as `os.fsencode` gives it."""

    key: int
    path: bytes


@dataclass(frozen=True, slots=True)
class Identified:
    """A file has been read. `identity` and `metadata` are None where `kind` is no picture: then it is not decoded.

    mtime_ns, size_bytes  of the file as it was opened
    """

    key: int
    kind: Kind
    identity: Identity | None
    metadata: Metadata | None
    mtime_ns: int
    size_bytes: int


@dataclass(frozen=True, slots=True)
class Ended:
    """The last word on a file: decoded, failed, or None where it was not wanted. seconds: of work, without waiting."""

    key: int
    result: Decoded | PhotoFault | None
    seconds: float
