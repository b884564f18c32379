"""`shiguang bench`: how fast this machine is, every figure beside what it is compared with, of one run."""

from __future__ import annotations

import argparse
import importlib
import tempfile
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from core.app import open_library
from core.cli.output import Output
from core.errors import NotThere
from core.models.encoder import Encoder
from core.models.preprocess import Pixels
from core.models.prompts import neutral_captions
from core.models.registry import STARTER, model_folder
from core.models.runtime.timing import side_by_side
from core.models.spec import ModelSpec
from core.progress import CancelToken, silent
from core.spaces.index import best, cosines

if TYPE_CHECKING:
    Commands = argparse._SubParsersAction[argparse.ArgumentParser]

SIZES = ("vit-b-16",)
# Enough to calibrate on and to draw lists of ten from; more only take longer.
PICTURES = 128
# A library of this many photos is searched, and one of so many pictures is indexed.
ROWS = (100_000, 1_000_000)
INDEXED = 48


def add_commands(commands: Commands) -> None:
    bench = commands.add_parser("bench", help="measure this machine")
    bench.add_argument("what", nargs="?", choices=("encode", "index", "search", "all"), default="all")
    which = bench.add_mutually_exclusive_group()
    which.add_argument("--model", metavar="ID", help="encode: a model that is here (default: the starter)")
    which.add_argument("--size", choices=SIZES, help="encode: a published size, with random weights")
    bench.set_defaults(run=run_bench)


def run_bench(options: argparse.Namespace, output: Output, cancel: CancelToken) -> int:
    parts = ("encode", "index", "search") if options.what == "all" else (options.what,)
    for part in parts:
        rows = {"encode": _encode, "index": _index, "search": _search}[part](options, output, cancel)
        for row in rows:
            cancel.check()
            _show({"bench": part, **row}, output)
    return 0


def _show(row: dict[str, Any], output: Output) -> None:
    if row.get("value") is None:
        line = f"{row['case']:20} {row['form']:40} not run: {row.get('skipped', row.get('said', ''))}"
    else:
        ratio = f"{row['ratio']:6.2f} x {row['baseline']}" if "ratio" in row else ""
        line = f"{row['case']:20} {row['form']:40} {row['value']:10.2f} {row['unit']:12} {ratio}"
    output.result(row, line.rstrip())


def _encode(options: argparse.Namespace, output: Output, cancel: CancelToken) -> Iterator[dict[str, Any]]:
    try:
        # Optional: making forms needs onnx, and the comparison torch. By name, as the core is to run without.
        forms_bench = importlib.import_module("core.models.convert.forms_bench")
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] == "core":
            raise
        if options.size:
            raise NotThere(
                f"{error.name} is not installed, which a model of a size is made with.",
                what_to_do='Install it: pip install "shiguang[train]"',
            ) from error
        name = options.model or STARTER
        yield {"case": f"{name} image", "form": "torch fp32", "value": None, "unit": "images/s",
               "skipped": f"{error.name} is not installed"}  # fmt: skip
        yield from _as_it_is(name, options.library / "models", cancel)
        return
    texts = neutral_captions()
    if options.size:
        found = forms_bench.sized(options.size, "", _drawn(224), texts, output.progress, cancel)
    else:
        name = options.model or STARTER
        folder = model_folder(name, options.library / "models")
        if not forms_bench.can_compare(folder):
            yield from _as_it_is(name, options.library / "models", cancel)
            return
        pictures = _drawn(ModelSpec.load(folder).preprocessing.size_px)
        found = forms_bench.given(name, folder, pictures, texts, output.progress, cancel)
    for row in found:
        value = None if row.value is None else round(row.value, 3)
        yield {"case": row.case, "form": row.form, "value": value, "unit": row.unit, **row.more}


def _as_it_is(name: str, models: Path, cancel: CancelToken) -> Iterator[dict[str, Any]]:
    """The form in use, on every provider: all there is without the extra, or of a model that has no other form."""
    encoder = Encoder.open(model_folder(name, models))
    measured = encoder.measure(cancel)
    for one in measured.tried:
        batch = 8 if one.tower == "image" else 1
        value = None if one.seconds is None else round(batch / one.seconds, 3)
        yield {"case": f"{name} {one.tower}", "form": one.provider, "value": value,
               "unit": f"{one.tower}s/s", "said": one.said}  # fmt: skip


def _search(options: argparse.Namespace, output: Output, cancel: CancelToken) -> Iterator[dict[str, Any]]:
    """Exact search over random rows as wide as the starter's: the product and the hundred best."""
    width = ModelSpec.load(model_folder(STARTER, None)).width
    dice = np.random.default_rng(0)
    query = dice.standard_normal(width, np.float32)
    query /= np.linalg.norm(query)
    base = dice.standard_normal((ROWS[0], width), np.float32).astype(np.float16)
    for count in ROWS:
        rows = np.resize(base, (count, width))
        took = side_by_side({"": partial(_nearest, query, rows)}, rounds=10, cancel=cancel)
        yield {"case": f"{count:,} photos", "form": "exact", "value": round(took[""] * 1e3, 3), "unit": "ms"}


def _nearest(query: NDArray[np.float32], rows: NDArray[np.float16]) -> object:
    return best(cosines(query, rows), 100)


def _index(options: argparse.Namespace, output: Output, cancel: CancelToken) -> Iterator[dict[str, Any]]:
    """Indexing drawn 12-megapixel photos with the starter into a library that is thrown away."""
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as place:
        photos = Path(place) / "photos"
        photos.mkdir()
        for i, square in enumerate(_drawn(250)[:INDEXED]):
            Image.fromarray(square).resize((4000, 3000)).save(photos / f"{i}.jpg", quality=90)
        library = open_library(Path(place) / "library", writable=True, verbose=False)
        try:
            library.watch_folder(photos)
            # With the start of the decoding processes: tests/benchmarks/ingest.py measures without, over more photos.
            began = time.perf_counter()
            library.index(silent, cancel)
            took = time.perf_counter() - began
        finally:
            library.close()
        yield {"case": f"{INDEXED} JPEGs of 12 MP", "form": "starter", "value": round(INDEXED / took, 3),
               "unit": "photos/s"}  # fmt: skip


def _drawn(size: int) -> Pixels:
    """PICTURES drawn squares [n, size, size, 3] uint8 of coloured patches at several scales."""
    dice = np.random.default_rng(0)
    total = np.zeros((PICTURES, size, size, 3), np.float32)
    for cells in (2, 4, 8, 16, 32):
        coarse = dice.standard_normal((PICTURES, cells, cells, 3)).astype(np.float32)
        place = np.arange(size) * cells // size
        total += coarse[:, place][:, :, place]
    return np.clip(total * 40 + 128, 0, 255).astype(np.uint8)
