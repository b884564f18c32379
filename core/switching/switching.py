"""The library moves to another model: its space is built beside the one in use, compared with it, and takes its place.

Until the last step everything goes on with the old model. A build that is stopped, killed or fails leaves the
new space as far as it came; the next switch to that model goes on there. The old space is kept until it is
dropped, so that going back costs only the photos that came since.
"""

from __future__ import annotations

import contextlib
import shutil
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from sqlite_utils import Database as Tables

from core.errors import DiskFull, ModelError, ShiguangError, WrongUse
from core.evaluate.own_words import Comparison, compare
from core.ingest.building import Building
from core.ingest.turns import Turns
from core.library import spaces
from core.library.database import Database
from core.library.photos import last_photo
from core.log import logger
from core.models.encoder import Encoder
from core.models.registry import MEASURED_FILE
from core.models.runtime.measured import recall
from core.models.spec import ModelSpec
from core.photos.decoding import DecodePlan, DecodingPool
from core.progress import CancelToken, Pace, Progress, Report
from core.search.open_model import MODELS, SPACES, WORTH_MEASURING, OpenModel, open_encoder
from core.spaces import origin
from core.spaces.space import Space
from core.spaces.sweeping import sweep
from core.switching.dropping import drop

log = logger(__name__)

# What else writes meanwhile: the write-ahead log, the neutral captions, the graph's note.
MARGIN_BYTES = 32 << 20
MB = 1_000_000


@dataclass(frozen=True, slots=True)
class Switched:
    """How a switch ended. `in_use` is false where it was refused after the comparison; the space is kept then.

    photos    that have a vector in the new space
    encoded   of them in this run
    left_out  photos that could not be read now; they are encoded when they can be
    """

    model: str
    space: str
    photos: int
    encoded: int
    left_out: int
    comparison: Comparison | None
    in_use: bool
    seconds: float


