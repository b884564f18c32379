"""What the training dialog says in words and draws as curves."""

from __future__ import annotations

import numpy as np
import pytest
from pytestqt.qtbot import QtBot

pytest.importorskip("torch", reason="needs the train extra (torch)")

from core.training.gate import BETTER, REASONS, Figures, Verdict
from core.training.loop import Point
from desktop_app.dialogs.training_words import figure_rows, reason_words
from desktop_app.i18n import THIN_SPACE, speak
from desktop_app.views.curve_view import CurveView, Scale
from desktop_app.workers.training import Curve


def test_every_reason_has_its_words_in_both_languages(english: None) -> None:
    for language in ("en", "zh_CN"):
        speak(language)
        said = [reason_words(Verdict(False, "unsaid", reason=reason, photos=12)) for reason in REASONS]
        assert "unsaid" not in said
        assert len(set(said)) == len(REASONS)


def test_a_part_of_the_way_is_told_in_both_languages(english: None) -> None:
    verdict = Verdict(True, "", reason=BETTER, photos=12, strength=0.75)
    assert "75 % of what the training changed was kept" in reason_words(verdict)
    speak("zh_CN")
    assert "保留了 75 %" in reason_words(verdict).replace(THIN_SPACE, " ")


def test_figures_that_were_not_measured_are_left_out(english: None) -> None:
    figures = Figures(0.5, 7, 0.25, None, 0.9, each=np.array([0.5, 0.7]))
    rows = figure_rows(Verdict(True, "", figures, figures))
    assert ("Your words bring their photo among the first 7", "50.0 %", "50.0 %") in rows
    assert ("How far in front your photos stand", "60.0 %", "60.0 %") in rows
    assert len(rows) == 4
    assert figure_rows(Verdict(False, "")) == []


def test_steps_go_on_where_another_stage_counts_from_one_again() -> None:
    curve = Curve()
    for point in (Point(1, loss=3.0), Point(2, loss=2.0), Point(2, score=0.1), Point(1, loss=1.0)):
        curve.add(point)
    assert curve.losses == [(1, 3.0), (2, 2.0), (3, 1.0)]
    assert curve.scores == [(2, 0.1)]


def test_shares_have_plain_numbers_at_their_axis() -> None:
    assert Scale.of_shares([0.1, 0.35]).high == 0.4
    assert Scale.of_shares([]).high == 1.0
    scale = Scale.of([2.0, 2.0])
    assert scale.low < 2.0 < scale.high


def test_the_curve_is_told_to_who_cannot_see_it(qtbot: QtBot, english: None) -> None:
    view = CurveView()
    qtbot.addWidget(view)
    view.show_points([(step, 1.0 / step) for step in range(1, 5_000)], [(10, 0.5)])
    assert "50.0 %" in view.accessibleDescription()
    assert len(view._losses) <= 601
    assert view._losses[-1][0] == 4_999
