"""What the window asks of a library's albums, each as a task of a lane: `task(library, report, cancel)` with its own
values before. They call the core and make plain values of its answers."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtGui import QImage

from core.errors import NotThere
from core.progress import CancelToken, Report
from desktop_app.items.album_draft import Draft
from desktop_app.items.album_photos import IN, MAYBE, REJECTED, Page
from desktop_app.items.cell_image import picture_image

if TYPE_CHECKING:
    from core.albums import Album, Changed, Member, Shelved
    from core.albums.builtin import Suggestion
    from core.albums.carry import Exported
    from core.albums.why import Why
    from core.app import Shiguang

# Photos fetched for the review at once: as many as are decided while the next ones are looked for.
BATCH = 8


@dataclass(frozen=True, slots=True)
class Asked:
    """What the review asks next; `inside`: photos in the album now."""

    album: Album
    members: tuple[Member, ...]
    inside: int


@dataclass(frozen=True, slots=True)
class Reason:
    """Why a photo stands where it does, with the picture of the accepted photo most like it."""

    album: Album
    member: Member
    why: Why
    like: QImage | None


def shelf(library: Shiguang, report: Report, cancel: CancelToken) -> list[Shelved]:
    return library.albums.shelf()


def look(album: int, library: Shiguang, report: Report, cancel: CancelToken) -> Page:
    return page_of(library, library.albums.get(album))


def page_of(library: Shiguang, album: Album) -> Page:
    members = library.albums.show(album, rejected=True)
    bands = {
        IN: tuple(one.photo for one in members if one.band == "in"),
        MAYBE: tuple(one.photo for one in members if one.band == "maybe"),
        REJECTED: tuple(one.photo for one in members if one.decision is False),
    }
    return Page(album, bands, {one.photo: one.decision for one in members if one.decision is not None})


def slide(album: int, shift: float, library: Shiguang, report: Report, cancel: CancelToken) -> Changed:
    return library.albums.slide(library.albums.get(album), shift)


def ask(
    album: int,
    without: Sequence[int],
    anyway: bool,
    library: Shiguang,
    report: Report,
    cancel: CancelToken,
) -> Asked:
    known = library.albums.get(album)
    members = library.albums.review(known, BATCH, without)
    # The queue is ordered by what may belong: where its first ones are out, nothing is worth asking any more.
    chosen = tuple(one for one in members if anyway or one.band != "out")
    inside = next(one.inside for one in library.albums.shelf() if one.album.id == album)
    return Asked(known, chosen, inside)


def reason(album: int, photo: int, library: Shiguang, report: Report, cancel: CancelToken) -> Reason | None:
    known = library.albums.get(album)
    why = library.albums.why(known, [photo]).get(photo)
    members = library.albums.page(known, [photo])
    if why is None or not members:
        return None
    jpeg = library.thumbs.get([why.like]).get(why.like) if why.like is not None else None
    return Reason(known, members[0], why, picture_image(jpeg) if jpeg else None)


def propose(lang: str, library: Shiguang, report: Report, cancel: CancelToken) -> list[Suggestion]:
    from core.albums.builtin import suggestions  # numpy: not before the window is up

    return suggestions(library.albums, lang[:2], report, cancel)


def take_proposal(
    proposal: Suggestion, lang: str, library: Shiguang, report: Report, cancel: CancelToken
) -> Album:
    from core.albums.builtin import wanted  # numpy: not before the window is up

    return wanted(library.albums, [str(proposal.album.key)], lang[:2])[0]


def preview(draft: Draft, library: Shiguang, report: Report, cancel: CancelToken) -> tuple[int, int]:
    return library.albums.preview(_album(draft, library))


def save(draft: Draft, library: Shiguang, report: Report, cancel: CancelToken) -> Album:
    album = _album(draft, library)
    if draft.album:
        library.albums.change(album)
        return album
    return library.albums.add([album])[0]


def _album(draft: Draft, library: Shiguang) -> Album:
    from core.albums import Album  # numpy: not before the window is up

    known = library.albums.get(draft.album) if draft.album else Album(0, "")
    return dataclasses.replace(
        known,
        name=draft.name,
        prompts=draft.prompts,
        unlike=draft.unlike,
        aliases=draft.aliases,
        parent=draft.parent,
        rule=draft.rule.filters(),
        one_of=draft.one_of,
    )


def mark(
    album: int,
    photos: Sequence[int],
    accepted: bool | None,
    library: Shiguang,
    report: Report,
    cancel: CancelToken,
) -> tuple[Changed, Page]:
    known = library.albums.get(album)
    return library.albums.mark(known, photos, accepted), page_of(library, known)


def undo(album: int, library: Shiguang, report: Report, cancel: CancelToken) -> tuple[Changed, Page] | None:
    """None where there is nothing to take back, or no such album any more."""
    try:
        known = library.albums.get(album)
        changed = library.albums.undo(known)
    except NotThere:
        return None
    return changed, page_of(library, known)


def set_border(
    album: int, shift: float, library: Shiguang, report: Report, cancel: CancelToken
) -> tuple[Changed, Page, float]:
    """The last is where it stood before."""
    known = library.albums.get(album)
    moved = dataclasses.replace(known, shift=shift)
    return library.albums.change(moved), page_of(library, moved), known.shift


def drop(album: int, library: Shiguang, report: Report, cancel: CancelToken) -> int:
    library.albums.drop(library.albums.get(album))
    return album


def export(
    album: int, folder: Path, form: str, library: Shiguang, report: Report, cancel: CancelToken
) -> Exported:
    from core.albums.carry import export_album  # numpy: not before the window is up

    known = library.albums.get(album)
    inside = [one for one in library.albums.show(known) if one.band == "in"]
    return export_album(library.database, known, inside, folder, form, report, cancel)
