"""Text out of metadata whose encoding nobody wrote down."""

from __future__ import annotations

import re

_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f\ufffd\ufffe\uffff]+")


def readable(raw: bytes) -> str | None:
    """The text without padding; None where nothing is left.

    UTF-8 where it is that, then the encoding of Chinese devices where it gives Chinese characters, else Latin-1.
    """
    raw = raw.split(b"\0", 1)[0]
    try:
        text = raw.decode("utf-8")
    except UnicodeDecodeError:
        text = _guess(raw)
    return _CONTROL.sub(" ", text).strip() or None


def _guess(raw: bytes) -> str:
    try:
        text = raw.decode("gb18030")
    except UnicodeDecodeError:
        return raw.decode("latin-1")
    foreign = [letter for letter in text if ord(letter) > 127]
    if foreign and all("一" <= letter <= "鿿" or letter in "，。、：；！？（）《》“”" for letter in foreign):
        return text
    return raw.decode("latin-1")
