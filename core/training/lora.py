"""LoRA by peft: a few thousand numbers a layer learn instead of all (Hu et al. 2022), and are added in at the end."""

from __future__ import annotations

from collections.abc import Sequence

from peft import LoraConfig, inject_adapter_in_model
from peft.tuners.lora import LoraLayer
from torch import nn

RANK = 16
# lora_alpha / rank is the factor on what is learned; 2 is the usual one.
ALPHA = 32


def add_lora(module: nn.Module, layers: Sequence[str]) -> None:
    """Give every layer of `module` whose name ends in one of `layers` a low-rank change that learns; nothing else does.

    Raises ValueError when there is no such layer.
    """
    named = {name for name, _ in module.named_modules()}
    found = [end for end in layers if any(name == end or name.endswith("." + end) for name in named)]
    # torch's own attention reads its output layer's weight and never calls the layer: nothing would reach it.
    passed_over = [
        f"{name}.out_proj" for name, own in module.named_modules() if isinstance(own, nn.MultiheadAttention)
    ]
    config = LoraConfig(r=RANK, lora_alpha=ALPHA, target_modules=found, exclude_modules=passed_over or None)
    inject_adapter_in_model(config, module)


def merge_lora(module: nn.Module) -> None:
    """Add what was learned to the weights; `module` has the layers it had before."""
    for name, layer in list(module.named_modules()):
        if isinstance(layer, LoraLayer) and isinstance(layer, nn.Module):
            layer.merge()
            parent_name, _, own = name.rpartition(".")
            setattr(module.get_submodule(parent_name), own, layer.get_base_layer())
    module.requires_grad_(True)
