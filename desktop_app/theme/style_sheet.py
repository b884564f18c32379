"""The style sheet of Qt's own widgets, made from the tokens. What we paint ourselves reads the palette."""

from __future__ import annotations

from dataclasses import asdict

from desktop_app.theme.tokens import CAPTION, EMPTY_LINE, HEADER, RADIUS_CARD, RADIUS_CELL, Tokens

# $name is a token or a measure; QSS is full of braces, so they are put in by name one by one.
_SHEET = """
QWidget#paper, QStackedWidget, QDialog, QMessageBox { background: $paper; }
QWidget#sidebar { background: $sidebar; border: none; }
QSplitter::handle { background: $hairline; }
QLabel#brand { font-size: $headerpx; font-weight: 600; color: $ink; }
QLabel#section { font-size: $captionpx; color: $ink_2; }
QLabel#caption { font-size: $captionpx; color: $ink_2; }
QLabel#secondary { color: $ink_2; }
QLabel#empty-line { font-size: $empty_linepx; color: $ink; }
QLabel#error { color: $danger; }
QLabel#chip { background: $accent_wash; color: $ink; border-radius: $cardpx; padding: 2px 8px; }
QLabel#header { font-size: $headerpx; font-weight: 500; color: $ink; }
QFrame#hairline { background: $hairline; border: none; max-height: 1px; min-height: 1px; }

QLineEdit { background: $surface; color: $ink; border: 1px solid $hairline; border-radius: $cardpx;
            padding: 6px 8px; selection-background-color: $accent; selection-color: $on_accent; }
QLineEdit:focus { border: 1px solid $accent; }

QPushButton, QToolButton, QSlider { outline: none; }
QPushButton { background: $surface; color: $ink; border: 1px solid $hairline; border-radius: $cardpx;
              padding: 6px 16px; }
QPushButton:hover { background: $accent_wash; }
QPushButton:pressed { background: $hairline; }
QPushButton:focus { border: 1px solid $accent; }
QPushButton:disabled { color: $ink_2; }
QPushButton#primary { background: $accent; color: $on_accent; border: 1px solid $accent; padding: 8px 24px; }
QPushButton#primary:hover, QPushButton#primary:focus { border: 1px solid $ink; }
QPushButton#primary:disabled { background: $hairline; color: $ink_2; border: 1px solid $hairline; }
QPushButton#link { background: transparent; border: 1px solid transparent; color: $accent; padding: 4px 8px;
                   border-radius: $cellpx; }
QPushButton#link:hover { text-decoration: underline; }
QPushButton#link:focus { border: 1px solid $accent; }

QPushButton#place { background: transparent; border: 1px solid transparent; border-radius: $cellpx;
                    padding: 0 8px; text-align: left; }
QPushButton#place:hover { background: $hairline; }
QPushButton#place:checked { background: $accent_wash; }
QPushButton#place:focus { border: 1px solid $accent; }

QToolButton { background: transparent; border: 1px solid transparent; border-radius: $cellpx; padding: 5px; }
QToolButton:hover { background: $accent_wash; }
QToolButton:pressed, QToolButton:checked { background: $hairline; }
QToolButton:focus { border: 1px solid $accent; }
QToolButton::menu-indicator { image: none; }

QRadioButton, QCheckBox { spacing: 8px; outline: none; }
QRadioButton:disabled { color: $ink_2; }
QRadioButton::indicator { width: 14px; height: 14px; border: 1px solid $ink_2; border-radius: 8px; background: $surface; }
QRadioButton::indicator:checked { width: 6px; height: 6px; border: 5px solid $accent; }
QRadioButton::indicator:disabled { border-color: $hairline; }
QCheckBox::indicator { width: 14px; height: 14px; border: 1px solid $ink_2; border-radius: 3px; background: $surface; }
QCheckBox::indicator:checked { width: 6px; height: 6px; border: 5px solid $accent; }
QRadioButton:focus, QCheckBox:focus { text-decoration: underline; }

QSlider::groove:horizontal { height: 2px; background: $hairline; border-radius: 1px; }
QSlider::sub-page:horizontal { background: $ink_2; border-radius: 1px; }
QSlider::handle:horizontal { background: $surface; border: 1px solid $ink_2; width: 12px; height: 12px;
                             margin: -6px 0; border-radius: 7px; }
QSlider::handle:horizontal:hover, QSlider::handle:horizontal:focus { border: 1px solid $accent; background: $accent; }

QProgressBar { background: transparent; border: none; max-height: 2px; min-height: 2px; }
QProgressBar::chunk { background: $accent; }

QMenu { background: $surface; color: $ink; border: 1px solid $hairline; padding: 4px; }
QMenu::item { padding: 6px 24px 6px 24px; border-radius: $cellpx; }
QMenu::item:selected { background: $accent_wash; }
QMenu::item:disabled { color: $ink_2; }
QMenu::separator { height: 1px; background: $hairline; margin: 4px 8px; }
QToolTip { background: $surface; color: $ink; border: 1px solid $hairline; padding: 4px 8px; }

QAbstractItemView { background: transparent; border: none; outline: none; color: $ink;
                    selection-background-color: $accent_wash; selection-color: $ink; }
QListWidget::item { padding-left: 8px; border-radius: $cellpx; }
QListWidget::item:selected { background: $accent_wash; color: $ink; }
QListWidget::item:hover { background: $accent_wash; }
QTableView { background: $surface; border: 1px solid $hairline; border-radius: $cardpx; gridline-color: $hairline; }
QTableView::item { padding: 4px 5px; border-bottom: 1px solid $hairline; }
QHeaderView { background: $surface; }
QHeaderView::section { background: $surface; color: $ink_2; border: none; border-bottom: 1px solid $hairline;
                       padding: 6px 8px; font-size: $captionpx; }
QTextEdit, QPlainTextEdit { background: $surface; color: $ink; border: 1px solid $hairline; border-radius: $cardpx;
                            padding: 2px 4px; }
QTextEdit:focus, QPlainTextEdit:focus { border: 1px solid $accent; }

QComboBox { background: $surface; color: $ink; border: 1px solid $hairline; border-radius: $cardpx; padding: 6px 8px; }
QComboBox:focus { border: 1px solid $accent; }
QComboBox::drop-down { border: none; width: 24px; }
QComboBox QAbstractItemView { background: $surface; border: 1px solid $hairline; }

QScrollBar:vertical { background: transparent; width: 12px; margin: 0; }
QScrollBar:horizontal { background: transparent; height: 12px; margin: 0; }
QScrollBar::handle { background: $hairline; border-radius: 4px; margin: 2px; }
QScrollBar::handle:vertical { min-height: 32px; }
QScrollBar::handle:horizontal { min-width: 32px; }
QScrollBar::handle:hover, QScrollBar::handle:pressed { background: $ink_2; }
QScrollBar::add-line, QScrollBar::sub-line { width: 0; height: 0; }
QScrollBar::add-page, QScrollBar::sub-page { background: transparent; }
"""


def style_sheet(tokens: Tokens) -> str:
    values = asdict(tokens) | {
        "caption": str(CAPTION),
        "header": str(HEADER),
        "empty_line": str(EMPTY_LINE),
        "cell": str(RADIUS_CELL),
        "card": str(RADIUS_CARD),
    }
    sheet = _SHEET
    # Longest first: $accent_wash begins with $accent.
    for name in sorted(values, key=len, reverse=True):
        sheet = sheet.replace(f"${name}", values[name])
    return sheet
