"""What the training dialog and the status strip say of learning, in words."""

from __future__ import annotations

from typing import TYPE_CHECKING

from core.progress import Progress
from desktop_app.i18n import data_size, number, tr
from desktop_app.views.status_words import HOUR, MINUTE, time_left
from desktop_app.workers.indexing import State
from desktop_app.workers.training import INSTALL, LEARN, Training

if TYPE_CHECKING:
    from core.finetuning import Finetuned, Outlook, Way
    from core.training.gate import Verdict

# The stages of a move to another model; for the owner they are one.
MOVING = ("check", "measure", "build", "compare", "wait", "move")
# What faster forms of a model that was trained are tried by; behind it stands which one.
FORMS = ("reference", "calibrate", "try")


def way_name(how: str) -> str:
    return {
        "probe": tr("Words alone"),
        "adapter": tr("Words and photos"),
        "lora": tr("The whole model, lightly"),
        "full": tr("The whole model"),
    }[how]


def way_words(how: str) -> str:
    return {
        "probe": tr("The quickest. Photos stay where they are."),
        "adapter": tr("Both move towards what you said. No photo is looked at again."),
        "lora": tr("Small changes throughout. Every photo is looked at again."),
        "full": tr("Everything learns, words first. Every photo is looked at again."),
    }[how]


def cost_words(way: Way) -> str:
    """ "about 12 minutes · 1.0 GB of memory"."""
    memory = tr("{size} of memory", size=data_size(way.memory_bytes))
    time = _about(way.seconds)
    if way.later is not None:
        time = tr("what is left of {time}", time=time)  # it was stopped on the way
    return f"{time} · {memory}"


def _about(seconds: float) -> str:
    if seconds < MINUTE:
        return tr("less than a minute")
    if seconds < 2 * HOUR:
        return tr("about {n} minutes", n=round(seconds / MINUTE))
    return tr("about {n} hours", n=round(seconds / HOUR))


def counts_words(outlook: Outlook) -> str:
    """What was said, in one line; what there is none of is left out."""
    counts = outlook.counts
    parts = [
        tr("{n} captions", n=counts["captions"]) if counts["captions"] else "",
        tr("{n} album decisions", n=counts["album decisions"]) if counts["album decisions"] else "",
        tr("{n} uses of names", n=counts["names"]) if counts["names"] else "",
        tr("{n} judged results", n=counts["judged results"]) if counts["judged results"] else "",
        tr("{n} words of folders", n=counts["folders"]) if counts.get("folders") else "",
        tr("{n} keywords", n=counts["keywords"]) if counts.get("keywords") else "",
        tr("about {n} photos", n=counts["photos"]),
    ]
    return " · ".join(part for part in parts if part)


def weak_words(source: str, count: int) -> str:
    return {
        "folders": tr("Learn from names of folders, too ({n} photos)", n=count),
        "keywords": tr("Learn from keywords, too ({n} of them)", n=count),
    }[source]


def held_out_words(outlook: Outlook) -> str:
    return tr(
        "{n} of these photos are kept back: they judge, and teach nothing.", n=outlook.counts["held out"]
    )


def obstacle_words(outlook: Outlook) -> str:
    """Why the extra cannot be installed from here."""
    return {
        "frozen": tr("This edition of the program takes no further parts."),
        "no pip": tr("The Python of this program has no installer."),
        "managed": tr("The Python of this program belongs to the system, which installs for it."),
        "read-only": tr("The folder of this program cannot be written."),
    }[outlook.obstacle]


# ---- while it runs


def stage_words(training: Training) -> str:
    """What is done now, with how much of it is done."""
    progress = training.latest
    stage = progress.stage if progress is not None else ""
    if stage in MOVING:
        words = tr("Taking the photos along")
    elif stage.partition(" ")[0] in FORMS:
        words = tr("Making it fast here")
    else:
        words = {
            "resolve": tr("Looking up what is needed"),
            "download": tr("Downloading"),
            "install": tr("Installing"),
            "photos": tr("Looking at photos"),
            "fill": tr("Looking at photos"),
            "texts": tr("Reading what you said"),
            "train": tr("Learning"),
            "judge": tr("Comparing before and after"),
            "write": tr("Writing down what was learned"),
        }.get(stage, tr("Getting ready"))
    if training.state is State.PAUSED:
        words = tr("Paused: {name}", name=words)
    return f"{words} {_counted(progress)}".rstrip()


def _counted(progress: Progress | None) -> str:
    if progress is None or not progress.total:
        return ""
    if progress.unit == "byte":
        return f"{data_size(progress.done)}/{data_size(progress.total)}"
    return f"{number(progress.done)}/{number(progress.total)}"


def pace_words(training: Training) -> str:
    """ "3 minutes left" of the stage that runs; what a stop means."""
    progress = training.latest
    if training.state is State.STOPPED:
        return stopped_words(training)
    if training.state is not State.RUNNING or progress is None or progress.seconds_left is None:
        return ""
    left = time_left(progress.seconds_left)
    if progress.unit == "byte":
        return " · ".join((tr("{size}/s", size=data_size(progress.rate)), left))
    return left


