"""From a cosine to "a person would say yes": the calibration of one model, fitted by its recipe."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Calibration:
    """relevance = sigmoid(slope * L + cosine * cos + offset), L = s * cos - logsumexp_k(s * cos(n_k, photo)).

    s is the model's logit scale and n_k are the neutral captions: L says how much better a text fits a photo
    than the captions that fit any photo do. A relevance of `sure` and more is a sure hit, of `less_sure` and
    more a less sure one. The zero calibration (slope 1, the rest 0) is plain softmax against the neutrals.
    """

    scale: float
    slope: float = 1.0
    cosine: float = 0.0
    offset: float = 0.0
    sure: float = 0.5
    less_sure: float = 0.15

    @property
    def asks_neutrals(self) -> bool:
        """Whether the neutral captions count at all; where not, `neutral` may be anything finite."""
        return self.slope != 0

    def relevance(self, cosines: npt.ArrayLike, neutral: npt.ArrayLike) -> Floats:
        """How likely a person would say yes, 0..1.

        cosines  [...] of one text to photos
        neutral  the same shape: `neutral_term` of the same photos
        """
        cosines = np.asarray(cosines, np.float32)
        better = self.scale * cosines - np.asarray(neutral, np.float32)
        logit = self.slope * better + self.cosine * cosines + self.offset
        return np.asarray(1 / (1 + np.exp(-np.clip(logit, -60, 60))), np.float32)

    def neutral_term(self, photos: npt.NDArray[np.floating], neutrals: Floats) -> Floats:
        """logsumexp over the neutral captions of scale * cosine, [n].

        photos    [n, d] L2-normalised, any float type
        neutrals  [k, d] float32, L2-normalised: the neutral captions' embeddings, k >= 1
        It depends on photos alone, so a space may keep it beside each row.
        """
        logits = self.scale * (photos.astype(np.float32) @ neutrals.T)
        peak = logits.max(axis=1, keepdims=True)
        return np.asarray(peak[:, 0] + np.log(np.exp(logits - peak).sum(axis=1)), np.float32)

    def band(self, relevance: float) -> str:
        """ "sure", "less sure" or "no"."""
        if relevance >= self.sure:
            return "sure"
        return "less sure" if relevance >= self.less_sure else "no"
