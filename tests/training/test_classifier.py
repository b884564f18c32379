"""Imagined photos are of the class they were imagined as."""

from __future__ import annotations

import pytest

torch = pytest.importorskip("torch", reason="needs the train extra (torch)")

from core.training.classifier import LARGEST_FEATURE, Classifier, Imagination  # noqa: E402


def test_an_imagined_photo_is_led_by_its_class() -> None:
    torch.manual_seed(0)
    features = torch.rand(200, 1280)
    classifier = Classifier(torch.randn(7, 1280) / 20, torch.zeros(7))
    classes = torch.arange(7).repeat(3)

    moved = Imagination(classifier, features).of(features[:21], classes, torch.full((21,), 4.0))

    assert (classifier.probabilities(moved).argmax(1) == classes).all()
    assert float(moved.min()) >= 0
    assert float(moved.max()) <= LARGEST_FEATURE


def test_a_photo_that_leads_already_is_only_moved_by_the_lead() -> None:
    torch.manual_seed(1)
    # Far from the bounds of a feature, so that nothing is cut off.
    features = 3 + torch.rand(50, 1280) / 10
    classifier = Classifier(torch.randn(5, 1280) / 50, torch.zeros(5))
    classes = classifier.logits(features).argmax(1)

    still = Imagination(classifier, features).of(features, classes, torch.zeros(50))

    torch.testing.assert_close(still, features)
