"""What a training of the encoders began with, kept until the library has moved to what came of it.

Such a training takes hours, and meanwhile the owner goes on saying things. Stopped and begun again the same way, it
goes on with what it began with, not anew with everything said by now: what was said since teaches the next one. Where
something was taken back since, there is nothing to go on with; a photo that is gone took nothing back.
"""

from __future__ import annotations

import json
from collections.abc import Collection
from dataclasses import asdict, dataclass
from pathlib import Path

from core.disk import written_whole
from core.training.pairs import WEAK, Saying, Sayings

# Beside the folders of checkpoints.
FILE = "begun_with.json"
# Why a training that was stopped is not gone on with: its model, course or sources are others, or something of it was
# taken back.
OTHERWISE, TAKEN_BACK = "otherwise", "taken back"


@dataclass(frozen=True, slots=True)
class Begun:
    """What a training was asked for, in words of its own, and what it began with: sayings and photos nobody spoke of.

    digest  of that training (`TowerTraining.digest`), by which its checkpoints and what came of it are known
    """

    asked: str
    digest: str
    said: Sayings
    others: tuple[int, ...]

    def why_not(self, asked: str, now: Sayings, pictures: Collection[int]) -> str:
        """Why it is not gone on with, OTHERWISE or TAKEN_BACK; "" where it is. pictures: photos that are here."""
        if self.asked != asked:
            return OTHERWISE
        return "" if self._still_holds(now, pictures) else TAKEN_BACK

    def _still_holds(self, now: Sayings, pictures: Collection[int]) -> bool:
        """Whether nothing of it was taken back; of words of folders and keywords nobody has said anything."""
        told = {_words(each) for each in (*now.training, *now.held_out)}
        begun = (*self.said.training, *self.said.held_out)
        return all(
            _words(each) in told
            for each in begun
            if each.photo in pictures and each.kind not in WEAK.values()
        )

    def said_later(self, now: Sayings) -> int:
        """How many of these were said since."""
        told = {_words(each) for each in (*self.said.training, *self.said.held_out)}
        return sum(_words(each) not in told for each in (*now.training, *now.held_out))


def keep(folder: Path, begun: Begun) -> None:
    """Into the folder of checkpoints, in place of what is there. Raises DiskFull."""
    content = {
        "asked": begun.asked,
        "digest": begun.digest,
        "training": [asdict(each) for each in begun.said.training],
        "held_out": [asdict(each) for each in begun.said.held_out],
        "others": begun.others,
    }
    with written_whole(folder / FILE) as file:
        # ASCII: odd bytes of a folder's name travel as lone surrogates, which no encoding carries.
        file.write(json.dumps(content).encode("ascii"))


def kept(folder: Path) -> Begun | None:
    """What `keep` wrote last; None where there is nothing that can be read."""
    try:
        content = json.loads((folder / FILE).read_text(encoding="utf-8"))
        parts = [tuple(Saying(**each) for each in content[part]) for part in ("training", "held_out")]
        others = tuple(map(int, content["others"]))
        return Begun(str(content["asked"]), str(content["digest"]), Sayings(*parts), others)
    except (OSError, ValueError, KeyError, TypeError):
        return None


def forget(folder: Path, digest: str) -> None:
    """What the training of that digest began with."""
    begun = kept(folder)
    if begun is not None and begun.digest == digest:
        (folder / FILE).unlink(missing_ok=True)


def _words(saying: Saying) -> tuple[int, str, str, bool]:
    return saying.photo, saying.text, saying.kind, saying.is_true
