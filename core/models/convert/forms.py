"""An fp32 model folder -> the same with the forms that are fastest here, accepted by parity on the owner's photos.

The folder is built anew beside the old one and takes its place at the very end, so it is as before or complete.
The fp32 reference stays in `fp32/`, to convert again from and to compare with.
"""

from __future__ import annotations

import json
import math
import os
import shutil
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import onnx

from core.disk import is_full
from core.errors import DiskFull, ModelError
from core.log import logger
from core.models.agreement import (
    LIMITS,
    PHOTOS,
    Agreement,
    Embeddings,
    compare,
    cosines,
    first_photos,
    overlap,
)
from core.models.convert.accept import Chosen, Feed, FormResult, Trial, choose, embed
from core.models.convert.quantise import save
from core.models.preprocess import Pixels, normalise
from core.models.prompts import neutral_captions
from core.models.runtime.measured import processor
from core.models.runtime.providers import CPU, available
from core.models.runtime.session import open_session
from core.models.spec import IMAGE_FILE, SPEC_FILE, TEXT_FILE, ModelSpec, file_sha256
from core.models.swap import mend, new_folder_for, swap
from core.models.tokenize import Tokenizer
from core.progress import CancelToken, Pace, Report

__all__ = ["FormResult", "optimise"]

log = logger(__name__)

# Fewer pictures than this show a layer too little to fix its range by: then the forms that need none.
LEAST_PICTURES = 64
# The first so many calibrate, and refuse a bad form quickly.
FEW = 64
# As the program encodes them (core/ingest): what counts is the speed of that.
AT_ONCE = 8
# The fp32 reference is the slowest part; it sees as many photos as this allows, at least LEAST_PICTURES.
REFERENCE_S = 90.0
# Texts that are compared: more tell nothing new.
TEXTS = 320
# Precisions that a reference may have, the best first.
WIDE = ("fp32", "fp16", "bf16")
CARD_FILE = "card.md"
CARD_HEADING = "## Forms on this machine"


def optimise(
    folder: Path,
    pictures: Pixels,
    texts: Sequence[str],
    report: Report,
    cancel: CancelToken,
    *,
    providers: Sequence[str] | None = None,
    reference_s: float = REFERENCE_S,
) -> list[FormResult]:
    """Give a model folder the forms that are fastest on this machine; every form that was tried, per tower.

    folder       holds fp32 graphs, or those of an earlier call, whose fp32 reference is then used again; fp16
                 serves as the reference where there is nothing wider
    pictures     [n, s, s, 3] uint8, squares of the owner's photos as `preprocess.square` makes them; n may be 0,
                 then only the text tower is looked at
    texts        what people write: queries, captions; filled up with neutral ones
    providers    what to try; None: all that are installed
    reference_s  time for the reference embeddings; as many photos as it allows are compared
    Raises ModelError (the folder does not hold fp32, or is open elsewhere), DiskFull, Cancelled. The folder is
    then as it was. Not to be called while an Encoder has the folder open.
    """
    mend(folder.parent)
    spec = ModelSpec.load(folder)
    references = _references(folder, spec)
    _check_space(folder, references)
    inputs = _Inputs(Tokenizer(folder, spec), spec, pictures, texts)
    new = new_folder_for(folder)
    try:
        work = new / "work"
        work.mkdir()
        chosen = _choose_both(
            folder, inputs, references, work, report, cancel, providers or available(), reference_s
        )
        results = [result for one in chosen.values() for result in one.results]
        _build(folder, new, spec, references, chosen)
        shutil.rmtree(work)
        cancel.check()
        swap(new, folder)
    except OSError as error:
        shutil.rmtree(new, ignore_errors=True)
        if is_full(error):
            raise DiskFull(f"There is no room for the new form of {spec.id}.") from error
        raise
    except BaseException:
        shutil.rmtree(new, ignore_errors=True)
        raise
    return results


