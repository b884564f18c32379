"""The text of a sidecar: our words go in and out, everything else stays as it is."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections import Counter
from pathlib import Path
from xml.etree import ElementTree

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.albums.sidecar import (
    MOST_BYTES,
    Known,
    Sidecar,
    SidecarFault,
    Words,
    accepted_albums,
    album_subject,
    album_tag,
    fit,
)

RDF = "{http://www.w3.org/1999/02/22-rdf-syntax-ns#}"
DC, XMP = "{http://purl.org/dc/elements/1.1/}", "{http://ns.adobe.com/xap/1.0/}"
LR, DIGIKAM = "{http://ns.adobe.com/lightroom/1.0/}", "{http://www.digikam.org/ns/1.0/}"
OURS = {DC + "subject", DC + "description", XMP + "Rating", LR + "hierarchicalSubject", DIGIKAM + "TagsList"}

# What Lightroom, darktable and digiKam write, and a program that nobody knows.
FOREIGN = """<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?>
<x:xmpmeta xmlns:x="adobe:ns:meta/" x:xmptk="Adobe XMP Core 7.0">
 <rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">
  <rdf:Description rdf:about=""
    xmlns:xmp="http://ns.adobe.com/xap/1.0/" xmlns:dc="http://purl.org/dc/elements/1.1/"
    xmlns:crs="http://ns.adobe.com/camera-raw-settings/1.0/" xmlns:acme="http://example.com/acme/1.0/"
    xmlns:darktable="http://darktable.sf.net/"
    xmlns:mwg-rs="http://www.metadataworkinggroup.com/schemas/regions/"
    xmlns:stArea="http://ns.adobe.com/xmp/sType/Area#"
    xmp:Rating="3" crs:Exposure2012="+0.50" acme:Secret="keep me">
   <acme:Box rdf:parseType="Resource"><acme:Depth>3</acme:Depth></acme:Box>
   <acme:Said xml:lang="fr">bonjour</acme:Said>
   <dc:title><rdf:Alt><rdf:li xml:lang="x-default">T</rdf:li><rdf:li xml:lang="de">Titel</rdf:li></rdf:Alt></dc:title>
   <dc:description><rdf:Alt><rdf:li xml:lang="x-default">hello</rdf:li><rdf:li xml:lang="fr">salut</rdf:li></rdf:Alt></dc:description>
   <dc:subject><rdf:Bag><rdf:li>foreign</rdf:li><rdf:li>two, comma "q"</rdf:li></rdf:Bag></dc:subject>
   <darktable:history><rdf:Seq>
    <rdf:li darktable:num="0" darktable:operation="exposure" darktable:params="gz02eJ"/>
    <rdf:li darktable:num="1" darktable:operation="sharpen" darktable:params="x"/></rdf:Seq></darktable:history>
   <mwg-rs:Regions rdf:parseType="Resource"><mwg-rs:RegionList><rdf:Bag><rdf:li>
     <rdf:Description mwg-rs:Name="Oma" mwg-rs:Type="Face"><mwg-rs:Area stArea:x="0.5" stArea:y="0.25"/></rdf:Description>
   </rdf:li></rdf:Bag></mwg-rs:RegionList></mwg-rs:Regions>
   <crs:ToneCurve><rdf:Seq><rdf:li>0, 0</rdf:li><rdf:li>255, 255</rdf:li></rdf:Seq></crs:ToneCurve>
  </rdf:Description>
 </rdf:RDF>
