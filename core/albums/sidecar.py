"""An XMP sidecar's text: what stands in it, and the same text with our words put in. The one place that knows exiv2.

exiv2 is handed text alone, never a path, and only after the text was found short enough and free of entities of
its own. It keeps what it does not know, to the last structure and qualifier; `rdf:resource` becomes plain text.
What is not ours stays: a word is taken out only if it was put in by us (`Known`), and a rating or caption of
another program comes back when ours goes.

Albums stand flat below `Shiguang`, not below the albums they are part of: `Shiguang|auto|…` is then free for those
that the owner has not accepted, and moving an album rewrites no sidecar.
"""

from __future__ import annotations

import codecs
import hashlib
import json
import re
import threading
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from core.errors import ShiguangError

# What the words of a photo need many times over: a sidecar with all the strokes of a retouched raw has some 2 MB.
MOST_BYTES = 8 << 20
BRANCH, AUTOMATIC = "Shiguang", "auto"
DEFAULT = "x-default"

_SUBJECT, _HIERARCHICAL, _TAGS = "Xmp.dc.subject", "Xmp.lr.hierarchicalSubject", "Xmp.digiKam.TagsList"
_RATING, _DESCRIPTION = "Xmp.xmp.Rating", "Xmp.dc.description"
_RDF = "http://www.w3.org/1999/02/22-rdf-syntax-ns#"
_NEW = f'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="{_RDF}"/></x:xmpmeta>'
_HEADER = '<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?>\n'
_TRAILER = '<?xpacket end="w"?>\n'
_DECLARED = re.compile(rb"""\s*<\?xml[^>]*?encoding\s*=\s*["']([A-Za-z0-9._-]+)["']""")
_DECLARATION = re.compile(r"\s*<\?xml\s[^>]*\?>")
# Longest first: UTF-32's mark begins with UTF-16's. Then what a "<" looks like without a mark.
_MARKS = (
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
    (b"<\0\0\0", "utf-32-le"),
    (b"\0\0\0<", "utf-32-be"),
    (b"<\0", "utf-16-le"),
    (b"\0<", "utf-16-be"),
)
# Some of Python's text codecs take a minute for a hostile megabyte; these are what sidecars are written in.
_ENCODINGS = frozenset(
    ("utf-8", "utf-16", "utf-32", "gb18030", "gbk", "gb2312", "big5", "iso8859-1", "cp1252", "ascii")
)
_ONE_BY_ONE = threading.Lock()
# What XML 1.0 cannot carry, and half surrogates.
_UNFIT = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff\ufffe\uffff]")


class SidecarFault(ShiguangError):
    """One sidecar that cannot be used: it is left as it is."""

    code = "sidecar"
    what_to_do = "Look at it in the program that wrote it, or move it away."


@dataclass(frozen=True, slots=True)
class Words:
    """What we read and write of a sidecar. `description` is language -> caption, x-default among them."""

    subjects: tuple[str, ...] = ()
    hierarchical: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    rating: str | None = None
    description: Mapping[str, str] = field(default_factory=dict)

    @property
    def stars(self) -> int | None:
        """1 to 5; None for no rating, which many programs write as 0, and for rejected (-1)."""
        try:
            rating = round(float(self.rating or ""))
        except (ValueError, OverflowError):
            return None
        return rating if 1 <= rating <= 5 else None


@dataclass(frozen=True, slots=True)
class Known:
    """What is remembered of one sidecar.

    ours      what stands in it by us; of the lists also what we took from it
    before    the rating and captions that ours took the place of
    taken     the rating ("") and captions (by language) that came into the library from it
    said      a digest of what we had to say when it was last written, and `left` the look of it afterwards
    """

    ours: Words = field(default_factory=Words)
    before: Words = field(default_factory=Words)
    taken: Mapping[str, str] = field(default_factory=dict)
    said: str = ""
    left: str = ""

    def as_json(self) -> str:
        return json.dumps(asdict(self), ensure_ascii=False)

    @classmethod
    def from_json(cls, text: str) -> Known:
        stored: dict[str, Any] = json.loads(text)
        ours, before = (_words(stored.get(name, {})) for name in ("ours", "before"))
        return cls(ours, before, stored.get("taken", {}), stored.get("said", ""), stored.get("left", ""))

    def about_to_be(self, new: Known) -> Known:
        """What to remember while `new` is being written: should the power go, no word of ours becomes a stranger."""
        old, coming = self.ours, new.ours
        ours = replace(
            old,
            subjects=_distinct((*old.subjects, *coming.subjects)),
            hierarchical=_distinct((*old.hierarchical, *coming.hierarchical)),
            tags=_distinct((*old.tags, *coming.tags)),
        )
        return replace(self, ours=ours, before=new.before)


