"""Trains the heads of the starter on cached features: what a batch is, and what is asked of it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import pairwise

import torch
from torch import Tensor, nn

from core.models.convert.starter.towers import Head
from core.progress import CancelToken, Report
from core.training import loss
from core.training.arithmetic import Arithmetic
from core.training.classifier import Classifier, Imagination
from core.training.loop import Outcome, Settings, train
from core.training.loss import LogitScale


@dataclass(frozen=True, slots=True)
class Phrases:
    """Groups of texts that mean the same, as features: one is drawn at random for each group and step.

    features  [texts, 896]
    group     [texts] the group of each text, ascending; every group has at least one
    """

    features: Tensor
    group: Tensor

    @property
    def groups(self) -> int:
        return int(self.group[-1]) + 1

    def drawn(self) -> Tensor:
        """One text of every group, [groups, 896]."""
        chance = torch.rand(len(self.group))
        best = torch.full((self.groups,), -1.0).scatter_reduce(0, self.group, chance, "amax")
        chosen = torch.nonzero(chance == best[self.group])[:, 0]
        # Two equal chances in one group are possible, if barely.
        first = torch.ones(len(chosen), dtype=torch.bool)
        first[1:] = self.group[chosen][1:] != self.group[chosen][:-1]
        return self.features[chosen[first]]

    def mean_of(self, head: Head) -> Tensor:
        """Every group's mean embedding under `head`, [groups, d], L2-normalised."""
        embeddings = head(self.features)
        total = torch.zeros(self.groups, embeddings.shape[1]).index_add_(0, self.group, embeddings)
        return nn.functional.normalize(total, dim=1)


@dataclass(frozen=True, slots=True)
class Bilingual:
    """The same groups of texts in English and Chinese."""

    en: Phrases
    zh: Phrases


@dataclass(frozen=True, slots=True)
class Photos:
    """The captioned photos as features; photo i is row i everywhere.

    views   [v, n, 5248] features of the photos, looked at in v ways, the first as they are
    seen    [v, n, 1000] what the classifiers on average see in each view, rows summing to 1
    en, zh  captions [n, 5, 896]
    told    [2, n] whether a photo has captions in English, in Chinese: what stands for missing ones says nothing
    """

    views: Tensor
    seen: Tensor
    en: Tensor
    zh: Tensor
    told: Tensor

    def only(self, rows: Tensor) -> Photos:
        return Photos(
            self.views[:, rows], self.seen[:, rows], self.en[rows], self.zh[rows], self.told[:, rows]
        )

    def and_also(self, others: Photos) -> Photos:
        """These photos and behind them the others, in the same views."""
        return Photos(
            torch.cat([self.views, others.views], 1),
            torch.cat([self.seen, others.seen], 1),
            torch.cat([self.en, others.en]),
            torch.cat([self.zh, others.zh]),
            torch.cat([self.told, others.told], 1),
        )


@dataclass(frozen=True, slots=True)
class Material:
    """All that the heads learn from. `dictionary` is parallel: row i of both languages is one meaning.

    photos    those of the set, behind them further captioned ones
    own       how many are of the set: each once in a pass, and of the others some are drawn at random beside them
    unspoken  [m, 5248] features of further photos that nobody describes, looked at in every way; m may be 0
    """

    photos: Photos
    own: int
    held_out: Photos
    classifier: Classifier
    names: Bilingual
    concepts: Bilingual
    shown_by: Tensor  # [concepts, classes], 0 or 1
    dictionary: tuple[Tensor, Tensor]
    unspoken: Tensor

    def with_held_out(self) -> Material:
        """The same with nothing held out: the validation's photos are trained on, so its scores mean nothing more."""
        return replace(self, photos=self.held_out.and_also(self.photos), own=len(self.held_out.en) + self.own)


@dataclass(frozen=True, slots=True)
class Weights:
    """What each part of the loss counts for, beside InfoNCE with the captions in both languages (1)."""

    # English captions' share of InfoNCE: they say more (eleven words against nine characters), so more is lost.
    english: float = 0.65

    # The classifiers' softmax over the thousand names, on the training photos.
    names: float = 0.5
    # The same on imagined photos of all thousand classes.
    imagined: float = 1.2
    # Everyday words, on both.
    concepts: float = 1.0
    # The same meaning in both languages at the same place: names, concepts and a dictionary's words.
    translation: float = 2.5
    # Words lie to each other as the text encoders have it, also those no photo shows.
    relation: float = 0.3


