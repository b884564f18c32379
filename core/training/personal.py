"""A personal training from beginning to end: what was said is gathered, learned from, judged, and taken or left.

Until the last step nothing in the library changes; the old model and its space serve all the while.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import torch

from core.errors import WrongUse
from core.library.captions import pictures_in_space
from core.library.database import Database
from core.models.calibration import Calibration
from core.models.encoder import Encoder
from core.models.registry import model_folder, remove_leftovers
from core.models.spec import ModelSpec
from core.models.trained import NAME, Note, base_of
from core.photos.thumbs import Thumbs
from core.progress import CancelToken, Progress, Report
from core.search.open_model import MODELS
from core.spaces.space import Space
from core.training import adapter, pairs
from core.training.adapted import write_adapted
from core.training.adapter import Adapted, Adapting
from core.training.by_vectors import Knowledge, Side, learn_by_vectors
from core.training.gate import (
    DIVERGED,
    Figures,
    Verdict,
    figures,
)
from core.training.general import General
from core.training.installing import install, move_rows, next_id, standing, stopped, throw_away, unfinished
from core.training.kept import OTHERWISE, Begun
from core.training.loop import Diverged, Point, Settings
from core.training.pairs import Saying, Sayings
from core.training.plan import Plan
from core.training.sayings import Table

if TYPE_CHECKING:
    from core.training.towers import TowerTraining

__all__ = ["Learned", "Personal", "Plan", "opened", "throw_away", "unfinished"]

Floats = npt.NDArray[np.float32]
Watch = Callable[[Point], None]

TOWERS = ("lora", "full")
HOWS = ("probe", "adapter", *TOWERS)
# torch, the text tower of the starter, and the matrices of 2,000 photos: measured.
ADAPTER_BYTES = 1_000_000_000
# Photos that nobody spoke of, drawn to hold the adapter and to measure the gap.
MOST_OTHERS = 1_000
# The same for encoders, which have to look at them again.
MOST_UNSPOKEN = 200


@dataclass(frozen=True, slots=True)
class Learned:
    """What came out: the verdict, and where it was accepted the model that is in place now."""

    verdict: Verdict
    spec: ModelSpec | None = None


@dataclass(frozen=True, slots=True)
class Model:
    """One model with its space of this library."""

    encoder: Encoder
    space: Space


@contextmanager
def opened(
    library: Path,
    database: Database,
    encoder: Encoder,
    space: Space,
    thumbs: Thumbs,
    also: Sequence[str] = (),
) -> Iterator[Personal]:
    """For a library with the model in use; a fine-tune begins from the model that it began from, opened meanwhile.

    The space of that one is to be complete (`Shiguang.fill_space`): photos that it lacks teach no adapter.
    also  weak words that teach too (`pairs.sayings`)
    Raises NotThere when that one is not here any more.
    """
    in_use = Model(encoder, space)
    base = base_of(encoder.spec.id)
    if base == encoder.spec.id:
        yield Personal(library, database, in_use, in_use, thumbs, also)
        return
    first = Encoder.open(model_folder(base, library / MODELS))
    spec = first.spec
    # Costs are asked for while the library may be moving to this very model.
    own = Space.open(library, spec.space_id, spec.id, spec.width, database, repair=False)
    try:
        yield Personal(library, database, Model(first, own), in_use, thumbs, also)
    finally:
        own.close()
        first.close()


class Personal:
    """Trains the model of one library. The caller holds the library's lock."""

    def __init__(
        self,
        library: Path,
        database: Database,
        begun: Model,
        in_use: Model,
        thumbs: Thumbs,
        also: Sequence[str] = (),
    ) -> None:
        """begun: what trainings begin from; in_use: what serves now, perhaps the same."""
        self._library = library
        self._database = database
        self._encoder = begun.encoder
        self._space = begun.space
        self._thumbs = thumbs
        self._in_use = in_use
        self._also = also

    def plan(self, how: str) -> Plan:
        if how in TOWERS:
            return self.plan_of(self.towers(how, 0))
        return self._plan_by_vectors(how, self._said())

    def _plan_by_vectors(self, how: str, said: Sayings) -> Plan:
        texts = {each.text for each in (*said.training, *said.held_out)}
        photos = said.photos()
        taken = ADAPTER_BYTES + Table.bytes_of(photos, len(texts)) + Adapting.bytes_of(photos, len(texts))
        return Plan.of(how, self._encoder.spec.id, said, taken, hours=False, on_gpu=False)

    def instead(self) -> str:
        """OTHERWISE where a training on vectors would take the place of a model that encoders were trained to, and
        that the library has not moved to yet; else ""."""
        begun = stopped(self._database, self._library)
        return OTHERWISE if begun is not None and standing(self._library, begun.digest) else ""

    def _said(self) -> Sayings:
        """About photos that the model in use has seen: what trainings begin from is filled up before it starts."""
        return pairs.sayings(self._database.reader(), self._in_use.space.id, self._also)

    def learn(
        self,
        how: str,
        seed: int,
        report: Report,
        cancel: CancelToken,
        watch: Watch = lambda point: None,
        settings: Settings = adapter.SETTINGS,
    ) -> Learned:
        """Train, judge, and where it is better put the new model in place with its rows; switching is the caller's.

        settings  of the adapter's training
        Raises Cancelled, ModelError, DiskFull or WrongUse; then everything is as it was.
        """
        if how not in HOWS:
            raise WrongUse(f"{how!r} is no way to train.", what_to_do=f"Choose one of {', '.join(HOWS)}.")
        if how in TOWERS:
            return self.follow(self.towers(how, seed), report, cancel, watch)
        remove_leftovers(self._library / MODELS)
        # Of photos that both models have seen: the one in use, too, is measured on those held out.
        said = self._said().among(self._space)
        plan = self._plan_by_vectors(how, said)
        if plan.why_not:
            return Learned(plan.refusal())
        torch.manual_seed(seed)
        report(Progress("gather"))
        try:
            verdict, adapted, calibration = self._by_vectors(how, seed, said, report, cancel, watch, settings)
        except Diverged as error:
            return _ran_away(error)
        cancel.check()
        if not verdict.accepted:
            return Learned(verdict)
        return Learned(verdict, self._install(how, seed, adapted, calibration, verdict, report, cancel))

    # ---- on cached vectors

    def _by_vectors(
        self,
        how: str,
        seed: int,
        said: Sayings,
        report: Report,
        cancel: CancelToken,
        watch: Watch,
        settings: Settings,
    ) -> tuple[Verdict, Adapted, Calibration]:
        teaching, judging = self._side(said.training), self._side(said.held_out)
        unspoken = self._unspoken({*teaching.table.photos, *judging.table.photos}, seed, MOST_OTHERS)
        others = self._space.vectors_of(unspoken).reshape(len(unspoken), self._encoder.spec.width)
        known = Knowledge.of(General.of(self._encoder, np.concatenate([teaching.photos, others])), others)
        cancel.check()
        in_use = self._figures_in_use(judging.table)
        scale = self._encoder.spec.logit_scale
        verdict, adapted = learn_by_vectors(
            teaching,
            judging,
            known,
            scale,
            in_use,
            seed,
            settings,
            report,
            cancel,
            watch,
            both=how == "adapter",
        )
        return verdict, adapted, known.carried(self._encoder.spec.calibration, adapted)

    def _side(self, said: Sequence[Saying]) -> Side:
        table = Table.of(said)
        return Side(table, self._space.vectors_of(table.photos), self._encoder.encode_texts(table.texts))

    def _unspoken(self, said: Collection[int], seed: int, most: int) -> list[int]:
        """Some of the photos that nobody spoke of."""
        photos = [
            photo
            for photo in pictures_in_space(self._database.reader(), self._space.id)
            if photo not in said and photo in self._space
        ]
        chosen = np.random.default_rng(seed).permutation(len(photos))[:most]
        return [photos[i] for i in chosen]

    def _figures_in_use(self, table: Table) -> Figures | None:
        """Of the model in use, where that is another one; what it forgot is not measured."""
        encoder, space = self._in_use.encoder, self._in_use.space
        if space.id == self._space.id:
            return None
        return figures(table, space.vectors_of(table.photos), encoder.encode_texts(table.texts), 0.0)

    # ---- the encoders themselves

    def towers(
        self,
        how: str,
        seed: int,
        folder: Path | None = None,
        *,
        teacher: str = "",
        anew: bool = False,
        **course: Any,
    ) -> TowerTraining:
        """A training by lora or full, to be planned and followed.

        folder   a set in MUGE's layout to learn from (core/training/pair_set.py); None: what the owner said
        teacher  the id of another model that is here, whose answers are followed too
        anew     with everything said by now, also where the same training was stopped
        course   what differs from the fields of `Course`: stages, epochs, rate, precision, thrifty, device (the
                 fastest that is here)
        Raises NotThere or WrongUse for a set that cannot be read, NotThere for a teacher or a device that is not here.
        """
        # Heavy, and only these ways need them: the towers in torch, peft.
        from core.training.by_encoders import Lessons, squares_of
        from core.training.devices import AUTO
        from core.training.full import Course
        from core.training.pair_set import read_pair_set
        from core.training.towers import TowerTraining

        if folder is not None:
            lessons = read_pair_set(folder)
        else:
            lessons = Lessons((), (), squares_of(self._thumbs), NAME)
        if self._in_use.space.id != self._space.id:
            lessons = replace(lessons, in_use=self._in_use.encoder)
        if teacher:
            lessons = replace(lessons, teacher=Encoder.open(model_folder(teacher, self._library / MODELS)))
        in_use = self._in_use.encoder.spec.id
        asked = Course(lora=how == "lora", **{"device": AUTO, **course})
        training = TowerTraining(self._library, self._encoder, in_use, lessons, asked, seed)
        if folder is not None:
            return replace(training, instead=OTHERWISE if stopped(self._database, self._library) else "")
        return self._beginning(training, anew)

    def _beginning(self, training: TowerTraining, anew: bool) -> TowerTraining:
        """With what it began with, where it was stopped and nothing of that was taken back; else with what is said now."""
        said, later, instead = self._said(), None, ""
        asked = repr((training.asked, sorted(self._also)))
        begun = None if anew else stopped(self._database, self._library)
        if begun is not None:
            here = pictures_in_space(self._database.reader(), self._in_use.space.id)
            instead = begun.why_not(asked, said, here)
        if begun is not None and not instead:
            later = begun.said_later(said)
        else:
            spoken = {each.photo for each in (*said.training, *said.held_out)}
            begun = Begun(asked, "", said, tuple(self._unspoken(spoken, training.seed, MOST_UNSPOKEN)))
        lessons = replace(
            training.lessons,
            training=begun.said.training,
            held_out=begun.said.held_out,
            others=begun.others,
        )
        training = replace(training, lessons=lessons, later=later, instead=instead)
        return replace(training, begun=replace(begun, digest=training.digest))

    def plan_of(self, training: TowerTraining) -> Plan:
        """What that training would learn from."""
        lessons = training.lessons
        said = Sayings(tuple(lessons.training), tuple(lessons.held_out))
        taken, on_gpu = training.memory()
        return Plan.of(training.how, self._encoder.spec.id, said, taken, hours=True, on_gpu=on_gpu)

    def follow(
        self,
        training: TowerTraining,
        report: Report,
        cancel: CancelToken,
        watch: Watch = lambda point: None,
    ) -> Learned:
        """Train, judge, and where it is better put the new model in place; switching is the caller's.

        What an earlier call left undone is gone on with; a model that it has put in place already
        (`TowerTraining.standing`) is not made again. Raises as `learn`.
        """
        report(Progress("gather"))
        remove_leftovers(self._library / MODELS)
        plan = self.plan_of(training)
        if plan.why_not:
            return Learned(plan.refusal())
        try:
            return Learned(*training.learn(report, cancel, watch))
        except Diverged as error:
            return _ran_away(error)

    @property
    def _base(self) -> str:
        return base_of(self._encoder.spec.id)

    def _install(
        self,
        how: str,
        seed: int,
        adapted: Adapted,
        calibration: Calibration,
        verdict: Verdict,
        report: Report,
        cancel: CancelToken,
    ) -> ModelSpec:
        report(Progress("write"))
        model_id = next_id(self._base, self._library / MODELS)
        told = f"With {how} on what the owner said about photos of this library. {verdict.why}"
        note = Note(self._base, self._in_use.encoder.spec.id, how, seed, verdict.as_json())
        spec = install(
            self._library,
            model_id,
            lambda new: write_adapted(self._encoder.folder, new, model_id, adapted, calibration, told),
            note,
        )
        move_rows(self._library, self._database, self._space, spec, adapted, report, cancel)
        return spec


def _ran_away(error: Diverged) -> Learned:
    why = f"The training ran away and was stopped: {error}"
    return Learned(Verdict(False, why, reason=DIVERGED))
