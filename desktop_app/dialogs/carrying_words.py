"""What came of a backup, a restore, or a round of sidecars, in words."""

from __future__ import annotations

from typing import TYPE_CHECKING

from desktop_app.i18n import data_size, error_sentences, explain, number, sentences, tr
from desktop_app.workers.carrying import BACKUP, READ, RESTORE, WRITE
from desktop_app.workers.worker import Done, End, Failed

if TYPE_CHECKING:
    from core.albums.read_sidecars import Read
    from core.albums.write_sidecars import Written
    from core.backup import BackedUp, Restored


def end_words(what: str, end: End) -> str:
    if isinstance(end, Failed):
        return error_sentences(end.error)
    if isinstance(end, Done):
        words = {BACKUP: _backed_up, RESTORE: _restored, WRITE: _written, READ: _read}[what]
        return words(end.value)
    return tr("Stopped.")


def fault_words(end: End) -> str:
    """The files that a round of sidecars could not use, one a line, or an error's own words; "" where there are none."""
    if isinstance(end, Failed):
        return explain(end.error).details
    faults = getattr(end.value, "faults", ()) if isinstance(end, Done) else ()
    return "\n".join(f"{fault.path}: {fault.reason}" for fault in faults[:50])


def _backed_up(done: BackedUp) -> str:
    return tr(
        "What you said of {n} photos is in the file ({size}).", n=done.photos, size=data_size(done.size_bytes)
    )


def _restored(done: Restored) -> str:
    merged = done.merged
    words = [tr("{n} things that you had said came.", n=sum(merged.came.values()))]
    if merged.known:
        words.append(tr("{n} were known, or you said otherwise later.", n=merged.known))
    if merged.waiting:
        words.append(tr("{n} photos are not here yet; what was said waits for them.", n=merged.waiting))
    if done.models:
        words.append(tr("{n} models came.", n=done.models))
    return sentences(*words)


def _written(done: Written) -> str:
    words = [tr("{n} sidecars written.", n=done.written)]
    if done.waiting:
        words.append(tr("{n} cannot be written now and wait.", n=done.waiting))
    if done.offline:
        words.append(tr("{n} photos are on drives that are away.", n=done.offline))
    return sentences(*words, *_unusable(done))


def _read(done: Read) -> str:
    words = [tr("{n} sidecars were new or changed.", n=done.read)]
    if done.has_taken:
        words.append(
            tr(
                "From them: keywords {keywords}, ratings {ratings}, captions {captions}, photos put into albums {accepted}.",
                keywords=number(done.keywords),
                ratings=number(done.ratings),
                captions=number(done.captions),
                accepted=number(done.accepted),
            )
        )
    return sentences(*words, *_unusable(done))


def _unusable(done: Written | Read) -> list[str]:
    return [tr("{n} files could not be used.", n=len(done.faults))] if done.faults else []
