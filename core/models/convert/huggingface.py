"""Folders in the Hugging Face layout -> towers: config.json, weights, tokenizer, preprocessor_config.json.

One model with both towers (CLIP, Chinese-CLIP, SigLIP, SigLIP 2, AltCLIP, VisionTextDualEncoder), or Taiyi's two
folders `text/` and `image/`. Code that a folder brings along is never run, and a folder that needs it is refused.
"""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from transformers import (
    AltCLIPConfig,
    AltCLIPModel,
    BertConfig,
    ChineseCLIPConfig,
    CLIPConfig,
    PreTrainedConfig,
    PreTrainedModel,
    Siglip2Config,
    SiglipConfig,
    VisionTextDualEncoderConfig,
    VisionTextDualEncoderModel,
)

from core.errors import ModelError
from core.models.convert.checkpoints import Weights, read_folder
from core.models.convert.folder_tokenizer import folder_tokenizer
from core.models.convert.found import CLIP_MEAN, CLIP_STD, FoundModel
from core.models.convert.original import CHINESE_CONTEXT
from core.models.convert.source import LOGIT_SCALE, TowerPlan, Towers
from core.models.spec import Preprocessing

CONFIG_FILE = "config.json"
HALF = (0.5, 0.5, 0.5)
# What CLIP-like models with other text towers were trained with.
_USUAL_CONTEXT = 77
# Pillow's numbers of its filters, as preprocessor_config.json has them.
_FILTERS = ("nearest", "lanczos", "bilinear", "bicubic", "box", "hamming")
_BOTH = ("en", "zh")


@dataclass(frozen=True, slots=True)
class Family:
    """One `model_type` of config.json.

    image, text     architectures of `towers.py`
    crop            how pictures are cut where preprocessor_config.json does not say; else squashed
    languages       (): what the vocabulary holds
    context_length  None: as many ids as the text tower has places
    full            whether texts are padded in full
    leftovers       beginnings of names of tensors that no tower uses
    renames         the whole model, where transformers' modules are called otherwise than its files' tensors
    """

    name: str
    config: type[PreTrainedConfig]
    image: str
    text: str
    languages: tuple[str, ...]
    pooling: str
    crop: bool = False
    mean: tuple[float, float, float] = CLIP_MEAN
    std: tuple[float, float, float] = CLIP_STD
    interpolation: str = "bicubic"
    context_length: int | None = None
    full: bool = False
    leftovers: tuple[str, ...] = ()
    renames: type[PreTrainedModel] | None = None


FAMILIES = {
    "clip": Family("CLIP", CLIPConfig, "clip", "clip", ("en",), "eos", crop=True),
    "chinese_clip": Family(
        "Chinese-CLIP",
        ChineseCLIPConfig,
        "chinese-clip",
        "chinese-clip",
        ("zh",),
        "cls",
        context_length=CHINESE_CONTEXT,
        leftovers=("text_model.pooler.",),
    ),
    "siglip": Family("SigLIP", SiglipConfig, "siglip", "siglip", (), "last", mean=HALF, std=HALF, full=True),
    "siglip2": Family(
        "SigLIP 2",
        Siglip2Config,
        "siglip2",
        "siglip2",
        _BOTH,
        "last",
        mean=HALF,
        std=HALF,
        interpolation="bilinear",
        full=True,
    ),
    "altclip": Family(
        "AltCLIP",
        AltCLIPConfig,
        "altclip",
        "altclip",
        _BOTH,
        "cls",
        crop=True,
        context_length=_USUAL_CONTEXT,
        leftovers=("text_model.roberta.pooler.",),
        renames=AltCLIPModel,
    ),
    "vision-text-dual-encoder": Family(
        "VisionTextDualEncoder",
        VisionTextDualEncoderConfig,
        "auto",
        "auto",
        (),
        "cls",
        context_length=_USUAL_CONTEXT,
        renames=VisionTextDualEncoderModel,
    ),
}
TAIYI = Family(
    "Taiyi-CLIP",
    CLIPConfig,
    "clip",
    "taiyi",
    ("zh",),
    "classifier",
    crop=True,
    context_length=_USUAL_CONTEXT,
)
TAIYI_TEXT, TAIYI_IMAGE = "text", "image"


def is_hugging_face(folder: Path) -> bool:
    return (folder / CONFIG_FILE).is_file() or is_taiyi(folder)


def is_taiyi(folder: Path) -> bool:
    return all((folder / part / CONFIG_FILE).is_file() for part in (TAIYI_TEXT, TAIYI_IMAGE))


def weight_folders(folder: Path) -> tuple[Path, ...]:
    """The folders that hold the weights of the model in `folder`."""
    return (folder / TAIYI_IMAGE, folder / TAIYI_TEXT) if is_taiyi(folder) else (folder,)


