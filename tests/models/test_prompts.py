"""The texts that ship with every model."""

from __future__ import annotations

from core.models.prompts import neutral_captions


def test_neutral_captions_come_in_pairs_of_both_languages() -> None:
    captions = neutral_captions()

    assert len(captions) >= 200
    assert len(set(captions)) == len(captions)
    assert all(one.isascii() for one in captions[::2])
    assert not any(one.isascii() for one in captions[1::2])
