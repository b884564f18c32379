"""Whether a folder's ONNX towers give what the towers in torch give, on real inputs of both kinds."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnxruntime as ort
import torch

from core.errors import ModelError
from core.models.agreement import Agreement, Embeddings, compare, first_photos
from core.models.convert.source import Towers
from core.models.preprocess import Pixels, normalise
from core.models.spec import IMAGE_FILE, TEXT_FILE, ModelSpec
from core.models.tokenize import Ints, Tokenizer
from core.progress import CancelToken, Pace, Report

# Bounds the memory: attention of 8 pictures of 336 px in 16 heads is 170 MB a layer.
_AT_ONCE = 8


@dataclass(frozen=True, slots=True)
class Parity:
    """How well both towers' graphs agree with torch."""

    image: Agreement
    text: Agreement


def check_parity(
    folder: Path,
    spec: ModelSpec,
    towers: Towers,
    pictures: Pixels,
    texts: Sequence[str],
    report: Report,
    cancel: CancelToken,
) -> Parity:
    """Run the graphs of `folder` beside `towers`.

    pictures  [n, s, s, 3] uint8, squares of the model's size; n >= 1
    texts     at least one
    Raises ModelError when they agree less than CONTRACTS asks of float32.
    """
    feeds = list(_texts(Tokenizer(folder, spec), texts))
    pace = Pace(report, "check", 2 * (-(-len(pictures) // _AT_ONCE) + len(feeds)))
    image = _Session(folder / IMAGE_FILE)
    images: tuple[list[Embeddings], list[Embeddings]] = ([], [])
    with torch.inference_mode():
        for start in range(0, len(pictures), _AT_ONCE):
            cancel.check()
            pixels = normalise(pictures[start : start + _AT_ONCE], spec.preprocessing)
            images[0].append(towers.image(torch.from_numpy(pixels)).numpy())
            images[1].append(image.run({"pixels": pixels}))
            pace.step(2)
        del image
        text = _Session(folder / TEXT_FILE)
        found: tuple[list[Embeddings], list[Embeddings]] = ([], [])
        for feed in feeds:
            cancel.check()
            ids, mask = (torch.from_numpy(feed[name]) for name in ("ids", "mask"))
            found[0].append(towers.text(ids, mask).numpy())
            found[1].append(text.run(feed))
            pace.step(2)
    pace.flush()
    return _judged(folder, [np.concatenate(one) for one in images], [np.concatenate(one) for one in found])


def _texts(tokenizer: Tokenizer, texts: Sequence[str]) -> Iterator[dict[str, Ints]]:
    for start in range(0, len(texts), _AT_ONCE):
        yield tokenizer(texts[start : start + _AT_ONCE])


def _judged(folder: Path, images: list[Embeddings], texts: list[Embeddings]) -> Parity:
    lists = [first_photos(query, photos) for query, photos in zip(texts, images, strict=True)]
    image = compare(images[0], images[1], lists[0], lists[1])
    text = compare(texts[0], texts[1], lists[0], lists[1])
    for name, agreement in (("image", image), ("text", text)):
        if not agreement.holds("fp32"):
            raise ModelError(
                f"{folder}: the converted {name} tower does not give what the original gives ({agreement}), "
                "so it is not used",
                what_to_do="Please report this model: its conversion is at fault, not the files.",
            )
    return Parity(image, text)


class _Session:
    """One graph on the CPU."""

    def __init__(self, path: Path) -> None:
        options = ort.SessionOptions()
        options.log_severity_level = 3
        try:
            self._session = ort.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
        except Exception as error:  # the library raises its own kinds, none of them documented
            raise ModelError(f"{path} cannot be loaded: {error}") from error

    def run(self, feed: dict[str, np.ndarray]) -> Embeddings:
        (embeddings,) = self._session.run(["embedding"], feed)
        return np.asarray(embeddings, np.float32)
