"""The two towers of every family as torch modules, with one way to call them: inputs -> L2-normalised embeddings.

transformers' modules are used where there are any, under the names its checkpoints use (`vision_model.encoder...
.q_proj`): so a Hugging Face checkpoint needs no renaming, and what trains a tower further can name its layers.
How the towers differ (activations, epsilons and heads stand in their configurations, the rest in `forward`):

                      activation   epsilon   mask               pooling
    OpenAI image      QuickGELU    1e-5                         class token, norm, projection
    OpenAI text       QuickGELU    1e-5      causal only        norm, highest id's place, projection
    ModifiedResNet    ReLU         1e-5                         attention pool (resnet.py)
    Chinese-CLIP text erf GELU     1e-12     padding            first token, projection
    Taiyi text        erf GELU     1e-12     padding            first token, dense and tanh, classifier with bias
    SigLIP image      tanh GELU    1e-6                         attention head with a learned probe
    SigLIP text       tanh GELU    1e-6      none               last place, head with bias
    AltCLIP text      erf GELU     1e-5      padding            norm, transformation, first token, projection

Attention is computed plainly ("eager"): its matrix products and softmax stay visible in the exported graph.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import torch.nn.functional as F  # noqa: N812
from torch import Tensor, nn
from transformers import (
    AltCLIPTextConfig,
    AltCLIPTextModel,
    AltCLIPVisionConfig,
    AltCLIPVisionModel,
    AutoConfig,
    AutoModel,
    BertConfig,
    BertModel,
    ChineseCLIPTextConfig,
    ChineseCLIPTextModel,
    ChineseCLIPVisionConfig,
    ChineseCLIPVisionModel,
    CLIPTextConfig,
    CLIPTextModel,
    CLIPVisionConfig,
    CLIPVisionModel,
    PreTrainedConfig,
    Siglip2TextConfig,
    Siglip2TextModel,
    Siglip2VisionConfig,
    Siglip2VisionModel,
    SiglipTextConfig,
    SiglipTextModel,
    SiglipVisionConfig,
    SiglipVisionModel,
)

from core.models.convert.resnet import ModifiedResNet

Config = dict[str, Any]
Kind = TypeVar("Kind", bound=PreTrainedConfig)


class ProjectedImage(nn.Module):
    """pixels [n, 3, s, s] -> [n, d]: the pooled output of a transformer, then a linear map without bias."""

    def __init__(self, model: nn.Module, inputs: int, width: int) -> None:
        super().__init__()
        self.vision_model = model
        self.visual_projection = nn.Linear(inputs, width, bias=False)

    def forward(self, pixels: Tensor) -> Tensor:
        pooled = self.vision_model(pixel_values=pixels).pooler_output
        return F.normalize(self.visual_projection(pooled), dim=-1)


class ResnetImage(nn.Module):
    """pixels [n, 3, s, s] -> [n, d]; its attention pool holds the projection."""

    def __init__(self, config: Config, width: int) -> None:
        super().__init__()
        self.visual = ModifiedResNet(
            config["layers"], config["width"], config["image_size"], config["heads"], width
        )

    def forward(self, pixels: Tensor) -> Tensor:
        return F.normalize(self.visual(pixels), dim=-1)


class SiglipImage(nn.Module):
    """pixels [n, 3, s, s] -> [n, d]; its attention head is the pooling, and there is no projection."""

    def __init__(self, config: Config) -> None:
        super().__init__()
        self.vision_model = SiglipVisionModel(_plain(SiglipVisionConfig, config))

    def forward(self, pixels: Tensor) -> Tensor:
        return F.normalize(self.vision_model(pixel_values=pixels).pooler_output, dim=-1)


class Siglip2Image(nn.Module):
    """pixels [n, 3, s, s] -> [n, d], s = patch size x the side of the grid that it was trained from.

    SigLIP 2 in its form for any picture size takes patches and a size for each picture. All pictures are the same
    square here, so places need no resizing and nothing is masked: the same numbers, and a graph without loops.
    """

    def __init__(self, config: Config) -> None:
        super().__init__()
        self.vision_model = Siglip2VisionModel(_plain(Siglip2VisionConfig, config))
        self._patch = int(config["patch_size"])

    def forward(self, pixels: Tensor) -> Tensor:
        model = self.vision_model
        grid = pixels.shape[-1] // self._patch
        patches = pixels.reshape(-1, 3, grid, self._patch, grid, self._patch)
        # [n, 3, rows, p, columns, p] -> [n, rows * columns, p * p * 3], as its image processor cuts them.
        patches = patches.permute(0, 2, 4, 3, 5, 1).flatten(3).flatten(1, 2)
        hidden = model.embeddings.patch_embedding(patches) + model.embeddings.position_embedding.weight
        hidden = model.encoder(inputs_embeds=hidden, attention_mask=None).last_hidden_state
        return F.normalize(model.head(model.post_layernorm(hidden), None), dim=-1)


class ClipText(nn.Module):
    """ids [n, t] -> [n, d]. Causal; the end token's place is taken, so padding after it changes nothing."""

    def __init__(self, config: Config, width: int) -> None:
        super().__init__()
        self.text_model = CLIPTextModel(_plain(CLIPTextConfig, config))
        self.text_projection = nn.Linear(config["hidden_size"], width, bias=False)

    def forward(self, ids: Tensor, mask: Tensor) -> Tensor:
        pooled = self.text_model(input_ids=ids).pooler_output
        return F.normalize(self.text_projection(pooled), dim=-1)


