"""The first use of a model on a machine: every provider is timed and compared with the CPU, the fastest is taken.

A provider that answers otherwise than the CPU, or not at all, is never taken, however fast.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from core.errors import EncoderOutOfMemory, ModelError
from core.log import logger
from core.models.agreement import LIMITS, cosines
from core.models.runtime.measured import Measured, Tried
from core.models.runtime.providers import CPU, available
from core.models.runtime.session import Feed, Session, open_image_session, open_session
from core.models.runtime.timing import side_by_side
from core.progress import CancelToken

log = logger(__name__)

# On CPUs the activations of eight pictures still fit the cache; a device may want more.
BATCHES = (8, 4, 16, 32)
# A query waits for the text tower the first time: a provider that loads slower than this is not worth its speed.
TEXT_LOAD_S = 0.5
# Another count of threads or pictures must be clearly better than the plain one: noise is not.
CLEARLY = 1.05
# Each comparison may take this long; slow towers are then timed once.
BUDGET_S = 4.0

Opener = Callable[[str, int | None], Session]


@dataclass(frozen=True, slots=True)
class Tower:
    """A tower to be tried. `feed` is what it is tried with: a batch of pictures, or one text."""

    name: str
    path: Path
    precision: str
    feed: Feed

    def open(self, provider: str, threads: int | None = None) -> Session:
        opened = open_image_session if self.name == "image" else open_session
        return opened(self.path, provider, precision=self.precision, threads=threads)


@dataclass(frozen=True, slots=True)
class Choice:
    provider: str
    seconds: float
    session: Session
    tried: tuple[Tried, ...]


def tune(image: Tower, text: Tower, cancel: CancelToken, providers: Sequence[str] | None = None) -> Measured:
    """The best way to run both towers here. Takes seconds, a minute for the largest models.

    image  its feed: BATCHES[0] pictures; text: one short text
    Raises ModelError when not even the CPU can run them, Cancelled.
    """
    providers = available() if providers is None else providers
    seen = fastest(image, providers, cancel)
    at_once, rate = _batch(image, seen.session, len(image.feed["pixels"]) / seen.seconds, cancel)
    threads, rate = _threads(image, seen, at_once, rate, cancel)
    tried = seen.tried
    del seen  # a large image tower need not stay in memory beside the text tower
    read = fastest(text, providers, cancel, load_s=TEXT_LOAD_S)
    return Measured(
        image_provider=next(one.provider for one in tried if one.said == _TAKEN),
        text_provider=read.provider,
        threads=threads,
        images_at_once=at_once,
        images_per_s=round(rate, 2),
        text_ms=round(read.seconds * 1e3, 3),
        tried=(*tried, *read.tried),
    )


_TAKEN = "taken"


def fastest(
    tower: Tower, providers: Sequence[str], cancel: CancelToken, *, load_s: float | None = None
) -> Choice:
    """The fastest provider whose output agrees with the CPU's.

    load_s  one that takes longer to load is taken only when none is quicker to load
    Raises ModelError when the CPU cannot run the tower.
    """
    started = time.perf_counter()
    sessions: dict[str, Session] = {CPU: tower.open(CPU)}
    loads = {CPU: time.perf_counter() - started}
    reference = sessions[CPU].run(tower.feed)
    refused: list[Tried] = []
    for provider in providers:
        cancel.check()
        if provider == CPU:
            continue
        try:
            started = time.perf_counter()
            session = tower.open(provider)
            took = time.perf_counter() - started
            said = _disagreement(tower.precision, reference, session.run(tower.feed))
        except ModelError as error:
            said, took = str(error), None
        if said:
            log.warning("%s is not used for the %s tower: %s", provider, tower.name, said)
            refused.append(Tried(tower.name, provider, None, took, said))
        else:
            sessions[provider], loads[provider] = session, time.perf_counter() - started
    times = side_by_side(
        {name: _run(session, tower.feed) for name, session in sessions.items()},
        budget_s=BUDGET_S,
        cancel=cancel,
    )
    quick = [name for name in times if load_s is None or loads[name] <= load_s]
    best = min(quick or times, key=lambda name: times[name])
    compared = tuple(
        Tried(tower.name, name, times[name], loads[name], _TAKEN if name == best else "slower")
        for name in times
    )
    return Choice(best, times[best], sessions[best], (*compared, *refused))


def _disagreement(precision: str, reference: np.ndarray, other: np.ndarray) -> str:
    """What is wrong with another provider's output, "" when it agrees."""
    if reference.shape != other.shape:
        return f"its output is {other.shape}, the CPU's {reference.shape}"
    found = cosines(reference, other)
    if found.cosine_min < LIMITS[precision].cosine:
        return f"it answers otherwise than the CPU: {found}"
    return ""


def _batch(tower: Tower, session: Session, rate: float, cancel: CancelToken) -> tuple[int, float]:
    """How many pictures at once give the most a second. One that does not fit in memory ends the search."""
    pixels = tower.feed["pixels"]
    best = len(pixels)
    for count in BATCHES[1:]:
        feed = {"pixels": np.resize(pixels, (count, *pixels.shape[1:]))}
        try:
            took = side_by_side({"": _run(session, feed)}, rounds=2, budget_s=BUDGET_S, cancel=cancel)[""]
        except EncoderOutOfMemory:
            break
        if count / took > rate * CLEARLY:
            best, rate = count, count / took
        elif count > best:
            # More did not help, so still more will not.
            break
    return best, rate


def _threads(
    tower: Tower, choice: Choice, at_once: int, rate: float, cancel: CancelToken
) -> tuple[int | None, float]:
    """Whether all logical cores are clearly better than the runtime's own choice, the physical ones."""
    logical = os.cpu_count()
    if choice.provider != CPU or logical is None or logical < 4:
        return None, rate
    pixels = tower.feed["pixels"]
    feed = {"pixels": np.resize(pixels, (at_once, *pixels.shape[1:]))}
    session = tower.open(choice.provider, logical)
    took = side_by_side(
        {"own": _run(choice.session, feed), "all": _run(session, feed)},
        rounds=3,
        budget_s=BUDGET_S,
        cancel=cancel,
    )
    if took["own"] / took["all"] > CLEARLY:
        return logical, at_once / took["all"]
    return None, rate


def _run(session: Session, feed: Feed) -> Callable[[], object]:
    return lambda: session.run(feed)
