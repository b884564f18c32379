"""A model's two towers with their weights, and `source/` of a model folder: where they are kept to be trained
on and converted again.

`source/config.json` names each tower's architecture (`towers.py`), its configuration and the width of the space;
`source/model.safetensors` holds the weights of both under transformers' names, and `logit_scale` as the
logarithm that is trained. Weights that came in 16 bits and lose nothing in them are kept in 16 bits.
"""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file
from torch import Tensor, nn
from transformers.initialization import no_init_weights

from core.errors import ModelError
from core.models.convert.checkpoints import SAFETENSORS, Weights, read_weights
from core.models.convert.towers import (
    IMAGE_ARCHITECTURES,
    TEXT_ARCHITECTURES,
    Config,
    image_tower,
    text_tower,
)
from core.models.strict import StrictReader

SOURCE_FOLDER = "source"
CONFIG_FILE = "config.json"
LOGIT_SCALE = "logit_scale"
# Buffers that older versions of transformers saved: they count places, and weigh nothing.
_COUNTERS = ("position_ids", "token_type_ids")


@dataclass(frozen=True, slots=True)
class TowerPlan:
    """How one tower is built: its architecture's name and the configuration its module takes."""

    architecture: str
    config: Config


@dataclass(frozen=True, slots=True)
class Towers:
    """A model in torch, in evaluation mode, weights in float32 on the CPU.

    image        pixels [n, 3, s, s] float32 -> embedding [n, width], L2-normalised
    text         ids, mask [n, t] int64 -> embedding [n, width], L2-normalised
    logit_scale  the factor on a cosine before softmax (already exponentiated)
    """

    image: nn.Module
    text: nn.Module
    logit_scale: float
    width: int
    image_plan: TowerPlan
    text_plan: TowerPlan

    @classmethod
    def of(cls, image: TowerPlan, text: TowerPlan, width: int, weights: Weights, where: Path) -> Towers:
        """Both towers with `weights`, which bear transformers' names.

        Weights of neither tower are passed over (a CLIP model's own text tower in Taiyi); a tower's weights have
        to be there all and fit. Raises ModelError that names the tensor and both shapes; `where` is for it.
        """
        towers = []
        for plan, build in ((image, image_tower), (text, text_tower)):
            try:
                # Every weight is filled or refused below, and drawing a large tower's at random takes a minute.
                with no_init_weights():
                    tower = build(plan.architecture, plan.config, width)
            # transformers checks its configurations with errors of many kinds.
            except Exception as error:
                raise ModelError(f"{where}: its configuration is not one that fits: {error}") from error
            _fill(tower, weights, where)
            towers.append(tower)
        scale = weights.get(LOGIT_SCALE)
        if scale is None or scale.numel() != 1 or not math.isfinite(float(scale.exp())):
            raise ModelError(f"{where} has no {LOGIT_SCALE} that can be used")
        return cls(towers[0], towers[1], float(scale.float().exp()), width, image, text)

    def parameters_count(self) -> int:
        """Of both towers, running statistics included."""
        return sum(
            value.numel() for tower in (self.image, self.text) for value in tower.state_dict().values()
        )


def save_source(towers: Towers, given: Weights, folder: Path) -> None:
    """Write `source/` into `folder`. `given` are the weights the towers were made of, for their dtypes."""
    source = folder / SOURCE_FOLDER
    source.mkdir()
    content = {
        "width": towers.width,
        "image": {"architecture": towers.image_plan.architecture, "config": towers.image_plan.config},
        "text": {"architecture": towers.text_plan.architecture, "config": towers.text_plan.config},
    }
    (source / CONFIG_FILE).write_text(json.dumps(content, indent=1, ensure_ascii=False), encoding="utf-8")
    state = {LOGIT_SCALE: torch.tensor(math.log(towers.logit_scale))}
    for tower in (towers.image, towers.text):
        for name, value in tower.state_dict().items():
            state[name] = _as_given(value, given.get(name)).contiguous()
    save_file(state, source / SAFETENSORS)


def open_towers(folder: Path) -> Towers:
    """The towers of the model folder `folder`, from its `source/`. Raises ModelError when they are not there."""
    source = folder / SOURCE_FOLDER
    width, image, text = read_plans(folder)
    return Towers.of(image, text, width, read_weights(source / SAFETENSORS), source)


def read_plans(folder: Path) -> tuple[int, TowerPlan, TowerPlan]:
    """The width of the space, and how the image and the text tower of `folder` are built. Raises ModelError."""
    path = folder / SOURCE_FOLDER / CONFIG_FILE
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ModelError(
            f"{path} cannot be read, so the model cannot be trained or converted again: {error}"
        ) from error
    return StrictReader(path, content, "").all(_plans)


def _plans(reader: StrictReader) -> tuple[int, TowerPlan, TowerPlan]:
    def plan(name: str, known: tuple[str, ...]) -> TowerPlan:
        return reader.inner(name, lambda inner: TowerPlan(inner.text("architecture", known), _config(inner)))

    return reader.count("width"), plan("image", IMAGE_ARCHITECTURES), plan("text", TEXT_ARCHITECTURES)


def _config(reader: StrictReader) -> dict[str, Any]:
    content = reader.take("config")
    if not isinstance(content, dict):
        raise reader.error("config is not an object")
    return content


def _fill(tower: nn.Module, weights: Weights, where: Path) -> None:
    wanted = tower.state_dict()
    for name, value in wanted.items():
        given = weights.get(name)
        if given is None:
            if name.endswith("num_batches_tracked"):
                continue
            raise ModelError(f"{where}: the tensor {name} of shape {_shape(value)} is missing")
        if given.shape != value.shape:
            raise ModelError(
                f"{where}: the tensor {name} has the shape {_shape(given)}, not {_shape(value)} as the other "
                "tensors and the configuration have it"
            )
        if not bool(torch.isfinite(given).all()):
            raise ModelError(f"{where}: the tensor {name} holds values that are not numbers")
    parts = tuple({name.split(".", 1)[0] + "." for name in wanted})
    for name in weights:
        if name.startswith(parts) and name not in wanted and not name.endswith(_COUNTERS):
            raise ModelError(f"{where}: the tensor {name} of shape {_shape(weights[name])} is not known")
    tower.load_state_dict({name: weights[name] for name in wanted if name in weights}, strict=False)


def _as_given(value: Tensor, given: Tensor | None) -> Tensor:
    """`value` in the 16 bits it came in, where that loses nothing."""
    if given is None or given.dtype not in (torch.float16, torch.bfloat16):
        return value
    small = value.to(given.dtype)
    return small if torch.equal(small.to(value.dtype), value) else value


def _shape(tensor: Tensor) -> str:
    return "[" + ", ".join(str(size) for size in tensor.shape) + "]"