class _Inputs:
    """What the towers are tried with, as feeds."""

    def __init__(self, tokenizer: Tokenizer, spec: ModelSpec, pictures: Pixels, texts: Sequence[str]) -> None:
        self.pictures = PictureFeeds(pictures[:PHOTOS], spec)
        # Neutral captions fill up; drawn among the given ones, so that queries are of both kinds.
        several = list(dict.fromkeys([*texts, *neutral_captions()]))[:TEXTS]
        order = np.random.default_rng(0).permutation(len(several))
        self.texts = [
            tokenizer([several[i] for i in order[start : start + AT_ONCE]])
            for start in range(0, len(several), AT_ONCE)
        ]
        # A query is a short text alone: what the time of the text tower is about.
        self.one_text = tokenizer([sorted(several, key=len)[len(several) // 4]])


class PictureFeeds(Sequence[Feed]):
    """Squares [n, s, s, 3] uint8 as feeds of AT_ONCE, made when asked for: as floats they are four times larger."""

    def __init__(self, pictures: Pixels, spec: ModelSpec) -> None:
        self._pictures = pictures
        self._spec = spec

    def __len__(self) -> int:
        return (len(self._pictures) + AT_ONCE - 1) // AT_ONCE

    def __getitem__(self, place: Any) -> Any:
        if isinstance(place, slice):
            return PictureFeeds(self._pictures[: (place.stop or len(self)) * AT_ONCE], self._spec)
        if not 0 <= place < len(self):
            raise IndexError(place)
        part = self._pictures[place * AT_ONCE : (place + 1) * AT_ONCE]
        return {"pixels": normalise(part, self._spec.preprocessing)}


def _choose_both(
    folder: Path,
    inputs: _Inputs,
    references: Mapping[str, Reference],
    work: Path,
    report: Report,
    cancel: CancelToken,
    providers: Sequence[str],
    reference_s: float,
) -> dict[str, Chosen]:
    text, image = references.get("text"), references.get("image")
    queries = embed(open_session(text.path if text else folder / TEXT_FILE, CPU), inputs.texts, cancel)
    photos = _reference_photos(
        inputs, image.path if image else folder / IMAGE_FILE, reference_s, report, cancel
    )
    pictures = inputs.pictures[: math.ceil(len(photos) / AT_ONCE)]
    chosen = {}
    if len(photos) and image is not None:
        enough = len(photos) >= LEAST_PICTURES
        timed, few = pictures[0], pictures[: FEW // AT_ONCE]
        trial = Trial(
            "image",
            image.path,
            image.precision,
            timed,
            few,
            pictures,
            partial(_photos_agree, photos, queries),
            providers,
            enough,
        )
        chosen["image"] = choose(trial, work, report, cancel)
    if text is not None:
        few = inputs.texts[: 2 * FEW // AT_ONCE]
        trial = Trial(
            "text",
            text.path,
            text.precision,
            inputs.one_text,
            few,
            inputs.texts,
            partial(_texts_agree, photos, queries),
            providers,
            True,
        )
        chosen["text"] = choose(trial, work, report, cancel)
    return _together(chosen, photos, queries)


def _photos_agree(photos: Embeddings, queries: Embeddings, found: Embeddings) -> Agreement:
    """The reference's photos [n, d] with the first of a form's, and the lists of the reference's queries."""
    same = photos[: len(found)]
    return compare(same, found, first_photos(queries, same), first_photos(queries, found))


def _texts_agree(photos: Embeddings, queries: Embeddings, found: Embeddings) -> Agreement:
    """The reference's texts with the first of a form's, and their lists of the reference's photos, if any."""
    same = queries[: len(found)]
    if not len(photos):
        return cosines(same, found)
    return compare(same, found, first_photos(same, photos), first_photos(found, photos))


def _reference_photos(
    inputs: _Inputs, path: Path, reference_s: float, report: Report, cancel: CancelToken
) -> Embeddings:
    """The fp32 embeddings of as many pictures as the time allows, whole feeds of them; [0, 0] for no pictures."""
    feeds = inputs.pictures
    if not len(feeds):
        return np.zeros((0, 0), np.float32)
    session = open_session(path, CPU)
    pace = Pace(report, "reference", len(feeds))
    began = time.monotonic()
    found = []
    for feed in feeds:
        cancel.check()
        found.append(session.run(feed))
        pace.step()
        if time.monotonic() - began > reference_s and len(found) * AT_ONCE >= LEAST_PICTURES:
            break
    pace.flush()
    whole = len(found) - (1 if len(found) > 1 and len(found[-1]) < AT_ONCE else 0)
    return np.concatenate(found[:whole])


def _together(chosen: dict[str, Chosen], photos: Embeddings, queries: Embeddings) -> dict[str, Chosen]:
    """Both towers' errors meet in a search: where they are too much together, the text tower stays in fp32."""
    if not {"image", "text"} <= chosen.keys() or chosen["text"].embeddings is None:
        return chosen
    found = chosen["image"].embeddings
    both = overlap(
        first_photos(queries, photos),
        first_photos(chosen["text"].embeddings, photos if found is None else found),
    )
    least = min(LIMITS[each.precision].overlap for each in chosen.values())
    if both >= least:
        return chosen
    said = f"with the image tower's form the lists agree only to {both:.3f}"
    log.info("the text tower stays in fp32: %s", said)
    return chosen | {"text": chosen["text"].refused(said)}


@dataclass(frozen=True, slots=True)
class Reference:
    """The graph that a tower's forms are made from and held against."""

    path: Path
    precision: str


def widest_forms(folder: Path, spec: ModelSpec) -> dict[str, Reference]:
    """By tower, the widest form that is here; a tower of which only integers are left is passed over."""
    found = {}
    for tower, file, used in (
        ("image", IMAGE_FILE, spec.image_precision),
        ("text", TEXT_FILE, spec.text_precision),
    ):
        for wide in WIDE:
            path = folder / file if wide == used else folder / wide / file
            if path.is_file():
                found[tower] = Reference(path, wide)
                break
    return found


def _references(folder: Path, spec: ModelSpec) -> dict[str, Reference]:
    """Raises ModelError where there are none: forms made of integers would be measured against their errors."""
    found = widest_forms(folder, spec)
    if not found:
        raise ModelError(
            f"{folder} holds no fp32 form: without it nothing can be compared.",
            what_to_do="Get or import the model again.",
        )
    return found


def _check_space(folder: Path, references: Mapping[str, Reference]) -> None:
    """Forms that are tried lie beside each other for a while; each is at most as large as its reference."""
    needed = 2 * sum(size for one in references.values() for size in map(_size, _with_data(one.path)))
    free = shutil.disk_usage(folder).free
    if free < needed:
        raise DiskFull(
            f"Making this model fast needs {needed / 1e9:.1f} GB for a while; {free / 1e9:.1f} GB are free."
        )


def _size(path: Path) -> int:
    return path.stat().st_size


def _with_data(graph: Path) -> list[Path]:
    """A graph's file and the file of weights beside it, if it has one."""
    beside = [path for path in graph.parent.glob(f"{graph.name}[._]*") if path.is_file()]
    return [graph, *beside]


def _build(
    folder: Path,
    new: Path,
    spec: ModelSpec,
    references: Mapping[str, Reference],
    chosen: Mapping[str, Chosen],
) -> None:
    """Fill `new` with what `folder` shall become. Unchanged files are linked where the disk can, else copied."""
    precisions = {"image": spec.image_precision, "text": spec.text_precision}
    files = {"image": IMAGE_FILE, "text": TEXT_FILE}
    replaced: set[Path] = set()
    for tower, one in chosen.items():
        reference, file = references[tower].path, files[tower]
        aside = new / references[tower].precision
        replaced |= {reference, *_with_data(folder / file), *_with_data(reference)}
        precisions[tower] = one.precision
        at_top = one.path == reference
        for path in _with_data(reference):
            _take(path, new / path.name if at_top else aside / path.name)
        if not at_top:
            _move_form(one.path, new / file)
    for path in folder.rglob("*"):
        if path.is_file() and path not in replaced and path.name != SPEC_FILE:
            _take(path, new / path.relative_to(folder))
    _write_card(folder / CARD_FILE, new / CARD_FILE, chosen)
    spec = replace(
        spec,
        image_precision=precisions["image"],
        text_precision=precisions["text"],
        sha256={
            path.relative_to(new).as_posix(): file_sha256(path)
            for path in sorted(new.rglob("*"))
            if path.is_file() and "work" not in path.relative_to(new).parts
        },
    )
    (new / SPEC_FILE).write_text(json.dumps(spec.as_json(), indent=1, ensure_ascii=False), encoding="utf-8")


def _move_form(form: Path, to: Path) -> None:
    """A graph names the file of its weights, so one with such a file is written anew."""
    if len(_with_data(form)) == 1:
        os.replace(form, to)
    else:
        save(onnx.load(form), to)


def _take(path: Path, to: Path) -> None:
    to.parent.mkdir(parents=True, exist_ok=True)
    try:
        os.link(path, to)
    except OSError:
        # Some disks know no links (FAT, network shares).
        shutil.copy2(path, to)


def _write_card(old: Path, new: Path, chosen: Mapping[str, Chosen]) -> None:
    """The card with what was measured; what an earlier call wrote goes."""
    card = old.read_text(encoding="utf-8") if old.is_file() else "# Model card\n"
    before = card.partition(CARD_HEADING)[0].rstrip()
    lines = [
        CARD_HEADING,
        "",
        f"Measured on {processor()}, {os.cpu_count()} cores. A form is held to the worst",
        "cosine and to the first ten photos of 100 queries.",
        "",
        "| tower | form | speed | agreement with fp32 | |",
        "|---|---|---|---|---|",
    ]
    for one in chosen.values():
        for each in one.results:
            unit = "images/s" if each.tower == "image" else "texts/s"
            speed = "" if each.per_second is None else f"{each.per_second:.1f} {unit}"
            lines.append(f"| {each.tower} | {each.name} | {speed} | {each.agreement or ''} | {each.said} |")
    new.unlink(missing_ok=True)  # it may be a link to the old folder's
    new.write_text(before + "\n\n" + "\n".join(lines) + "\n", encoding="utf-8")