</x:xmpmeta>
<?xpacket end="w"?>
"""
WANTED = Words(
    ("猫", "sea"),
    ("Shiguang|猫",),
    ("Shiguang/猫", "sea"),
    "5",
    {"x-default": "外婆在海边", "zh": "外婆在海边"},
)


def merged(raw: bytes | None, wanted: Words, known: Known | None = None) -> tuple[bytes, Known]:
    content, remembered = Sidecar(raw).merged(wanted, known or Known())
    assert content is not None, "nothing was to be written"
    return content, Known.from_json(remembered.as_json())


def leaves(raw: bytes) -> Counter[tuple[str, str, str]]:
    """(property, name, value) of all that stands below a property, read by an XML parser that knows no XMP.

    Where a value may stand as an attribute or as an element, in a structure written long or short, it is the same.
    """
    found: Counter[tuple[str, str, str]] = Counter()
    for description in ElementTree.fromstring(raw.decode().lstrip("\ufeff")).iter(RDF + "Description"):
        if RDF + "about" not in description.attrib:
            continue
        for name, value in description.attrib.items():
            if name != RDF + "about":
                found[name, name, value] += 1
        for child in description:
            for each in child.iter():
                if not len(each) and (each.text or "").strip():
                    found[child.tag, each.tag, (each.text or "").strip()] += 1
                for name, value in each.attrib.items():
                    if name != RDF + "parseType":
                        found[child.tag, name, value] += 1
    return found


def items(raw: bytes, name: str) -> list[str]:
    """The items of a list property, by the XML parser."""
    [element] = ElementTree.fromstring(raw.decode()).iter(name)
    return [item.text or "" for item in element.iter(RDF + "li")]


def test_a_new_sidecar_says_all_that_was_said() -> None:
    content, _ = merged(None, WANTED)
    assert items(content, DC + "subject") == ["猫", "sea"]
    assert items(content, LR + "hierarchicalSubject") == ["Shiguang|猫"]
    assert items(content, DIGIKAM + "TagsList") == ["Shiguang/猫", "sea"]
    assert leaves(content)[XMP + "Rating", XMP + "Rating", "5"] == 1
    languages = [
        (item.get("{http://www.w3.org/XML/1998/namespace}lang"), item.text)
        for element in ElementTree.fromstring(content.decode()).iter(DC + "description")
        for item in element.iter(RDF + "li")
    ]
    assert languages == [("x-default", "外婆在海边"), ("zh", "外婆在海边")]
    assert Sidecar(content).merged(WANTED, Known())[0] is None, "it says that already"


@pytest.mark.skipif(shutil.which("exiftool") is None, reason="needs exiftool (libimage-exiftool-perl)")
@pytest.mark.parametrize("before", [None, FOREIGN.encode()], ids=["new", "beside what was there"])
def test_exiftool_reads_the_same(tmp_path: Path, before: bytes | None) -> None:
    content, _ = merged(before, WANTED)
    file = tmp_path / "a.jpg.xmp"
    file.write_bytes(content)
    said = subprocess.run(
        ["exiftool", "-j", "-G1", "-struct", str(file)], capture_output=True, check=True
    ).stdout
    [read] = json.loads(said)
    subjects = ["猫", "sea"] if before is None else ["foreign", 'two, comma "q"', "猫", "sea"]
    assert read["XMP-dc:Subject"] == subjects
    assert read["XMP-lr:HierarchicalSubject"] in ("Shiguang|猫", ["Shiguang|猫"])
    assert read["XMP-digiKam:TagsList"] == ["Shiguang/猫", "sea"]
    assert read["XMP-xmp:Rating"] == 5
    assert (read["XMP-dc:Description"], read["XMP-dc:Description-zh"]) == ("外婆在海边", "外婆在海边")
    if before is not None:
        assert read["XMP-crs:Exposure2012"] in ("+0.50", 0.5)
        assert read["XMP-dc:Description-fr"] == "salut"
        assert read["XMP-mwg-rs:RegionInfo"]["RegionList"][0]["Name"] == "Oma"


def test_what_we_do_not_know_stays() -> None:
    content, _ = merged(FOREIGN.encode(), WANTED)
    before, after = leaves(FOREIGN.encode()), leaves(content)
    lost = {leaf for leaf in before - after if leaf[0] not in OURS}
    assert not lost
    assert len([leaf for leaf in before if leaf[0] not in OURS]) >= 20


def test_a_word_taken_back_here_leaves_and_a_foreign_one_stays() -> None:
    content, known = merged(FOREIGN.encode(), WANTED)
    content, known = merged(content, Words(("sea",), (), ("sea",)), known)
    assert items(content, DC + "subject") == ["foreign", 'two, comma "q"', "sea"]
    assert items(content, DIGIKAM + "TagsList") == ["sea"]
    content, _ = merged(content, Words(), known)
    assert items(content, DC + "subject") == ["foreign", 'two, comma "q"']


def test_a_word_that_both_say_stays_when_only_we_take_it_back() -> None:
    content, known = merged(FOREIGN.encode(), Words(("foreign", "new")))
    content, _ = merged(content, Words(), known)
    assert items(content, DC + "subject") == ["foreign", 'two, comma "q"']


def test_a_rating_and_caption_of_another_program_come_back_when_ours_go() -> None:
    content, known = merged(FOREIGN.encode(), WANTED)
    assert known.before.rating == "3"
    content, known = merged(content, Words(), known)
    words = Sidecar(content).words
    assert (words.rating, words.description) == ("3", {"x-default": "hello", "fr": "salut"})
    assert known.before == Words()


def test_what_another_program_changed_since_is_not_taken_away_with_ours() -> None:
    content, known = merged(None, WANTED)
    changed = content.replace(b'xmp:Rating="5"', b'xmp:Rating="2"')
    assert changed != content
    content, _ = merged(changed, Words(), known)
    assert Sidecar(content).words.rating == "2"


@settings(max_examples=60, deadline=None)
@given(st.lists(st.text(min_size=1, max_size=30), max_size=5), st.text(max_size=200))
def test_any_words_come_back_as_they_were_written(words: list[str], caption: str) -> None:
    subjects = tuple(dict.fromkeys(word for each in words if (word := fit(each))))
    text = fit(caption)
    wanted = Words(subjects, description={"x-default": text} if text else {})
    content, _ = Sidecar(FOREIGN.encode()).merged(wanted, Known())
    read = Sidecar(content).words if content is not None else Sidecar(FOREIGN.encode()).words
    assert set(subjects) <= set(read.subjects)
    # XML knows one end of a line.
    assert not text or read.description["x-default"].split() == text.split()


@pytest.mark.parametrize(
    "raw",
    [
        FOREIGN.encode("utf-8-sig"),
        FOREIGN.lstrip("\ufeff").encode("utf-16"),
        FOREIGN.encode("utf-32"),
        b'<?xml version="1.0" encoding="UTF-8"?>\n' + FOREIGN.encode(),
        b'<?xml version="1.0" encoding="gb18030"?>\n' + FOREIGN.replace("hello", "外婆").encode("gb18030"),
    ],
    ids=["utf-8 with a mark", "utf-16", "utf-32", "declared", "gb18030"],
)
def test_encodings_that_programs_write_are_read(raw: bytes) -> None:
    assert Sidecar(raw).words.subjects == ("foreign", 'two, comma "q"')


LAUGHS = "".join(f'<!ENTITY l{n} "{f"&l{n - 1};" * 10}">' for n in range(1, 10))


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"hello",
        b"\xff\xd8\xff\xe0" + bytes(4000),
        FOREIGN.encode()[:1500],
        FOREIGN.encode() + b" " * MOST_BYTES,
        f'<!DOCTYPE x [<!ENTITY l0 "ha">{LAUGHS}]>{FOREIGN.replace("hello", "&l9;")}'.encode(),
        f'<!DOCTYPE x [<!ENTITY l0 "ha">{LAUGHS}]>{FOREIGN.replace("hello", "&l9;")}'.encode("utf-16"),
        FOREIGN.replace("hello", "外婆").encode("gb18030"),
        b'<?xml version="1.0" encoding="idna"?>' + FOREIGN.encode(),
        b"<html><body>not XMP</body></html>",
        FOREIGN.replace("keep me", "<" * 100).encode(),
        FOREIGN.replace("bonjour", "<a>" * 200_000).encode(),
        FOREIGN.replace(
            "<acme:Depth>3</acme:Depth>",
            '<acme:Depth rdf:parseType="Resource">' * 50_000 + "</acme:Depth>" * 50_000,
        ).encode(),
    ],
    ids=["empty", "text", "a picture", "half", "8 MB", "laughs", "laughs in utf-16", "another encoding",
         "an encoding to hang on", "html", "broken", "deep and open", "deep"],
)  # fmt: skip
def test_a_hostile_or_broken_one_is_refused(raw: bytes) -> None:
    with pytest.raises(SidecarFault):
        Sidecar(raw)


def test_only_a_plain_subject_below_shiguang_is_an_acceptance() -> None:
    subjects = (
        album_subject("猫"),
        album_subject("海", automatic=True),
        "Shiguang",
        "Animals|猫",
        "Shiguang|",
    )
    assert accepted_albums(Words(hierarchical=subjects)) == {"Shiguang|猫": "猫"}
    assert album_subject("a|b") == "Shiguang|a¦b"
    assert album_tag("a/b") == "Shiguang/a∕b"
