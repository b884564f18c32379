"""Checkpoints in the layout of openai/CLIP and of Chinese-CLIP -> towers. Sizes are read off the tensors' shapes.

What no shape tells are the numbers of attention heads: OpenAI's towers have one per 64 channels (so the reference
loads them), and so have Chinese-CLIP's published ones but for ViT-H/14's image tower (80). Other Chinese-CLIP
checkpoints need their configuration, under the names of the reference's code.
"""

from __future__ import annotations

import json
import math
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from torch import Tensor

from core.errors import ModelError
from core.models.convert.checkpoints import Weights
from core.models.convert.resnet import REDUCTION
from core.models.convert.source import LOGIT_SCALE, TowerPlan, Towers

HEAD_WIDTH = 64
# Published image towers of Chinese-CLIP (Yang et al. 2022, table 1): (layers, width, patch) -> channels a head.
_CHINESE_IMAGE = {(12, 768, 16): 64, (24, 1024, 14): 64, (32, 1280, 14): 80, ((3, 4, 6, 3), 64, None): 64}
# Its text towers, RBT3, RoBERTa-wwm-ext-base and -large: (layers, width), 64 channels a head.
_CHINESE_TEXT = {(3, 768), (12, 768), (24, 1024)}
CHINESE_CONTEXT = 52
_ASK_CONFIG = (
    "Give its configuration by --config, or as <name>.config.json beside the checkpoint: vision_head_width and "
    "text_num_attention_heads, named as in the reference's code."
)


@dataclass(frozen=True, slots=True)
class Original:
    """A checkpoint in an original layout, as towers and what a model's spec has to say of it.

    family      "openai" or "chinese-clip"
    vocabulary  how many ids its text tower knows
    weights     under transformers' names, in the dtypes they were stored in
    """

    family: str
    towers: Towers
    weights: Weights
    size_px: int
    context_length: int
    vocabulary: int


def is_original(weights: Weights) -> bool:
    """Whether the names are those of openai/CLIP or Chinese-CLIP."""
    return any(name.startswith("visual.") for name in weights) and "text_projection" in weights


def read_original(weights: Weights, path: Path, config: dict[str, Any]) -> Original:
    """The towers of a state dict that `is_original`.

    path    of the checkpoint, for messages
    config  hyper-parameters under the reference's names; empty where there are none
    Raises ModelError for tensors that are missing or do not fit together, and where heads cannot be known.
    """
    reader = _Sizes(path, weights, config)
    chinese = "bert.embeddings.word_embeddings.weight" in weights
    image, image_width, size_px, image_weights = _image(reader, chinese)
    text, text_width, text_weights = (_bert if chinese else _transformer)(reader)
    if image_width != text_width:
        raise ModelError(
            f"{path}: the towers do not fit together: the image tower's embedding has {image_width} numbers, "
            f"the text tower's {text_width}"
        )
    reader.agrees("embed_dim", image_width, "text_projection")
    named = image_weights | text_weights | {LOGIT_SCALE: reader.tensor(LOGIT_SCALE)}
    towers = Towers.of(image, text, image_width, named, path)
    return Original(
        family="chinese-clip" if chinese else "openai",
        towers=towers,
        weights=named,
        size_px=size_px,
        context_length=CHINESE_CONTEXT if chinese else text.config["max_position_embeddings"],
        vocabulary=text.config["vocab_size"],
    )


