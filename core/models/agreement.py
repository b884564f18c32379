"""How well one form of a model agrees with another: cosines, and the lists that a search would show.

A converted form is accepted by these figures alone (docs/contracts.md, a model folder). numpy only: they are
needed where a form is made and where a device is compared with the CPU.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Embeddings = npt.NDArray[np.float32]

# A search's first page: what a person sees of the difference.
LIST_LENGTH = 10
QUERIES = 100
PHOTOS = 1_000


@dataclass(frozen=True, slots=True)
class Limits:
    """What a form of one precision must reach: of the worst photo's or text's cosine, and of the lists."""

    cosine: float
    overlap: float


LIMITS = {
    "fp32": Limits(0.9999, 0.98),
    "fp16": Limits(0.999, 0.95),
    "bf16": Limits(0.999, 0.95),
    "int8": Limits(0.99, 0.90),
    "int4": Limits(0.99, 0.90),
}


@dataclass(frozen=True, slots=True)
class Agreement:
    """Of a form with its reference.

    cosine_min, cosine_median  of one input's two embeddings; the limit is held by the minimum
    overlap                    mean share of LIST_LENGTH photos that both lists of a query hold; None: not asked
    photos, queries            how many lists were drawn from how many photos
    """

    cosine_min: float
    cosine_median: float
    overlap: float | None = None
    photos: int = 0
    queries: int = 0

    def holds(self, precision: str) -> bool:
        """Whether a form of that precision may stand in for its reference."""
        limits = LIMITS[precision]
        lists_agree = self.overlap is None or self.overlap >= limits.overlap
        return self.cosine_min >= limits.cosine and lists_agree

    def __str__(self) -> str:
        said = f"cosine {self.cosine_min:.5f} at least, {self.cosine_median:.5f} in the middle"
        if self.overlap is None:
            return said
        lists = f"{self.queries} queries over {self.photos} photos"
        return f"{said}; {self.overlap:.3f} of the first {LIST_LENGTH} for {lists}"


def cosines(reference: Embeddings, other: Embeddings) -> Agreement:
    """Row by row, [n, d] against [n, d]. Rows need not be L2-normalised; a row with a NaN or of zeros counts -1.

    Raises ValueError for no rows: nothing compared is no agreement.
    """
    if not len(reference) or reference.shape != other.shape:
        raise ValueError(f"{reference.shape} and {other.shape} cannot be compared")
    lengths = np.linalg.norm(reference, axis=1) * np.linalg.norm(other, axis=1)
    with np.errstate(invalid="ignore", divide="ignore"):
        each = np.einsum("nd,nd->n", reference, other) / lengths
    each = np.where(np.isfinite(each), each, -1.0)
    return Agreement(float(each.min()), float(np.median(each)))


def compare(
    reference: Embeddings, other: Embeddings, reference_lists: Lists, other_lists: Lists
) -> Agreement:
    """Cosines of one tower's two forms, and the overlap of the lists that come of them."""
    row_by_row = cosines(reference, other)
    return Agreement(
        row_by_row.cosine_min,
        row_by_row.cosine_median,
        overlap(reference_lists, other_lists),
        photos=reference_lists.photos,
        queries=len(reference_lists.rows),
    )


@dataclass(frozen=True, slots=True)
class Lists:
    """The first photos of each query, `rows` [queries, at most LIST_LENGTH] int64, of `photos` photos."""

    rows: npt.NDArray[np.int64]
    photos: int


def first_photos(queries: Embeddings, photos: Embeddings) -> Lists:
    """What exact search shows first, for up to QUERIES queries [q, d] over up to PHOTOS photos [n, d]."""
    queries, photos = queries[:QUERIES], photos[:PHOTOS]
    order = np.argsort(-(queries @ photos.T), axis=1, kind="stable")
    return Lists(order[:, :LIST_LENGTH], len(photos))


def overlap(reference: Lists, other: Lists) -> float:
    """The mean share of the reference's lists that the other's hold too, 0..1."""
    pairs: Sequence[tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]] = list(
        zip(reference.rows, other.rows, strict=True)
    )
    return float(np.mean([len(np.intersect1d(one, two)) / len(one) for one, two in pairs]))
