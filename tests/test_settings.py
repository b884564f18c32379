"""Settings: one declaration, values that are checked, a file that survives."""

from __future__ import annotations

import json
import logging
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as some

from core.settings import (
    CELL_PX,
    FILE_NAME,
    LANGUAGE,
    SETTINGS,
    SETTLE_SECONDS,
    BadSetting,
    Setting,
    Settings,
)


def stored_in(folder: Path) -> dict[str, object]:
    stored: dict[str, object] = json.loads((folder / FILE_NAME).read_text(encoding="utf-8"))
    return stored


def test_a_new_library_has_the_defaults_and_no_file(tmp_path: Path) -> None:
    settings = Settings.load(tmp_path)
    assert {one.name: settings.get(one.name) for one in SETTINGS} == {
        one.name: one.default for one in SETTINGS
    }
    assert not (tmp_path / FILE_NAME).exists()


@pytest.mark.parametrize("setting", SETTINGS, ids=lambda one: one.name)
def test_every_setting_has_a_sentence_and_allows_its_own_default(setting: Setting[str]) -> None:
    assert setting.sentence.endswith(".")
    assert setting.checked(setting.default) == setting.default
    assert setting.allowed


def test_no_two_settings_share_a_name_old_names_included() -> None:
    names = [name for one in SETTINGS for name in (one.name, *one.renamed_from)]
    assert len(names) == len(set(names))


def test_a_value_that_was_set_is_there_after_the_next_start(tmp_path: Path) -> None:
    Settings.load(tmp_path / "library").set("theme", "dark")
    assert Settings.load(tmp_path / "library").get("theme") == "dark"
    assert [path.name for path in (tmp_path / "library").iterdir()] == [FILE_NAME]


def test_a_whole_number_is_good_where_a_number_is_wanted(tmp_path: Path) -> None:
    settings = Settings.load(tmp_path)
    settings.set(SETTLE_SECONDS, 3)
    assert settings.get(SETTLE_SECONDS) == 3.0
    assert isinstance(settings.get(SETTLE_SECONDS), float)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("cell_px", 95),
        ("cell_px", 321),
        ("cell_px", 176.0),
        ("cell_px", True),
        ("cell_px", "176"),
        ("theme", "purple"),
        ("theme", ""),
        ("settle_seconds", float("nan")),
        ("settle_seconds", float("inf")),
        ("log_verbose", 1),
        ("model", ""),
        ("model", None),
        ("nothing", 1),
    ],
)
def test_a_value_that_is_not_allowed_changes_nothing(tmp_path: Path, name: str, value: object) -> None:
    settings = Settings.load(tmp_path)
    with pytest.raises(BadSetting) as raised:
        settings.set(name, value)  # type: ignore[arg-type]
    assert raised.value.what_to_do
    assert not (tmp_path / FILE_NAME).exists()
    if name != "nothing":
        assert settings.get(name) == Settings.load(tmp_path).get(name)


def test_a_bad_value_in_the_file_is_named_with_the_file(tmp_path: Path) -> None:
    (tmp_path / FILE_NAME).write_text('{"theme": "purple"}', encoding="utf-8")
    with pytest.raises(BadSetting, match=r"settings\.json.*theme.*'purple'.*auto, light, dark"):
        Settings.load(tmp_path)


def test_unknown_keys_and_what_another_program_wrote_meanwhile_are_kept(tmp_path: Path) -> None:
    (tmp_path / FILE_NAME).write_text('{"from_the_future": [1, {"a": "拾光"}]}', encoding="utf-8")
    ours, theirs = Settings.load(tmp_path), Settings.load(tmp_path)
    theirs.set("language", "zh_CN")
    ours.set("theme", "light")
    assert stored_in(tmp_path) == {
        "from_the_future": [1, {"a": "拾光"}],
        "language": "zh_CN",
        "theme": "light",
    }


RENAMED = (
    Setting("cell_px", 176, "The width of a photo.", least=96, most=320, renamed_from=("thumb_px", "size")),
)


def test_a_renamed_key_stays_readable_and_is_not_written_again(tmp_path: Path) -> None:
    (tmp_path / FILE_NAME).write_text('{"size": 200}', encoding="utf-8")
    settings = Settings.load(tmp_path, RENAMED)
    assert settings.get("cell_px") == 200
    settings.set("cell_px", 210)
    assert stored_in(tmp_path) == {"cell_px": 210}


def test_the_new_name_wins_over_the_old_one(tmp_path: Path) -> None:
    (tmp_path / FILE_NAME).write_text('{"thumb_px": 100, "cell_px": 300}', encoding="utf-8")
    assert Settings.load(tmp_path, RENAMED).get("cell_px") == 300


@pytest.mark.parametrize(
    "content", [b"", b"{", b"[1]", b"null", b"\xff\xfe\x00", b'{"a": "\xff"}', b"[" * 100_000]
)
def test_a_broken_file_is_kept_aside_and_said(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, content: bytes
) -> None:
    (tmp_path / FILE_NAME).write_bytes(content)
    with caplog.at_level(logging.WARNING):
        settings = Settings.load(tmp_path)
    assert settings.get(LANGUAGE) == "auto"
    assert (tmp_path / "settings.json.broken").read_bytes() == content
    assert "broken" in caplog.text


def test_a_mark_in_front_of_the_text_does_no_harm(tmp_path: Path) -> None:
    (tmp_path / FILE_NAME).write_bytes(b'\xef\xbb\xbf{"cell_px": 128}')
    assert Settings.load(tmp_path).get(CELL_PX) == 128


def test_a_file_that_cannot_be_written_leaves_the_old_value(tmp_path: Path) -> None:
    settings = Settings.load(tmp_path)
    (tmp_path / FILE_NAME).mkdir()
    with pytest.raises(Exception, match="cannot be") as raised:
        settings.set("theme", "dark")
    assert getattr(raised.value, "code", "") == "library"
    assert settings.get("theme") == "auto"
    assert [path.name for path in tmp_path.iterdir()] == [FILE_NAME]


@given(number=some.integers(), word=some.text(max_size=20))
def test_what_is_allowed_comes_back_as_it_was(
    tmp_path_factory: pytest.TempPathFactory, number: int, word: str
) -> None:
    folder = tmp_path_factory.mktemp("library")
    for name, value in (("cell_px", number), ("model", word)):
        settings = Settings.load(folder)
        before = settings.get(name)
        try:
            settings.set(name, value)
        except BadSetting:
            assert Settings.load(folder).get(name) == before
        else:
            assert Settings.load(folder).get(name) == value
