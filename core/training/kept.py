"""What a training of the encoders began with, kept until the library has moved to what came of it.

Such a training takes hours, and meanwhile the owner goes on saying things. Stopped and begun again the same way, it
goes on with what it began with, not anew with everything said by now: what was said since teaches the next one. Where
something was taken back since, there is nothing to go on with; a photo that is gone took nothing back.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from core.training.pairs import Saying, Sayings

# Beside the folders of checkpoints.
FILE = "begun_with.json"


@dataclass(frozen=True, slots=True)
class Begun:
    """What a training was asked for, in words of its own, and what it began with: sayings and photos nobody spoke of.

    how  "lora" or "full", which `asked` says among other things
    """

    how: str
    asked: str
    said: Sayings
    others: tuple[int, ...]

    def still_holds(self, now: Sayings, pictures: Collection[int]) -> bool:
        """Whether nothing of it was taken back; pictures: photos that are here."""
        told = {_words(each) for each in (*now.training, *now.held_out)}
        begun = (*self.said.training, *self.said.held_out)
        return all(_words(each) in told for each in begun if each.photo in pictures)

    def said_later(self, now: Sayings) -> int:
        """How many of these were said since."""
        told = {_words(each) for each in (*self.said.training, *self.said.held_out)}
        return sum(_words(each) not in told for each in (*now.training, *now.held_out))


def keep(folder: Path, begun: Begun) -> None:
    """Into the folder of checkpoints, in place of what is there."""
    folder.mkdir(parents=True, exist_ok=True)
    content = {
        "how": begun.how,
        "asked": begun.asked,
        "training": _lines(begun.said.training),
        "held_out": _lines(begun.said.held_out),
        "others": begun.others,
    }
    partial = folder / f"{FILE}.partial"
    partial.write_text(json.dumps(content, ensure_ascii=False), encoding="utf-8")
    partial.replace(folder / FILE)


def kept(folder: Path) -> Begun | None:
    """What `keep` wrote last; None where there is nothing that can be read."""
    try:
        content = json.loads((folder / FILE).read_text(encoding="utf-8"))
        said = Sayings(_sayings(content["training"]), _sayings(content["held_out"]))
        return Begun(str(content["how"]), str(content["asked"]), said, tuple(map(int, content["others"])))
    except (OSError, ValueError, KeyError, TypeError):
        return None


def forget(folder: Path) -> None:
    (folder / FILE).unlink(missing_ok=True)


def _words(saying: Saying) -> tuple[int, str, str, bool]:
    return saying.photo, saying.text, saying.kind, saying.is_true


def _lines(sayings: Sequence[Saying]) -> list[dict[str, object]]:
    return [asdict(each) for each in sayings]


def _sayings(lines: list[dict[str, object]]) -> tuple[Saying, ...]:
    return tuple(Saying(**each) for each in lines)  # type: ignore[arg-type]
