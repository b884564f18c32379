"""`card.md` of an imported model: what it is, from where, how large, and what its conversion was measured at."""

from __future__ import annotations

from pathlib import Path

from core.models.convert.found import FoundModel
from core.models.convert.parity import Parity
from core.models.spec import ModelSpec

CARD_FILE = "card.md"


def write_card(folder: Path, spec: ModelSpec, found: FoundModel, parity: Parity) -> None:
    """Write `folder`/card.md. A person reads it in the window's models page or in any editor."""
    one = spec.preprocessing
    how = {
        "crop": "short side scaled, the middle cut out",
        "squash": "both sides scaled to the square",
    }[one.mode]
    lines = [
        f"# {spec.id}",
        "",
        f"A model of the family {found.family}, imported into this library.",
        "",
        f"- From: {spec.source}",
        f"- Licence: {spec.licence}",
        f"- Languages: {', '.join(spec.languages)}",
        f"- Parameters: {found.towers.parameters_count():,} (image tower {found.towers.image_plan.architecture}, "
        f"text tower {found.towers.text_plan.architecture})",
        f"- Embedding: {spec.width} numbers, logit scale {spec.logit_scale:.4g}",
        f"- Pictures: {one.size_px} x {one.size_px} px, {how}, {one.interpolation}",
        f"- Texts: up to {spec.context_length} ids, {spec.tokenizers[0].kind}",
        "",
        "## Conversion",
        "",
        "Both towers were converted to ONNX in float32 and compared with the original weights in torch:",
        "",
        f"- image tower: {parity.image}",
        f"- text tower: {parity.text}",
        "",
        "The original weights are kept in `source/`, to train on and to convert again. Nothing is known here of "
        "what the model was trained on, or of how good it is: its publisher says so, or "
        "`shiguang eval` measures it on your own photos.",
        "",
    ]
    (folder / CARD_FILE).write_text("\n".join(lines), encoding="utf-8")
