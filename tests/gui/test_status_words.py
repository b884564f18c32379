"""What the status strip and the empty page say."""

from __future__ import annotations

import pytest

from core.errors import LibraryLocked
from core.progress import Progress
from desktop_app.i18n import speak
from desktop_app.views.empty_page import Page, Situation, page_for
from desktop_app.views.result_line import Result, result_words
from desktop_app.views.status_words import activity_words, pace_words, time_left
from desktop_app.workers.indexing import State

pytestmark = pytest.mark.usefixtures("english")
HALF = Progress("index", 12_400, 80_214, 94.0)


def test_a_run_says_what_how_far_how_fast_and_how_long() -> None:
    assert activity_words(State.RUNNING, HALF) == "Indexing 12,400/80,214"
    assert pace_words(State.RUNNING, HALF) == "94 photos/s · 12 minutes left"
    speak("zh_CN")
    assert activity_words(State.RUNNING, HALF).replace("\u2009", " ") == "整理中 12,400/80,214"
    assert pace_words(State.RUNNING, HALF).replace("\u2009", " ") == "94 张/秒 · 还需 12 分钟"


@pytest.mark.parametrize(
    ("state", "progress", "said"),
    [
        (State.IDLE, HALF, ""),
        (State.RUNNING, None, "Looking through folders…"),
        (State.RUNNING, Progress("scan", 1), "Looking at 1 file"),
        (State.RUNNING, Progress("scan", 7_000), "Looking at 7,000 files"),
        (State.PAUSED, HALF, "Paused 12,400/80,214"),
        (State.PAUSED, None, "Paused"),
        (State.STOPPED, HALF, "Stopped"),
        (State.FAILED, HALF, "Indexing failed"),
    ],
)
def test_every_state_has_its_words(state: State, progress: Progress | None, said: str) -> None:
    assert activity_words(state, progress) == said


def test_a_rate_that_is_not_known_is_not_said() -> None:
    assert pace_words(State.RUNNING, Progress("index", 0, 10)) == ""
    assert pace_words(State.PAUSED, HALF) == ""
    assert pace_words(State.RUNNING, Progress("index", 1, 100, 0.5)) == "0.5 photos/s · 3 minutes left"


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        (0, "less than a minute left"),
        (59, "less than a minute left"),
        (61, "1 minute left"),
        (3600, "60 minutes left"),
        (7200, "2 hours left"),
    ],
)
def test_time_left_is_in_whole_minutes_or_hours(seconds: float, said: str) -> None:
    assert time_left(seconds) == said


def test_a_result_says_how_many_how_long_and_how_much_could_be_searched() -> None:
    assert result_words(Result((), 1, 0.042)) == "1 photo · 0.04 s"
    assert result_words(Result((), 212, 0.042, 12_400, 80_214)).endswith("12,400 of 80,214 searched")


@pytest.mark.parametrize(
    ("now", "page"),
    [
        (Situation(), Page.OPENING),
        (Situation(error=LibraryLocked("in use")), Page.CANNOT_OPEN),
        (Situation(is_open=True), Page.FIRST_RUN),
        (Situation(is_open=True, folders=1, is_indexing=True), Page.LOOKING),
        (Situation(is_open=True, folders=1), Page.NO_PHOTOS),
        (Situation(is_open=True, folders=1, photos=1), Page.PHOTOS),
        (Situation(is_open=True, photos=1, asks=True), Page.PHOTOS),
        (Situation(is_open=True, photos=1, asks=True, answered=True, hits=3), Page.PHOTOS),
        (Situation(is_open=True, photos=1, asks=True, answered=True), Page.NOTHING_FOUND),
        (
            Situation(is_open=True, photos=1, asks=True, asks_for_favourites=True, answered=True),
            Page.NO_FAVOURITES,
        ),
    ],
)
def test_every_situation_has_its_page(now: Situation, page: Page) -> None:
    assert page_for(now) is page
