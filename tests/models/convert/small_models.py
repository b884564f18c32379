"""One small model with random weights of every architecture that transformers has and we read."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from transformers import (
    AltCLIPConfig,
    AltCLIPModel,
    BertConfig,
    CLIPConfig,
    CLIPModel,
    CLIPVisionConfig,
    PreTrainedModel,
    Siglip2Config,
    Siglip2Model,
    VisionTextDualEncoderConfig,
    VisionTextDualEncoderModel,
    ViTConfig,
)

SMALL = {"hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2, "num_attention_heads": 2}
VISION = SMALL | {"image_size": 32, "patch_size": 8}
WORDS = {
    "vocab_size": 600,
    "max_position_embeddings": 40,
    "bos_token_id": 1,
    "eos_token_id": 2,
    "pad_token_id": 0,
}


def clip() -> PreTrainedModel:
    text = SMALL | WORDS | {"eos_token_id": 599}
    return CLIPModel(CLIPConfig(text_config=text, vision_config=VISION, projection_dim=24))


def altclip() -> PreTrainedModel:
    # Its places are counted from the one after the padding's id.
    text = SMALL | WORDS | {"project_dim": 20, "pad_token_id": 1, "max_position_embeddings": 42}
    return AltCLIPModel(AltCLIPConfig(text_config=text, vision_config=VISION, projection_dim=24))


def siglip2() -> PreTrainedModel:
    vision = SMALL | {"num_patches": 16, "patch_size": 8}
    return Siglip2Model(Siglip2Config(text_config=SMALL | WORDS, vision_config=vision))


def dual(vision: type[Any]) -> PreTrainedModel:
    text = BertConfig(**SMALL, vocab_size=600, max_position_embeddings=40)
    config = VisionTextDualEncoderConfig.from_vision_text_configs(vision(**VISION), text, projection_dim=24)
    return VisionTextDualEncoderModel(config)


MODELS: dict[str, Callable[[], PreTrainedModel]] = {
    "clip": clip,
    "altclip": altclip,
    "siglip2": siglip2,
    "dual encoder of CLIP and BERT": lambda: dual(CLIPVisionConfig),
    "dual encoder of ViT and BERT": lambda: dual(ViTConfig),
}


def written(model: PreTrainedModel, folder: Path) -> Path:
    folder.mkdir(exist_ok=True)
    model.save_pretrained(folder)
    return folder


def inputs() -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    random = np.random.default_rng(4)
    pixels = torch.from_numpy(random.normal(size=(3, 3, 32, 32)).astype(np.float32))
    ids = torch.from_numpy(random.integers(10, 590, (3, 40)))
    mask = torch.ones_like(ids)
    for row, length in enumerate((40, 12, 5)):
        ids[row, length - 1] = 599
        ids[row, length:], mask[row, length:] = 1, 0
    return pixels, ids, mask
