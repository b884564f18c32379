"""Every error says what happened, has a stable code of its own, and says what to do."""

from __future__ import annotations

import pytest

from core import errors
from core.errors import ShiguangError
from core.photos.faults import WHAT_TO_DO, fault


def family(kind: type[ShiguangError]) -> list[type[ShiguangError]]:
    return [each for sub in kind.__subclasses__() for each in [sub, *family(sub)]]


@pytest.mark.parametrize(
    "kind", [each for each in family(ShiguangError) if each.__module__ == errors.__name__]
)
def test_an_error_has_a_code_and_a_next_step(kind: type[ShiguangError]) -> None:
    assert kind.code != ShiguangError.code
    assert kind.what_to_do
    assert str(kind("what happened")) == "what happened"


def test_codes_are_not_used_twice() -> None:
    codes = [kind.code for kind in family(ShiguangError) if kind.__module__ == errors.__name__]
    assert len(codes) == len(set(codes))


def test_every_fault_code_has_a_next_step() -> None:
    for code, step in WHAT_TO_DO.items():
        assert step
        assert fault(code, "a reason").code == code


def test_a_bug_keeps_what_it_came_from() -> None:
    bug = errors.Bug.of(KeyError("x"))
    assert isinstance(bug.__cause__, KeyError)
    assert "KeyError" in str(bug)
