"""The colours and measures of the design, as data. Colour never says a thing alone."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Tokens:
    """One scheme; every colour is #RRGGBB.

    ink and ink_2 have 4.5 : 1 on each of the three grounds and on accent_wash; so has accent on paper,
    because links are written in it. `on_accent` is the text of a filled button.
    """

    paper: str
    surface: str
    sidebar: str
    ink: str
    ink_2: str
    hairline: str
    accent: str
    accent_wash: str
    on_accent: str
    danger: str


LIGHT = Tokens(
    paper="#FAFAF8",
    surface="#FFFFFF",
    sidebar="#F2F2EE",
    ink="#1D1D1A",
    ink_2="#63635C",
    hairline="#E3E3DC",
    accent="#9E5016",
    accent_wash="#F6EADF",
    on_accent="#FFFFFF",
    danger="#B3261E",
)
DARK = Tokens(
    paper="#161614",
    surface="#1F1F1C",
    sidebar="#1B1B18",
    ink="#ECECE6",
    ink_2="#A3A39A",
    hairline="#30302B",
    accent="#E59A58",
    accent_wash="#33271C",
    on_accent="#161614",
    danger="#F2867E",
)

# The viewer is black in both schemes: a photo is judged on black, and paper would glare beside it.
VIEWER_GROUND = "#000000"
VIEWER_INK = "#ECECE6"

# Spacing, px at 1x.
SPACE = (4, 8, 12, 16, 24, 32)
RADIUS_CELL, RADIUS_CARD, RADIUS_DIALOG = 4, 8, 12
CELL_GAP = 4

# Type, px at 1x.
TEXT, CAPTION, HEADER, EMPTY_LINE = 13, 11, 15, 22
ICON = 18


def contrast(one: str, other: str) -> float:
    """The contrast ratio of two colours, 1 to 21. Source: WCAG 2.2, relative luminance."""
    lighter, darker = sorted((_luminance(one), _luminance(other)), reverse=True)
    return (lighter + 0.05) / (darker + 0.05)


def _luminance(colour: str) -> float:
    channels = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    red, green, blue = (c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue
