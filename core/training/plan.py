"""What a training would learn from, what it takes, and why it cannot start: said before it does."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from core.training.gate import FEWEST_PHOTOS, TOO_FEW, TOO_LARGE, TOO_LITTLE, Verdict, too_few
from core.training.machine_memory import all_bytes
from core.training.pairs import FEWEST_TRAINING_PHOTOS, Sayings

EXAMPLES = 5


@dataclass(frozen=True, slots=True)
class Plan:
    """`why_not` is "" where it can start, and so is `reason`, one of the gate's.

    memory_bytes  about what it takes at its height
    """

    how: str
    model: str
    counts: dict[str, int]
    examples: tuple[str, ...]
    memory_bytes: int
    why_not: str
    reason: str

    @classmethod
    def of(cls, how: str, model: str, said: Sayings, memory_bytes: int, *, hours: bool, on_gpu: bool) -> Plan:
        """hours: it takes too long to be tried where it could not be judged; on_gpu: the memory is a GPU's."""
        counts = said.counts()
        texts = tuple(dict.fromkeys(each.text for each in said.training))[:EXAMPLES]
        why_not = reason = ""
        if not said.can_teach:
            reason, why_not = TOO_LITTLE, _too_little(said)
        elif hours and counts["held out, bursts once"] < FEWEST_PHOTOS:
            reason, why_not = TOO_FEW, too_few(counts["held out, bursts once"])
        elif not on_gpu and memory_bytes > all_bytes():
            reason, why_not = TOO_LARGE, _too_large(memory_bytes)
        return cls(how, model, counts, texts, memory_bytes, why_not, reason)

    def as_json(self) -> dict[str, Any]:
        return {
            "event": "plan",
            "how": self.how,
            "model": self.model,
            "learns_from": self.counts,
            "examples": list(self.examples),
            "memory_bytes": self.memory_bytes,
            "why_not": self.why_not,
        }

    def refusal(self) -> Verdict:
        """Of a plan that cannot start."""
        photos = self.counts["held out, bursts once"]
        return Verdict(False, self.why_not, reason=self.reason, photos=photos)


def _too_little(said: Sayings) -> str:
    return (
        f"Something has to be said of what {FEWEST_TRAINING_PHOTOS} photos at least show, beside those held out;"
        f" it is of {said.teaching_photos}."
    )


def _too_large(memory_bytes: int) -> str:
    needed, there = memory_bytes / 1e9, all_bytes() / 1e9
    return (
        f"It would take {needed:.0f} GB of memory, and this computer has {there:.0f}: leave out names of folders and"
        " keywords, or take another way or a smaller model."
    )
