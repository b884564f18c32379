"""What was said is gathered, split by photo, and travels as JSON lines."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlite_utils import Database

from core.app import Shiguang
from core.errors import NotThere, WrongUse
from core.library import albums
from core.library.albums import Album
from core.library.captions import every_caption
from core.library.judgements import every_judgement
from core.library.weak_words import words_of_folder
from core.progress import CancelToken, silent
from core.training.caption_lines import Exported, export_captions, import_captions
from core.training.name_lines import export_names, import_names
from core.training.pairs import HELD_OUT_SHARE, KEYWORD, NAME, SEARCH, is_held_out, language_of, sayings
from core.training.sayings import Table
from tests.training.conftest import PHOTOS, Say, truth


def test_a_photos_sayings_are_all_held_out_or_none(library: Shiguang, say: Say) -> None:
    say(truth())
    library.database.write(
        lambda db: albums.mark(
            db, albums.add_album(db, Album(0, "a", prompts=("a dog", "一只狗"))), {3: True, 7: False}
        )
    )

    found = sayings(library.database.reader(), library.space.id)

    training = {each.photo for each in found.training}
    held_out = {each.photo for each in found.held_out}
    assert not training & held_out
    assert len(training | held_out) == PHOTOS
    assert found.counts()["album decisions"] == 4
    assert found.counts()["rejections"] == 2
    assert {each.lang for each in (*found.training, *found.held_out)} == {"en", "zh"}


def test_a_burst_lies_on_one_side_with_its_first_photo(library: Shiguang, say: Say) -> None:
    say(truth())
    reader, space = library.database.reader(), library.space.id
    judging = min(each.photo for each in sayings(reader, space).held_out)
    teaching = [each.photo for each in sayings(reader, space).training[:4]]
    burst = (judging, *teaching)

    def take(db: Database) -> None:
        db.conn.execute("INSERT INTO roots (id, path, volume) VALUES (1, ?, 'made')", (b"/made",))
        for seconds, photo in enumerate(burst):
            metadata = json.dumps({"taken": f"2019-07-04T10:00:{10 + seconds}", "taken_from": "exif"})
            db.conn.execute(
                "INSERT INTO files (root, path, name, kind, photo, state, metadata)"
                " VALUES (1, ?, ?, 'photo', ?, 'here', ?)",
                (b"%d" % photo, str(photo), photo, metadata),
            )

    library.database.write(take)
    found = sayings(reader, space)
    of_burst = [each for each in found.held_out if each.photo in burst]
    assert {each.photo for each in of_burst} == set(burst)
    assert {each.first for each in of_burst} == {judging}
    assert not {each.photo for each in found.training} & set(burst)


def test_about_a_fifth_is_held_out_and_always_the_same() -> None:
    hashes = [i.to_bytes(32) for i in range(2_000)]
    held_out = [is_held_out(one) for one in hashes]

    assert sum(held_out) / len(held_out) == pytest.approx(HELD_OUT_SHARE, abs=0.03)
    assert held_out == [is_held_out(one) for one in hashes]


def test_a_language_is_told_by_its_writing() -> None:
    assert [language_of(text) for text in ("a dog", "一只狗", "豆豆 in the snow", "")] == [
        "en",
        "zh",
        "zh",
        "en",
    ]


@pytest.fixture
def files(library: Shiguang, tmp_path: Path) -> list[Path]:
    """Three photos that have files."""
    root = tmp_path / "photos"
    root.mkdir()
    paths = []
    number = library.watch_folder(root).id
    for photo in (1, 2, 3):
        path = root / f"{photo}.jpg"
        path.write_bytes(b"picture %d" % photo)
        paths.append(path)
        library.database.write(
            lambda db, photo=photo, path=path: db.execute(
                "INSERT INTO files (root, path, name, kind, state, photo) VALUES (?, ?, ?, 'jpeg', 'here', ?)",
                (number, path.name.encode(), path.name, photo),
            )
        )
    return paths


def lines(path: Path, *content: dict[str, object]) -> Path:
    path.write_text("".join(json.dumps(line) + "\n" for line in content), encoding="utf-8")
    return path


def test_captions_come_by_path_and_by_sha256_and_replace_what_was_there(
    library: Shiguang, files: list[Path], tmp_path: Path, say: Say
) -> None:
    say({1: "old"})
    given_lines = lines(
        tmp_path / "c.jsonl",
        {"path": str(files[0]), "caption": "new", "lang": "en"},
        {"path": "photos/2.jpg", "caption": "第二张"},
        {"sha256": hashlib.sha256(b"picture 3").hexdigest(), "caption": "third", "lang": "en"},
        {"path": "nowhere.jpg", "caption": "?", "lang": "en"},
    )

    done = import_captions(library.database, given_lines, silent, CancelToken())

    assert (done.taken, done.same, done.unknown) == (3, 0, 1)
    assert every_caption(library.database.reader()) == [
        (1, "en", "new"),
        (2, "zh", "第二张"),
        (3, "en", "third"),
    ]
    again = import_captions(library.database, given_lines, silent, CancelToken())
    assert (again.taken, again.same) == (0, 3)


def test_exported_captions_come_back_as_they_were(
    library: Shiguang, files: list[Path], tmp_path: Path, say: Say
) -> None:
    say({1: "a “quoted” dog 🐕", 2: "two\nlines"})
    before = every_caption(library.database.reader())
    path = tmp_path / "out.jsonl"

    assert export_captions(library.database, path, silent, CancelToken()) == Exported(2, 0)
    say({1: "", 2: "other"})
    files[1].rename(files[1].with_name("moved.jpg"))
    import_captions(library.database, path, silent, CancelToken())

    assert every_caption(library.database.reader()) == before
    # A drive that is away: what cannot be named is counted.
    library.database.write(lambda db: db.execute("UPDATE files SET state = 'away' WHERE photo = 2"))
    assert export_captions(library.database, path, silent, CancelToken()) == Exported(1, 1)


@pytest.mark.parametrize(
    "line",
    [
        "{",
        "[]",
        '{"caption": "x"}',
        '{"path": "a.jpg"}',
        '{"path": "a.jpg", "caption": 3}',
        '{"path": "a.jpg", "sha256": 5, "caption": "x"}',
        '{"path": 3, "sha256": "ab", "caption": "x"}',
        '{"path": "a", "caption": "x", "lang": "fr"}',
    ],
)
def test_a_line_that_is_none_is_named_and_nothing_is_stored(
    library: Shiguang, tmp_path: Path, line: str
) -> None:
    path = tmp_path / "bad.jsonl"
    path.write_text('{"path": "a.jpg", "caption": "fine", "lang": "en"}\n' + line + "\n", encoding="utf-8")

    with pytest.raises(WrongUse, match="line 2"):
        import_captions(library.database, path, silent, CancelToken())

    assert not every_caption(library.database.reader())


def test_a_file_that_is_not_there_is_said(library: Shiguang, tmp_path: Path) -> None:
    with pytest.raises(NotThere):
        import_captions(library.database, tmp_path / "none.jsonl", silent, CancelToken())


@given(st.text())
def test_any_text_has_a_language(text: str) -> None:
    assert language_of(text) in ("en", "zh")


def test_names_and_judged_results_are_sayings(library: Shiguang) -> None:
    library.names.give("豆豆", [1, 7], classes=["狗", "dog"])
    library.names.mark(library.names.find("豆豆"), [3], False)
    library.judge_result("a red wall 2019", [1, 2], True)
    library.judge_result("a red wall", [9], False)
    library.judge_result("walls without people", [4], True)

    found = sayings(library.database.reader(), library.space.id)
    said = [*found.training, *found.held_out]

    named = {(each.photo, each.text, each.lang, each.is_true) for each in said if each.kind == NAME}
    assert named == {
        (photo, text, lang, photo != 3)
        for photo in (1, 3, 7)
        for text, lang in (("豆豆，狗", "zh"), ("豆豆 the dog", "en"))
    }
    judged = {(each.photo, each.text, each.is_true) for each in said if each.kind == SEARCH}
    assert judged == {(1, "a red wall", True), (2, "a red wall", True), (9, "a red wall", False)}
    assert (found.counts()["names"], found.counts()["judged results"]) == (6, 3)
    table = Table.of(said)
    assert [table.is_album[table.texts.index(text)] for text in ("a red wall", "豆豆 the dog")] == [
        True,
        False,
    ]


def test_what_is_said_both_ways_says_nothing(library: Shiguang) -> None:
    def decide(db: object) -> None:
        number = albums.add_album(db, Album(0, "walls", prompts=("a red wall",)))
        albums.mark(db, number, dict.fromkeys(range(1, 41), True))

    library.database.write(decide)
    library.judge_result("a red wall", [1, 2], False)
    library.set_keywords(1, ["a red wall"])

    reader, space = library.database.reader(), library.space.id
    found = sayings(reader, space, also=("keywords",))

    told = {each.photo for each in (*found.training, *found.held_out) if each.text == "a red wall"}
    assert told == set(range(3, 41))
    # What nobody has written of the picture gives way to a refusal, too.
    library.judge_result("a green wall", [*range(3, 41)], False)
    for photo in range(3, 41):
        library.set_keywords(photo, ["a green wall"])
    found = sayings(reader, space, also=("keywords",))
    assert not any(each.kind == KEYWORD for each in found.training)


def test_folders_and_keywords_teach_only_when_asked_for_and_never_judge(
    library: Shiguang, files: list[Path]
) -> None:
    for photo in range(1, 41):
        library.set_keywords(photo, ["砖墙"])
    folder = files[0].parent / "2019-07 青岛"
    folder.mkdir()
    library.database.write(
        lambda db: db.execute("UPDATE files SET path = ? WHERE photo = 1", ("2019-07 青岛/1.jpg".encode(),))
    )
    reader, space = library.database.reader(), library.space.id

    assert sayings(reader, space).counts()["photos"] == 0
    found = sayings(reader, space, also=("folders", "keywords"))

    assert {each.text for each in found.training} <= {"青岛", "砖墙"}
    assert found.held_out == ()
    assert 20 < found.counts()["keywords"] < 40


@pytest.mark.parametrize(
    ("folder", "words"),
    [
        ("2019-07 青岛 海边", "青岛 海边"),
        ("Grandma_garden", "Grandma garden"),
        ("2019年10月", ""),
        ("DCIM", ""),
        ("100CANON", ""),
        ("20190704", ""),
        ("Camera (2)", ""),
        ("", ""),
    ],
)
def test_a_folder_that_names_no_picture_says_nothing(folder: str, words: str) -> None:
    assert words_of_folder(folder) == words


def test_exported_names_and_judgements_come_back(
    library: Shiguang, files: list[Path], tmp_path: Path
) -> None:
    library.names.give("豆豆", [1, 2], aliases=["Doudou"], classes=["狗"])
    library.names.mark(library.names.find("豆豆"), [3], False)
    library.judge_result("red, without people", [2], False)
    path = tmp_path / "names.jsonl"

    out = export_names(library.database, library.names, path, CancelToken())
    assert (out.names, out.examples, out.judgements) == (1, 3, 1)
    before = library.names.shelf()[0], every_judgement(library.database.reader())
    library.names.drop(library.names.find("豆豆"))
    library.judge_result("red, without people", [2], None)
    files[1].rename(files[1].with_name("moved.jpg"))
    back = import_names(library.database, library.names, path, silent, CancelToken())

    assert (back.names, back.examples, back.judgements, back.unknown) == (1, 3, 1, 0)
    after = library.names.shelf()[0], every_judgement(library.database.reader())
    assert (after[0].name.words, after[0].shown, after[0].not_shown) == (
        before[0].name.words, before[0].shown, before[0].not_shown,
    )  # fmt: skip
    assert after[1] == before[1]


@pytest.mark.parametrize(
    "line",
    [
        "{",
        "{}",
        '{"name": ""}',
        '{"name": "x", "aliases": "y"}',
        '{"name": "!"}',
        '{"name": "豆豆", "aliases": ["x"]}',
        '{"name": "豆豆", "path": "a.jpg", "sha256": 5, "shows": true}',
        '{"question": "a dog", "path": 7, "is_it": true}',
        '{"name": "x", "path": "a.jpg"}',
        '{"name": "x", "path": "a.jpg", "shows": 1}',
        '{"question": "x", "is_it": true}',
        '{"question": "x", "path": "a.jpg", "is_it": true, "unlike": "y"}',
    ],
)
def test_a_line_that_is_no_name_is_told_and_nothing_is_stored(
    library: Shiguang, tmp_path: Path, line: str
) -> None:
    path = tmp_path / "bad.jsonl"
    path.write_text('{"name": "豆豆"}\n' + line + "\n", encoding="utf-8")

    with pytest.raises(WrongUse, match="line 2"):
        import_names(library.database, library.names, path, silent, CancelToken())

    assert library.names.all() == []
