"""A library, open: the parts that the window and the command line share.

`Shiguang` opens the library at once and everything heavy when it is first asked for: the model's spec
with the space, its towers with the first text or photo. It hands out parts; it holds no logic of its own.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from core.errors import NotThere, WrongUse
from core.ingest import Counts, Ingest, Stored
from core.library import files, photos, roots, spaces
from core.library.database import Database, open_for_reading, open_for_writing
from core.library.files import Fault
from core.library.photos import Card, PhotoDetails
from core.library.roots import Root
from core.log import logger, start_log, stop_log
from core.models.encoder import Encoder
from core.models.registry import model_folder
from core.models.spec import ModelSpec, Preprocessing
from core.photos.decoding import DecodePlan, DecodingPool
from core.photos.scan import locate
from core.photos.single import SingleDecoder
from core.photos.thumbs import Thumbs
from core.photos.volumes import place_of
from core.photos.watch import Watcher
from core.progress import CancelToken, Report
from core.search.answer import Answer, Searcher
from core.search.query import Query
from core.settings import DECODE_WORKERS, MODEL, RESCAN_MINUTES, SETTLE_SECONDS, Settings, default_folder
from core.spaces.space import Space

__all__ = ["Shiguang", "decode_plan", "default_folder", "open_library"]

log = logger(__name__)

# Longer side of a stored thumbnail: a 320 px grid cell, cropped from a 4:3 picture.
THUMB_PX = 400


def decode_plan(preprocessing: Preprocessing, thumb_px: int = THUMB_PX) -> DecodePlan:
    """How photos are decoded for a model, with a thumbnail of that longer side."""
    return DecodePlan(preprocessing.size_px, preprocessing.mode, preprocessing.interpolation, thumb_px)


class Shiguang:
    """An open library. Make it with `open_library`; close it when done."""

    def __init__(self, folder: Path, database: Database) -> None:
        self.folder = folder
        self.database = database
        self.settings = Settings.load(folder)
        self.thumbs = Thumbs(folder, writable=database.is_writable)
        self._model: tuple[Encoder, Space, Searcher] | None = None
        self._single = SingleDecoder()
        self._guard = threading.RLock()

    # ---- folders

    def roots(self) -> list[Root]:
        """The watched folders, with what was last seen of them."""
        return roots.watched_roots(self.database.reader())

    def watch_folder(self, folder: str | os.PathLike[str]) -> Root:
        """Watch a folder; the root that covers it now. Raises NotThere or WrongUse when it is none."""
        path = os.path.abspath(folder)
        if not os.path.exists(path):
            known = roots.root_by_path(self.database.reader(), os.fsencode(path))
            if known is not None:
                return known
            raise NotThere(f"There is no folder {path}.", what_to_do="Check its name, or plug its drive in.")
        if not os.path.isdir(path):
            raise WrongUse(f"{path} is no folder.", what_to_do="Name the folder that holds it.")
        if Path(path).resolve().is_relative_to(self.folder.resolve()):
            raise WrongUse(
                "The library's own folder cannot be watched.", what_to_do="Choose a folder of photos."
            )
        place = place_of(path)
        volume, in_volume = place.volume.id, os.fsencode(place.path_in_volume)
        root_id = self.database.write(lambda db: roots.watch_root(db, os.fsencode(path), volume, in_volume))
        return next(root for root in self.roots() if root.id == root_id)

    def unwatch_folder(self, root: int) -> None:
        """Its photos leave the view; what was said about them stays."""
        self.database.write(lambda db: roots.unwatch_root(db, root))

    def look_at_roots(self) -> list[Root]:
        """The watched folders after looking which of them are there now."""
        for root in self.roots():
            locate(self.database, root)
        return self.roots()

    # ---- the model in use

    def use_model(self, model: str | None = None) -> ModelSpec:
        """Open a model (the library's own when None) and its space; cheap, the towers come when asked."""
        return self._opened(model)[0].spec

    @property
    def encoder(self) -> Encoder:
        return self._opened()[0]

    @property
    def space(self) -> Space:
        return self._opened()[1]

    @property
    def searcher(self) -> Searcher:
        return self._opened()[2]

    def _opened(self, model: str | None = None) -> tuple[Encoder, Space, Searcher]:
        with self._guard:
            if self._model is not None and model in (None, self._model[0].spec.id):
                return self._model
            record = spaces.active_space(self.database.reader())
            name = model or (record.model if record else self.settings.get(MODEL))
            encoder = Encoder.open(model_folder(name, self.folder / "models"))
            spec = encoder.spec
            if self.database.is_writable and (record is None or record.id != spec.space_id):
                self.database.write(lambda db: spaces.use_space(db, spec.space_id, spec.id, spec.width))
            space = Space.open(self.folder, spec.space_id, spec.id, spec.width, self.database)
            self._close_model()
            self._model = (
                encoder,
                space,
                Searcher(self.database, space, encoder, self.folder / "spaces" / spec.space_id),
            )
            return self._model

    # ---- the long actions

    def index(
        self,
        report: Report,
        cancel: CancelToken,
        *,
        folders: Iterable[Root] | None = None,
        paths: Iterable[bytes] | None = None,
        everything: bool = False,
        stored: Stored = lambda photos: None,
    ) -> Counts:
        """Bring the library up to date with its folders (core/ingest.py). Raises Cancelled."""
        encoder, space, _ = self._opened()
        pool = DecodingPool(self.decode_plan(), self.settings.get(DECODE_WORKERS) or os.cpu_count() or 1)
        try:
            ingest = Ingest(self.database, self.thumbs, space, encoder, pool, stored)
            return ingest.run(report, cancel, roots=folders, paths=paths, everything=everything)
        finally:
            pool.close()
            encoder.unload_images()

    def decode_plan(self, thumb_px: int = THUMB_PX) -> DecodePlan:
        """How photos are decoded for the model in use."""
        return decode_plan(self.encoder.spec.preprocessing, thumb_px)

    def watcher(self, changed: Callable[[frozenset[bytes]], None]) -> Watcher:
        """Follows the watched folders; `changed` gets the absolute paths to index (not started yet)."""
        own = os.fsencode(self.folder)

        def not_our_own(paths: frozenset[bytes]) -> None:
            # A library that lies inside a watched folder would follow itself for ever.
            others = frozenset(path for path in paths if roots.below_root(path, own) is None)
            if others:
                changed(others)

        return Watcher(
            [root.path for root in self.roots()],
            not_our_own,
            settle_s=self.settings.get(SETTLE_SECONDS),
            rescan_s=60.0 * self.settings.get(RESCAN_MINUTES),
        )

    def search(self, query: Query) -> Answer:
        """Answer a question. Raises WrongUse."""
        encoder, _, searcher = self._opened()
        image = None
        if query.image is not None:
            image = encoder.encode_images(self.model_input(query.image)[None])[0]
        return searcher.answer(query, image)

    def model_input(self, path: bytes) -> NDArray[np.uint8]:
        """A picture file as the model in use takes it, [side, side, 3]. Raises PhotoFault."""
        plan = self.decode_plan()
        decoded = self._single.decode(path, plan)
        return np.frombuffer(decoded.pixels, np.uint8).reshape(plan.side_px, plan.side_px, 3)

    # ---- what the window and the command line show; from any thread

    def photo_ids(self) -> list[int]:
        """Every photo that is to be seen, newest first."""
        return photos.photo_ids_by_date(self.database.reader())

    def timeline(self) -> list[tuple[int, str]]:
        """(photo, date taken or "") of every photo that is to be seen, newest first."""
        return photos.timeline(self.database.reader())

    def cards(self, ids: Sequence[int]) -> dict[int, Card]:
        return photos.cards(self.database.reader(), ids)

    def details(self, photo: int) -> PhotoDetails | None:
        return photos.details(self.database.reader(), photo)

    def first_paths(self, ids: Sequence[int]) -> dict[int, str]:
        """A path of each photo, of a file that is here where there is one."""
        return photos.first_paths(self.database.reader(), ids)

    def faults(self) -> list[Fault]:
        return files.faults(self.database.reader())

    def counts(self) -> dict[str, int]:
        """`photos`, `files`, `offline` and `failed`, as `status` says them."""
        return photos.counts(self.database.reader())

    def passed_over(self) -> dict[str, int]:
        """Files that are no pictures, by kind: video, sidecar, junk, other."""
        return photos.passed_over(self.database.reader())

    def picture(self, photo: int, longer_side_px: int) -> bytes:
        """The photo upright as JPEG bytes, decoded in a process of its own. Raises NotThere or PhotoFault. Slow."""
        path = self.first_paths([photo]).get(photo)
        if path is None or not os.path.exists(path):
            raise NotThere("The photo's file is not there now.", what_to_do="Plug its drive in.")
        return self._single.decode(os.fsencode(path), self.decode_plan(longer_side_px)).thumb

    # ---- what the owner says

    def set_favourite(self, photo: int, favourite: bool) -> None:
        self.database.write(lambda db: photos.set_opinion(db, photo, favourite=favourite))

    def set_rating(self, photo: int, rating: int) -> None:
        """0 to 5 stars. Raises WrongUse."""
        if not 0 <= rating <= 5:
            raise WrongUse(f"{rating} is no rating.", what_to_do="Give 0 to 5.")
        self.database.write(lambda db: photos.set_opinion(db, photo, rating=rating))

    def set_caption(self, photo: int, lang: str, text: str) -> None:
        """One caption a photo and language; an empty text takes it away."""
        self.database.write(lambda db: photos.set_caption(db, photo, lang, text))

    def set_keywords(self, photo: int, words: Sequence[str]) -> None:
        self.database.write(lambda db: photos.set_keywords(db, photo, words))

    def close(self) -> None:
        """Finish what is being written, and give the library back."""
        with self._guard:
            self._close_model()
        self._single.close()
        self.thumbs.close()
        self.database.close()
        stop_log()

    def _close_model(self) -> None:
        if self._model is not None:
            self._model[1].close()
            self._model[0].close()
            self._model = None


def open_library(folder: Path, *, writable: bool, verbose: bool = False) -> Shiguang:
    """Open the library in `folder`; a writable one is made when it is not there. Raises LibraryError."""
    database = open_for_writing(folder) if writable else open_for_reading(folder)
    start_log(folder / "log", verbose=verbose)
    return Shiguang(folder, database)
