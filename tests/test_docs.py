"""What the documents say is true."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest

from core.cli.parser import build_parser
from core.settings import SETTINGS

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    "line", re.findall(r"^    \.venv/bin/shiguang (.+?)(?:\s{2,}#.*)?$", README, re.MULTILINE)
)
def test_every_command_of_the_readme_is_understood(line: str) -> None:
    options = build_parser().parse_args(shlex.split(line))
    assert callable(options.run)


def test_every_picture_and_file_that_the_readme_names_is_there() -> None:
    named = re.findall(r"\]\((docs/[^)]+)\)", README) + re.findall(
        r"`((?:docs|resources|packaging|core)/[^`]*)`", README
    )
    missing = [each for each in named if not (ROOT / each).exists()]
    assert missing == []


def test_the_rooms_of_the_design_are_there() -> None:
    design = (ROOT / "docs" / "design.md").read_text(encoding="utf-8")
    for room in sorted(path.name for path in (ROOT / "core").iterdir() if (path / "__init__.py").exists()):
        assert re.search(rf"\b{room}/", design), f"core/{room} is not in docs/design.md"


def test_every_setting_says_what_it_is() -> None:
    for setting in SETTINGS:
        assert setting.sentence.endswith(".")
        assert setting.allowed
