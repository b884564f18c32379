"""The owner's own photos and words, for trying a model on what it will be used for."""

from __future__ import annotations

import io

import numpy as np
from PIL import Image, UnidentifiedImageError

from core.library.database import Database
from core.library.photos import captions
from core.models.preprocess import Pixels, square
from core.models.prompts import neutral_captions
from core.models.spec import Preprocessing
from core.photos.thumbs import Thumbs
from core.progress import CancelToken

MOST_PICTURES = 1_000
MOST_TEXTS = 500


class OwnSamples:
    """Of one library. The thumbnails serve: upright, sRGB, here though a drive is away, and read in milliseconds.

    A model that looks at more pixels than a thumbnail has sees them enlarged; what is compared or calibrated on
    them (two forms of one model) sees the same pictures on both sides.
    """

    def __init__(self, database: Database, thumbs: Thumbs) -> None:
        self._database = database
        self._thumbs = thumbs

    def pictures(
        self, preprocessing: Preprocessing, cancel: CancelToken, most: int = MOST_PICTURES
    ) -> Pixels:
        """Up to `most` squares spread evenly over the library, [n, s, s, 3] uint8; n may be 0."""
        photos = sorted(self._thumbs.photos())
        step = max(1.0, len(photos) / most)
        chosen = [photos[int(i * step)] for i in range(min(len(photos), most))]
        size = preprocessing.size_px
        found = []
        for photo in chosen:
            cancel.check()
            jpeg = self._thumbs.get([photo]).get(photo, b"")
            try:
                with Image.open(io.BytesIO(jpeg)) as image:
                    found.append(square(image, preprocessing))
            except (UnidentifiedImageError, OSError):
                continue
        return np.stack(found) if found else np.zeros((0, size, size, 3), np.uint8)

    def texts(self) -> list[str]:
        """What the owner wrote about photos, and the neutral captions in both languages."""
        own = [text for _, text in captions(self._database.reader())][:MOST_TEXTS]
        return [*own, *neutral_captions()]
