"""A model's two towers, run: pixels and texts -> embeddings of one space."""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from core.errors import NotThere
from core.log import logger
from core.models.preprocess import Pixels, normalise
from core.models.prompts import neutral_captions
from core.models.runtime import measured, providers, tuning
from core.models.runtime.measured import Measured
from core.models.runtime.session import Session, open_image_session, open_session
from core.models.spec import IMAGE_FILE, PRECISIONS, TEXT_FILE, ModelSpec
from core.models.tokenize import Tokenizer
from core.progress import CancelToken

log = logger(__name__)

Embeddings = npt.NDArray[np.float32]

AUTO = "auto"
# Texts that go through the text tower at once: more gain nothing on a CPU and only cost memory.
_TEXTS_AT_ONCE = 64
# An image tower that nobody used for so long gives its memory back.
IDLE_S = 120.0


class Encoder:
    """One model, opened. Towers are loaded when first used, each on its own; safe between threads."""

    def __init__(
        self,
        folder: Path,
        spec: ModelSpec,
        threads: int | None,
        provider: str,
        precision: str | None,
        remembered: Path | None,
    ) -> None:
        """Use `Encoder.open`."""
        self.folder = folder
        self.spec = spec
        self._threads = threads
        self._provider = provider
        self._precision = precision
        self._remembered = remembered
        # One lock a tower: a query must not wait until the image tower is read from the disk.
        self._image_lock = threading.Lock()
        self._text_lock = threading.Lock()
        self._image: Session | None = None
        self._image_used = 0.0
        self._text: tuple[Tokenizer, Session] | None = None

    @classmethod
    def open(
        cls,
        folder: Path,
        *,
        threads: int | None = None,
        provider: str = AUTO,
        precision: str | None = None,
        remembered: Path | None = None,
    ) -> Encoder:
        """The model in `folder`, its spec read and no tower loaded yet.

        threads     cores a tower may use; None: as measured, else the runtime's choice, one a physical core
        provider    one of `providers.available()`, or "auto": as measured, else the CPU
        precision   the form to run instead of the one in use; None: the one in use
        remembered  the library's models/measured.json. With it, "auto" measures at the first use of the image
                    tower what is fastest here; without it nothing is measured
        Raises ModelError when the spec does not fit or the provider is not installed, NotThere when the folder
        does not hold that form.
        """
        if provider != AUTO:
            providers.require(provider)
        encoder = cls(folder, ModelSpec.load(folder), threads, provider, precision, remembered)
        if precision is not None:
            forms = encoder.forms()
            if all(precision not in each for each in forms.values()):
                raise _no_such_form(encoder.spec.id, precision, forms)
        return encoder

    def forms(self) -> dict[str, tuple[str, ...]]:
        """The precisions in which each tower is here, the one in use first: {"image": ..., "text": ...}."""
        towers = {
            "image": (IMAGE_FILE, self.spec.image_precision),
            "text": (TEXT_FILE, self.spec.text_precision),
        }
        return {
            tower: (
                used,
                *(one for one in PRECISIONS if one != used and (self.folder / one / file).is_file()),
            )
            for tower, (file, used) in towers.items()
        }

    def encode_images(self, pixels: Pixels) -> Embeddings:
        """[n, s, s, 3] uint8, squares as `preprocess.square` makes them -> [n, d] float32, L2-normalised.

        Raises EncoderOutOfMemory (encode fewer at once) or ModelError.
        """
        if not len(pixels):
            return np.zeros((0, self.spec.width), np.float32)
        session = self._image_session()
        embeddings = session.run({"pixels": normalise(pixels, self.spec.preprocessing)})
        self._image_used = time.monotonic()
        return embeddings

    def encode_texts(self, texts: Sequence[str]) -> Embeddings:
        """-> [n, d] float32, L2-normalised, in the order of `texts`. Raises as `encode_images`."""
        tokenizer, session = self._text_tower()
        embeddings = np.zeros((len(texts), self.spec.width), np.float32)
        # Texts of like length together: a batch is as long as its longest text.
        order = sorted(range(len(texts)), key=lambda i: len(texts[i]))
        for start in range(0, len(order), _TEXTS_AT_ONCE):
            chosen = order[start : start + _TEXTS_AT_ONCE]
            embeddings[chosen] = session.run(tokenizer([texts[i] for i in chosen]))
        return embeddings

    def load_texts(self) -> None:
        """Load the text tower now, so that the first query need not wait for it."""
        self._text_tower()

    def load_images(self) -> None:
        """Load the image tower now, while something else has to be waited for."""
        self._image_session()

    def unload_images(self) -> None:
        """Give back the image tower's memory; it is loaded again when needed."""
        with self._image_lock:
            self._image = None

    def unload_idle_images(self, idle_s: float = IDLE_S) -> bool:
        """Give the image tower's memory back if it was not used for so long; true when it was given back."""
        if self._image is None or time.monotonic() - self._image_used < idle_s:
            return False
        self.unload_images()
        return True

    def close(self) -> None:
        """Give back all memory. The encoder may be used again, and loads again then."""
        self.unload_images()
        with self._text_lock:
            self._text = None

    @property
    def images_at_once(self) -> int:
        """How many pictures a batch should have: as measured here, else eight."""
        known = self._known()
        return known.images_at_once if known is not None else tuning.BATCHES[0]

    @property
    def device(self) -> str:
        """The provider that the image tower runs on, or will run on when it is loaded."""
        known = self._known()
        return known.image_provider if known is not None else self._given()

    def measure(self, cancel: CancelToken | None = None) -> Measured:
        """Time the providers on both towers, now, and remember what is best. Raises ModelError, Cancelled."""
        image = tuning.Tower("image", *self._form("image"), {"pixels": self._drawn(tuning.BATCHES[0])})
        tokens = Tokenizer(self.folder, self.spec)(neutral_captions()[:1])
        text = tuning.Tower("text", *self._form("text"), tokens)
        found = tuning.tune(image, text, cancel or CancelToken())
        if self._remembered is not None:
            measured.remember(self._remembered, self.spec.space_id, found)
        return found

    def _image_session(self) -> Session:
        with self._image_lock:
            if self._image is None:
                known = self._known()
                if known is None and self._measures():
                    known = self.measure()
                path, precision = self._form("image")
                provider = known.image_provider if known is not None else self._given()
                threads = self._threads or (known.threads if known is not None else None)
                self._image = open_image_session(path, provider, precision=precision, threads=threads)
                self._image_used = time.monotonic()
            return self._image

    def _text_tower(self) -> tuple[Tokenizer, Session]:
        with self._text_lock:
            if self._text is None:
                known = self._known()
                path, precision = self._form("text")
                provider = known.text_provider if known is not None else self._given()
                session = open_session(path, provider, precision=precision, threads=self._threads)
                self._text = Tokenizer(self.folder, self.spec), session
            return self._text

    def _measures(self) -> bool:
        return self._provider == AUTO and self._precision is None and self._remembered is not None

    def _known(self) -> Measured | None:
        if self._remembered is None or not self._measures():
            return None
        return measured.recall(self._remembered, self.spec.space_id)

    def _given(self) -> str:
        """Without a measurement the CPU: a device that nobody compared is not trusted."""
        return providers.CPU if self._provider == AUTO else self._provider

    def _form(self, tower: str) -> tuple[Path, str]:
        """The file that runs, and its precision. Raises NotThere when this tower is not here in it."""
        file = IMAGE_FILE if tower == "image" else TEXT_FILE
        used, *kept = self.forms()[tower]
        if self._precision in (None, used):
            return self.folder / file, used
        if self._precision in kept:
            return self.folder / self._precision / file, self._precision
        raise _no_such_form(self.spec.id, str(self._precision), self.forms())

    def _drawn(self, count: int) -> npt.NDArray[np.float32]:
        """`count` drawn pictures as the tower takes them, [n, 3, s, s]: to compare devices, photos or not."""
        size = self.spec.preprocessing.size_px
        coarse = np.random.default_rng(0).integers(0, 256, (count, 8, 8, 3), np.uint8)
        place = np.arange(size) * 8 // size
        return normalise(coarse[:, place][:, :, place], self.spec.preprocessing)


def _no_such_form(model: str, precision: str, forms: dict[str, tuple[str, ...]]) -> NotThere:
    here = "; ".join(f"{tower} tower: {', '.join(each)}" for tower, each in forms.items())
    return NotThere(
        f"{model} is not here in {precision}.",
        what_to_do=f"Leave --precision out, or name one that is here ({here}).",
    )