def found_folder(folder: Path) -> FoundModel:
    """The model in a Hugging Face folder. Raises ModelError when a part is missing, unknown or does not fit."""
    family, towers, weights = read_hugging_face(folder)
    tokens = folder / TAIYI_TEXT if family is TAIYI else folder
    pictures = folder / TAIYI_IMAGE if family is TAIYI else folder
    text = towers.text_plan.config
    places = _places(text)
    tokenizer, use = folder_tokenizer(
        tokens,
        pad_id=text.get("pad_token_id"),
        full=family.full,
        straight_quotes=family.text == "chinese-clip",
        lower=family.text.startswith("siglip"),
    )
    return FoundModel(
        family=family.name,
        languages=family.languages or _languages(tokenizer.get_vocab()),
        towers=towers,
        weights=weights,
        preprocessing=_preprocessing(pictures, family, _size_px(towers.image_plan.config)),
        tokenizer=tokenizer,
        text=use,
        pooling=family.pooling,
        context_length=min(family.context_length or places, places),
    ).check_vocabulary(folder)


def read_hugging_face(folder: Path) -> tuple[Family, Towers, Weights]:
    """Family, towers and weights of the model in `folder`; no tokenizer is needed for them. Raises ModelError."""
    if is_taiyi(folder):
        return _taiyi(folder)
    given = _json(folder / CONFIG_FILE)
    kind = given.get("model_type")
    if kind not in FAMILIES:
        raise ModelError(
            f"{folder / CONFIG_FILE}: the model type {kind!r} is not known",
            what_to_do="Known are " + ", ".join(FAMILIES) + ", and Taiyi's two folders text and image.",
        )
    family = FAMILIES[str(kind)]
    config = _full_config(family.config, given, folder)
    image, text = config["vision_config"], config["text_config"]
    weights = {
        name: value
        for name, value in _named(read_folder(folder)).items()
        if not name.startswith(family.leftovers)
    }
    if family.renames is not None:
        weights = _renamed(family.renames, family.config.from_dict(config), weights, folder)
    image_width, text_width = _widths(family, config, weights, folder)
    _check_widths(folder, image_width, text_width)
    towers = Towers.of(
        TowerPlan(family.image, image), TowerPlan(family.text, text), image_width, weights, folder
    )
    return family, towers, weights


def _renamed(
    kind: type[PreTrainedModel], config: PreTrainedConfig, weights: Weights, folder: Path
) -> Weights:
    """The weights under the names of transformers' modules, which it knows how to find itself."""
    dtypes = {value.dtype for value in weights.values() if value.is_floating_point()}
    try:
        # With `output_loading_info` it gives a pair, which its types do not say.
        loaded: Any = kind.from_pretrained(
            None,
            config=config,
            state_dict=weights,
            output_loading_info=True,
            dtype=dtypes.pop() if len(dtypes) == 1 else torch.float32,
        )
    # Among others for tensors of another shape, whose names it gives.
    except Exception as error:
        raise ModelError(f"{folder}: the weights do not fit the configuration: {error}") from error
    model, said = loaded
    if said["missing_keys"]:
        raise ModelError(f"{folder}: the tensor {sorted(said['missing_keys'])[0]} is missing")
    return dict(model.state_dict())


def _taiyi(folder: Path) -> tuple[Family, Towers, Weights]:
    image = _full_config(CLIPConfig, _of_type(folder / TAIYI_IMAGE, "clip"), folder)["vision_config"]
    text = _full_config(BertConfig, _of_type(folder / TAIYI_TEXT, "bert"), folder)
    clip, bert = (_named(read_folder(folder / part)) for part in (TAIYI_IMAGE, TAIYI_TEXT))
    kept = ("vision_model.", "visual_projection.", LOGIT_SCALE)
    weights = {name: value for name, value in clip.items() if name.startswith(kept)}
    weights |= {name: value for name, value in bert.items() if name.startswith(("bert.", "classifier."))}
    widths = []
    for name in ("visual_projection.weight", "classifier.weight"):
        if name not in weights:
            raise ModelError(f"{folder}: the tensor {name} is missing")
        widths.append(weights[name].shape[0])
    _check_widths(folder, *widths)
    towers = Towers.of(TowerPlan("clip", image), TowerPlan("taiyi", text), widths[0], weights, folder)
    return TAIYI, towers, weights


def _places(config: dict[str, Any]) -> int:
    """How many ids the text tower can take: RoBERTa's kin count places from the one after the padding's id."""
    places = int(config["max_position_embeddings"])
    counts_padding = any(name in str(config.get("model_type")) for name in ("roberta", "altclip"))
    return places - int(config["pad_token_id"]) - 1 if counts_padding else places