def _words(stored: Mapping[str, Any]) -> Words:
    lists = {name: tuple(stored.get(name, ())) for name in ("subjects", "hierarchical", "tags")}
    return Words(**lists, rating=stored.get("rating"), description=stored.get("description", {}))


# ---- what we say


def album_subject(name: str, *, automatic: bool = False) -> str:
    """`Shiguang|name`, or `Shiguang|auto|name`; a bar inside the name would part it."""
    return "|".join((BRANCH, *((AUTOMATIC,) if automatic else ()), fit(name).replace("|", "¦")))


def album_tag(name: str, *, automatic: bool = False) -> str:
    """The same as digiKam parts it."""
    return "/".join((BRANCH, *((AUTOMATIC,) if automatic else ()), fit(name).replace("/", "∕")))


def digest(words: Words) -> str:
    """Sixteen letters by which the same words are known again."""
    return hashlib.blake2b(json.dumps(asdict(words), sort_keys=True).encode(), digest_size=8).hexdigest()


def accepted_albums(words: Words) -> dict[str, str]:
    """Subject -> album, of those below `Shiguang` that are no automatic ones."""
    albums: dict[str, str] = {}
    for subject in words.hierarchical:
        parts = subject.split("|")
        if len(parts) == 2 and parts[0] == BRANCH and parts[1].strip():
            albums[subject] = parts[1].strip()
    return albums


def fit(text: str) -> str:
    """Text as a sidecar can carry it."""
    return _UNFIT.sub(" ", text).strip()


# ---- the text


class Sidecar:
    """One sidecar, parsed. It is one thread's; exiv2's parser itself has one state for all and is asked one by one."""

    def __init__(self, raw: bytes | None) -> None:
        """The content of a sidecar, None for one that is not there. Raises SidecarFault."""
        # Fourteen C modules, for a thing that is off until asked for.
        import exiv2

        self._exiv2 = exiv2
        exiv2.LogMsg.setLevel(exiv2.LogMsg.Level.mute)
        image = exiv2.ImageFactory.create(exiv2.ImageType.xmp)
        text = _NEW if raw is None else _checked(raw)
        try:
            with _ONE_BY_ONE:
                image.setXmpPacket(text)
        except exiv2.Exiv2Error as error:
            raise SidecarFault("This sidecar is no XMP, or broken.") from error
        # The data live in the image.
        self._image, self._data = image, image.xmpData()
        self.words = Words(
            self._list(_SUBJECT),
            self._list(_HIERARCHICAL),
            self._list(_TAGS),
            self._text(_RATING),
            self._languages(_DESCRIPTION),
        )

    def merged(self, wanted: Words, known: Known) -> tuple[bytes | None, Known]:
        """The text with `wanted` in it, None when it says that already; and what to remember then."""
        subjects, our_subjects = _merge(self.words.subjects, wanted.subjects, known.ours.subjects)
        tree, our_tree = _merge(self.words.hierarchical, wanted.hierarchical, known.ours.hierarchical)
        tags, our_tags = _merge(self.words.tags, wanted.tags, known.ours.tags)
        ratings, before_ratings = _replace(
            _one(self.words.rating), _one(wanted.rating), _one(known.ours.rating), _one(known.before.rating)
        )
        description, before = _replace(
            self.words.description, wanted.description, known.ours.description, known.before.description
        )
        new = Words(subjects, tree, tags, ratings.get(""), description)
        ours = Words(our_subjects, our_tree, our_tags, wanted.rating, wanted.description)
        replaced = Words(rating=before_ratings.get(""), description=before)
        remembered = Known(ours, replaced, known.taken, digest(wanted), known.left)
        return (None if new == self.words else self._encoded(new)), remembered

    def _encoded(self, new: Words) -> bytes:
        exiv2 = self._exiv2
        bag, seq = exiv2.TypeId.xmpBag, exiv2.TypeId.xmpSeq
        for key, items, before, kind in (
            (_SUBJECT, new.subjects, self.words.subjects, bag),
            (_HIERARCHICAL, new.hierarchical, self.words.hierarchical, bag),
            (_TAGS, new.tags, self.words.tags, seq),
        ):
            if items != before:
                self._put(key, exiv2.XmpArrayValue(list(items), kind) if items else None)
        if new.rating != self.words.rating:
            self._put(_RATING, new.rating)
        if new.description != self.words.description:
            self._put(_DESCRIPTION, exiv2.LangAltValue(dict(new.description)) if new.description else None)
        flags = exiv2.XmpParser.XmpFormatFlags
        form = flags.omitPacketWrapper | flags.useCompactFormat
        with _ONE_BY_ONE:
            failed, text = exiv2.XmpParser.encode(self._data, form, 0)
        if failed:
            raise SidecarFault("This sidecar holds what cannot be written again.")
        return (_HEADER + str(text) + _TRAILER).encode()

    def _put(self, key: str, value: Any) -> None:
        """Set a property anew, or take it away, with all that hangs on it."""
        for each in [each for each in self._keys() if each == key or each.startswith((key + "[", key + "/"))]:
            found = self._data.findKey(self._exiv2.XmpKey(each))
            if found != self._data.end():
                self._data.erase(found)
        if value is not None:
            self._data[key] = value

    def _keys(self) -> list[str]:
        return [each.key() for each in self._data]

    def _list(self, key: str) -> tuple[str, ...]:
        if key not in self._keys():
            return ()
        value = self._data[key].value()
        if isinstance(value, self._exiv2.XmpArrayValue):
            return _distinct(value)
        # Items with qualifiers of their own stand apart.
        part = re.compile(re.escape(key) + r"\[\d+\]")
        items = [str(each.toString()) for each in self._data if part.fullmatch(each.key())]
        return _distinct(items or [str(value)])

    def _text(self, key: str) -> str | None:
        return str(self._data[key].toString()).strip() or None if key in self._keys() else None

    def _languages(self, key: str) -> dict[str, str]:
        if key not in self._keys():
            return {}
        value = self._data[key].value()
        if isinstance(value, self._exiv2.LangAltValue):
            return {str(lang): str(text) for lang, text in dict(value).items() if str(text).strip()}
        items = self._list(key)
        return {DEFAULT: items[0]} if items else {}


