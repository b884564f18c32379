"""docs/models.md says what the list of models says."""

from __future__ import annotations

import re
import shlex

import pytest

from core.cli.parser import build_parser
from tests.models.models_page import PAGE, page_with

TEXT = PAGE.read_text(encoding="utf-8")


def test_the_table_is_that_of_the_list() -> None:
    assert page_with(TEXT) == TEXT, "run .venv/bin/python -m tests.models.models_page"


@pytest.mark.parametrize("line", re.findall(r"^    shiguang (.+?)(?:\s{2,}#.*)?$", TEXT, re.MULTILINE))
def test_every_command_of_the_page_is_understood(line: str) -> None:
    assert callable(build_parser().parse_args(shlex.split(line)).run)