def _widths(family: Family, config: dict[str, Any], weights: Weights, folder: Path) -> tuple[int, int]:
    """Of both towers' embeddings: of the projections as they are, where there are any."""
    if family.full:
        image, text = config["vision_config"], config["text_config"]
        return int(image["hidden_size"]), int(text.get("projection_size") or text["hidden_size"])
    found = []
    for name in ("visual_projection.weight", "text_projection.weight"):
        if name not in weights or weights[name].dim() != 2:
            raise ModelError(f"{folder}: the tensor {name} is missing")
        found.append(weights[name].shape[0])
    return found[0], found[1]


def _check_widths(folder: Path, image: int, text: int) -> None:
    if image != text:
        raise ModelError(
            f"{folder}: the towers do not fit together: the image tower's embedding has {image} numbers, the "
            f"text tower's {text}"
        )


def _full_config(kind: type[PreTrainedConfig], given: dict[str, Any], folder: Path) -> dict[str, Any]:
    """A configuration with every value, also those that the file leaves at their default."""
    if "auto_map" in given:
        raise ModelError(
            f"{folder} needs code of its own (auto_map in {CONFIG_FILE}), and a model's code is not executed",
            what_to_do="Get the model in a form that transformers knows by itself.",
        )
    try:
        full: dict[str, Any] = json.loads(kind.from_dict(given).to_json_string(use_diff=False))
    # transformers checks its configurations with errors of many kinds.
    except Exception as error:
        raise ModelError(f"{folder / CONFIG_FILE} is not a configuration that fits: {error}") from error
    return full


def _of_type(folder: Path, kind: str) -> dict[str, Any]:
    given = _json(folder / CONFIG_FILE)
    if given.get("model_type") != kind:
        raise ModelError(
            f"{folder / CONFIG_FILE}: the model type {given.get('model_type')!r} is not {kind!r}"
        )
    return given


def _named(weights: Weights) -> Weights:
    """The names as transformers 5 has them; older versions nested towers twice and called norms' weights otherwise."""
    return {_new_name(name): value for name, value in weights.items()}


def _new_name(name: str) -> str:
    for tower in ("vision_model.", "text_model."):
        if name.startswith(tower * 2):
            name = name.removeprefix(tower)
    if "LayerNorm." in name:
        name = name.replace("LayerNorm.gamma", "LayerNorm.weight").replace("LayerNorm.beta", "LayerNorm.bias")
    return name


def _size_px(config: dict[str, Any]) -> int:
    if "num_patches" in config and not isinstance(config.get("image_size"), int):
        return int(config["patch_size"]) * math.isqrt(int(config["num_patches"]))
    return int(config["image_size"])


def _preprocessing(folder: Path, family: Family, size_px: int) -> Preprocessing:
    """What preprocessor_config.json says, else what the family does. Raises ModelError when it does not fit."""
    path = folder / "preprocessor_config.json"
    given = _json(path) if path.is_file() else {}
    crop = bool(given.get("do_center_crop", family.crop))
    wanted = given.get("crop_size" if crop else "size", size_px)
    sides = set(wanted.values()) if isinstance(wanted, dict) else {wanted}
    scaled = given.get("size", size_px)
    scaled = scaled.get("shortest_edge", scaled.get("height")) if isinstance(scaled, dict) else scaled
    if family.text != "siglip2" and (sides != {size_px} or (crop and scaled != size_px)):
        raise ModelError(f"{path}: pictures of {wanted} do not fit an image tower for {size_px} px")
    number = given.get("resample", _FILTERS.index(family.interpolation))
    if isinstance(number, bool) or not isinstance(number, int) or not 0 <= number < len(_FILTERS):
        raise ModelError(f"{path}: the interpolation {number!r} is not known")
    if abs(given.get("rescale_factor", 1 / 255) - 1 / 255) > 1e-9:
        raise ModelError(f"{path}: the rescale_factor {given['rescale_factor']} is not 1/255")
    mean, std = given.get("image_mean", family.mean), given.get("image_std", family.std)
    return Preprocessing(
        "crop" if crop else "squash", size_px, _FILTERS[number], _three(path, mean), _three(path, std)
    )


def _three(path: Path, values: object) -> tuple[float, float, float]:
    match values:
        case [int() | float() as red, int() | float() as green, int() | float() as blue]:
            return float(red), float(green), float(blue)
        case (float() as red, float() as green, float() as blue):
            return red, green, blue
    raise ModelError(f"{path}: {values!r} is not three numbers")


def _languages(vocabulary: dict[str, int]) -> tuple[str, ...]:
    """Chinese where the vocabulary holds more Chinese characters than strays."""
    chinese = sum(any("一" <= letter <= "鿿" for letter in piece) for piece in vocabulary)
    return _BOTH if chinese > 1_000 else ("en",)


def _json(path: Path) -> dict[str, Any]:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ModelError(f"{path} cannot be read: {error}") from error
    if not isinstance(content, dict):
        raise ModelError(f"{path} is not an object")
    return content
