"""What the frozen encoders make of photos and texts, computed once by ONNX Runtime and kept in a cache folder."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import onnxruntime as ort
from PIL import Image, ImageOps

from core.disk import written_whole
from core.evaluate.pictures import pictures
from core.log import logger
from core.models.convert.starter.folder import PREPROCESSING, Vocabularies
from core.models.preprocess import Pixels, normalise, square
from core.models.spec import Preprocessing
from core.models.tokenize import padded
from core.progress import CancelToken, Pace, Report

log = logger(__name__)

Floats = npt.NDArray[np.float32]
PHOTOS_AT_ONCE = 16
TEXTS_AT_ONCE = 64
# Share of a photo's area that a cut shows, and how much wider or higher than the photo it may be.
CUT_AREA = (0.5, 1.0)
CUT_FORM = 4 / 3


@dataclass(frozen=True, slots=True)
class View:
    """One way of looking at all photos of a set.

    cut_by  seed by which each photo is cut to a part of it and half of them are mirrored; None: they are seen whole
    """

    name: str
    mirrored: bool = False
    cut_by: int | None = None

    def of(self, photos: Iterable[Image.Image], preprocessing: Preprocessing) -> Pixels:
        """[n, s, s, 3] uint8, squashed to the square."""
        if self.cut_by is not None:
            draw = np.random.default_rng(self.cut_by)
            photos = (_cut(photo, draw) for photo in photos)
        squares = np.stack([square(photo, preprocessing) for photo in photos])
        return squares[:, :, ::-1] if self.mirrored else squares


AS_THEY_ARE = View("as-they-are")
VIEWS = (AS_THEY_ARE, View("mirrored", mirrored=True), View("cut-1", cut_by=1), View("cut-2", cut_by=2))


class Features:
    """Features by a name, computed when the cache does not have them. A changed graph or input is another file."""

    def __init__(self, cache: Path, report: Report, cancel: CancelToken) -> None:
        cache.mkdir(parents=True, exist_ok=True)
        self._cache = cache
        self._report = report
        self._cancel = cancel

    def of_photos(self, name: str, tar: Path, graph: Path, size_px: int, view: View) -> Floats:
        """[n, width], the photos of a tar squashed to squares of `size_px`, in their order."""
        preprocessing = _sized(size_px)
        key = _key(tar.stat().st_size, tar.name, graph.read_bytes(), size_px, view.mirrored, str(view.cut_by))

        def compute() -> Floats:
            session = _session(graph)
            squares = view.of((_opened(data) for _, data in pictures(tar)), preprocessing)
            found = []
            pace = Pace(self._report, name, len(squares))
            for start in range(0, len(squares), PHOTOS_AT_ONCE):
                self._cancel.check()
                pixels = squares[start : start + PHOTOS_AT_ONCE]
                found.append(session.run(None, {"pixels": normalise(pixels, preprocessing)})[0])
                pace.step(len(pixels))
            pace.flush()
            return np.concatenate(found)

        return self._kept(f"{name}-{key}", compute)

    def of_texts(self, name: str, texts: Sequence[str], graph: Path, vocabularies: Vocabularies) -> Floats:
        """[n, 896], both text encoders side by side, in the order of `texts`."""
        key = _key("\n".join(texts), graph.read_bytes())

        def compute() -> Floats:
            session = _session(graph)
            feeds = _feeds(texts, vocabularies)
            order = sorted(range(len(texts)), key=lambda i: len(feeds["ids"][0][i]))
            found = np.zeros((len(texts), session.get_outputs()[0].shape[1]), np.float32)
            pace = Pace(self._report, name, len(texts))
            for start in range(0, len(texts), TEXTS_AT_ONCE):
                self._cancel.check()
                rows = order[start : start + TEXTS_AT_ONCE]
                feed: dict[str, npt.NDArray[np.int64]] = {}
                for ids, (pieces, pad) in feeds.items():
                    feed[ids], feed[ids.replace("ids", "mask")] = padded([pieces[i] for i in rows], pad)
                found[rows] = session.run(None, feed)[0]
                pace.step(len(rows))
            pace.flush()
            return found

        return self._kept(f"{name}-{key}", compute)

    def _kept(self, name: str, compute: Callable[[], Floats]) -> Floats:
        path = self._cache / f"{name}.npy"
        if path.exists():
            return np.asarray(np.load(path), np.float32)
        log.info("computing %s", name)
        found = compute()
        # Half precision: the cache of 60,000 captions is 110 MB, and the heads learn the same.
        with written_whole(path) as file:
            np.save(file, found.astype(np.float16))
        return found


def _cut(photo: Image.Image, draw: np.random.Generator) -> Image.Image:
    """A part of a photo of its size, mirrored half the time: of random area and form (Szegedy et al. 2015)."""
    area, form = draw.uniform(*CUT_AREA), np.exp(draw.uniform(-1, 1) * np.log(CUT_FORM))
    share = [min(1.0, float(np.sqrt(area * each))) for each in (form, 1 / form)]
    size = [side * each for side, each in zip(photo.size, share, strict=True)]
    left, top = (draw.uniform(0, side - part) for side, part in zip(photo.size, size, strict=True))
    found = photo.resize(photo.size, Image.Resampling.BICUBIC, box=(left, top, left + size[0], top + size[1]))
    return ImageOps.mirror(found) if draw.random() < 0.5 else found


def _sized(size_px: int) -> Preprocessing:
    one = PREPROCESSING
    return Preprocessing(one.mode, size_px, one.interpolation, one.mean, one.std)


def _opened(data: bytes) -> Image.Image:
    with Image.open(io.BytesIO(data)) as image:
        return image.convert("RGB")


def _feeds(texts: Sequence[str], vocabularies: Vocabularies) -> dict[str, tuple[list[list[int]], int]]:
    """For each input of ids: every text's pieces, and the id that pads."""
    feeds: dict[str, tuple[list[list[int]], int]] = {}
    both = (("ids", vocabularies.e5), ("ids2", vocabularies.use))
    for (name, vocabulary), given in zip(both, vocabularies.inputs(), strict=True):
        encodings = vocabulary.tokenizer().encode_batch([given.prefix + text for text in texts])
        feeds[name] = [encoding.ids for encoding in encodings], given.pad_id
    return feeds


def _session(graph: Path) -> ort.InferenceSession:
    options = ort.SessionOptions()
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    return ort.InferenceSession(str(graph), options, providers=["CPUExecutionProvider"])


def _key(*parts: str | bytes | float) -> str:
    digest = hashlib.sha256()
    for part in parts:
        digest.update(part if isinstance(part, bytes) else str(part).encode())
    return digest.hexdigest()[:12]
