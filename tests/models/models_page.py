"""The table of docs/models.md, made from the list of models.

.venv/bin/python -m tests.models.models_page      writes it into the page
"""

from __future__ import annotations

from pathlib import Path

from core.models.entries import Entry, entries

PAGE = Path(__file__).parents[2] / "docs" / "models.md"
BEGIN, END = "<!-- the table: from resources/models.toml -->", "<!-- the end of the table -->"

# What tells models apart at a glance; the rest of the published figures is in `shiguang models show`.
SHOWN = (
    ("ImageNet top-1", "ImageNet"),
    ("MUGE text to image R@10", "MUGE R@10"),
    ("Flickr30K-CN text to image R@10", "Flickr30K-CN R@10"),
    ("COCO-CN text to image R@10", "COCO-CN R@10"),
)


def table() -> str:
    """Every model of the list, a row each, in Markdown."""
    heads = [
        "id",
        "good at",
        "languages",
        "download",
        "parameters",
        "width",
        "pixels",
        *(to for _, to in SHOWN),
        "licence",
    ]
    rows = [f"| {' | '.join(heads)} |", "|" + "---|" * len(heads)]
    rows += [f"| {' | '.join(_row(one))} |" for one in entries().values()]
    return "\n".join(rows)


def page_with(text: str) -> str:
    """The page with the table as it is to be."""
    before, _, rest = text.partition(BEGIN)
    _, _, after = rest.partition(END)
    return f"{before}{BEGIN}\n{table()}\n{END}{after}"


def _row(one: Entry) -> list[str]:
    return [
        f"`{one.id}`",
        one.good_at["en"],
        ", ".join(one.languages),
        f"{one.bytes / 1e6:,.0f} MB" if one.sources else "comes with the program",
        f"{one.parameters / 1e6:,.0f} M" if one.parameters else "",
        str(one.width),
        f"{one.preprocessing.size_px} {one.preprocessing.mode}",
        *(f"{one.scores[name]:.1f}" if name in one.scores else "" for name, _ in SHOWN),
        one.licence,
    ]


if __name__ == "__main__":
    PAGE.write_text(page_with(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
