"""Where the files that ship with the program lie: beside the package, in a checkout and installed alike."""

from __future__ import annotations

from pathlib import Path

FOLDER = Path(__file__).resolve().parent.parent / "resources"


def resource(*parts: str) -> Path:
    """The path of a shipped file or folder, for instance `resource("models", "starter")`."""
    return FOLDER.joinpath(*parts)
