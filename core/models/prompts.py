"""The texts that ship with every model (resources/prompts/)."""

from __future__ import annotations

import tomllib

from core.resources import resource


def neutral_captions() -> list[str]:
    """Captions that fit some everyday photo or other, English and Chinese in turn: what a query must be better than."""
    with resource("prompts", "neutral.toml").open("rb") as file:
        return [text for pair in tomllib.load(file)["captions"] for text in pair]
