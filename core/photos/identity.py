"""Who a file is: one hash of its bytes, one of its picture, and how the picture is turned upright.

Two files with the same picture data and turn are the same photo, whatever their metadata says. A file may join a
known photo unread only if it is `clean`: its container was whole up to its end mark.
"""

from __future__ import annotations

import hashlib
import itertools
from dataclasses import dataclass

from core.photos.containers.parts import Buffer, Parts, Span
from core.photos.containers.take_apart import take_apart
from core.photos.exif import read_exif
from core.photos.kinds import HEAD_BYTES, format_of

# 128 bits: a billion photos collide with a chance of 1 in 10^21.
HASH_BYTES = 16


@dataclass(frozen=True, slots=True)
class Identity:
    """
    file_hash     [16] of all bytes: BLAKE2b of the picture data's BLAKE2b, where it lies, and all other bytes, so that
                  the picture data, which is nearly the whole file, is hashed once for both
    picture_hash  [16] BLAKE2b of the picture data and the turn; of all bytes where the container is not taken apart
    turn          EXIF orientation 1..8 that decoding applies
    clean         whole up to its end mark, checksums right
    format        what the content is, "JPEG", "PNG", ...; "" for none that we know
    """

    file_hash: bytes
    picture_hash: bytes
    turn: int
    clean: bool
    format: str


def identify(data: Buffer, parts: Parts | None = None) -> Identity:
    """The identity of a file's bytes. Never raises for odd ones: those are all picture, and not clean.

    parts  the file taken apart (`whole`), where the caller has done that already
    """
    picture_format = format_of(bytes(data[:HEAD_BYTES])) or ""
    if parts is None:
        parts = take_apart(data, picture_format)
    turn = turn_of(data, picture_format, parts)
    spans = parts.picture if parts.clean else ()
    picture = _digest(data, spans).digest()
    if not all(one[1] <= other[0] for one, other in itertools.pairwise(spans)):
        file_hash = _digest(
            data, ((0, len(data)),)
        ).digest()  # items of a HEIF may lie in any order, or share bytes
    else:
        file_hash = _digest(data, _between(spans, len(data)), repr(spans).encode() + picture).digest()
    if spans:
        # Metadata between two stretches must not matter; the items of a HEIF are pictures of their own.
        lengths = [end - begin for begin, end in spans] if picture_format in ("HEIF", "AVIF") else []
        picture_hash = _hash(picture_format, turn, parts.extra, repr(lengths).encode() + picture)
    else:
        picture_hash = _hash(picture_format, turn, b"all bytes", file_hash)
    return Identity(file_hash, picture_hash, turn, parts.clean, picture_format)


def turn_of(data: Buffer, picture_format: str, parts: Parts) -> int:
    """The EXIF orientation that decoding applies: the container's own word, else EXIF's."""
    if parts.turn is not None:
        return parts.turn
    return read_exif(data if picture_format == "TIFF" else parts.exif).turn


def _digest(data: Buffer, spans: tuple[Span, ...], before: bytes = b"") -> hashlib.blake2b:
    digest = hashlib.blake2b(before, digest_size=HASH_BYTES)
    view = memoryview(data)
    try:
        for begin, end in spans:
            digest.update(view[begin:end])
    finally:
        view.release()
    return digest


def _between(spans: tuple[Span, ...], size: int) -> tuple[Span, ...]:
    """What of a file of `size` bytes lies outside these stretches, which are in order and apart."""
    edges = [0, *(edge for span in spans for edge in span), size]
    return tuple((begin, end) for begin, end in zip(edges[::2], edges[1::2], strict=True) if begin < end)


def _hash(picture_format: str, turn: int, extra: bytes, rest: bytes) -> bytes:
    head = f"{picture_format}/{turn}/{len(extra)}/".encode() + extra
    return hashlib.blake2b(head + rest, digest_size=HASH_BYTES).digest()
