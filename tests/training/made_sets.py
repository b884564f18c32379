"""A small Chinese-CLIP with random weights, photos of four colours, and sets in MUGE's layout."""

from __future__ import annotations

import base64
import io
import json
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from transformers import ChineseCLIPConfig, ChineseCLIPModel

COLOURS = {"红": (220, 20, 20), "绿": (20, 200, 20), "蓝": (20, 20, 220), "白": (240, 240, 240)}
SIDE = 64


def chinese_clip(folder: Path) -> None:
    """A tiny one as a Hugging Face folder; its text tower knows single characters."""
    words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *COLOURS, *"色的墙一张照片物"]
    small = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 64}
    config = ChineseCLIPConfig(
        text_config={**small, "vocab_size": len(words), "max_position_embeddings": 64},
        vision_config={**small, "image_size": SIDE, "patch_size": 16},
        projection_dim=32,
    )
    save(config, words, folder)


def save(config: ChineseCLIPConfig, words: Sequence[str], folder: Path) -> None:
    """A folder as the publisher has it, weights at random."""
    torch.manual_seed(0)
    ChineseCLIPModel(config).save_pretrained(folder)
    (folder / "vocab.txt").write_text("\n".join(words) + "\n", encoding="utf-8")
    given = {"tokenizer_class": "BertTokenizer", "do_lower_case": True, "pad_token": "[PAD]"}
    (folder / "tokenizer_config.json").write_text(json.dumps(given), encoding="utf-8")


def wall(number: int) -> bytes:
    """A JPEG of one of the colours by turns, with a little noise of its own."""
    colour = np.array(list(COLOURS.values())[number % len(COLOURS)])
    noise = np.random.default_rng(number).normal(0, 25, (SIDE, SIDE, 3))
    file = io.BytesIO()
    Image.fromarray(np.clip(colour + noise, 0, 255).astype(np.uint8)).save(file, "JPEG")
    return file.getvalue()


def words_of(number: int, names: str = "".join(COLOURS)) -> str:
    return f"{names[number % len(names)]}色的墙"


def write_split(
    folder: Path, split: str, photos: dict[str, bytes], texts: Iterable[tuple[str, list[str]]]
) -> None:
    """`photos` by their ids; `texts` with the ids they are true of."""
    folder.mkdir(parents=True, exist_ok=True)
    rows = [f"{name}\t{base64.urlsafe_b64encode(data).decode()}\n" for name, data in photos.items()]
    (folder / f"{split}_imgs.tsv").write_text("".join(rows), encoding="ascii")
    lines = [
        json.dumps({"text_id": i, "text": text, "image_ids": names}, ensure_ascii=False) + "\n"
        for i, (text, names) in enumerate(texts)
    ]
    (folder / f"{split}_texts.jsonl").write_text("".join(lines), encoding="utf-8")


def wall_set(folder: Path, training: int = 48, held_out: int = 24, names: str = "".join(COLOURS)) -> Path:
    """Walls to learn from, and others to be judged by; `names` of the colours, a character each."""
    for split, numbers in (
        ("train", range(training)),
        ("valid", range(training, training + held_out)),
    ):
        photos = {str(1_000 + number): wall(number) for number in numbers}
        write_split(folder, split, photos, [(words_of(n, names), [str(1_000 + n)]) for n in numbers])
    return folder
