"""Who is in an album and what changed: the plain values that `Albums` answers with, and how they are made of scores."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from core.albums.cutoff import band
from core.albums.gathering import Members
from core.albums.panel import Scores
from core.errors import WrongUse
from core.library.albums import Album

Ints = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Shelved:
    """An album with its counts, for a list. `inside` and `maybe` as they were last worked out."""

    album: Album
    inside: int
    maybe: int
    accepted: int
    rejected: int


@dataclass(frozen=True, slots=True)
class Member:
    """A photo as an album sees it. `score` is a logit, `relevance` its probability; `decision` is
    True for accepted, False for rejected, None for undecided."""

    photo: int
    score: float
    relevance: float
    band: str
    decision: bool | None


@dataclass(frozen=True, slots=True)
class Changed:
    """What a round of marks did: photos in the album now, and which came into it and went out of it."""

    album: int
    marks: int
    inside: int
    came: tuple[int, ...]
    went: tuple[int, ...]


class NameTaken(WrongUse):
    """Another album has this name, or goes by it."""

    code = "name-taken"
    what_to_do = "Choose another name."


def check_name(name: str, others: Sequence[Album]) -> None:
    """Raises WrongUse when the name is empty, NameTaken when one of the others has it or goes by it."""
    if not name:
        raise WrongUse("An album needs a name.", what_to_do="Give it one.")
    taken = {each.casefold() for known in others for each in (known.name, *known.aliases)}
    if name.casefold() in taken:
        raise NameTaken(f"There is an album {name!r} already.")


def members_of(
    photos: Ints,
    scores: Scores,
    place: int,
    decided: Mapping[int, bool],
    *,
    everything: bool,
    rejected: bool = False,
) -> list[Member]:
    """Photos [n] by the scores of the album at `place`: in and maybe, with the rejected ones, or everything."""
    logits, standing = scores.logits[place], scores.standing[place]
    found = []
    for i in range(len(photos)):
        where = band(float(standing[i]))
        photo = int(photos[i])
        if everything or where != "out" or (rejected and decided.get(photo) is False):
            score = float(logits[i])
            relevance = float(1 / (1 + np.exp(-standing[i])))
            found.append(Member(photo, score, relevance, where, decided.get(photo)))
    return found


def changed(album: int, marks: int, old: Members, new: Members) -> Changed:
    """What came and went between two states of an album."""
    came = np.setdiff1d(new.sure, old.sure, assume_unique=True).tolist()
    went = np.setdiff1d(old.sure, new.sure, assume_unique=True).tolist()
    return Changed(album, marks, len(new.sure), tuple(came), tuple(went))
