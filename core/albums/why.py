"""Why a photo is in an album or not: the prompt that fits it best, and the accepted photo most like it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from core.albums.panel import Entry

Embeddings = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Why:
    """prompt  the album's prompt with the highest cosine, "" where it has none
    cosine  with that prompt
    like    accepted photo nearest to this one, None where none was accepted; likeness: their cosine
    taught  logits that the marks added to what the prompts say, below 0 where they speak against it
    rule    whether the photo passes the album's rule
    """

    prompt: str
    cosine: float
    like: int | None
    likeness: float
    taught: float
    rule: bool = True

    def sentence(self) -> str:
        """In short, for a list: `prompt: 猫 0.31, like photo 17 0.92`."""
        parts = []
        if not self.rule:
            parts.append("outside the rule")
        if self.prompt:
            parts.append(f"prompt: {self.prompt} {self.cosine:.2f}")
        if self.like is not None:
            parts.append(f"like photo {self.like} {self.likeness:.2f}")
        return ", ".join(parts)


def reasons(
    photos: Sequence[int],
    vectors: Embeddings,
    entry: Entry,
    prompts: Embeddings,
    accepted: Sequence[int],
    accepted_vectors: Embeddings,
) -> dict[int, Why]:
    """Of photos [n] with vectors [n, d]: by the album's prompts [p, d] and its accepted photos [k] with theirs [k, d]."""
    probe, texts = entry.probe, entry.album.prompts
    fits = vectors @ prompts.T if texts else np.zeros((len(photos), 1), np.float32)
    likes = vectors @ accepted_vectors.T if len(accepted) else np.zeros((len(photos), 1), np.float32)
    if probe is None:
        taught = np.zeros(len(photos))
    else:
        taught = vectors @ (probe.weights - probe.prior.weights) + (probe.offset - probe.prior.offset)
    passes = np.ones(len(photos), bool) if entry.passing is None else np.isin(photos, entry.passing)
    found: dict[int, Why] = {}
    for i, photo in enumerate(photos):
        # A photo is most like itself, which is no reason.
        like = [-2.0 if other == photo else float(likes[i, j]) for j, other in enumerate(accepted)]
        nearest = int(np.argmax(like)) if any(each > -2 for each in like) else None
        best = int(fits[i].argmax())
        found[photo] = Why(
            texts[best] if texts else "",
            float(fits[i, best]),
            None if nearest is None else accepted[nearest],
            0.0 if nearest is None else like[nearest],
            float(taught[i]),
            bool(passes[i]),
        )
    return found
