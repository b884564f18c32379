"""One tower's forms, tried: the fastest whose embeddings agree with the fp32 reference is chosen.

Forms are tried from the fastest expected to the safest. An int8 form that does not agree is made again with its
noisiest layers in floating point (mixed precision), up to half of them; then the next safer form is tried. That
fp32 stays is always possible.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx

from core.errors import ModelError
from core.log import logger
from core.models.agreement import Agreement, Embeddings
from core.models.convert.quantise import (
    dynamic,
    evened_out,
    in_bf16,
    in_fp16,
    load_plain,
    quantised,
    save,
)
from core.models.convert.quantise_ranges import Seen, best_ranges, look, noise
from core.models.runtime.providers import CPU, OPENVINO
from core.models.runtime.session import Session, computes_bf16, open_session
from core.models.runtime.timing import side_by_side
from core.progress import CancelToken, Pace, Report

log = logger(__name__)

# How large a share of the products is kept in floating point, one after the other, until a form agrees.
KEPT_SHARES = (0.0, 0.03, 0.06, 0.12, 0.25, 0.5)
# A form must be this much faster than a safer one to be worth its error.
CLEARLY = 1.05
# The last timing, all forms in turn, ends after about this long.
TIMING_S = 20.0
TAKEN = "taken"

Feed = Mapping[str, npt.NDArray[Any]]
Feeds = Sequence[Feed]


@dataclass(frozen=True, slots=True)
class FormResult:
    """One form of one tower on one provider, measured.

    precision  "fp32", "bf16", "fp16", "int8"
    how        "" or what is special: "symmetric", "asymmetric", "dynamic"
    kept       the products that stay in floating point inside an int8 form
    products   how many there are
    seconds    for one timed batch (pictures: `at_once` of them; texts: one); None when it did not run
    said       why it is not taken, or "taken"
    """

    tower: str
    precision: str
    provider: str
    how: str = ""
    kept: tuple[str, ...] = ()
    products: int = 0
    at_once: int = 1
    seconds: float | None = None
    agreement: Agreement | None = None
    said: str = ""

    @property
    def taken(self) -> bool:
        return self.said == TAKEN

    @property
    def per_second(self) -> float | None:
        return None if self.seconds is None else self.at_once / self.seconds

    @property
    def name(self) -> str:
        """As it is shown: "int8 symmetric, 6 of 73 layers in floating point (openvino)"."""
        mixed = f", {len(self.kept)} of {self.products} layers in floating point" if self.kept else ""
        return f"{self.precision} {self.how}".rstrip() + f"{mixed} ({self.provider})"


@dataclass(frozen=True, slots=True)
class Trial:
    """What a tower's forms are made from and held against.

    reference  the file of the graph, fp32 or the widest there is: `precision`
    timed      one feed: the batch whose time counts
    few, all   feeds for the quick and for the final comparison, `few` the first of `all`; `few` calibrates too
    compare    a form's embeddings of the first feeds of `all` -> the agreement with the reference's
    calibrates whether `few` is enough to calibrate on
    """

    tower: str
    reference: Path
    precision: str
    timed: Feed
    few: Feeds
    all: Feeds
    compare: Callable[[Embeddings], Agreement]
    providers: Sequence[str]
    calibrates: bool


@dataclass(frozen=True, slots=True)
class Candidate:
    """A form that is written and can be opened."""

    tower: str
    precision: str
    provider: str
    path: Path
    how: str = ""
    kept: tuple[str, ...] = ()
    products: int = 0

    @property
    def key(self) -> str:
        return f"{self.path.name} on {self.provider}"

    def open(self) -> Session:
        return open_session(self.path, self.provider, precision=self.precision)


@dataclass(frozen=True, slots=True)
class Chosen:
    """What a tower is to run from now on. `embeddings`: of all feeds; None where the reference stays."""

    path: Path
    precision: str
    embeddings: Embeddings | None
    results: list[FormResult]
    reference: Path
    reference_precision: str

    def refused(self, said: str) -> Chosen:
        """The reference instead, and why."""
        results = [replace(one, said=self._said(one, said)) for one in self.results]
        wide = self.reference_precision
        return Chosen(self.reference, wide, None, results, self.reference, wide)

    def _said(self, one: FormResult, refused: str) -> str:
        if one.taken:
            return refused
        return TAKEN if one.precision == self.reference_precision and one.agreement is None else one.said


def choose(trial: Trial, work: Path, report: Report, cancel: CancelToken) -> Chosen:
    """The fastest form that agrees, and every form that was tried.

    work  an empty folder for the forms' files
    Raises Cancelled; a form that cannot be made or run is a result that says so.
    """
    choosing = _Choosing(trial, work, report, cancel)
    if trial.calibrates:
        choosing.try_int8()
    else:
        choosing.try_dynamic()
    choosing.try_halves()
    return choosing.end()


class _Choosing:
    """The forms of one tower, from the boldest to the safest."""

    def __init__(self, trial: Trial, work: Path, report: Report, cancel: CancelToken) -> None:
        self._trial = trial
        self._work = work
        self._report = report
        self._cancel = cancel
        self._good: list[tuple[Candidate, Agreement, Embeddings]] = []
        self._refused: list[FormResult] = []

    def try_int8(self) -> None:
        """Static int8 for each kind of CPU runtime, mixed where it has to be."""
        tower = self._trial.tower
        model = load_plain(self._trial.reference)
        pace = Pace(self._report, f"calibrate {tower}", len(self._trial.few))
        seen = look(model, self._trial.few, self._cancel, pace)
        for name, factor in evened_out(model, {name: one.largest for name, one in seen.items()}).items():
            seen[name] = seen[name].divided(factor)
        for provider in self._trial.providers:
            if provider in (OPENVINO, CPU):
                self._mix(model, seen, provider)

    def _mix(self, model: onnx.ModelProto, seen: Mapping[str, Seen], provider: str) -> None:
        """The int8 form with the fewest layers in floating point that agrees."""
        symmetric = provider == OPENVINO
        ranges = best_ranges(model, seen, symmetric=symmetric)
        noises = noise(model, seen, ranges, symmetric=symmetric)
        loudest = sorted(noises, key=lambda name: -noises[name])
        how = "symmetric" if symmetric else "asymmetric"
        for count in sorted({math.ceil(share * len(loudest)) for share in KEPT_SHARES}):
            kept = tuple(loudest[:count])
            path = self._work / f"{self._trial.tower}-int8-{how}-{count}.onnx"
            save(quantised(model, ranges, symmetric=symmetric, kept=kept), path)
            candidate = Candidate(self._trial.tower, "int8", provider, path, how, kept, len(loudest))
            if self._agrees(candidate):
                return
            path.unlink()

    def try_dynamic(self) -> None:
        """Int8 whose input scales are found anew at every run: for too few pictures to calibrate on."""
        path = self._work / f"{self._trial.tower}-int8-dynamic.onnx"
        dynamic(load_plain(self._trial.reference), path)
        self._agrees(Candidate(self._trial.tower, "int8", CPU, path, "dynamic"))

    def try_halves(self) -> None:
        """bf16 where the CPU computes in it, fp16 on devices."""
        tower, reference = self._trial.tower, self._trial.reference
        if OPENVINO in self._trial.providers and computes_bf16():
            path = self._work / f"{tower}-bf16.onnx"
            save(in_bf16(load_plain(reference)), path)
            self._agrees(Candidate(tower, "bf16", OPENVINO, path))
        devices = [one for one in self._trial.providers if one not in (CPU, OPENVINO)]
        if devices:
            path = self._work / f"{tower}-fp16.onnx"
            save(in_fp16(load_plain(reference)), path)
            for device in devices:
                self._agrees(Candidate(tower, "fp16", device, path))

    def end(self) -> Chosen:
        """Time what agrees, side by side with fp32, and take the fastest; of two alike the safer one."""
        trial = self._trial
        reference = Candidate(trial.tower, trial.precision, CPU, trial.reference)
        sessions = {one: one.open() for one in (reference, *(each for each, _, _ in self._good))}
        times = side_by_side(
            {one.key: partial(session.run, trial.timed) for one, session in sessions.items()},
            budget_s=TIMING_S,
            cancel=self._cancel,
        )
        best: Candidate = reference
        found: Embeddings | None = None
        for candidate, _, embeddings in reversed(self._good):
            if times[candidate.key] * CLEARLY < times[best.key]:
                best, found = candidate, embeddings
        agreed: list[tuple[Candidate, Agreement | None]] = [(one, how) for one, how, _ in self._good]
        results = [
            self._result(one, agreement, times[one.key], TAKEN if one is best else "slower")
            for one, agreement in (*agreed, (reference, None))
        ]
        return Chosen(
            best.path, best.precision, found, results + self._refused, trial.reference, trial.precision
        )

    def _agrees(self, candidate: Candidate) -> bool:
        """Whether it agrees with the reference on the few, then on all; it is noted either way."""
        agreement: Agreement | None = None
        try:
            session = candidate.open()
            for feeds in (self._trial.few, self._trial.all):
                pace = Pace(self._report, f"try {candidate.precision} {candidate.tower}", len(feeds))
                embeddings = embed(session, feeds, self._cancel, pace)
                agreement = found = self._trial.compare(embeddings)
                if not found.holds(candidate.precision):
                    return self._refuse(candidate, agreement, f"does not agree with fp32: {agreement}")
        except ModelError as error:
            return self._refuse(candidate, agreement, str(error))
        self._good.append((candidate, found, embeddings))
        return True

    def _refuse(self, candidate: Candidate, agreement: Agreement | None, said: str) -> bool:
        log.info("%s: %s", candidate.key, said)
        self._refused.append(self._result(candidate, agreement, None, said))
        return False

    def _result(
        self, one: Candidate, agreement: Agreement | None, seconds: float | None, said: str
    ) -> FormResult:
        at_once = len(_rows(self._trial.timed))
        return FormResult(
            one.tower, one.precision, one.provider, one.how, one.kept, one.products, at_once, seconds,
            agreement, said,
        )  # fmt: skip


def embed(session: Session, feeds: Feeds, cancel: CancelToken, pace: Pace | None = None) -> Embeddings:
    """All feeds, one after the other -> [n, d]."""
    found = []
    for feed in feeds:
        cancel.check()
        found.append(session.run(feed))
        if pace is not None:
            pace.step()
    return np.concatenate(found)


def _rows(feed: Feed) -> npt.NDArray[Any]:
    return next(iter(feed.values()))