class Switching:
    """What one library needs to move between models. One switch at a time."""

    def __init__(
        self,
        folder: Path,
        database: Database,
        turns: Turns,
        workers: int,
        plan: Callable[[ModelSpec], DecodePlan],
        in_use: Callable[[], OpenModel],
        take: Callable[[OpenModel], None],
    ) -> None:
        """
        plan    how photos are decoded for a model
        in_use  the open model that serves now; may raise when it cannot be opened
        take    puts another one in its place
        """
        self._folder = folder
        self._database = database
        self._turns = turns
        self._workers = workers
        self._plan = plan
        self._in_use = in_use
        self._take = take
        self._one = threading.Lock()

    def switch(
        self,
        model: str,
        report: Report,
        cancel: CancelToken,
        accept: Callable[[Comparison], bool],
        first: Sequence[int],
    ) -> Switched:
        """Build, compare, take over; see `Shiguang.switch_model`."""
        with self._alone():
            return self._switch(model, report, cancel, accept, first)

    def fill(self, model: str, report: Report, cancel: CancelToken) -> None:
        """Encode what the space of a model lacks, and leave it beside the one in use; see `Shiguang.fill_space`."""
        with self._alone():
            encoder = open_encoder(self._folder, self._database, model)
            spec = encoder.spec
            sweep(self._folder / SPACES, self._database)
            reader = self._database.reader()
            record = spaces.active_space(reader)
            # The import fills the one in use.
            if record is not None and record.id == spec.space_id:
                return
            # No move that is under way or was interrupted is given up for it.
            self._database.write(lambda db: spaces.fill_beside(db, spec.space_id, spec.id, spec.width))
            origin.confirm(self._folder / SPACES / spec.space_id, encoder.folder, spec, writable=True)
            # Opened before they are counted: photos whose vectors a damaged file lost are missing from here on.
            space = Space.open(self._folder, spec.space_id, spec.id, spec.width, self._database)
            try:
                if spaces.count_without_vector(reader, spec.space_id):
                    self._want_room(spec)
                    self._fill(space, encoder, report, cancel)
            finally:
                space.close()
                encoder.close()

    def _fill(self, space: Space, encoder: Encoder, report: Report, cancel: CancelToken) -> None:
        pool = DecodingPool(self._plan(encoder.spec), self._workers)
        try:
            building = Building(self._database, space, encoder, pool, self._turns)
            building.work(self._pace(encoder.spec, encoder, report, "fill"), cancel)
        finally:
            pool.close()

    def drop(self, model: str, *, files: bool) -> None:
        """Take a model's spaces away; see `Shiguang.drop_model`."""
        with self._alone():
            drop(self._folder, self._database, model, files=files)

    @contextlib.contextmanager
    def _alone(self) -> Iterator[None]:
        if not self._one.acquire(blocking=False):
            raise WrongUse(
                "The library is moving to another model already.", what_to_do="Wait, or stop that first."
            )
        try:
            yield
        finally:
            self._one.release()

    # ---- the steps

    def _switch(
        self,
        model: str,
        report: Report,
        cancel: CancelToken,
        accept: Callable[[Comparison], bool],
        first: Sequence[int],
    ) -> Switched:
        began = time.monotonic()
        encoder = open_encoder(self._folder, self._database, model)
        folder, spec = encoder.folder, encoder.spec
        record = spaces.active_space(self._database.reader())
        if record is not None and record.id == spec.space_id:
            vectors = _count(self._database, spec.space_id)
            left_out = spaces.count_without_vector(self._database.reader(), spec.space_id)
            return Switched(model, spec.space_id, vectors, 0, left_out, None, True, 0.0)
        report(Progress("check"))
        spec.check(folder)
        cancel.check()
        self._measure(encoder, report, cancel)
        _try_towers(encoder)
        # A large text tower would lie in memory all the while that photos are encoded.
        encoder.close()
        cancel.check()
        self._want_room(spec)
        sweep(self._folder / SPACES, self._database)
        before = _count(self._database, spec.space_id)
        self._database.write(lambda db: spaces.begin_space(db, spec.space_id, spec.id, spec.width))
        try:
            origin.confirm(self._folder / SPACES / spec.space_id, folder, spec, writable=True)
            done = self._build_and_take(encoder, report, cancel, accept, first)
        except ShiguangError as error:
            self._note_stop(spec, error)
            raise
        finally:
            encoder.unload_images()
        return replace(done, encoded=done.photos - before, seconds=time.monotonic() - began)

    def _build_and_take(
        self,
        encoder: Encoder,
        report: Report,
        cancel: CancelToken,
        accept: Callable[[Comparison], bool],
        first: Sequence[int],
    ) -> Switched:
        spec = encoder.spec
        pool = DecodingPool(self._plan(spec), self._workers)
        new = OpenModel.over(self._folder, self._database, encoder)
        try:
            building = Building(self._database, new.space, encoder, pool, self._turns)
            while True:
                building.work(self._pace(spec, encoder, report), cancel, first)
                # Opened again: now it knows its vectors, and an import may have taken some away.
                new = OpenModel.over(self._folder, self._database, encoder)
                comparison = self._compare(new, report, cancel)
                if comparison is not None and comparison.is_worse and not accept(comparison):
                    self._database.write(lambda db: spaces.keep_space(db, spec.space_id))
                    return self._told(new, comparison, in_use=False)
                new.searcher.warm(cancel)
                with self._turns.alone(cancel):
                    # Photos that came while it was compared and warmed are encoded before it takes over.
                    if not building.is_left():
                        return self._change_over(new, comparison)
        finally:
            pool.close()

    def _change_over(self, new: OpenModel, comparison: Comparison | None) -> Switched:
        told = self._told(new, comparison, in_use=True)
        spec = new.spec

        def write(db: Tables) -> None:
            spaces.use_space(db, spec.space_id, spec.id, spec.width)
            spaces.note_finished(db, spec.space_id, told.left_out)

        self._database.write(write)
        self._take(new)
        log.info("the model %s is in use: %d photos, %d left out", spec.id, told.photos, told.left_out)
        return told

    def _told(self, new: OpenModel, comparison: Comparison | None, *, in_use: bool) -> Switched:
        space = new.spec.space_id
        left_out = spaces.count_without_vector(self._database.reader(), space)
        return Switched(new.spec.id, space, len(new.space), 0, left_out, comparison, in_use, 0.0)

    def _pace(self, spec: ModelSpec, encoder: Encoder, report: Report, stage: str = "build") -> Pace:
        already = _count(self._database, spec.space_id)
        todo = spaces.count_without_vector(self._database.reader(), spec.space_id)
        pace = Pace(report, stage, already + todo, already=already, device=encoder.device)
        pace.flush()
        return pace

    def _compare(self, new: OpenModel, report: Report, cancel: CancelToken) -> Comparison | None:
        """None where there is nothing to compare with: a model that cannot be opened is left for any other."""
        if spaces.active_space(self._database.reader()) is None:
            return None
        try:
            old = self._in_use()
        except ShiguangError as error:
            log.warning("the model in use cannot be opened: %s", error)
            return None
        return compare(self._database, (old.encoder, old.space), (new.encoder, new.space), report, cancel)

    def _measure(self, encoder: Encoder, report: Report, cancel: CancelToken) -> None:
        """Find the fastest device now, where the encoder would at its first photo: here it can be stopped."""
        known = recall(self._folder / MODELS / MEASURED_FILE, encoder.spec.space_id)
        if known is None and last_photo(self._database.reader()) >= WORTH_MEASURING:
            report(Progress("measure"))
            encoder.measure(cancel)

    def _want_room(self, spec: ModelSpec) -> None:
        photos = spaces.count_without_vector(self._database.reader(), spec.space_id)
        need = spaces.bytes_of(photos, spec.width) + MARGIN_BYTES
        free = shutil.disk_usage(self._folder).free
        if photos and need > free:
            raise DiskFull(
                f"The vectors of {photos:,} photos need {need / MB:,.0f} MB on the library's disk;"
                f" {free / MB:,.0f} MB are free."
            )

    def _note_stop(self, spec: ModelSpec, error: ShiguangError) -> None:
        log.warning("the switch to %s stopped: %s", spec.id, error)
        # A disk that is full for vectors may be full for this note, too.
        with contextlib.suppress(ShiguangError):
            self._database.write(lambda db: spaces.note_stop(db, spec.space_id, str(error)))


def _count(database: Database, space: str) -> int:
    return next((r.vectors for r in spaces.every_space(database.reader()) if r.id == space), 0)


def _try_towers(encoder: Encoder) -> None:
    """A grey square and a word through both towers. Raises ModelError when what comes out is no embedding."""
    side = encoder.spec.preprocessing.size_px
    for tower, found in (
        ("image", encoder.encode_images(np.full((1, side, side, 3), 127, np.uint8))),
        ("text", encoder.encode_texts(["照片 photo"])),
    ):
        length = float(np.linalg.norm(found)) if np.isfinite(found).all() else 0.0
        # bf16 towers normalise to some 1e-3.
        if found.shape != (1, encoder.spec.width) or abs(length - 1) > 0.02:
            raise ModelError(
                f"the {tower} tower of {encoder.spec.id} gives {found.shape[1]} numbers of length {length:.3f},"
                f" not {encoder.spec.width} of length 1"
            )
