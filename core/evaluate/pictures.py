"""The labelled or captioned pictures of an evaluation: read from a tar or a folder, encoded in their order."""

from __future__ import annotations

import io
import tarfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from pathlib import Path, PurePosixPath

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageOps, UnidentifiedImageError

from core.errors import NotThere, WrongUse
from core.models.encoder import Encoder
from core.models.preprocess import Pixels, square
from core.models.spec import Preprocessing
from core.progress import CancelToken, Pace, Report

Embeddings = npt.NDArray[np.float32]
Source = tuple[PurePosixPath, bytes]

_SUFFIXES = {".webp", ".jpg", ".jpeg", ".png", ".gif", ".bmp", ".tif", ".tiff", ".avif"}
# Enough to keep two cores busy, few enough to weigh nothing beside the model.
AT_ONCE = 32
DECODERS = 4


def pictures(images: Path) -> Iterator[Source]:
    """Every picture of a tar or folder: its path inside, and its bytes; sorted by path.

    Raises NotThere when there is nothing of that name, WrongUse when it is neither.
    """
    if images.is_dir():
        for file in sorted(images.rglob("*")):
            if file.suffix.lower() in _SUFFIXES and file.is_file():
                yield PurePosixPath(file.relative_to(images).as_posix()), file.read_bytes()
        return
    if not images.exists():
        raise NotThere(
            f"there is no file or folder {images}", what_to_do="Check the path given with --images."
        )
    try:
        with tarfile.open(images) as archive:
            members = [member for member in archive if member.isfile()]
            for member in sorted(members, key=lambda one: one.name):
                path = PurePosixPath(member.name)
                content = archive.extractfile(member)
                if path.suffix.lower() in _SUFFIXES and content is not None:
                    yield path, content.read()
    except tarfile.TarError as error:
        raise WrongUse(f"{images} is neither a folder nor a tar file: {error}") from error


def encode_pictures(
    encoder: Encoder, sources: Iterator[Source], report: Report, cancel: CancelToken
) -> tuple[list[PurePosixPath], Embeddings]:
    """The paths and embeddings [n, d] of all pictures, in the order they come. Raises WrongUse for a broken one."""
    paths: list[PurePosixPath] = []
    found: list[Embeddings] = []
    pace = Pace(report, "encode")
    preprocessing = encoder.spec.preprocessing

    def made(source: Source) -> Pixels:
        return decoded(source[0], source[1], preprocessing)

    with ThreadPoolExecutor(DECODERS) as pool:
        while batch := list(islice(sources, AT_ONCE)):
            cancel.check()
            pixels = list(pool.map(made, batch))
            found.append(encoder.encode_images(np.stack(pixels)))
            paths += [path for path, _ in batch]
            pace.step(len(batch))
    pace.flush()
    if not found:
        raise WrongUse("there is no picture in what was given with --images")
    return paths, np.concatenate(found)


def decoded(path: PurePosixPath, data: bytes, preprocessing: Preprocessing) -> Pixels:
    """A picture as a model takes it, [s, s, 3] uint8. Raises WrongUse, naming `path`, for one that cannot be read."""
    try:
        with Image.open(io.BytesIO(data)) as image:
            upright = ImageOps.exif_transpose(image) or image
            return square(upright.convert("RGB"), preprocessing)
    except (OSError, UnidentifiedImageError, ValueError, SyntaxError) as error:
        raise WrongUse(f"{path} cannot be read as a picture: {error}") from error
