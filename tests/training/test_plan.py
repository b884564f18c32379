"""A plan says why a training cannot start."""

from __future__ import annotations

import pytest

from core.training.gate import TOO_FEW, TOO_LARGE, TOO_LITTLE
from core.training.machine_memory import all_bytes, free_bytes
from core.training.pairs import ALBUM, CAPTION, Saying, Sayings
from core.training.plan import Plan


def said(teach: int, judge: int) -> Sayings:
    every = [Saying(photo, "a dog", "en", CAPTION, True, photo) for photo in range(teach + judge)]
    return Sayings(tuple(every[:teach]), tuple(every[teach:]))


def plan(given: Sayings, memory_bytes: int = 1, *, hours: bool = True, on_gpu: bool = False) -> Plan:
    return Plan.of("full", "starter", given, memory_bytes, hours=hours, on_gpu=on_gpu)


def test_what_can_be_learned_and_judged_starts() -> None:
    found = plan(said(40, 10))
    assert (found.why_not, found.reason, found.examples) == ("", "", ("a dog",))


@pytest.mark.parametrize(("teach", "judge", "reason"), [(4, 20, TOO_LITTLE), (40, 9, TOO_FEW)])
def test_too_little_is_said_before_hours_are_spent(teach: int, judge: int, reason: str) -> None:
    found = plan(said(teach, judge))
    assert found.reason == reason and found.why_not
    refusal = found.refusal()
    assert (refusal.accepted, refusal.why, refusal.photos) == (False, found.why_not, judge)


def test_refusals_alone_neither_teach_nor_judge() -> None:
    refused = tuple(Saying(100 + i, "a dog", "en", ALBUM, False, 1) for i in range(40))
    assert plan(Sayings(refused, said(0, 10).held_out)).reason == TOO_LITTLE
    found = plan(Sayings(said(40, 0).training, refused[:20]))
    assert found.reason == TOO_FEW
    assert found.refusal().photos == 0
    # Beside a photo that the text is true of they do.
    assert not plan(Sayings(said(40, 0).training, (*refused[:9], *said(0, 1).held_out))).why_not


def test_what_takes_a_minute_may_be_tried_with_few() -> None:
    assert not plan(said(40, 3), hours=False).why_not


def test_more_memory_than_the_machine_has_is_refused_and_a_gpus_is_another_one() -> None:
    found = plan(said(40, 10), all_bytes() + 1)
    assert found.reason == TOO_LARGE and "GB of memory" in found.why_not
    assert not plan(said(40, 10), all_bytes() + 1, on_gpu=True).why_not
    assert free_bytes() <= all_bytes()
