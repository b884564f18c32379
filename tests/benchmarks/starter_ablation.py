"""What each part of the starter's recipe is worth: trained without it, on photos nobody here reports on.

    python -m tests.benchmarks.starter_ablation [--rows recipe half ...] [--steps 150] [--seed 0]
        [--described TAR ...] [--unspoken TAR ...]

Every row trains the heads anew, as the recipe does, with one thing changed. Measured on the 500 held-out training
photos (recall@10, text to image, all five captions of a photo) and on the `train` parts of the four labelled sets of
unseen kinds (zero-shot top-1, their mean): no `val` part is looked at. Rows of fewer photos are the learning curve;
rows of further photos need tars of them, described (as packaging/train_starter.py reads them) or not.
Features come from the recipe's cache where it has them. Needs the `train` extra and the recipe's packages.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812 (torch's own name for it)
from torch import Tensor, nn

from core.evaluate.pictures import decoded, pictures
from core.evaluate.zeroshot import prompt_templates, read_labels
from core.models.convert.starter.folder import PREPROCESSING
from core.models.convert.starter.towers import SIZE_PX, Head, Lite
from core.models.preprocess import normalise
from core.progress import CancelToken, silent
from core.training import recipe
from core.training.features import AS_THEY_ARE, VIEWS, Features
from core.training.heads import Heads, Material, Weights, recall_at_10
from core.training.loop import Settings, train
from tests.benchmarks.machine import row
from tests.conftest import SHARED_DATA

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "packaging"))
import train_starter  # a script beside the package

LANGUAGES = ("en", "zh")
KINDS = ("dishes", "flowers", "groceries", "pet-breeds")
PHOTOS_AT_ONCE = 100
# Of the stage in which the encoders' last blocks learn: its length, and how gently they do beside the heads.
UNFROZEN = Settings(epochs=8, learning_rate=5e-4, warm_up=0.1, average=0.95)
UNFROZEN_SHARE = 0.2
# How much it counts that their features stay where they were, in squares of their standard deviations.
ANCHOR = 0.3
# VSE++ (Faghri et al. 2018): by how much a pair has to lead the hardest wrong one, and what that counts.
MARGIN, HARDEST = 0.2, 1.0


@dataclass(frozen=True, slots=True)
class Kind:
    """A labelled set: photos' features [n, f], their class [n], and texts' features [m, f] with theirs, by language."""

    features: Tensor
    label: Tensor
    texts: dict[str, tuple[Tensor, Tensor]]

    def top1(self, image: Head, text: Head, features: Tensor, lang: str) -> float:
        given, group = self.texts[lang]
        embeddings = text(given)
        classes = torch.zeros(int(group.max()) + 1, embeddings.shape[1]).index_add_(0, group, embeddings)
        found = (image(features) @ F.normalize(classes, dim=1).T).argmax(1)
        return float((found == self.label).float().mean())


class Bench:
    """What all rows share: the packages' encoders, the recipe's material, and what it is measured on."""

    def __init__(self, cache: Path, further: recipe.Further) -> None:
        self.further = further
        packages = train_starter.fetch(cache / "wheels")
        features = Features(cache / "features", silent, CancelToken())
        self.beginning = recipe.begin(packages, SHARED_DATA)
        self.extractor = recipe.Extractor(self.beginning, features, cache)
        self.material = recipe.gather(self.extractor, packages, SHARED_DATA)
        self.kinds = [self._kind(name) for name in KINDS]

    def _kind(self, name: str) -> Kind:
        folder = SHARED_DATA / "labelled" / name
        view = self.extractor.view(folder / "train.tar", AS_THEY_ARE)
        classes = read_labels(folder / "labels.json", "en")
        own = {one.folder: i for i, one in enumerate(classes)}
        label = [own[path.parent.name] for path, _ in pictures(folder / "train.tar")]
        texts = {}
        for lang in LANGUAGES:
            said = [
                (template.format(text), i)
                for i, one in enumerate(read_labels(folder / "labels.json", lang))
                for text in one.names
                for template in prompt_templates(lang)
            ]
            features = self.extractor.texts.of(f"{name}-{lang}", [text for text, _ in said])
            texts[lang] = features, torch.tensor([i for _, i in said])
        return Kind(torch.cat(view, 1), torch.tensor(label), texts)

    def measured(self, heads: Heads, held_out: Tensor, kinds: list[Tensor]) -> dict[str, float]:
        """held_out, kinds: features of the photos, as the encoders of this row make them."""
        given, found = self.material.held_out, {}
        with torch.inference_mode():
            images = heads.image(held_out)
            for lang, captions in zip(LANGUAGES, (given.en, given.zh), strict=True):
                each = [recall_at_10(heads.text(captions[:, i]), images) for i in range(captions.shape[1])]
                found[f"recall@10 {lang}"] = float(np.mean(each))
                top1 = [
                    kind.top1(heads.image, heads.text, features, lang)
                    for kind, features in zip(self.kinds, kinds, strict=True)
                ]
                found[f"unseen kinds {lang}"] = float(np.mean(top1))
        return {name: round(value, 4) for name, value in found.items()}

    def trained(
        self, steps: int, material: Material | None = None, form: type[Heads] = Heads, **changed: float
    ) -> tuple[Heads, dict[str, float]]:
        """changed: numbers of the loop that are not the recipe's."""
        given = material or self.material
        heads = form(given, Weights())
        settings = replace(recipe.settings(given, steps), **changed)  # type: ignore[arg-type]
        train(heads, settings, silent, CancelToken())
        return heads, self.measured(heads, self.material.held_out.views[0], [one.features for one in self.kinds])  # fmt: skip


