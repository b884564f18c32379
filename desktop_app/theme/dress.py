"""Dresses the application: style, palette, style sheet and type, by the system's colour scheme or the owner's choice.

The palette carries the tokens, so that whatever paints asks its own widget's palette and needs no theme
handed down. Which role carries which token is said once, by the names below.
"""

from __future__ import annotations

from PySide6.QtCore import QObject, Qt
from PySide6.QtGui import QColor, QFont, QPalette
from PySide6.QtWidgets import QApplication

from desktop_app.theme.style_sheet import style_sheet
from desktop_app.theme.tokens import DARK, LIGHT, TEXT, Tokens

Role = QPalette.ColorRole
PAPER, SURFACE, SIDEBAR = Role.Window, Role.Base, Role.Button
INK, INK_2 = Role.WindowText, Role.PlaceholderText
HAIRLINE, ACCENT, ACCENT_WASH, ON_ACCENT = Role.Mid, Role.Highlight, Role.AlternateBase, Role.HighlightedText
DANGER = Role.BrightText

# Behind the system's own face, so that Chinese is drawn as Chinese where the system's face has none.
CHINESE_FACES = ("PingFang SC", "Microsoft YaHei UI", "Microsoft YaHei", "Noto Sans CJK SC", "Noto Sans SC")


def palette_of(tokens: Tokens) -> QPalette:
    """The tokens in the roles named above, and in the further roles that Qt's own widgets read."""
    palette = QPalette()
    # Pairs, not a dict: two tokens may be the same colour.
    colours = (
        (tokens.paper, (PAPER,)),
        (tokens.surface, (SURFACE, Role.ToolTipBase, Role.Light)),
        (tokens.sidebar, (SIDEBAR, Role.Midlight)),
        (tokens.ink, (INK, Role.Text, Role.ButtonText, Role.ToolTipText)),
        (tokens.ink_2, (INK_2, Role.Dark)),
        (tokens.hairline, (HAIRLINE, Role.Shadow)),
        (tokens.accent, (ACCENT, Role.Accent, Role.Link, Role.LinkVisited)),
        (tokens.accent_wash, (ACCENT_WASH,)),
        (tokens.on_accent, (ON_ACCENT,)),
        (tokens.danger, (DANGER,)),
    )
    for colour, roles in colours:
        for role in roles:
            palette.setColor(role, QColor(colour))
    for role in (INK, Role.Text, Role.ButtonText):
        palette.setColor(QPalette.ColorGroup.Disabled, role, QColor(tokens.ink_2))
    return palette


class Dress(QObject):
    """Keeps the application in the chosen scheme and follows the system where the choice is "auto"."""

    def __init__(self, application: QApplication, choice: str) -> None:
        super().__init__(application)
        self._application = application
        self._worn: Tokens | None = None
        application.setStyle("Fusion")
        application.setFont(_face(application.font()))
        application.styleHints().colorSchemeChanged.connect(self._follow)
        self.choose(choice)

    def choose(self, choice: str) -> None:
        """`choice` is auto, light or dark."""
        schemes = {"light": Qt.ColorScheme.Light, "dark": Qt.ColorScheme.Dark}
        # Said to the system as well, so that title bar and file dialogs go along.
        self._application.styleHints().setColorScheme(schemes.get(choice, Qt.ColorScheme.Unknown))
        self._choice = choice
        self._follow()

    @property
    def is_dark(self) -> bool:
        if self._choice != "auto":
            return self._choice == "dark"
        return self._application.styleHints().colorScheme() == Qt.ColorScheme.Dark

    def _follow(self) -> None:
        tokens = DARK if self.is_dark else LIGHT
        if tokens is not self._worn:
            self._worn = tokens
            self._application.setPalette(palette_of(tokens))
            self._application.setStyleSheet(style_sheet(tokens))


def _face(system: QFont) -> QFont:
    face = QFont(system)
    face.setFamilies([*system.families(), *CHINESE_FACES])
    face.setPixelSize(TEXT)
    # Counts and times must not tremble while they run.
    face.setFeature(QFont.Tag("tnum"), 1)
    return face