def read_config(path: Path) -> dict[str, Any]:
    """The hyper-parameters in a JSON file, by the reference's names, whatever groups they lie in.

    Names that the reference does not know are notes and say nothing. Raises ModelError when it cannot be read.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ModelError(f"{path} is no configuration that can be read: {error}") from error
    if not isinstance(content, dict):
        raise ModelError(f"{path} is no configuration: not an object")
    found: dict[str, Any] = {}
    for name, value in content.items():
        found |= value if isinstance(value, dict) else {name: value}
    return found


class _Sizes:
    """One state dict being measured."""

    def __init__(self, path: Path, weights: Weights, config: dict[str, Any]) -> None:
        self.path = path
        self.weights = weights
        self.config = config

    def tensor(self, name: str, dimensions: int | None = None) -> Tensor:
        found = self.weights.get(name)
        if found is None:
            raise ModelError(f"{self.path}: the tensor {name} is missing")
        if dimensions is not None and found.dim() != dimensions:
            raise ModelError(
                f"{self.path}: the tensor {name} has the shape {list(found.shape)}, where {dimensions} numbers "
                "are expected"
            )
        return found

    def agrees(self, name: str, found: object, tensor: str) -> None:
        """Raises ModelError when the configuration says otherwise."""
        said = self.config.get(name)
        said = tuple(said) if isinstance(said, list) else said
        if said is not None and said != found:
            raise ModelError(
                f"{self.path}: the configuration says {name} {said}, but the tensor {tensor} of shape "
                f"{list(self.tensor(tensor).shape)} says {found}"
            )

    def count(self, pattern: str) -> int:
        """How many numbers fill the group of `pattern`, from 0 without a gap."""
        found = {int(match[1]) for name in self.weights if (match := re.match(pattern, name))}
        if found != set(range(len(found))) or not found:
            raise ModelError(f"{self.path}: of the tensors {pattern} some are missing")
        return len(found)

    def side(self, name: str) -> int:
        """The side of the square grid that the places in tensor `name` stand for, the first place left out."""
        places = self.tensor(name, 2).shape[0] - 1
        side = math.isqrt(max(places, 0))
        if side < 1 or side * side != places:
            raise ModelError(
                f"{self.path}: the tensor {name} has {places + 1} places, which is no square and one"
            )
        return side

    def said_heads(self, name: str, width: int, default: int | None) -> int | None:
        """A number of heads from the configuration, else `default`. Raises ModelError for an impossible one."""
        said = self.config.get(name, default)
        if said is None:
            return None
        if isinstance(said, bool) or not isinstance(said, int) or said < 1 or width % said:
            raise ModelError(
                f"{self.path}: the configuration's {name} {said!r} does not divide the width {width}"
            )
        return said

    def taken(self, prefix: str) -> Weights:
        return {name: value for name, value in self.weights.items() if name.startswith(prefix)}


def _image(reader: _Sizes, chinese: bool) -> tuple[TowerPlan, int, int, Weights]:
    if "visual.proj" in reader.weights:
        return _vision_transformer(reader, chinese)
    return _resnet(reader, chinese)


def _vision_transformer(reader: _Sizes, chinese: bool) -> tuple[TowerPlan, int, int, Weights]:
    conv = reader.tensor("visual.conv1.weight", 4)
    width, patch = conv.shape[0], conv.shape[3]
    layers = reader.count(r"visual\.transformer\.resblocks\.(\d+)\.")
    size_px = reader.side("visual.positional_embedding") * patch
    reader.agrees("vision_width", width, "visual.conv1.weight")
    reader.agrees("vision_patch_size", patch, "visual.conv1.weight")
    reader.agrees("image_resolution", size_px, "visual.positional_embedding")
    reader.agrees("vision_layers", layers, f"visual.transformer.resblocks.{layers - 1}.ln_1.weight")
    known = _CHINESE_IMAGE.get((layers, width, patch)) if chinese else HEAD_WIDTH
    # A configuration in the reference's form leaves the common width out.
    head_width = reader.said_heads(
        "vision_head_width", width, known or (HEAD_WIDTH if reader.config else None)
    )
    if head_width is None:
        raise _unknown_heads(reader, "image", f"{layers} layers of {width} channels, patches of {patch} px")
    block = reader.tensor("visual.transformer.resblocks.0.mlp.c_fc.weight", 2)
    config = {
        "hidden_size": width,
        "intermediate_size": block.shape[0],
        "num_hidden_layers": layers,
        "num_attention_heads": width // head_width,
        "image_size": size_px,
        "patch_size": patch,
        "hidden_act": "quick_gelu",
        "layer_norm_eps": 1e-5,
    }
    weights = _renamed(reader, "visual.", "vision_model.", _VISION_NAMES)
    projection = reader.tensor("visual.proj", 2)
    weights["visual_projection.weight"] = projection.T
    plan = TowerPlan("chinese-clip" if chinese else "clip", config)
    return plan, projection.shape[1], size_px, weights


def _resnet(reader: _Sizes, chinese: bool) -> tuple[TowerPlan, int, int, Weights]:
    layers = tuple(reader.count(rf"visual\.layer{stage}\.(\d+)\.") for stage in (1, 2, 3, 4))
    width = reader.tensor("visual.layer1.0.conv1.weight", 4).shape[0]
    size_px = reader.side("visual.attnpool.positional_embedding") * REDUCTION
    outputs = reader.tensor("visual.attnpool.c_proj.weight", 2).shape[0]
    reader.agrees("vision_width", width, "visual.layer1.0.conv1.weight")
    reader.agrees("vision_layers", layers, "visual.layer4.0.conv1.weight")
    reader.agrees("image_resolution", size_px, "visual.attnpool.positional_embedding")
    if chinese and (layers, width, None) not in _CHINESE_IMAGE and not reader.config:
        raise _unknown_heads(reader, "image", f"{layers} blocks of {width} channels")
    head_width = reader.said_heads("vision_head_width", width * REDUCTION, HEAD_WIDTH) or HEAD_WIDTH
    config = {
        "layers": list(layers),
        "width": width,
        "image_size": size_px,
        "heads": width * REDUCTION // head_width,
    }
    return TowerPlan("resnet", config), outputs, size_px, reader.taken("visual.")


def _transformer(reader: _Sizes) -> tuple[TowerPlan, int, Weights]:
    """OpenAI's text tower."""
    vocabulary, width = reader.tensor("token_embedding.weight", 2).shape
    layers = reader.count(r"transformer\.resblocks\.(\d+)\.")
    context = reader.tensor("positional_embedding", 2).shape[0]
    reader.agrees("vocab_size", vocabulary, "token_embedding.weight")
    reader.agrees("transformer_width", width, "token_embedding.weight")
    reader.agrees("context_length", context, "positional_embedding")
    reader.agrees("transformer_layers", layers, f"transformer.resblocks.{layers - 1}.ln_1.weight")
    heads = reader.said_heads("transformer_heads", width, max(width // HEAD_WIDTH, 1))
    config = {
        "vocab_size": vocabulary,
        "hidden_size": width,
        "intermediate_size": reader.tensor("transformer.resblocks.0.mlp.c_fc.weight", 2).shape[0],
        "num_hidden_layers": layers,
        "num_attention_heads": heads,
        "max_position_embeddings": context,
        "hidden_act": "quick_gelu",
        "layer_norm_eps": 1e-5,
        # To transformers, 2 means OpenAI's rule: the text ends at its highest id.
        "eos_token_id": 2,
        "bos_token_id": None,
    }
    weights = _renamed(reader, "", "text_model.", _TEXT_NAMES)
    projection = reader.tensor("text_projection", 2)
    weights["text_projection.weight"] = projection.T
    return TowerPlan("clip", config), projection.shape[1], weights


def _bert(reader: _Sizes) -> tuple[TowerPlan, int, Weights]:
    """Chinese-CLIP's text tower."""
    words = "bert.embeddings.word_embeddings.weight"
    vocabulary, width = reader.tensor(words, 2).shape
    layers = reader.count(r"bert\.encoder\.layer\.(\d+)\.")
    positions = reader.tensor("bert.embeddings.position_embeddings.weight", 2).shape[0]
    inner = reader.tensor("bert.encoder.layer.0.intermediate.dense.weight", 2).shape[0]
    kinds = reader.tensor("bert.embeddings.token_type_embeddings.weight", 2).shape[0]
    reader.agrees("vocab_size", vocabulary, words)
    reader.agrees("text_hidden_size", width, words)
    reader.agrees("text_num_hidden_layers", layers, f"bert.encoder.layer.{layers - 1}.output.dense.weight")
    reader.agrees("text_intermediate_size", inner, "bert.encoder.layer.0.intermediate.dense.weight")
    reader.agrees("text_max_position_embeddings", positions, "bert.embeddings.position_embeddings.weight")
    reader.agrees("text_type_vocab_size", kinds, "bert.embeddings.token_type_embeddings.weight")
    if reader.config.get("text_hidden_act", "gelu") != "gelu":
        raise ModelError(f"{reader.path}: the activation {reader.config['text_hidden_act']!r} is not known")
    known = width // HEAD_WIDTH if (layers, width) in _CHINESE_TEXT else None
    heads = reader.said_heads("text_num_attention_heads", width, known)
    if heads is None:
        raise _unknown_heads(reader, "text", f"{layers} layers of {width} channels")
    config = {
        "vocab_size": vocabulary,
        "hidden_size": width,
        "intermediate_size": inner,
        "num_hidden_layers": layers,
        "num_attention_heads": heads,
        "max_position_embeddings": positions,
        "type_vocab_size": kinds,
        "hidden_act": "gelu",
        "layer_norm_eps": 1e-12,
        "pad_token_id": 0,
    }
    # The pooler is a left-over of BERT's pretraining: the reference drops it too.
    weights = {
        "text_model." + name.removeprefix("bert."): value
        for name, value in reader.taken("bert.").items()
        if not name.startswith("bert.pooler.")
    }
    projection = reader.tensor("text_projection", 2)
    weights["text_projection.weight"] = projection.T
    return TowerPlan("chinese-clip", config), projection.shape[1], weights


def _unknown_heads(reader: _Sizes, tower: str, sizes: str) -> ModelError:
    return ModelError(
        f"{reader.path}: its {tower} tower ({sizes}) is none of the published ones, and the number of attention "
        "heads stands in no tensor",
        what_to_do=_ASK_CONFIG,
    )


_VISION_NAMES = {
    "class_embedding": "embeddings.class_embedding",
    "positional_embedding": "embeddings.position_embedding.weight",
    "conv1.weight": "embeddings.patch_embedding.weight",
    "ln_pre.weight": "pre_layrnorm.weight",
    "ln_pre.bias": "pre_layrnorm.bias",
    "ln_post.weight": "post_layernorm.weight",
    "ln_post.bias": "post_layernorm.bias",
}
_TEXT_NAMES = {
    "token_embedding.weight": "embeddings.token_embedding.weight",
    "positional_embedding": "embeddings.position_embedding.weight",
    "ln_final.weight": "final_layer_norm.weight",
    "ln_final.bias": "final_layer_norm.bias",
}
_BLOCK_NAMES = {
    "attn.out_proj": "self_attn.out_proj",
    "ln_1": "layer_norm1",
    "ln_2": "layer_norm2",
    "mlp.c_fc": "mlp.fc1",
    "mlp.c_proj": "mlp.fc2",
}


def _renamed(reader: _Sizes, old: str, new: str, names: dict[str, str]) -> Weights:
    """OpenAI's names of a transformer -> transformers' names; the fused projections are taken apart."""
    found = {new + name: reader.tensor(old + theirs) for theirs, name in names.items()}
    blocks = old + "transformer.resblocks."
    for full, value in reader.taken(blocks).items():
        number, rest = full.removeprefix(blocks).split(".", 1)
        layer = f"{new}encoder.layers.{number}."
        part, kind = rest.rsplit(".", 1)
        if rest in ("attn.in_proj_weight", "attn.in_proj_bias"):
            kind = rest.removeprefix("attn.in_proj_")
            for one, third in zip("qkv", value.chunk(3), strict=True):
                found[f"{layer}self_attn.{one}_proj.{kind}"] = third
        elif part in _BLOCK_NAMES:
            found[f"{layer}{_BLOCK_NAMES[part]}.{kind}"] = value
        else:
            raise ModelError(f"{reader.path}: the tensor {full} of shape {list(value.shape)} is not known")
    return found
