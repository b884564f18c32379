"""Chinese-CLIP's fine-tuning on a set of its own layout, from import to undo, as the command line does it.

    python -m tests.benchmarks.muge [--photos 1000] [--epochs 30] [--original]

A part of Flickr8k's training photos with its human Chinese captions becomes a set in MUGE's layout (`train` and
`valid`); a small Chinese-CLIP with random weights (a Hugging Face folder, or with --original the golden checkpoint
`cn-vit.pt` of the shared test data, with its `module.` names) is imported, used, measured by `eval retrieval
--muge`, trained in both stages, judged, switched to, measured again, and undone. A model that begins from nothing
learns little from so few photos: what is shown is that every step works on real files, and that it gains. Needs
the `train` extra.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import Any

from transformers import ChineseCLIPConfig

from core.models.convert.vocabularies import chinese_vocabulary
from tests.benchmarks.machine import row
from tests.benchmarks.training_memory import FLICKR, pictures
from tests.conftest import SHARED_DATA
from tests.training.made_sets import save, write_split

HELD_OUT_SHARE = 0.2
# What is to be seen by colours already: all that so small a model learns from nothing in minutes.
SCENES = ("雪", "草", "海浪泳")
SMALL = {"hidden_size": 64, "num_hidden_layers": 3, "num_attention_heads": 4, "intermediate_size": 128}


def make_set(folder: Path, count: int) -> None:
    """Five queries a photo; as many photos of each of SCENES as there are of the rarest."""
    said: dict[str, list[str]] = {}
    of_scene: Counter[str] = Counter()
    with (FLICKR / "captions-train.jsonl").open(encoding="utf-8") as file:
        for line in map(json.loads, file):
            scenes = [scene for scene in SCENES if any(set(scene) & set(text) for text in line["zh"])]
            if len(scenes) == 1 and of_scene[scenes[0]] < count // len(SCENES):
                of_scene[scenes[0]] += 1
                said[line["id"]] = line["zh"]
    found = pictures(said)
    names = list(found)
    held_out = round(HELD_OUT_SHARE * len(names))
    for split, chosen in (("train", names[held_out:]), ("valid", names[:held_out])):
        texts = [(text, [name]) for name in chosen for text in said[name]]
        write_split(folder, split, {name: found[name] for name in chosen}, texts)


def small_clip(folder: Path) -> Path:
    words = chinese_vocabulary()
    config = ChineseCLIPConfig(
        text_config={**SMALL, "vocab_size": len(words), "max_position_embeddings": 64},
        vision_config={**SMALL, "image_size": 64, "patch_size": 16},
        projection_dim=64,
    )
    save(config, words, folder)
    return folder


def shiguang(library: Path, *words: str) -> dict[str, Any]:
    """The last line of a command."""
    command = [sys.executable, "-m", "core.cli", "--library", str(library), "--json", *words]
    done = subprocess.run(command, capture_output=True, check=False, text=True)
    assert done.returncode == 0, done.stderr[-2_000:]
    last: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return last


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--photos", type=int, default=1_000)
    parser.add_argument("--epochs", type=int, default=30)
    parser.add_argument("--rate", type=float, default=1e-3)
    parser.add_argument("--original", action="store_true")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as temp:
        home = Path(temp)
        pairs, library = home / "set", home / "library"
        make_set(pairs, options.photos)
        original = SHARED_DATA / "parity/checkpoints/cn-vit.pt"
        model = original if options.original else small_clip(home / "clip")
        shiguang(library, "models", "import", str(model), "--as", "cn")
        first = shiguang(library, "models", "use", "local:cn")

        def recall(split: str) -> float:
            asked = ("eval", "retrieval", "--muge", str(pairs), "--split", split)
            return round(float(shiguang(library, *asked)["mean_recall"]), 4)

        before = {split: recall(split) for split in ("train", "valid")}
        course = ("--epochs", str(options.epochs), "--rate", str(options.rate))
        began = time.perf_counter()
        verdict = shiguang(library, "finetune", "--muge", str(pairs), *course)
        seconds = time.perf_counter() - began
        after = {split: recall(split) for split in before} if verdict["accepted"] else {}
        row("muge", model.name, seconds, "s", photos=options.photos, epochs=options.epochs, verdict=verdict,
            mean_recall_before=before, mean_recall_after=after)  # fmt: skip
        if verdict["accepted"]:
            undone = shiguang(library, "finetune", "undo")
            row("muge", "undo", undone["photos"], "photos", model=undone["model"], was=first)


if __name__ == "__main__":
    main()