class Hardest(Heads):
    """Beside InfoNCE each pair has to lead the hardest wrong one of the batch, by rows and by columns."""

    def matched(self, images: Tensor, captions: Tensor) -> Tensor:
        similar = images @ captions.T
        own = similar.diagonal()
        wrong = similar - 2 * torch.eye(len(similar))
        rows, columns = (F.relu(MARGIN + wrong.amax(dim) - own).mean() for dim in (1, 0))
        return super().matched(images, captions) + HARDEST * (rows + columns)


def further(bench: Bench, steps: int, *kinds: str) -> dict[str, float]:
    """Beside further photos of these kinds, `described` or `unspoken`."""
    given = recipe.Further(**{kind: getattr(bench.further, kind) for kind in kinds})
    missing = [f"--{kind} TAR" for kind in kinds if not getattr(given, kind)]
    if missing:
        raise SystemExit(f"The rows of further photos need {' and '.join(missing)}.")
    return bench.trained(steps, recipe.with_further(bench.material, bench.extractor, given))[1]


class LastStage(nn.Module):
    """The last block and the top of an encoder: maps of the block before -> its features."""

    def __init__(self, lite: Lite) -> None:
        super().__init__()
        self.block, self.top, self.map_px = lite.blocks[-1], lite.top, lite.map_px

    def forward(self, maps: Tensor) -> Tensor:
        x = self.block(maps)
        features = F.relu6(self.top(x)).float().mean((2, 3))
        step_px = self.map_px // 2
        quarters = F.avg_pool2d(x.float(), self.map_px - step_px, step_px)
        return torch.cat([features, quarters.flatten(1)], 1)


class Unfrozen(Heads):
    """Heads that have learned, and the encoders' last stages learning with them."""

    def begin(
        self,
        learned: Heads,
        stages: list[LastStage],
        maps: list[list[Tensor]],
        held_out: list[Tensor],
    ) -> None:
        """maps: of each view and encoder [n, c, h, w], what the last stages are given; held_out: of each encoder."""
        for own, part in zip(self.parts, learned.parts, strict=True):
            own.load_state_dict(part.state_dict())
        self.stages, self._maps, self._held_out = stages, maps, held_out
        self._moved = torch.zeros(())

    @property
    def parts(self) -> list[nn.Module]:
        return [*super().parts, *getattr(self, "stages", [])]

    @property
    def rates(self) -> dict[nn.Module, float]:
        return dict.fromkeys(self.stages, UNFROZEN_SHARE)

    def features(self, view: Tensor, rows: Tensor) -> Tensor:
        pairs = list(zip(view.tolist(), rows.tolist(), strict=True))
        found = torch.cat(
            [
                stage(torch.stack([self._maps[v][i][r] for v, r in pairs]))
                for i, stage in enumerate(self.stages)
            ],
            1,
        )
        before = super().features(view, rows)
        self._moved = (((found - before) / self.image.spread) ** 2).mean()
        return found

    def loss(self, rows: Tensor) -> Tensor:
        return super().loss(rows) + ANCHOR * self._moved

    def seen(self, maps: list[Tensor]) -> Tensor:
        """Features of photos by their maps, of each encoder [n, c, h, w]."""
        parts = zip(*(torch.split(one, PHOTOS_AT_ONCE) for one in maps), strict=True)
        with torch.no_grad(), torch.autocast("cpu", torch.bfloat16):
            found = [
                torch.cat([stage(one) for stage, one in zip(self.stages, part, strict=True)], 1)
                for part in parts
            ]
        return torch.cat(found).float()

    def validate(self) -> float:
        held_out, images = self._material.held_out, self.seen(self._held_out)
        with torch.no_grad():
            photos = self.image(images)
            both = [recall_at_10(self.text(said[:, 0]), photos) for said in (held_out.en, held_out.zh)]
        return sum(both) / len(both)