def stopped_words(training: Training) -> str:
    if training.kind == INSTALL:
        return tr("What has come is kept")
    if training.kind == LEARN and training.how in ("lora", "full"):
        return tr("Nothing was changed; it can go on where it stood")
    return tr("Nothing was changed")


def too_large_words(memory_bytes: int) -> str:
    return tr(
        "This takes {size} of memory, more than this computer has. Leave out names of folders and keywords, or choose another way.",
        size=data_size(memory_bytes),
    )


def kept_words(stopped: Way | None, chosen: Way | None) -> str:
    """That a training of the encoders was stopped, and what becomes of it; "" where there is none."""
    lines = []
    if stopped is not None:
        name = way_name(stopped.how)
        lines.append(tr("Stopped before: {way}. Begun again, it goes on where it stood.", way=name))
        if stopped.later:
            lines.append(tr("{n} things you said since then teach the next one.", n=stopped.later))
    if chosen is not None and chosen.instead:
        lines.append(
            {
                "otherwise": tr(
                    "This takes the place of the training that was stopped; what that learned is lost."
                ),
                "taken back": tr(
                    "The training that was stopped had learned something you took back: this begins anew."
                ),
            }[chosen.instead]
        )
    return "\n".join(lines)


def strip_words(training: Training) -> str:
    """The line of the status strip; "" where there is nothing to say."""
    if training.result is not None:
        return headline(training.result)
    if training.state is State.IDLE:
        return ""
    is_install = training.kind == INSTALL
    if training.state is State.STOPPED:
        return tr("The download was stopped") if is_install else tr("Learning was stopped")
    if training.state is State.FAILED:
        return tr("The parts were not installed") if is_install else tr("Learning did not work")
    return stage_words(training)


# ---- what came of it


def headline(result: Finetuned) -> str:
    return tr("It learned your words") if result.verdict.accepted else tr("It stays as it was")


def reason_words(verdict: Verdict) -> str:
    """Why it was taken or not; the core's own sentence where the language has none."""
    n = verdict.photos
    return {
        "better": _better_words(verdict),
        "no gain": tr(
            "On {n} photos that it had not seen it finds no more of what you said than before.", n=n
        ),
        "chance": tr("What it gained on {n} photos that it had not seen may be chance.", n=n),
        "worse": tr(
            "It finds more of what you said in all, but less of one kind: of what captions say, or of what albums hold."
        ),
        "forgot": _forgot_words(verdict),
        "too few": tr(
            "{n} photos are too few to judge by, a burst counted once: ten are needed. Describe some more first.",
            n=n,
        ),
        "too little": tr("Too little was said about photos yet."),
        "too large": tr("This computer has too little memory for it."),
        "diverged": tr("The training did not settle and was stopped."),
    }.get(verdict.reason, verdict.why)


def _better_words(verdict: Verdict) -> str:
    said = tr("On {n} photos that it had not seen it finds more of what you said.", n=verdict.photos)
    if verdict.strength == 1:
        return said
    return tr(
        "{said} {share} of what the training changed was kept: more would have forgotten too much.",
        said=said,
        share=f"{number(100 * verdict.strength)} %",
    )


def _forgot_words(verdict: Verdict) -> str:
    before, after = verdict.before, verdict.after
    if before is None or after is None or before.still is None or after.still is None:
        is_of_photos = False
    else:
        is_of_photos = before.still - after.still > before.general - after.general
    if is_of_photos:
        return tr("It learned your words, but too many photos you said nothing about lost theirs.")
    return tr("It learned your words, but forgot too many everyday ones.")


def figure_rows(verdict: Verdict) -> list[tuple[str, str, str]]:
    """(what, before, after) of everything that was measured; empty where nothing was."""
    before, after = verdict.before, verdict.after
    if before is None or after is None:
        return []
    among = (
        tr("Your words bring their photo first")
        if before.k == 1
        else tr("Your words bring their photo among the first {k}", k=number(before.k))
    )
    rows: list[tuple[str, float | None, float | None]] = [
        (tr("How far in front your photos stand"), _mean(before.each), _mean(after.each)),
        (among, before.recall, after.recall),
        (tr("A photo's own words fit it best"), before.top1, after.top1),
        (tr("Albums have the right photos in front"), before.album_ap, after.album_ap),
        (tr("Everyday words still find their photos"), before.general, after.general),
        (tr("Photos you said nothing about keep their words"), before.still, after.still),
    ]
    return [
        (what, _per_cent(old), _per_cent(new))
        for what, old, new in rows
        if old is not None and new is not None
    ]


def _mean(each: object) -> float | None:
    values = [float(value) for value in each]  # type: ignore[attr-defined]
    return sum(values) / len(values) if values else None


def _per_cent(share: float) -> str:
    return f"{number(100 * share, 1)} %"
