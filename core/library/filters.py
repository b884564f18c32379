"""Conditions that a photo passes or not, and the SQL that asks for them."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass

from core.errors import WrongUse


@dataclass(frozen=True, slots=True)
class Filter:
    """`key` is one of KEYS; `text` is how the user wrote it (and sees it as a chip)."""

    key: str
    value: str
    text: str


# Each condition binds exactly one value. Dates compare as ISO text: "2019-07" <= "2019-07-04T10:00" < "2019-08".
_CONDITIONS = {
    "from": "taken >= ?",
    "before": "taken < ?",
    # A span, "2019-01..2020-01": the end is no part of it. Photos without a date lie outside of all.
    "outside": "(SELECT coalesce(taken < substr(span, 1, instr(span, '..') - 1)"
    " OR taken >= substr(span, instr(span, '..') + 2), 1) FROM (SELECT ? AS span))",
    "month": "substr(taken, 6, 2) = ?",
    "folder": "EXISTS (SELECT 1 FROM files WHERE photo = photos.id AND state != 'missing' AND name LIKE '%' || ? || '%')",
    "camera": "EXISTS (SELECT 1 FROM files WHERE photo = photos.id AND json_extract(metadata, '$.camera') LIKE '%' || ? || '%')",
    "rating": "EXISTS (SELECT 1 FROM opinions WHERE photo = photos.id AND rating >= CAST(? AS INTEGER))",
    "favourite": "(? = 'yes') = EXISTS (SELECT 1 FROM opinions WHERE photo = photos.id AND favourite = 1)",
    "place": "(? = 'yes') = EXISTS (SELECT 1 FROM files WHERE photo = photos.id AND json_extract(metadata, '$.latitude') IS NOT NULL)",
    "format": "format = ? COLLATE NOCASE",
}
KEYS = tuple(_CONDITIONS)


def passing(
    connection: sqlite3.Connection, filters: Sequence[Filter], among: Sequence[int] | None = None
) -> list[int]:
    """Photos that are to be seen and pass every filter, newest first. Raises WrongUse for an unknown key.

    among  only these are asked about; None: all
    """
    for each in filters:
        if each.key not in _CONDITIONS:
            raise WrongUse(f"There is no filter {each.key!r}.", what_to_do=f"Filters are: {', '.join(KEYS)}.")
    conditions = ["here > 0", *(_CONDITIONS[each.key] for each in filters)]
    values = [each.value for each in filters]
    if among is not None:
        conditions.append("id IN (SELECT value FROM json_each(?))")
        values.append(json.dumps(list(among)))
    where = " AND ".join(conditions)
    rows = connection.execute(f"SELECT id FROM photos WHERE {where} ORDER BY taken DESC, id DESC", values)
    return [row[0] for row in rows]
