"""A library, open: the parts that the window and the command line share.

`Shiguang` opens the library at once and everything heavy when it is first asked for: the model's spec
with the space, its towers with the first text or photo. It hands out parts; it holds no logic of its own.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from sqlite_utils import Database as Tables

from core.albums import Albums
from core.albums.naming import Naming
from core.carrying import Carrying
from core.errors import NotThere, ShiguangError, WrongUse
from core.evaluate.own_words import Comparison
from core.ingest import Counts, Ingest, Stored
from core.ingest.turns import Turns
from core.library import albums as album_tables
from core.library import files, photos, roots, spaces
from core.library.database import Database, open_for_reading, open_for_writing
from core.library.files import Fault
from core.library.opinions import Opinion, opinions_of, put_opinions, set_opinion
from core.library.photos import Card, PhotoDetails
from core.library.roots import Root
from core.library.spaces import SpaceRecord
from core.log import logger, start_log, stop_log
from core.models.encoder import Encoder
from core.models.fetch import route_of
from core.models.installing import get_model, import_given
from core.models.registry import entry, remove_leftovers
from core.models.spec import ModelSpec
from core.photos.decoding import THUMB_PX, DecodePlan, DecodingPool, decode_plan
from core.photos.folders import watch
from core.photos.samples import OwnSamples
from core.photos.scan import locate
from core.photos.single import SingleDecoder
from core.photos.thumbs import Thumbs
from core.photos.watch import Watcher
from core.progress import CancelToken, Report
from core.search.answer import Answer, Searcher
from core.search.judging import judge
from core.search.open_model import MODELS, OpenModel
from core.search.query import Query, Reading
from core.settings import (
    DECODE_WORKERS,
    MODEL,
    MODEL_MIRROR,
    PROXY,
    RESCAN_MINUTES,
    SETTLE_SECONDS,
    Settings,
    default_folder,
)
from core.spaces.space import Space
from core.switching import ListedModel, Switched, Switching, models_of

__all__ = ["Comparison", "Shiguang", "Switched", "decode_plan", "default_folder", "open_library"]

log = logger(__name__)


class Shiguang:
    """An open library. Make it with `open_library`; close it when done."""

    def __init__(self, folder: Path, database: Database) -> None:
        self.folder = folder
        self.database = database
        self.settings = Settings.load(folder)
        self.thumbs = Thumbs(folder, writable=database.is_writable)
        self._model: OpenModel | None = None
        self._albums: tuple[OpenModel, Albums] | None = None
        self._single = SingleDecoder()
        self._guard = threading.RLock()
        self._turns = Turns()
        self.carrying = Carrying(folder, database, self.settings, self._turns, lambda: self.albums)
        self.names = Naming(database, lambda: self.albums)
        self._switching = Switching(
            folder,
            database,
            self._turns,
            self._decoders(),
            lambda spec: decode_plan(spec.preprocessing),
            self._opened,
            self._take_model,
        )

    # ---- folders

    def roots(self) -> list[Root]:
        """The watched folders, with what was last seen of them."""
        return roots.watched_roots(self.database.reader())

    def watch_folder(self, folder: str | os.PathLike[str]) -> Root:
        """Watch a folder; the root that covers it now. Raises NotThere or WrongUse when it is none."""
        return watch(self.database, folder, self.folder)

    def unwatch_folder(self, root: int) -> None:
        """Its photos leave the view; what was said about them stays."""
        self.database.write(lambda db: roots.unwatch_root(db, root))

    def look_at_roots(self) -> list[Root]:
        """The watched folders after looking which of them are there now."""
        for root in self.roots():
            locate(self.database, root)
        return self.roots()

    # ---- the model in use, and others

    def use_model(self) -> ModelSpec:
        """Open the model in use and its space; cheap, the towers come when asked. Raises NotThere or ModelError."""
        return self._opened().spec

    @property
    def encoder(self) -> Encoder:
        return self._opened().encoder

    @property
    def space(self) -> Space:
        return self._opened().space

    @property
    def searcher(self) -> Searcher:
        return self._opened().searcher

    @property
    def albums(self) -> Albums:
        """The albums, over the space in use: after a switch it is another object."""
        return self._albums_over(self._opened())

    def spaces(self) -> list[SpaceRecord]:
        """Every space with its state and how many photos it holds, the one in use first."""
        return spaces.every_space(self.database.reader())

    def models(self) -> list[ListedModel]:
        """Every model that is here or to be had, with its space; reads a few files a model."""
        return models_of(self.folder, self.database)

    def get_model(self, model: str, report: Report, cancel: CancelToken) -> ModelSpec:
        """Download and install a model of the list (core/models/installing.py says what it raises)."""
        route = route_of(self.settings.get(MODEL_MIRROR), self.settings.get(PROXY))
        return get_model(entry(model), self.folder / MODELS, route, self._samples(), report, cancel)

    def import_model(
        self,
        path: Path,
        report: Report,
        cancel: CancelToken,
        *,
        name: str | None = None,
        config: Path | None = None,
    ) -> ModelSpec:
        """Install a model from files on this machine, as `local:<name>`; None: named after the file.

        config  hyper-parameters of a checkpoint of none of the published sizes
        """
        return import_given(path, name, self.folder / MODELS, config, self._samples(), report, cancel)

    def switch_model(
        self,
        model: str,
        report: Report,
        cancel: CancelToken,
        *,
        accept: Callable[[Comparison], bool] = lambda comparison: True,
        first: Sequence[int] = (),
    ) -> Switched:
        """Encode the library with another model beside the one in use, then change over. Blocks; takes long.

        accept  asked when the new model finds fewer of the owner's captioned photos; False keeps the space and
                changes nothing
        first   photos to be encoded before the others: those in sight
        Stages reported: check, build (with device), compare. Everything goes on with the old model until the
        change, which falls between two questions and while no import is under way. Raises NotThere, ModelError,
        DiskFull or Cancelled: then the old model is still in use, and the next switch goes on where this one stood.
        """
        switched = self._switching.switch(model, report, cancel, accept, first)
        if switched.in_use:
            self._rescore_albums()
        return switched

    def _rescore_albums(self) -> None:
        """By the model that took over: nothing that goes wrong or is stopped now may say that it did not."""
        try:
            self.albums.rescore()
        except ShiguangError as error:
            log.warning("the albums are not filled anew: %s", error)

    def fill_space(self, model: str, report: Report, cancel: CancelToken) -> None:
        """Encode the photos that came since another model was in use: its space is complete then, and stays unused.

        Stage reported: fill. Raises NotThere, ModelError, DiskFull or Cancelled; what was encoded until then stays.
        """
        self._switching.fill(model, report, cancel)

    def drop_model(self, model: str, *, files: bool = True) -> None:
        """Take away a model's space and, with `files`, its folder. Raises WrongUse for the one in use and the starter."""
        self._switching.drop(model, files=files)

    def rest(self) -> None:
        """Give back the memory of an image tower that nobody used for a while."""
        with self._guard:
            if self._model is not None:
                self._model.encoder.unload_idle_images()

    def _samples(self) -> OwnSamples:
        return OwnSamples(self.database, self.thumbs)

    def _opened(self) -> OpenModel:
        with self._guard:
            if self._model is None:
                self._model = OpenModel.in_use(self.folder, self.database, self.settings.get(MODEL))
            return self._model

    def _albums_over(self, model: OpenModel) -> Albums:
        with self._guard:
            if self._albums is None or self._albums[0] is not model:
                self._albums = model, Albums(self.database, model.scoring)
            return self._albums[1]

    def _take_model(self, new: OpenModel) -> None:
        with self._guard:
            old, self._model = self._model, new
        if old is not None:
            old.close()
        try:
            # What a new library would begin with; the library itself knows its model from its spaces.
            self.settings.set(MODEL, new.spec.id)
        except ShiguangError as error:
            log.warning("the setting of the model stays as it was: %s", error)

    def _decoders(self) -> int:
        return self.settings.get(DECODE_WORKERS) or os.cpu_count() or 1

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
        """Bring the library up to date with its folders, and its albums with it. Raises Cancelled."""
        with self._turns.importing():
            model = self._opened()
            albums = self._albums_over(model)

            def take(photos: Sequence[int]) -> None:
                albums.take_new(photos)
                stored(photos)

            pool = DecodingPool(decode_plan(model.spec.preprocessing), self._decoders())
            ingest = Ingest(self.database, self.thumbs, model.space, model.encoder, pool, take)
            try:
                counts = ingest.run(report, cancel, roots=folders, paths=paths, everything=everything)
            finally:
                pool.close()
                model.encoder.unload_images()
                if ingest.counts.places_changed and album_tables.has_rules(self.database.reader()):
                    albums.rescore()  # rules ask for folders
        self.carrying.after_index(paths, cancel)
        return counts

    def decode_plan(self, thumb_px: int = THUMB_PX) -> DecodePlan:
        """How photos are decoded for the model in use."""
        return decode_plan(self.use_model().preprocessing, thumb_px)

    def watcher(self, changed: Callable[[frozenset[bytes]], None]) -> Watcher:
        """Follows the watched folders; `changed` gets the absolute paths to index (not started yet)."""
        own = os.fsencode(self.folder)

        def not_our_own(paths: frozenset[bytes]) -> None:
            # A library that lies inside a watched folder would follow itself for ever.
            outside = frozenset(path for path in paths if roots.below_root(path, own) is None)
            others = self.carrying.own.without(outside)
            if others:
                changed(others)

        return Watcher(
            [root.path for root in self.roots()],
            not_our_own,
            settle_s=self.settings.get(SETTLE_SECONDS),
            rescan_s=60.0 * self.settings.get(RESCAN_MINUTES),
        )

    def search(self, query: Query) -> Answer:
        """Answer a question. Raises WrongUse, and ModelError where the photos must be encoded again first."""
        model = self._opened()
        model.must_fit()
        image = None
        if query.image is not None:
            image = model.encoder.encode_images(self._model_input(query.image, model.spec)[None])[0]
        return model.searcher.answer(query, image)

    def model_input(self, path: bytes) -> NDArray[np.uint8]:
        """A picture file as the model in use takes it, [side, side, 3]. Raises PhotoFault."""
        return self._model_input(path, self.use_model())

    def _model_input(self, path: bytes, spec: ModelSpec) -> NDArray[np.uint8]:
        plan = decode_plan(spec.preprocessing)
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

    def albums_of(self, ids: Sequence[int]) -> dict[int, list[str]]:
        """The names of the albums that each photo is surely in; photos in none are left out."""
        reader = self.database.reader()
        space = spaces.active_space(reader)
        return album_tables.albums_of_photos(reader, space.id, ids) if space else {}

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
        self.set_opinions([photo], favourite=favourite)

    def set_rating(self, photo: int, rating: int) -> None:
        """0 to 5 stars. Raises WrongUse."""
        self.set_opinions([photo], rating=rating)

    def set_opinions(
        self, ids: Sequence[int], *, rating: int | None = None, favourite: bool | None = None
    ) -> dict[int, Opinion]:
        """Say one thing of all these photos; what was said of them before, for `put_opinions`. Raises WrongUse."""
        if rating is not None and not 0 <= rating <= 5:
            raise WrongUse(f"{rating} is no rating.", what_to_do="Give 0 to 5.")

        def write(db: Tables) -> dict[int, Opinion]:
            before = opinions_of(db.conn, ids)
            for photo in ids:
                set_opinion(db, photo, rating=rating, favourite=favourite)
            return before

        before = self.database.write(write)
        self._follow_opinions(ids)
        return before

    def put_opinions(self, opinions: Mapping[int, Opinion]) -> None:
        """Take back what was said since."""
        self.database.write(lambda db: put_opinions(db, opinions))
        self._follow_opinions([*opinions])

    def _follow_opinions(self, ids: Sequence[int]) -> None:
        """Albums with rules take the photos in or leave them out by what was just said of them."""
        try:
            if album_tables.has_rules(self.database.reader()):
                self.albums.take_new(ids)
        except ShiguangError as error:
            # Without a model albums cannot fill; what was said is kept, and the next import fills them.
            log.warning("the albums are not filled anew: %s", error)

    def set_caption(self, photo: int, lang: str, text: str) -> None:
        """One caption a photo and language; an empty text takes it away."""
        self.database.write(lambda db: photos.set_caption(db, photo, lang, text))

    def set_keywords(self, photo: int, words: Sequence[str]) -> None:
        self.database.write(lambda db: photos.set_keywords(db, photo, words))

    def judge_result(self, question: str, photos: Iterable[int], yes: bool | None) -> Reading:
        """Say of search results "this is it" or "this is not", or take it back (None). Raises WrongUse."""
        return judge(self.database, self.names.all(), question, photos, yes)

    def close(self) -> None:
        """Finish what is being written, and give the library back."""
        with self._guard:
            if self._model is not None:
                self._model.close()
                self._model = None
        self._single.close()
        self.thumbs.close()
        self.database.close()
        stop_log()


def open_library(folder: Path, *, writable: bool, verbose: bool = False) -> Shiguang:
    """Open the library in `folder`; a writable one is made when it is not there. Raises LibraryError."""
    database = open_for_writing(folder) if writable else open_for_reading(folder)
    start_log(folder / "log", verbose=verbose)
    if writable:
        remove_leftovers(folder / MODELS)
    return Shiguang(folder, database)
