"""The places that the room beside the sidebar can show: what the room says and the sidebar marks."""

from __future__ import annotations

# An int is an album's id.
Place = str | int
ALL, FAVOURITES, SUGGESTIONS, QUESTION = "all", "favourites", "suggestions", "question"
