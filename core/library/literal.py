"""Photos whose names or words hold what was asked for, letter by letter."""

from __future__ import annotations

import re
import sqlite3

# Longer questions are no names, and SQLite refuses patterns of tens of thousands of letters.
_LONGEST_WORDS = 200
# As classes of a pattern. Letters are of scripts that part their words.
_IDEOGRAPH, _LETTER = "[\u3400-\u9fff]", r"[^\W\d_\u3400-\u9fff]"


def photos_with_words(connection: sqlite3.Connection, words: str, limit: int) -> dict[int, str]:
    """Photos whose file or folder name, caption or keyword holds these words: photo -> where ("name", ...).

    As words: "hat" is not in WhatsApp, nor 海 in a folder 上海. Photos that are not to be seen are left out.
    """
    if len(words) > _LONGEST_WORDS:
        return {}
    values = {
        "like": "%" + words.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_") + "%",
        "phrase": '"' + words.replace('"', '""') + '"',
    }
    # The trigram index finds nothing below three letters.
    if len(words) >= 3:
        named = "id IN (SELECT rowid FROM names WHERE names MATCH :phrase)"
    else:
        named = "name LIKE :like ESCAPE '\\'"
    rows = connection.execute(
        "SELECT photo, 'caption', text FROM captions JOIN photos ON photos.id = photo"
        " WHERE here > 0 AND text LIKE :like ESCAPE '\\'"
        " UNION ALL SELECT photo, 'keyword', word FROM keywords JOIN photos ON photos.id = photo"
        " WHERE here > 0 AND word LIKE :like ESCAPE '\\'"
        f" UNION ALL SELECT photo, 'name', name FROM files WHERE {named} AND photo AND state != 'missing'",
        values,
    )
    alone = _standing_alone(words)
    found: dict[int, str] = {}
    for photo, where, text in rows:
        # In a sentence that somebody wrote 海 is meant in 海边, too.
        if (where == "caption" and _is_ideograph(words)) or alone.search(text):
            found.setdefault(photo, where)
            if len(found) == limit:
                break
    return found


def _standing_alone(words: str) -> re.Pattern[str]:
    """These words where they do not go on: no letter touches a letter, no ideograph a single one."""

    def more_of(end: str) -> str:
        if _is_ideograph(end):
            return _IDEOGRAPH if len(words) == 1 else ""
        return _LETTER if end.isalpha() else ""

    before, after = more_of(words[:1]), more_of(words[-1:])
    return re.compile(
        (f"(?<!{before})" if before else "") + re.escape(words) + (f"(?!{after})" if after else ""),
        re.IGNORECASE,
    )


def _is_ideograph(letter: str) -> bool:
    return len(letter) == 1 and "\u3400" <= letter <= "\u9fff"