# Standard deviation of what is added to each standardised feature of photos and captions. Against learning
# 6,000 photos by heart it does more than dropout, weight decay or label smoothing: held-out recall@10 of .74
# English and .58 Chinese with it, .67 to .70 and .52 to .57 with those (40 epochs of InfoNCE alone).
NOISE = 0.7


@dataclass(frozen=True, slots=True)
class Sizes:
    """How many of each a batch holds."""

    # The more, the more a caption has to be told from.
    photos: int = 1_000
    # Further captioned photos, where there are any.
    described: int = 500
    imagined: int = 750
    # Photos that nobody describes, where there are any.
    unspoken: int = 500
    words: int = 1_000


# Factors on cosines where nothing is learned: dictionary words against each other.
TRANSLATION_SCALE = 30.0
RELATION_SCALE = 15.0
# Imagined photos lead by this much in the classifier's logits, evenly spread: from doubtful to certain.
LEAD = (0.0, 9.0)


class Heads:
    """Both heads and their scales, and the loss of one batch."""

    def __init__(self, material: Material, weights: Weights, sizes: Sizes = Sizes()) -> None:
        self._material = material
        self._weights = weights
        self._sizes = sizes
        photos = material.photos
        self.image = Head(photos.views.shape[2])
        self.text = Head(photos.en.shape[2])
        # Where InfoNCE on these photos, and the names, come to rest.
        self.scale, self.names_scale, self.concepts_scale = LogitScale(20), LogitScale(30), LogitScale(20)
        self._imagination = Imagination(material.classifier, photos.views[0])
        imagined, _ = self._imagined(len(photos.views[0]) // 2)
        self.image.standardise_by(torch.cat([photos.views[0], imagined]))
        names = material.names
        self.text.standardise_by(
            torch.cat(
                [
                    photos.en[photos.told[0], 0],
                    photos.zh[photos.told[1], 0],
                    names.en.features,
                    names.zh.features,
                ]
            )
        )
        # A concept of few classes says more than one of many: a tabby is a cat rather than an animal.
        self._special = material.shown_by.sum(1) ** -0.5
        both = torch.cat(material.dictionary)
        self._word_means = both.mean(0)

    @property
    def parts(self) -> list[nn.Module]:
        return [self.image, self.text, self.scale, self.names_scale, self.concepts_scale]

    @property
    def rates(self) -> dict[nn.Module, float]:
        return {}

    def batches(self, epoch: int) -> Iterator[Tensor]:
        """Rows of the photos: each of the set's own at most once an epoch, and further ones drawn beside them."""
        own, every = self._material.own, len(self._material.photos.en)
        rows, size = torch.randperm(own), self._sizes.photos
        for start in range(0, own - size + 1, size):
            beside = own + torch.randperm(every - own)[: self._sizes.described]
            yield torch.cat([rows[start : start + size], beside])

    def loss(self, rows: Tensor) -> Tensor:
        """Of one batch: the photos `rows`, of each a random view and caption; a random phrase of every name."""
        photos, weights = self._material.photos, self._weights
        view = torch.randint(len(photos.views), (len(rows),))
        imagined, imagined_seen = self._undescribed()
        features = _noisy(self.features(view, rows), self.image)
        images = self.image(torch.cat([features, imagined])).float()
        real = images[: len(rows)]
        photos_seen = photos.seen[view, rows]
        seen = torch.cat([photos_seen, imagined_seen])
        captions, names, concepts, words, chosen = self._texts(rows)

        total = torch.zeros(())
        for lang, share in enumerate((weights.english, 1 - weights.english)):
            told = photos.told[lang, rows]
            if told.any():
                total = total + share * self.matched(real[told], captions[lang][told])
            total = total + weights.names / 2 * loss.classification(
                real, names[lang], self.names_scale(), photos_seen
            )
            total = total + weights.imagined / 2 * loss.classification(
                images[len(rows) :], names[lang], self.names_scale(), imagined_seen
            )
            shown = seen @ self._material.shown_by.T
            total = total + weights.concepts / 2 * loss.concepts(
                images, concepts[lang], self.concepts_scale(), shown, self._special
            )
        total = total + weights.translation * self._translation(names, concepts, words)
        return total + weights.relation * self._relation(words, chosen)

    def features(self, view: Tensor, rows: Tensor) -> Tensor:
        """What the encoders make of the photos `rows` [n], each looked at in its view [n]."""
        return self._material.photos.views[view, rows]

    def matched(self, images: Tensor, captions: Tensor) -> Tensor:
        """How badly images and captions [n, d], row by row, are told from all others of the batch."""
        return loss.contrastive(images, captions, self.scale())

    def learn(self, rows: Tensor, arithmetic: Arithmetic) -> float:
        with arithmetic.autocast():
            value = self.loss(rows)
        arithmetic.backward(value)
        return float(value.detach())

    def _undescribed(self) -> tuple[Tensor, Tensor]:
        """Imagined photos and behind them real ones that nobody describes: features, and what the classifiers see."""
        features, seen = self._imagined(self._sizes.imagined)
        every = self._material.unspoken
        if not len(every):
            return features, seen
        drawn = every[torch.randint(len(every), (self._sizes.unspoken,))]
        shown = self._material.classifier.probabilities(drawn)
        return torch.cat([features, _noisy(drawn, self.image)]), torch.cat([seen, shown])

    def _imagined(self, count: int) -> tuple[Tensor, Tensor]:
        """Features of photos that were never taken, and what the classifier sees in them."""
        photos, classifier = self._material.photos, self._material.classifier
        views, rows, _ = photos.views.shape
        start = photos.views[torch.randint(views, (count,)), torch.randint(rows, (count,))]
        classes = torch.randint(len(classifier.bias), (count,))
        lead = torch.rand(count) * (LEAD[1] - LEAD[0]) + LEAD[0]
        features = self._imagination.of(start, classes, lead)
        return features, classifier.probabilities(features)

    def _texts(self, rows: Tensor) -> tuple[list[Tensor], list[Tensor], list[Tensor], list[Tensor], Tensor]:
        """Captions, names, concepts and dictionary words, each in both languages, through the text head at once."""
        material = self._material
        chosen = torch.randint(len(material.dictionary[0]), (self._sizes.words,))
        texts = []
        for captions, names, concepts, words in (
            (material.photos.en, material.names.en, material.concepts.en, material.dictionary[0]),
            (material.photos.zh, material.names.zh, material.concepts.zh, material.dictionary[1]),
        ):
            which = torch.randint(captions.shape[1], (len(rows),))
            texts += [
                _noisy(captions[rows, which], self.text),
                names.drawn(),
                concepts.drawn(),
                words[chosen],
            ]
        embeddings = self._parts(self.text(torch.cat(texts)).float(), texts)
        captions_, names_, concepts_, words_ = (list(embeddings[part::4]) for part in range(4))
        return captions_, names_, concepts_, words_, chosen

    @staticmethod
    def _parts(rows: Tensor, like: list[Tensor]) -> list[Tensor]:
        """`rows` cut again into parts as long as those of `like`."""
        ends = [0]
        for part in like:
            ends.append(ends[-1] + len(part))
        return [rows[start:end] for start, end in pairwise(ends)]

    def _translation(self, *groups: list[Tensor]) -> Tensor:
        """Row i in English beside row i in Chinese: near, and nearer than to any other of its group."""
        english, chinese = (torch.cat([group[lang] for group in groups]) for lang in range(2))
        scale = torch.tensor(TRANSLATION_SCALE)
        words = groups[-1]
        apart = loss.contrastive(words[0], words[1], scale)
        return loss.imitation(english, chinese) + 0.2 * apart

    def _relation(self, words: list[Tensor], chosen: Tensor) -> Tensor:
        with torch.no_grad():
            centred = [features[chosen] - self._word_means for features in self._material.dictionary]
            given = loss.neighbours(centred[0] + centred[1], RELATION_SCALE)
        return sum((loss.relation(one, given, RELATION_SCALE) for one in words), torch.zeros(())) / 2

    def validate(self) -> float:
        """Mean recall@10 of both languages on the held-out photos, first caption, text to image."""
        held_out = self._material.held_out
        with torch.no_grad():
            images = self.image(held_out.views[0])
            both = [
                recall_at_10(self.text(captions[:, 0]), images) for captions in (held_out.en, held_out.zh)
            ]
        return sum(both) / len(both)


def _noisy(features: Tensor, head: Head) -> Tensor:
    return features + NOISE * head.spread * torch.randn_like(features)


def recall_at_10(texts: Tensor, images: Tensor) -> float:
    """Share of texts [n, d] with their own image, row i of [n, d], among the first ten."""
    similar = texts @ images.T
    before = (similar > similar.diagonal()[:, None]).sum(1)
    return float((before < 10).float().mean())


def train_heads(
    material: Material, weights: Weights, settings: Settings, report: Report, cancel: CancelToken
) -> tuple[Heads, Outcome]:
    """The heads with the best validated weights, in evaluation mode."""
    heads = Heads(material, weights)
    outcome = train(heads, settings, report, cancel)
    return heads, outcome
