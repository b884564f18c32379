"""IPTC-IIM records, where older programs (Picasa, early Photoshop) keep words about a photo (IPTC-NAA IIM 4)."""

from __future__ import annotations

from dataclasses import dataclass

from core.photos.text_bytes import readable

_KEYWORD, _CAPTION = 25, 120
# Real files hold some dozens of records.
_MOST_RECORDS = 2_000


@dataclass(frozen=True, slots=True)
class Iptc:
    caption: str | None = None
    keywords: tuple[str, ...] = ()


def read_iptc(block: bytes | None) -> Iptc:
    """Caption and keywords of a block of records; what cannot be read is left out."""
    caption: str | None = None
    keywords: list[str] = []
    at = 0
    for _ in range(_MOST_RECORDS):
        if block is None or at + 5 > len(block) or block[at] != 0x1C:
            break
        size = int.from_bytes(block[at + 3 : at + 5], "big")
        text = readable(block[at + 5 : at + 5 + size])
        if block[at + 1] == 2 and text:
            if block[at + 2] == _KEYWORD and text not in keywords:
                keywords.append(text)
            elif block[at + 2] == _CAPTION:
                caption = caption or text
        at += 5 + size
    return Iptc(caption, tuple(keywords))
