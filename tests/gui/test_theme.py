"""What is written can be read, on every ground, light and dark; and icons come in one family."""

from __future__ import annotations

import re
from itertools import product

import pytest
from PySide6.QtGui import QColor, QGuiApplication
from pytestqt.qtbot import QtBot

from core.resources import resource
from desktop_app.theme.dress import ACCENT, DANGER, INK, INK_2, PAPER, SIDEBAR, SURFACE, palette_of
from desktop_app.theme.icons import NAMES, icon_pixmap
from desktop_app.theme.style_sheet import style_sheet
from desktop_app.theme.tokens import DARK, LIGHT, VIEWER_GROUND, VIEWER_INK, Tokens, contrast

SCHEMES = pytest.mark.parametrize("tokens", [LIGHT, DARK], ids=["light", "dark"])


def test_black_on_white_has_the_highest_contrast_and_a_colour_none_with_itself() -> None:
    assert contrast("#000000", "#FFFFFF") == pytest.approx(21.0)
    assert contrast("#9E5016", "#9E5016") == pytest.approx(1.0)


@SCHEMES
def test_text_can_be_read_on_every_ground(tokens: Tokens) -> None:
    inks = (tokens.ink, tokens.ink_2, tokens.danger)
    grounds = (tokens.paper, tokens.surface, tokens.sidebar, tokens.accent_wash)
    for ink, ground in product(inks, grounds):
        assert contrast(ink, ground) >= 4.5, (ink, ground)
    for ground in (tokens.paper, tokens.surface):
        assert contrast(tokens.accent, ground) >= 4.5
    assert contrast(tokens.on_accent, tokens.accent) >= 4.5


@SCHEMES
def test_rings_and_bars_in_the_accent_are_seen_on_every_ground(tokens: Tokens) -> None:
    for ground in (tokens.paper, tokens.surface, tokens.sidebar, tokens.accent_wash):
        assert contrast(tokens.accent, ground) >= 3.0


def test_text_in_the_viewer_can_be_read() -> None:
    assert contrast(VIEWER_INK, VIEWER_GROUND) >= 4.5


@SCHEMES
def test_the_palette_carries_the_tokens(tokens: Tokens, qtbot: QtBot) -> None:
    palette = palette_of(tokens)
    carried = {
        PAPER: tokens.paper,
        SURFACE: tokens.surface,
        SIDEBAR: tokens.sidebar,
        INK: tokens.ink,
        INK_2: tokens.ink_2,
        ACCENT: tokens.accent,
        DANGER: tokens.danger,
    }
    for role, colour in carried.items():
        assert palette.color(role) == QColor(colour)


@SCHEMES
def test_the_style_sheet_has_every_value_filled_in(tokens: Tokens) -> None:
    assert "$" not in style_sheet(tokens)


def test_every_icon_is_named_and_every_name_has_its_file() -> None:
    files = {path.stem for path in resource("icons").glob("*.svg")}
    assert files == set(NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_an_icon_has_the_familys_size_and_stroke(name: str) -> None:
    text = resource("icons", f"{name}.svg").read_text("utf-8")
    assert 'viewBox="0 0 18 18"' in text
    assert 'stroke-width="1.5"' in text
    assert not re.search(r"#[0-9a-fA-F]{3}", text), "colours come from the theme"


@pytest.mark.parametrize("name", NAMES)
def test_an_icon_draws_itself_in_the_colour_asked_for(name: str, qtbot: QtBot) -> None:
    assert QGuiApplication.instance() is not None
    image = icon_pixmap(name, QColor("#FF0000"), ratio=2.0).toImage()
    colours = {
        image.pixelColor(x, y).name()
        for x in range(image.width())
        for y in range(image.height())
        if image.pixelColor(x, y).alpha() == 255
    }
    assert colours == {"#ff0000"}
