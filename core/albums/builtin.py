"""The albums that ship: about 120 everyday kinds in both languages, off until wanted, proposed where they would fill."""

from __future__ import annotations

import dataclasses
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from core.albums.albums import Albums
from core.albums.cutoff import STEEPNESS
from core.albums.panel import Entry, Panel
from core.albums.probe import learn, prior_of
from core.albums.prompts import language
from core.errors import NotThere
from core.library.albums import Album
from core.progress import CancelToken, Pace, Report, silent
from core.resources import resource

Floats = npt.NDArray[np.float32]

# An album of fewer photos than this is not worth a place in the sidebar.
FEWEST = 8
# The Chinese prompts alone and the English ones alone must agree on this share of the photos (Jaccard): where
# they do not, the model does not know the kind, and most of what came in would be wrong.
AGREEMENT = 0.5
# Of kinds below the same parent (volleyball, badminton) the album's own must be the likeliest for this share of its
# photos: else it would be filled with the others.
LIKELIEST = 0.5
# A kind that is there has photos which stand out: the best tenth, one at least, reaches so many logits.
STANDS_OUT = 0.5 * STEEPNESS
# Photos of the preview.
FIRST = 12


@dataclass(frozen=True, slots=True)
class BuiltIn:
    """An album of resources/albums.toml. `parent` is another one's key, "" for none."""

    key: str
    en: str
    zh: str
    prompts: tuple[str, ...]
    unlike: tuple[str, ...]
    aliases: tuple[str, ...]
    parent: str

    def in_one_language(self, lang: str) -> tuple[str, ...]:
        return tuple(prompt for prompt in self.prompts if language(prompt) == lang)


@dataclass(frozen=True, slots=True)
class Suggestion:
    """A built-in album that would fill here: about how many photos, how far the prompts of both languages agree
    on them (Jaccard), and the surest few of them."""

    album: Album
    count: int
    agreement: float
    first: tuple[int, ...]


def built_in() -> list[BuiltIn]:
    """Every album that ships, in the order of the file."""
    with resource("albums.toml").open("rb") as file:
        tables = tomllib.load(file)["album"]
    return [
        BuiltIn(
            key,
            one["en"][0],
            one["zh"][0],
            (*one["prompts_en"], *one["prompts_zh"]),
            tuple(one.get("not", ())),
            (*one["zh"], *one["en"][1:]),
            one.get("parent", ""),
        )
        for key, one in tables.items()
    ]


def suggestions(
    albums: Albums, lang: str = "en", report: Report = silent, cancel: CancelToken | None = None
) -> list[Suggestion]:
    """What to propose, the largest first: not what is there already, and not what would be mostly wrong.

    lang  en or zh: the language of the names
    The first time in a space every prompt is encoded, which takes a minute; it is reported as stage "suggest".
    Raises Cancelled.
    """
    have = {album.key for album in albums.all()}
    waiting = [one for one in built_in() if one.key not in have]
    pace, cancel = Pace(report, "suggest", len(waiting)), cancel or CancelToken()
    whole = []
    for one in waiting:
        cancel.check()
        whole.append(_entry(albums, one, one.prompts, lang))
        pace.step()
    parts = [_entry(albums, one, one.in_one_language(of), lang) for one in waiting for of in ("en", "zh")]
    width = len(albums.scoring.backdrop().mean)
    panel = Panel([*whole, *parts], width)
    ids: list[npt.NDArray[np.int64]] = []
    scores: list[Floats] = []
    for photos, rows in albums.scoring.blocks(cancel):
        ids.append(photos)
        scores.append(panel.scores(rows, photos).standing)
    if not ids:
        return []
    photos, standing = np.concatenate(ids), np.concatenate(scores, axis=1)
    found = []
    for i, entry in enumerate(whole):
        two = len(whole) + 2 * i
        beside = [j for j, other in enumerate(waiting) if other.parent and other.parent == waiting[i].parent]
        if beside and _share_likeliest(standing[i], standing[beside]) < LIKELIEST:
            continue
        proposed = _suggestion(entry.album, photos, standing[i], standing[two : two + 2])
        if proposed is not None:
            found.append(proposed)
    return sorted(found, key=lambda one: -one.count)


def _share_likeliest(own: Floats, beside: Floats) -> float:
    """Of the photos in an album [n] the share that none of the albums [k, n] beside it suits better."""
    inside = own >= 0
    return float((own[inside] >= beside[:, inside].max(axis=0)).mean()) if inside.any() else 0.0


def _suggestion(
    album: Album, photos: npt.NDArray[np.int64], standing: Floats, by_language: Floats
) -> Suggestion | None:
    inside = np.flatnonzero(standing >= 0)
    if len(inside) < FEWEST:
        return None
    english, chinese = by_language >= 0
    agreement = float((english & chinese).sum() / max((english | chinese).sum(), 1))
    best = inside[np.argsort(-standing[inside], kind="stable")]
    stands_out = float(standing[best[: max(1, len(best) // 10)]].mean())
    if agreement < AGREEMENT or stands_out < STANDS_OUT:
        return None
    return Suggestion(album, len(inside), agreement, tuple(photos[best[:FIRST]].tolist()))


def _entry(albums: Albums, one: BuiltIn, prompts: Sequence[str], lang: str) -> Entry:
    backdrop = albums.scoring.backdrop()
    texts = albums.scoring.prompts
    prior = prior_of(texts.direction(prompts), texts.direction(one.unlike), backdrop)
    nothing = np.zeros((0, len(backdrop.mean)), np.float32)
    return Entry(_album(one, lang), learn(prior, backdrop, nothing, np.zeros(0, bool)), None, {})


def _album(one: BuiltIn, lang: str) -> Album:
    name = one.zh if lang == "zh" else one.en
    aliases = tuple(each for each in (one.en, *one.aliases) if each != name)
    return Album(0, name, one.prompts, one.unlike, aliases=aliases, key=one.key)


def wanted(albums: Albums, names: Sequence[str], lang: str = "en") -> list[Album]:
    """Make these built-in albums, named by key, name or alias; those that are there already are passed over.

    lang  en or zh: the language of their names
    An album's parent counts for it once both are there. Raises NotThere for a name that is none.
    """
    every = built_in()
    chosen = [_named(name, every) for name in names]
    have = {album.key: album for album in albums.all() if album.key}
    new = [one for one in dict.fromkeys(chosen) if one.key not in have]
    made = albums.add([_album(one, lang) for one in new])
    have |= {album.key: album for album in made if album.key}
    made_now = {one.key for one in new}
    for one in every:
        album, parent = have.get(one.key), have.get(one.parent)
        # Where both were there before, the owner may have taken them apart.
        if album is not None and parent is not None and made_now & {one.key, one.parent}:
            albums.change(dataclasses.replace(album, parent=parent.id))
    return [have[one.key] for one in chosen]


def _named(name: str, every: Sequence[BuiltIn]) -> BuiltIn:
    wanted = name.strip().casefold()
    for one in every:
        if wanted in (one.key, one.en.casefold(), *(alias.casefold() for alias in one.aliases)):
            return one
    raise NotThere(
        f"There is no built-in album {name!r}.",
        what_to_do="`shiguang albums suggest` lists those that fit here.",
    )
