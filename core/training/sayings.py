"""Sayings as matrices: photos by texts, true, rejected, or not said."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from core.training.pairs import ALBUM, SEARCH, Saying

Bools = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Table:
    """n photos and m texts in their order, and what was said of each pair.

    true, rejected  [n, m] bool; a pair may be neither
    lang            of each text
    is_album        [m] bool: texts that decisions were made about, the others are captions
    moments         [n] of each photo a number of its moment: photos of one burst are no independent evidence
    """

    photos: tuple[int, ...]
    texts: tuple[str, ...]
    lang: tuple[str, ...]
    is_album: Bools
    true: Bools
    rejected: Bools
    moments: npt.NDArray[np.int64]

    @classmethod
    def of(cls, sayings: Sequence[Saying]) -> Table:
        """A pair that is said to be true and rejected (`pairs.sayings` gives none) counts as neither."""
        photos = {photo: i for i, photo in enumerate(dict.fromkeys(each.photo for each in sayings))}
        texts = {text: i for i, text in enumerate(dict.fromkeys(each.text for each in sayings))}
        first = {each.photo: each.first for each in sayings}
        lang = [""] * len(texts)
        is_album = np.zeros(len(texts), bool)
        said = np.zeros((2, len(photos), len(texts)), bool)
        for each in sayings:
            text = texts[each.text]
            lang[text] = each.lang
            is_album[text] |= each.kind in (ALBUM, SEARCH)
            said[int(not each.is_true), photos[each.photo], text] = True
        doubtful = said[0] & said[1]
        moments = np.unique([first[photo] for photo in photos], return_inverse=True)[1]
        true, rejected = said[0] & ~doubtful, said[1] & ~doubtful
        return cls(tuple(photos), tuple(texts), tuple(lang), is_album, true, rejected, moments)

    @staticmethod
    def bytes_of(photos: int, texts: int) -> int:
        """What a table of so many takes while it is made: its matrices, and those they are made from."""
        return 6 * photos * texts

    def texts_in(self, lang: str) -> npt.NDArray[np.int64]:
        return np.array([i for i, own in enumerate(self.lang) if own == lang], np.int64)