def _merge(
    have: tuple[str, ...], wanted: tuple[str, ...], ours: tuple[str, ...]
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """A list with what is wanted and without what was ours; and what of it is ours now."""
    kept = [each for each in have if each not in ours or each in wanted]
    added = [each for each in wanted if each not in kept]
    return (*kept, *added), tuple(each for each in wanted if each in ours or each not in have)


def _replace(
    have: Mapping[str, str], wanted: Mapping[str, str], ours: Mapping[str, str], before: Mapping[str, str]
) -> tuple[dict[str, str], dict[str, str]]:
    """Values by name with what is wanted, and what stood there before ours, to be put back when ours goes."""
    new, was = dict(have), dict(before)
    for name, value in wanted.items():
        if name in have and have[name] not in (ours.get(name), value):
            was[name] = have[name]
        new[name] = value
    for name in ours:
        if name not in wanted:
            if have.get(name) == ours[name]:
                new.pop(name)
                new |= {name: was[name]} if name in was else {}
            was.pop(name, None)
    return new, was


def _one(value: str | None) -> dict[str, str]:
    return {} if value is None else {"": value}


def _distinct(items: Iterable[Any]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(text for each in items if (text := str(each).strip())))


def _checked(raw: bytes) -> str:
    """The text of a sidecar without its declaration. Raises SidecarFault."""
    if len(raw) > MOST_BYTES:
        raise SidecarFault(f"This sidecar is larger than {MOST_BYTES >> 20} MB.")
    text = _DECLARATION.sub("", _decoded(raw), count=1)
    if "<!DOCTYPE" in text or "<!ENTITY" in text:
        raise SidecarFault("This sidecar defines entities of its own, which no photo program does.")
    if _RDF not in text:
        # Well-formed or not: what is no XMP is not ours to write over.
        raise SidecarFault("This sidecar is no XMP, or broken.")
    return text


def _decoded(raw: bytes) -> str:
    name = next((name for mark, name in _MARKS if raw.startswith(mark)), None)
    if name is None:
        declared = _DECLARED.match(raw)
        name = declared[1].decode() if declared else "utf-8"
    try:
        if codecs.lookup(name).name.removesuffix("-le").removesuffix("-be") not in _ENCODINGS | {"utf-8-sig"}:
            raise LookupError(name)
        return raw.decode(name).removeprefix("\ufeff")
    except (LookupError, UnicodeDecodeError) as error:
        raise SidecarFault("This sidecar is not in the encoding that it says.") from error
