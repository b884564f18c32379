"""What the models dialog and the status strip say of models, in words."""

from __future__ import annotations

from typing import TYPE_CHECKING

from core.progress import Progress
from desktop_app.i18n import data_size, language, number, tr
from desktop_app.views.status_words import time_left
from desktop_app.workers.indexing import State
from desktop_app.workers.models import DROP, GET, IMPORT, Job

if TYPE_CHECKING:
    from core.app import Switched
    from core.switching import ListedModel

# How the devices are called in both languages.
DEVICES = {
    "cpu": "CPU",
    "cuda": "CUDA",
    "tensorrt": "TensorRT",
    "coreml": "CoreML",
    "directml": "DirectML",
    "openvino": "OpenVINO",
}


def language_words(languages: tuple[str, ...]) -> str:
    names = {"zh": tr("Chinese"), "en": tr("English")}
    return " · ".join(names[each] for each in ("zh", "en") if each in languages)


def good_at_words(model: ListedModel) -> str:
    """One sentence on what it is good at; of an imported model nobody knows."""
    entry = model.known.entry
    if entry is None:
        return tr("Imported from files on this computer.")
    return entry.good_at["zh" if language() == "zh_CN" else "en"]


def facts(model: ListedModel) -> list[tuple[str, str]]:
    """(what, how much) of everything known of a model, in the order of the page."""
    known, entry = model.known, model.known.entry
    rows = [(tr("Languages"), language_words(known.languages)), (tr("Licence"), known.licence or "")]
    if entry is not None and entry.sources:
        rows.append((tr("Download"), data_size(entry.bytes)))
    if model.is_here and known.bytes is not None:
        rows.append((tr("On this disk"), data_size(known.bytes)))
    if model.space_bytes:
        rows.append((tr("Its vectors"), data_size(model.space_bytes)))
    if known.images_per_s is not None:
        rows.append((tr("Speed here"), tr("{rate} photos/s", rate=number(known.images_per_s, 1))))
    elif model.is_here:
        rows.append((tr("Speed here"), tr("Not measured yet")))
    if model.can_use and model.photos_to_encode:
        rows.append((tr("To encode"), _work_words(model)))
    if model.space is not None and model.space.left_out:
        rows.append((tr("Left out"), tr("{n} photos that could not be read", n=model.space.left_out)))
    return [row for row in rows if row[1]]


def _work_words(model: ListedModel) -> str:
    """How many photos a move would encode, how much room they take and how long it lasts."""
    parts = [tr("{n} photos", n=model.photos_to_encode)]
    if model.known.width is not None:
        parts.append(data_size(model.bytes_to_encode))
    if model.known.images_per_s:
        parts.append(time_left(model.photos_to_encode / model.known.images_per_s))
    return " · ".join(parts)


def scores_of(model: ListedModel) -> list[tuple[str, str]]:
    """(what was measured, per cent) as published."""
    entry = model.known.entry
    return (
        [(_score_name(name), f"{number(value, 1)} %") for name, value in entry.scores.items()]
        if entry
        else []
    )


def _score_name(name: str) -> str:
    """The sets keep their names; what stands around them is said in the owner's language."""
    words = {
        "text to image": tr("text to image"),
        "image to text": tr("image to text"),
        "English": tr("English"),
        "Chinese": tr("Chinese"),
    }
    for known, said in words.items():
        name = name.replace(known, said)
    return name


def job_words(job: Job, state: State, progress: Progress | None) -> str:
    """ "Moving to Chinese-CLIP ViT-B/16 1,200/5,000"; what was stopped or failed by its name."""
    if state is State.STOPPED:
        return tr("Stopped: {name}", name=job.name)
    if state is State.FAILED:
        return tr("{name} did not work", name=job.name)
    if job.kind == IMPORT:
        words = tr("Importing {name}", name=job.name)
    elif job.kind == GET:
        words = tr("Getting {name}", name=job.name)
    elif job.kind == DROP:
        words = tr("Dropping {name}", name=job.name)
    elif progress is not None and progress.stage == "compare":
        words = tr("Comparing {name} by your captions", name=job.name)
    elif progress is not None and progress.stage == "wait" and state is State.RUNNING:
        return tr("{name} waits for new photos", name=job.name)
    else:
        words = tr("Moving to {name}", name=job.name)
    counted = _counted(progress)
    if state is State.PAUSED:
        words = tr("Paused: {name}", name=job.name)
    return f"{words} {counted}".rstrip()


def _counted(progress: Progress | None) -> str:
    if progress is None or not progress.total:
        return ""
    if progress.unit == "byte":
        return f"{data_size(progress.done)}/{data_size(progress.total)}"
    return f"{number(progress.done)}/{number(progress.total)}" if progress.stage == "build" else ""


def job_pace_words(state: State, progress: Progress | None) -> str:
    """ "OpenVINO · 8.1 photos/s · 12 minutes left"; what a stop means."""
    if state is State.STOPPED:
        return tr("What is done is kept")
    if state is not State.RUNNING or progress is None:
        return ""
    parts = [DEVICES.get(progress.device, progress.device)] if progress.device else []
    if progress.rate > 0 and progress.unit == "byte":
        parts.append(tr("{size}/s", size=data_size(progress.rate)))
    elif progress.rate > 0 and progress.stage == "build":
        parts.append(tr("{rate} photos/s", rate=number(progress.rate, 0 if progress.rate >= 10 else 1)))
    if progress.seconds_left is not None and progress.stage != "compare":
        parts.append(time_left(progress.seconds_left))
    return " · ".join(parts)


def comparison_words(switched: Switched) -> str:
    """What the owner's own captions say of a model that finds less."""
    compared = switched.comparison
    if compared is None:
        return ""
    return tr(
        "Of {asked} of your captions it finds {new} among the first ten photos; the model in use finds {old}.",
        asked=number(compared.captions),
        new=number(compared.new),
        old=number(compared.old),
    )
