"""The owner's names in a text: found, longest first, and put into words that a model knows.

    "豆豆在雪地里"          豆豆; 狗在雪地里
    "Doudou in the snow"    豆豆; a dog in the snow

Chinese is written without gaps, so a name stands wherever its characters do; a name in Latin letters is a word
of its own. What is left once the names are out is what the text tower is asked.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from core.albums.prompts import language
from core.library.names import Name

# Scripts without gaps between words: Chinese, Japanese, Korean.
_UNSPACED = "\u2e80-\u9fff\uac00-\ud7af\uf900-\ufaff\U00020000-\U0003ffff"
# A letter or digit of a script that parts its words: it must not touch a name of such letters.
_LETTER = rf"[^\W{_UNSPACED}]"
# Of a name that nobody said the kind of. Of this, a gap, and 东西/something the best on captioned train photos.
_SOMETHING = {"en": "it", "zh": "它"}
_ARTICLE = re.compile(
    r"(?:\b(?:a|an|the|my|our|your|his|her|their|this|that|no|one|two|three)|'s)\s+(?:\w+\s+)?$",
    re.IGNORECASE,
)
# Words that say no more than that a photo is asked for.
_ONLY_A_PHOTO = re.compile(
    r"(?:(?:一张|一幅|一些|所有)?\s*有?\s*的?\s*(?:照片|相片|图片|照|图)?"
    r"|(?:a|an|the|my|all|any|some)?\s*(?:photos?|pictures?|pics?|images?|shots?)?\s*(?:of|with|showing)?\s*)",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Spotted:
    """names  in the order they stand, each once
    sentence  the text in words that a model knows, "" where the names are all that it says
    """

    names: tuple[Name, ...]
    sentence: str


def spot(text: str, names: Sequence[Name]) -> Spotted:
    """Take the names out of a text; without one the sentence is the text itself."""
    pattern, owners = _pattern(names)
    if pattern is None or pattern.search(text) is None:
        return Spotted((), text)

    def owner(match: re.Match[str]) -> Name:
        return owners[int(match.lastindex or 1) - 1]

    distinct = tuple(dict.fromkeys(owner(match) for match in pattern.finditer(text)))
    rest = pattern.sub(" ", text)
    if _says_nothing(rest):
        return Spotted(distinct, "")
    lang = language(rest)
    known = pattern.sub(lambda match: _in_known_words(owner(match), lang, text[: match.start()]), text)
    return Spotted(distinct, " ".join(known.split()))


def _pattern(names: Sequence[Name]) -> tuple[re.Pattern[str] | None, list[Name]]:
    """Any of the names' words, the longest first, each a group; and whose each group is."""
    words = sorted(((word, name) for name in names for word in name.words), key=lambda each: -len(each[0]))
    parts = []
    for word, _ in words:
        begin = rf"(?<!{_LETTER})" if re.match(_LETTER, word) else ""
        end = rf"(?!{_LETTER})" if re.match(_LETTER, word[-1]) else ""
        parts.append(f"({begin}{re.escape(word)}{end})")
    pattern = re.compile("|".join(parts), re.IGNORECASE) if parts else None
    return pattern, [name for _, name in words]


def _says_nothing(rest: str) -> bool:
    """Whether what stands around the names only joins them, or asks for photos of them."""
    plain = re.sub(r"\b(?:and|or)\b|[和与跟、,，.。!！?？;；]", " ", rest, flags=re.IGNORECASE)
    return _ONLY_A_PHOTO.fullmatch(" ".join(plain.split())) is not None


def _in_known_words(name: Name, lang: str, before: str) -> str:
    if before.rstrip().casefold().endswith(tuple(word.casefold() for word in name.classes)):
        # "My dog Doudou" has said it already.
        return ""
    word = class_word(name, lang) or _SOMETHING[lang]
    if lang == "en" and name.classes and not _ARTICLE.search(before):
        return f"{'an' if word[0].lower() in 'aeiou' else 'a'} {word}"
    return word


def with_names(names: Sequence[Name], before: str) -> re.Pattern[str] | None:
    """A pattern of any name behind what `before` matches, the name as group "what"; None without names."""
    pattern, _ = _pattern(names)
    return None if pattern is None else re.compile(f"{before}(?P<what>{pattern.pattern})", re.IGNORECASE)


def class_word(name: Name, lang: str) -> str:
    """What kind of thing it is, in that language where one was given; "" where none was given at all."""
    own = [word for word in name.classes if language(word) == lang]
    return next(iter((*own, *name.classes)), "")