class FirstTokenText(nn.Module):
    """ids, mask [n, t] -> [n, d]: the first token of the last layer, then a linear map without bias."""

    def __init__(self, model: nn.Module, inputs: int, width: int) -> None:
        super().__init__()
        self.text_model = model
        self.text_projection = nn.Linear(inputs, width, bias=False)

    def forward(self, ids: Tensor, mask: Tensor) -> Tensor:
        first = self.text_model(input_ids=ids, attention_mask=mask).last_hidden_state[:, 0]
        return F.normalize(self.text_projection(first), dim=-1)


class PooledText(nn.Module):
    """ids, mask [n, t] -> [n, d]: whatever the model calls its pooled output, then a linear map without bias."""

    def __init__(self, model: nn.Module, inputs: int, width: int) -> None:
        super().__init__()
        self.text_model = model
        self.text_projection = nn.Linear(inputs, width, bias=False)

    def forward(self, ids: Tensor, mask: Tensor) -> Tensor:
        pooled = self.text_model(input_ids=ids, attention_mask=mask).pooler_output
        return F.normalize(self.text_projection(pooled), dim=-1)


class ClassifierText(nn.Module):
    """ids, mask [n, t] -> [n, d]: Taiyi's text tower, a classifier whose logits are the embedding.

    Padding is masked. The published example does not mask it, so that a text's embedding hangs on the texts
    encoded beside it; masked, a text has one embedding, the one it has alone.
    """

    def __init__(self, config: Config, width: int) -> None:
        super().__init__()
        self.bert = BertModel(_plain(BertConfig, config))
        self.classifier = nn.Linear(config["hidden_size"], width)

    def forward(self, ids: Tensor, mask: Tensor) -> Tensor:
        pooled = self.bert(input_ids=ids, attention_mask=mask).pooler_output
        return F.normalize(self.classifier(pooled), dim=-1)


class LastTokenText(nn.Module):
    """ids [n, t] -> [n, d]: SigLIP's, which takes the last place and masks nothing: t is always the full length."""

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.text_model = model

    def forward(self, ids: Tensor, mask: Tensor) -> Tensor:
        return F.normalize(self.text_model(input_ids=ids).pooler_output, dim=-1)


def image_tower(architecture: str, config: Config, width: int) -> nn.Module:
    """A new image tower, weights at random. Raises KeyError for an unknown architecture."""
    return _IMAGE[architecture](config, width).eval()


def text_tower(architecture: str, config: Config, width: int) -> nn.Module:
    """A new text tower, weights at random. Raises KeyError for an unknown architecture."""
    return _TEXT[architecture](config, width).eval()


def _plain(kind: type[Kind], config: Config) -> Kind:
    """The configuration, with attention computed plainly."""
    known = kind.from_dict(config)
    known._attn_implementation = "eager"
    return known


def _clip_image(config: Config, width: int) -> nn.Module:
    model = CLIPVisionModel(_plain(CLIPVisionConfig, config))
    return ProjectedImage(model, config["hidden_size"], width)


def _chinese_clip_image(config: Config, width: int) -> nn.Module:
    model = ChineseCLIPVisionModel(_plain(ChineseCLIPVisionConfig, config))
    return ProjectedImage(model, config["hidden_size"], width)


def _altclip_image(config: Config, width: int) -> nn.Module:
    model = AltCLIPVisionModel(_plain(AltCLIPVisionConfig, config))
    return ProjectedImage(model, config["hidden_size"], width)


def _auto_image(config: Config, width: int) -> nn.Module:
    return ProjectedImage(_auto(config), config["hidden_size"], width)


def _chinese_clip_text(config: Config, width: int) -> nn.Module:
    model = ChineseCLIPTextModel(_plain(ChineseCLIPTextConfig, config), add_pooling_layer=False)
    return FirstTokenText(model, config["hidden_size"], width)


def _altclip_text(config: Config, width: int) -> nn.Module:
    model = AltCLIPTextModel(_plain(AltCLIPTextConfig, config))
    return FirstTokenText(model, config["project_dim"], width)


def _auto_text(config: Config, width: int) -> nn.Module:
    return PooledText(_auto(config), config["hidden_size"], width)


def _siglip_text(config: Config, width: int) -> nn.Module:
    return LastTokenText(SiglipTextModel(_plain(SiglipTextConfig, config)))


def _siglip2_text(config: Config, width: int) -> nn.Module:
    return LastTokenText(Siglip2TextModel(_plain(Siglip2TextConfig, config)))


def _auto(config: Config) -> nn.Module:
    """Any model of transformers, by the `model_type` of its configuration; never code from elsewhere."""
    given = dict(config)
    known = AutoConfig.for_model(given.pop("model_type"), **given)
    known._attn_implementation = "eager"
    model: nn.Module = AutoModel.from_config(known, trust_remote_code=False)  # type: ignore[no-untyped-call]
    return model


_Build = Callable[[Config, int], nn.Module]

_IMAGE: dict[str, _Build] = {
    "clip": _clip_image,
    "chinese-clip": _chinese_clip_image,
    "altclip": _altclip_image,
    "resnet": ResnetImage,
    "siglip": lambda config, width: SiglipImage(config),
    "siglip2": lambda config, width: Siglip2Image(config),
    "auto": _auto_image,
}
_TEXT: dict[str, _Build] = {
    "clip": ClipText,
    "chinese-clip": _chinese_clip_text,
    "altclip": _altclip_text,
    "taiyi": ClassifierText,
    "siglip": _siglip_text,
    "siglip2": _siglip2_text,
    "auto": _auto_text,
}
IMAGE_ARCHITECTURES = tuple(_IMAGE)
TEXT_ARCHITECTURES = tuple(_TEXT)
