"""Who a file is: one hash of its bytes, one of its picture, and how the picture is turned upright.

Two files with the same picture data and turn are the same photo, whatever their metadata says. A file may join a
known photo unread only if it is `clean`: its container was whole up to its end mark.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

from core.photos.containers.parts import Buffer, Parts
from core.photos.containers.take_apart import take_apart
from core.photos.exif import read_exif
from core.photos.kinds import HEAD_BYTES, format_of

# 128 bits: a billion photos collide with a chance of 1 in 10^21.
HASH_BYTES = 16


@dataclass(frozen=True, slots=True)
class Identity:
    """
    file_hash     [16] BLAKE2b of all bytes
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
    file_hash = hashlib.blake2b(data, digest_size=HASH_BYTES).digest()
    turn = turn_of(data, picture_format, parts)
    if parts.clean and parts.picture:
        picture_hash = _hash_picture(data, picture_format, turn, parts)
    else:
        picture_hash = _hash(picture_format, turn, b"all bytes", file_hash)
    return Identity(file_hash, picture_hash, turn, parts.clean, picture_format)


def turn_of(data: Buffer, picture_format: str, parts: Parts) -> int:
    """The EXIF orientation that decoding applies: the container's own word, else EXIF's."""
    if parts.turn is not None:
        return parts.turn
    return read_exif(data if picture_format == "TIFF" else parts.exif).turn


def _hash_picture(data: Buffer, picture_format: str, turn: int, parts: Parts) -> bytes:
    digest = hashlib.blake2b(digest_size=HASH_BYTES)
    _head(digest, picture_format, turn, parts.extra)
    view = memoryview(data)
    try:
        for begin, end in parts.picture:
            digest.update((end - begin).to_bytes(8, "big") if picture_format in ("HEIF", "AVIF") else b"")
            digest.update(view[begin:end])
    finally:
        view.release()
    return digest.digest()


def _hash(picture_format: str, turn: int, extra: bytes, rest: bytes) -> bytes:
    digest = hashlib.blake2b(digest_size=HASH_BYTES)
    _head(digest, picture_format, turn, extra)
    digest.update(rest)
    return digest.digest()


def _head(digest: hashlib.blake2b, picture_format: str, turn: int, extra: bytes) -> None:
    digest.update(f"{picture_format}/{turn}/{len(extra)}/".encode() + extra)
