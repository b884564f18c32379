"""Learning from the owner, for the window: what there is to learn from, what each way costs, learning, going back.

Only learning itself needs the extra `train`; all else here runs without torch.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING

from core.albums.builtin import built_in
from core.app import Shiguang
from core.errors import NotThere, ShiguangError
from core.evaluate.own_words import MOST
from core.evaluate.side_by_side import SEARCHES, Pair, first_photos, searches_of, side_by_side
from core.models.fetch import route_of
from core.models.registry import images_per_s, model_folder
from core.models.spec import ModelSpec
from core.models.trained import Note, base_of, read_note, way_back
from core.progress import Cancelled, CancelToken, Progress, Report
from core.search.open_model import MODELS
from core.settings import MODEL_MIRROR, PROXY
from core.switching import Switched
from core.training import cost, extra, pairs
from core.training.installing import throw_away, unfinished

if TYPE_CHECKING:
    from core.training.gate import Verdict
    from core.training.loop import Point

# From the quickest to the longest.
WAYS = ("probe", "adapter", "lora", "full")
# In the library's folder: wheels of a download that was stopped.
WHEELS = "training-packages"
EXAMPLES = 5
# Of every training from the window: begun again, it is the same one.
SEED = 0
# The starter's heads can be trained without original weights.
STARTER_POOLING = "mean+use"


@dataclass(frozen=True, slots=True)
class Outlook:
    """What a training would learn from, and what may be in its way; known without torch.

    counts     as `Sayings.counts` gives them
    wanted     of how many more photos something must be said before it can begin
    examples   some of the texts
    weak       of each of `pairs.WEAK`, how many words could teach beside
    also       those of them that do
    missing    packages of the extra that are not installed
    obstacle   why they cannot be installed from here, "" where they can (`extra.obstacle`)
    download_bytes, command  about what they are to download, and what to type where they must come by hand
    trained    of the model in use, where it was trained here: then one can go back
    """

    counts: dict[str, int]
    wanted: int
    examples: tuple[str, ...]
    weak: dict[str, int]
    also: tuple[str, ...]
    missing: tuple[str, ...]
    obstacle: str
    download_bytes: int
    command: str
    trained: Note | None


@dataclass(frozen=True, slots=True)
class Way:
    """One way to learn and what it costs here: about how many seconds, and how much memory at its height.

    fits     whether this model can learn that way (by probe and adapter every model can); else there are no costs
    why_not  the reason why it cannot start now, one of the gate's; "" where it can
    later    where it was stopped and goes on with what it began with: how much was said since, which it does not
             learn; None: it begins
    instead  where it would take the place of one that was stopped: why that is not gone on with
             (`core.training.kept`), else ""
    """

    how: str
    fits: bool
    seconds: float = 0.0
    memory_bytes: int = 0
    why_not: str = ""
    later: int | None = None
    instead: str = ""


@dataclass(frozen=True, slots=True)
class Finetuned:
    """How it ended. `model` is in use now where the verdict was accepted, else ""; `searches` by both then."""

    how: str
    verdict: Verdict
    model: str = ""
    searches: tuple[Pair, ...] = ()


def choose_weak(library: Shiguang, source: str, teaches: bool) -> None:
    """Whether words of one of `pairs.WEAK` teach from now on. Raises what writing settings raises."""
    library.settings.set(pairs.CHOICES[source], teaches)


def outlook(library: Shiguang) -> Outlook:
    """What there is to learn from now. Raises NotThere or ModelError where the model in use cannot be opened."""
    reader, also = library.database.reader(), pairs.chosen_weak(library.settings)
    every = pairs.sayings(reader, library.space.id, pairs.WEAK)
    said = every.with_weak(also)
    missing = extra.missing()
    try:
        trained = read_note(library.folder / MODELS, library.use_model().id)
    except NotThere:
        trained = None
    return Outlook(
        said.counts(),
        max(0, pairs.FEWEST_TRAINING_PHOTOS - said.teaching_photos),
        tuple(dict.fromkeys(each.text for each in said.training if each.is_true))[:EXAMPLES],
        every.weak_counts(),
        also,
        missing,
        extra.obstacle() if missing else "",
        extra.download_bytes(),
        extra.command(),
        trained,
    )


def ways(library: Shiguang, cancel: CancelToken) -> list[Way]:
    """What each way costs here. Loads torch, which takes seconds. Raises Cancelled."""
    # Heavy and optional: torch comes with them.
    from core.models.convert.source import SOURCE_FOLDER
    from core.training import personal

    spec = _base(library)
    folder = model_folder(spec.id, library.folder / MODELS)
    also = pairs.chosen_weak(library.settings)
    said = pairs.sayings(library.database.reader(), library.space.id, also)
    captions = len({(each.photo, each.text) for each in said.training if each.kind == pairs.CAPTION})
    is_whole = (folder / SOURCE_FOLDER).is_dir()
    texts = list(dict.fromkeys(each.text for each in said.training))
    work = cost.Work(said.photos(), len(texts), min(captions, MOST), len(library.space))
    rates = cost.measure(library.encoder, work, texts, images_per_s(library.folder / MODELS, spec))
    found = []
    with personal.opened(
        library.folder, library.database, library.encoder, library.space, library.thumbs, also
    ) as own:
        for how in WAYS:
            cancel.check()
            if how in personal.TOWERS and not (is_whole or spec.pooling == STARTER_POOLING):
                found.append(Way(how, fits=False))
                continue
            towers = own.towers(how, SEED) if how in personal.TOWERS else None
            plan = own.plan_of(towers) if towers else own.plan(how)
            own_work = replace(work, forward=towers.forward()) if towers and is_whole else work
            seconds = cost.seconds(how, own_work, rates)
            later, instead = (towers.later, towers.instead) if towers else (None, own.instead())
            found.append(Way(how, True, seconds, plan.memory_bytes, plan.reason, later, instead))
    return found


def install(library: Shiguang, report: Report, cancel: CancelToken) -> int:
    """Get and install the extra `train` (core/training/extra.py says what it reports and raises)."""
    settings = library.settings
    route = route_of(settings.get(MODEL_MIRROR), settings.get(PROXY))
    return extra.install(extra.requirements(), library.folder / WHEELS, route, report, cancel)


def finetune(
    library: Shiguang,
    how: str,
    report: Report,
    cancel: CancelToken,
    watch: Callable[[Point], None],
    keeps: Callable[[], bool] = lambda: False,
) -> Finetuned:
    """Learn, judge, and where it is better move the library to the new model; the same searches before and after.

    keeps  asked when the move of an adapter was stopped: True leaves the new model to be moved to next time, False
           takes it away
    Stages reported: fill, where the model that it begins from has not seen all photos yet, those of
    `Personal.learn` (gather, photos, texts, train, judge, write, move) and of
    `Shiguang.switch_model`. Raises Cancelled, ModelError, DiskFull; then everything is as it was.
    """
    # Heavy and optional: torch comes with it.
    from core.training import personal

    report(Progress("gather"))
    texts = searches_of(library.database.reader(), _everyday(library))
    old = first_photos(library.encoder, library.space, texts)
    guarded = partial(taking_back, library, by_vectors=how not in personal.TOWERS, keeps=keeps)
    also = pairs.chosen_weak(library.settings)
    said = pairs.sayings(library.database.reader(), library.space.id, also)
    if how not in personal.TOWERS and said.can_teach:
        library.fill_space(_base(library).id, report, cancel)
    with personal.opened(
        library.folder, library.database, library.encoder, library.space, library.thumbs, also
    ) as own:
        towers = own.towers(how, SEED) if how in personal.TOWERS else None
        if not (own.plan_of(towers) if towers else own.plan(how)).why_not:
            # What was stopped is given up only for one that begins.
            take_back(library, but=towers.standing() if towers else "")
        with guarded():
            if towers:
                learned = own.follow(towers, report, cancel, watch)
            else:
                learned = own.learn(how, SEED, report, cancel, watch)
    if learned.spec is None:
        return Finetuned(how, learned.verdict)
    with guarded():
        library.switch_model(learned.spec.id, report, cancel)
        take_back(library)
    new = first_photos(library.encoder, library.space, texts)
    return Finetuned(how, learned.verdict, learned.spec.id, side_by_side(texts, old, new))


@contextmanager
def taking_back(
    library: Shiguang, *, by_vectors: bool, keeps: Callable[[], bool] = lambda: False
) -> Iterator[None]:
    """What a training on vectors has put in place is dropped where it fails or is stopped within.

    keeps  as `finetune` has it
    Hours of encoders' training are not thrown away: the same training goes on with what came of it.
    """
    try:
        yield
    except (Cancelled, ShiguangError) as error:
        if by_vectors and not (isinstance(error, Cancelled) and keeps()):
            take_back(library)
        raise


def take_back(library: Shiguang, but: str = "") -> None:
    """Drop a model that was trained and that the library never moved to; `but` is gone on with."""
    for each in unfinished(library.database, library.folder, but):
        library.drop_model(each)


def begin_anew(library: Shiguang) -> None:
    """What a stopped training of the encoders would go on with is thrown away."""
    throw_away(library.folder)
    take_back(library)


def go_back(library: Shiguang, report: Report, cancel: CancelToken) -> Switched:
    """Move to the model that was in use before the last training. Raises NotThere where there was none."""
    report(Progress("check"))
    models = library.folder / MODELS
    return library.switch_model(way_back(models, read_note(models, library.use_model().id)), report, cancel)


def _base(library: Shiguang) -> ModelSpec:
    """The spec of the model that trainings begin from."""
    spec = library.use_model()
    base = base_of(spec.id)
    return spec if base == spec.id else ModelSpec.load(model_folder(base, library.folder / MODELS))


def _everyday(library: Shiguang) -> list[str]:
    """Built-in searches, in the languages of the model in use by turns."""
    languages = library.use_model().languages
    return [
        prompt
        for i, one in enumerate(built_in()[:SEARCHES])
        for prompt in one.in_one_language(languages[i % len(languages)])[:1]
    ]
