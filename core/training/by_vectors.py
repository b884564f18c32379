"""Learning by an adapter: from cached vectors and sayings to a change of both, measured on what was held out."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from core.models.calibration import Calibration
from core.progress import CancelToken, Progress, Report
from core.training.adapter import Adapted, Adapting, adapt
from core.training.calibrate import carried_over
from core.training.gate import MOST_FORGOTTEN, Figures, Verdict, better, figures, forgotten, judge
from core.training.general import FEWEST_UNSPOKEN, General
from core.training.loop import Point, Settings
from core.training.sayings import Table

Floats = npt.NDArray[np.float32]
Watch = Callable[[Point], None]

# Going only a part of the way keeps more of what was known (WiSE-FT, Wortsman et al. 2022).
STRENGTHS = (1.0, 0.75, 0.5, 0.25)


@dataclass(frozen=True, slots=True)
class Side:
    """Sayings that teach, or that judge, with the embeddings of their photos [n, d] and texts [m, d]."""

    table: Table
    photos: Floats
    texts: Floats


@dataclass(frozen=True, slots=True)
class Knowledge:
    """Everyday words, and photos [n, d] nobody spoke of: what is to be kept, and by which is seen what was forgotten.

    holding, judging  half of the photos each, as of the words: what is held tells nothing of what is forgotten
    """

    general: General
    holding: Floats
    judging: Floats

    @classmethod
    def of(cls, general: General, photos: Floats) -> Knowledge:
        """photos [n, d] in an order that says nothing."""
        half = len(photos) // 2
        return cls(general, photos[half:], photos[:half])

    def carried(self, fitted: Calibration, adapted: Adapted) -> Calibration:
        """The calibration of the model, for the adapted one: training moves cosines, not what is true of a photo."""
        words = self.general.judging.embeddings
        photos = self.judging
        if len(photos) < FEWEST_UNSPOKEN:
            photos = self.general.judging.as_photos(self.general.gap)
        after = adapted.texts(words) @ adapted.photos(photos).T
        return carried_over(fitted, fitted.scale, words @ photos.T, after)


def learn_by_vectors(
    teaching: Side,
    judging: Side,
    known: Knowledge,
    logit_scale: float,
    in_use: Figures | None,
    seed: int,
    settings: Settings,
    report: Report,
    cancel: CancelToken,
    watch: Watch = lambda point: None,
    *,
    both: bool,
) -> tuple[Verdict, Adapted]:
    """Train and judge. Raises Diverged, Cancelled.

    in_use  how the model that serves now does on `judging`, where it is another one than gave the embeddings
    both    photos move, too, not only texts
    """
    objective = Adapting(
        teaching.table, teaching.photos, teaching.texts, known.holding, known.general, logit_scale, both=both
    )
    adapted, _ = adapt(objective, settings, report, cancel, _watched(watch, objective, judging))
    report(Progress("judge"))
    before = _figures(judging, known, None)
    for strength in STRENGTHS:
        # As far on the way as little enough is forgotten; by that alone, so that judging stays fair.
        chosen = adapted.at(strength)
        after = _figures(judging, known, chosen)
        if forgotten(before, after) <= MOST_FORGOTTEN:
            break
    return judge(better(before, in_use), after, seed, strength), chosen


def _figures(judging: Side, known: Knowledge, adapted: Adapted | None) -> Figures:
    photos, texts, general = judging.photos, judging.texts, known.general
    words, stand_ins = general.judging.embeddings, general.judging.as_photos(general.gap)
    before = now = known.judging, words
    if adapted is not None:
        photos, texts, stand_ins = adapted.photos(photos), adapted.texts(texts), adapted.photos(stand_ins)
        now = adapted.photos(known.judging), adapted.texts(words)
    return figures(judging.table, photos, texts, general.kept(now[1], stand_ins), general.still(before, now))


def _watched(watch: Watch, objective: Adapting, judging: Side) -> Watch:
    """Scores are the average precision on the photos held out: to be looked at, nothing is chosen by them."""

    def seen(point: Point) -> None:
        if point.score is not None:
            adapted = objective.adapted()
            photos, texts = adapted.photos(judging.photos), adapted.texts(judging.texts)
            each = figures(judging.table, photos, texts, 0.0).each
            point = replace(point, score=float(each.mean()) if len(each) else None)
        watch(point)

    return seen
