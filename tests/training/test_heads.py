"""The heads train on features of any size of set, and phrases are drawn one a group."""

from __future__ import annotations

from dataclasses import replace

import pytest

torch = pytest.importorskip("torch", reason="needs the train extra (torch)")

from core.progress import CancelToken, silent  # noqa: E402
from core.training.classifier import Classifier  # noqa: E402
from core.training.heads import (  # noqa: E402
    Bilingual,
    Heads,
    Material,
    Photos,
    Phrases,
    Sizes,
    Weights,
    recall_at_10,
)
from core.training.loop import Settings, train  # noqa: E402


def phrases(groups: int, each: int) -> Phrases:
    return Phrases(torch.randn(groups * each, 896), torch.arange(groups).repeat_interleave(each))


def photos(count: int) -> Photos:
    views = torch.rand(2, count, 1280)
    seen = torch.rand(2, count, 6).softmax(2)
    captions = torch.randn(count, 5, 896), torch.randn(count, 5, 896)
    return Photos(views, seen, *captions, torch.ones(2, count, dtype=torch.bool))


@pytest.fixture
def material() -> Material:
    torch.manual_seed(0)
    return Material(
        photos=photos(40),
        own=40,
        held_out=photos(12),
        classifier=Classifier(torch.randn(6, 1280) / 20, torch.zeros(6)),
        names=Bilingual(phrases(6, 2), phrases(6, 3)),
        concepts=Bilingual(phrases(3, 2), phrases(3, 1)),
        shown_by=torch.tensor([[1.0, 1, 0, 0, 0, 0], [0, 0, 1, 0, 0, 0], [1, 1, 1, 1, 1, 1]]),
        dictionary=(torch.randn(20, 896), torch.randn(20, 896)),
        unspoken=torch.rand(0, 1280),
    )


def test_one_phrase_is_drawn_of_every_group() -> None:
    given = phrases(5, 3)

    drawn = given.drawn()

    assert drawn.shape == (5, 896)
    for i, row in enumerate(drawn):
        assert any(torch.equal(row, one) for one in given.features[given.group == i])


def test_every_head_and_scale_has_a_gradient(material: Material) -> None:
    heads = Heads(material, Weights(), Sizes(imagined=8, words=10))

    heads.loss(torch.arange(10)).backward()

    for head in heads.parts:
        for name, parameter in head.named_parameters():
            assert parameter.grad is not None and parameter.grad.abs().sum() > 0, name


def test_what_is_seen_in_photos_that_nobody_describes_is_learned(material: Material) -> None:
    """A photo like none of the described ones, and all the classifier sees in it is the first name."""
    shown = 3 * material.classifier.weight[0].clamp(min=0) * 400
    given = replace(material, unspoken=shown[None])
    assert given.classifier.probabilities(given.unspoken)[0, 0] > 0.9

    def nearest(given: Material) -> float:
        torch.manual_seed(1)
        heads = Heads(given, Weights(), Sizes(photos=20, imagined=8, unspoken=8, words=10))
        train(heads, Settings(epochs=15, steps_an_epoch=2, precision="fp32"), silent, CancelToken())
        with torch.no_grad():
            cosines = heads.image(shown[None])[0] @ given.names.en.mean_of(heads.text).T
        return float(cosines[0] - cosines[1:].max())

    assert nearest(given) > nearest(material) + 0.1


def test_batches_show_each_photo_at_most_once(material: Material) -> None:
    heads = Heads(material, Weights(), Sizes(photos=16))

    rows = list(heads.batches(0))

    assert [len(one) for one in rows] == [16, 16]
    assert len(set(torch.cat(rows).tolist())) == 32


def test_recall_at_10_counts_what_lies_before_the_own_image() -> None:
    images = torch.eye(12)
    texts = torch.eye(12).clone()
    texts[0] = 1 - torch.eye(12)[0]  # eleven images before its own

    assert recall_at_10(texts, images) == pytest.approx(11 / 12)


def test_captions_that_a_photo_lacks_teach_nothing(material: Material) -> None:
    """What stands in their place may be anything; what is there still counts."""
    told = torch.ones(2, 40, dtype=torch.bool)
    told[1, 7:] = False

    def loss(**captions: torch.Tensor) -> float:
        torch.manual_seed(1)
        heads = Heads(replace(material, photos=replace(material.photos, told=told, **captions)), Weights())
        return float(heads.loss(torch.arange(20)).detach())

    zh, en = material.photos.zh, material.photos.en
    elsewhere = torch.cat([zh[:7], torch.zeros_like(zh[7:])])
    assert loss(zh=elsewhere) == loss(zh=zh)
    assert loss(en=torch.cat([en[:7], torch.zeros_like(en[7:])])) != loss(en=en)


def test_photos_all_in_one_language_can_be_learned_from(material: Material) -> None:
    told = torch.stack([torch.ones(40, dtype=torch.bool), torch.zeros(40, dtype=torch.bool)])
    heads = Heads(replace(material, photos=replace(material.photos, told=told)), Weights())
    assert torch.isfinite(heads.loss(torch.arange(20)))
