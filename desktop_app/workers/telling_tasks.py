"""What the window says to a library's names and of its search results, each as a task of a lane."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from core.errors import NotThere
from core.progress import CancelToken, Report

if TYPE_CHECKING:
    from core.albums.naming import Given
    from core.app import Shiguang
    from core.library.names import Name
    from core.search.answer import Answer

# photo -> shows it or is it (True), does not or is not (False), nothing is said of it (None)
Marks = Mapping[int, bool | None]


@dataclass(frozen=True, slots=True)
class NewName:
    """What the editor of a name holds. `id`: of a known name, 0 for a new one."""

    id: int
    name: str
    classes: tuple[str, ...] = ()
    aliases: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Told:
    """One round on a name, and what takes it back: the marks before it, or that the name goes again."""

    name: Name
    marks: Marks
    before: Marks
    is_new: bool = False


@dataclass(frozen=True, slots=True)
class Judged:
    """One round on the results of a question; of all that was judged for its words, `yes` are it and `no` are not."""

    question: str
    marks: Marks
    before: Marks
    yes: int
    no: int


@dataclass(frozen=True, slots=True)
class Examples:
    """The photos of a name: whether each shows it, in the order said."""

    name: Name
    marks: Mapping[int, bool]


def shelf(library: Shiguang, report: Report, cancel: CancelToken) -> list[Given]:
    return library.names.shelf()


def look(name: Name, library: Shiguang, report: Report, cancel: CancelToken) -> Examples:
    return Examples(name, library.names.examples(name))


def give(new: NewName, photos: Sequence[int], library: Shiguang, report: Report, cancel: CancelToken) -> Told:
    """These photos show it: a new name, or more photos of a known one."""
    try:
        before = library.names.examples(library.names.find(new.name))
        is_new = False
    except NotThere:
        before, is_new = {}, True
    name = library.names.give(new.name, photos, aliases=new.aliases, classes=new.classes)
    return Told(name, dict.fromkeys(photos, True), {photo: before.get(photo) for photo in photos}, is_new)


def mark(name: Name, marks: Marks, library: Shiguang, report: Report, cancel: CancelToken) -> Told:
    if all(known.id != name.id for known in library.names.all()):
        raise NotThere(f"There is no name {name.name!r} any more.")
    before = library.names.examples(name)
    library.names.mark_each(name, marks)
    return Told(name, marks, {photo: before.get(photo) for photo in marks})


def change(new: NewName, library: Shiguang, report: Report, cancel: CancelToken) -> Name:
    from core.library.names import Name  # the database: not before the window is up

    name = Name(new.id, new.name, new.classes, new.aliases)
    library.names.change(name)
    return name


def drop(name: Name, library: Shiguang, report: Report, cancel: CancelToken) -> Name:
    library.names.drop(name)
    return name


def judge(question: str, marks: Marks, library: Shiguang, report: Report, cancel: CancelToken) -> Judged:
    from core.search.judging import said_of  # the database: not before the window is up

    reading = library.judge_result(question, (), None)  # how it is read; says nothing of any photo
    before = said_of(library.database, reading)
    for said in (True, False, None):
        photos = [photo for photo, mark in marks.items() if mark is said]
        if photos:
            library.judge_result(question, photos, said)
    now = said_of(library.database, reading)
    yes = sum(now.values())
    old = {photo: before.get(photo) for photo in marks}
    return Judged(question, marks, old, yes, len(now) - yes)


def said(answer: Answer, library: Shiguang) -> dict[int, bool]:
    """What was judged for the words of a question that was answered."""
    from core.search.judging import said_of  # the database: not before the window is up

    return said_of(library.database, answer.reading)