def maps_of(bench: Bench, squares: np.ndarray) -> list[Tensor]:
    """What the last stage of each encoder is given of squares [n, s, s, 3], in bfloat16."""
    found: list[Tensor] = []
    for lite in bench.beginning.encoders:
        parts = []
        for begin in range(0, len(squares), PHOTOS_AT_ONCE):
            pixels = torch.from_numpy(normalise(squares[begin : begin + PHOTOS_AT_ONCE], PREPROCESSING))
            with torch.no_grad(), torch.autocast("cpu", torch.bfloat16):
                x = pixels.contiguous(memory_format=torch.channels_last)
                if lite.size_px != SIZE_PX:
                    x = F.interpolate(x, (lite.size_px,) * 2, mode="bilinear", align_corners=False)
                x = F.relu6(lite.stem(x))
                for block in lite.blocks[:-1]:
                    x = block(x)
            parts.append(x.bfloat16())
        found.append(torch.cat(parts))
    return found


def squares_of(tar: Path) -> np.ndarray:
    return np.stack([decoded(path, data, PREPROCESSING) for path, data in pictures(tar)])


def unfrozen(bench: Bench, steps: int) -> dict[str, float]:
    """Two stages: heads on frozen encoders as they are and mirrored, then both."""
    views = bench.material.photos
    material = replace(bench.material, photos=replace(views, views=views.views[:2], seen=views.seen[:2]))
    learned, _ = bench.trained(steps, material)
    stages = [LastStage(lite).to(memory_format=torch.channels_last) for lite in bench.beginning.encoders]
    squares = squares_of(SHARED_DATA / "flickr8k" / "train.tar")
    training, held_out = (rows.numpy() for rows in recipe.split(len(squares)))
    maps = [maps_of(bench, squares[training]), maps_of(bench, squares[training][:, :, ::-1])]
    heads = Unfrozen(material, Weights())
    judging = maps_of(bench, squares[held_out])
    heads.begin(learned, stages, maps, judging)
    each = recipe.settings(material).steps_an_epoch
    train(heads, replace(UNFROZEN, steps_an_epoch=each), silent, CancelToken())
    kinds = [
        heads.seen(maps_of(bench, squares_of(SHARED_DATA / "labelled" / name / "train.tar")))
        for name in KINDS
    ]
    return bench.measured(heads, heads.seen(judging), kinds)


def fewer(bench: Bench, steps: int, share: float) -> dict[str, float]:
    """A part of the training photos, as many steps."""
    photos = bench.material.photos.only(torch.arange(round(share * len(bench.material.photos.en))))
    return bench.trained(steps, replace(bench.material, photos=photos, own=len(photos.en)))[1]


def without_cuts(bench: Bench, steps: int) -> dict[str, float]:
    photos = bench.material.photos
    plain = replace(photos, views=photos.views[:2], seen=photos.seen[:2])
    return bench.trained(steps, replace(bench.material, photos=plain))[1]


ROWS: dict[str, Callable[[Bench, int], dict[str, float]]] = {
    "recipe": lambda bench, steps: bench.trained(steps)[1],
    "without cuts": without_cuts,
    "without averaging": lambda bench, steps: bench.trained(steps, average=0.0)[1],
    "hardest negatives": lambda bench, steps: bench.trained(steps, form=Hardest)[1],
    "last stages unfrozen, without cuts": unfrozen,
    "half the photos": lambda bench, steps: fewer(bench, steps, 0.5),
    "a quarter of the photos": lambda bench, steps: fewer(bench, steps, 0.25),
}
FURTHER: dict[str, Callable[[Bench, int], dict[str, float]]] = {
    "further photos": lambda bench, steps: further(bench, steps, "unspoken"),
    "further captions": lambda bench, steps: further(bench, steps, "described"),
    "both": lambda bench, steps: further(bench, steps, "described", "unspoken"),
}


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    rows = {**ROWS, **FURTHER}
    parser.add_argument("--rows", nargs="+", choices=rows, default=[*ROWS])
    parser.add_argument("--steps", type=int, default=150)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--cache", type=Path, default=train_starter.HERE.parent / ".cache" / "starter")
    for name in ("--described", "--unspoken"):
        parser.add_argument(name, type=Path, nargs="+", default=[], metavar="TAR")
    asked = parser.parse_args()
    bench = Bench(asked.cache, recipe.Further(tuple(asked.described), tuple(asked.unspoken)))
    for name in asked.rows:
        began = time.perf_counter()
        torch.manual_seed(asked.seed)
        found = rows[name](bench, asked.steps)
        row("starter ablation", name, time.perf_counter() - began, "s", photos=len(bench.material.photos.en),
            views=len(VIEWS), steps=asked.steps, seed=asked.seed, **found)  # fmt: skip


if __name__ == "__main__":
    main()
