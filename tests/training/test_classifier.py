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


def test_the_mean_of_classifiers_sees_each_ones_own_features() -> None:
    torch.manual_seed(2)
    pair = [Classifier(torch.randn(5, 4), torch.randn(5)), Classifier(torch.randn(5, 3), torch.randn(5))]
    features = [torch.rand(6, 7), torch.rand(6, 3)]

    mean = Classifier.mean(pair, [7, 3])

    wanted = (pair[0].logits(features[0]) + pair[1].logits(features[1])) / 2
    torch.testing.assert_close(mean.logits(torch.cat(features, 1)), wanted)


def test_what_no_classifier_sees_is_not_bounded() -> None:
    torch.manual_seed(3)
    features = torch.randn(100, 8) * 10
    features[:, :4] = features[:, :4].abs()
    classifier = Classifier(torch.randn(3, 4), torch.zeros(3))

    moved = Imagination(classifier, features).of(features, torch.zeros(100).long(), torch.full((100,), 3.0))

    assert float(moved[:, :4].max()) <= LARGEST_FEATURE
    assert float(moved[:, 4:].min()) < 0


def test_a_photo_that_leads_already_is_only_moved_by_the_lead() -> None:
    torch.manual_seed(1)
    # Far from the bounds of a feature, so that nothing is cut off.
    features = 3 + torch.rand(50, 1280) / 10
    classifier = Classifier(torch.randn(5, 1280) / 50, torch.zeros(5))
    classes = classifier.logits(features).argmax(1)

    still = Imagination(classifier, features).of(features, classes, torch.zeros(50))

    torch.testing.assert_close(still, features)
