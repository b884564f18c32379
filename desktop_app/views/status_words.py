"""What the status strip says, in words: one line of what is going on, one of how fast and how long."""

from __future__ import annotations

from core.progress import Progress
from desktop_app.i18n import number, tr
from desktop_app.workers.indexing import State

MINUTE, HOUR = 60, 3600


def activity_words(state: State, progress: Progress | None) -> str:
    """ "Indexing 12,400/80,214"; "" when nothing is going on."""
    if state is State.STOPPED:
        return tr("Stopped")
    if state is State.FAILED:
        return tr("Indexing failed")
    if state is State.IDLE:
        return ""
    if progress is None or progress.stage == "scan":
        found = progress.done if progress is not None else 0
        if state is State.PAUSED:
            return tr("Paused")
        return tr("Looking through folders: {n} files", n=found) if found else tr("Looking through folders…")
    counted = number(progress.done) + (f"/{number(progress.total)}" if progress.total is not None else "")
    return (
        tr("Paused {counted}", counted=counted)
        if state is State.PAUSED
        else tr("Indexing {counted}", counted=counted)
    )


def pace_words(state: State, progress: Progress | None) -> str:
    """ "94 photos/s · 12 minutes left"; what a stop means; "" where there is nothing to say."""
    if state is State.STOPPED:
        return tr("What is done is kept")
    if state is not State.RUNNING or progress is None or progress.stage == "scan":
        return ""
    parts = []
    if progress.rate > 0:
        decimals = 0 if progress.rate >= 10 else 1
        parts.append(tr("{rate} photos/s", rate=number(progress.rate, decimals)))
    if progress.seconds_left is not None:
        parts.append(time_left(progress.seconds_left))
    return " · ".join(parts)


def time_left(seconds: float) -> str:
    """In whole minutes or hours: seconds would only flicker."""
    if seconds < MINUTE:
        return tr("less than a minute left")
    if seconds < 2 * HOUR:
        return tr("{n} minutes left", n=round(seconds / MINUTE))
    return tr("{n} hours left", n=round(seconds / HOUR))
